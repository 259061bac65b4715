# SPDX-License-Identifier: Apache-2.0
"""The text of a policy: its files as they were read when the policy came into force, and the digest by which records name them.

Law: two policies with different files have different digests, and different documents.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

from jitd.core.chain import canonical
from jitd.core.receipt import LEVELS, in_toml
from jitd.core.spelling import spelled, unspelled

FORM = "jitd policy 1"
OF_HOST = b"../jitd.toml"
"""The name that stands for what the host demands of each receipt. No file of a directory has it."""

_FLOORS = {level: f"[approvals]\nsigned = {in_toml(level)}\n".encode() for level in LEVELS[1:]}


@dataclass(frozen=True, slots=True)
class PolicyText:
    """``files`` are the files of the policy in their order: of each, its name without a directory, and its content. If the host
    demands something of each receipt (``core.receipt.LEVELS``), OF_HOST is the last one, because it decides like a rule.
    """

    files: tuple[tuple[bytes, bytes], ...]

    @classmethod
    def of(cls, files: Iterable[tuple[bytes, bytes]], signed: str = "") -> PolicyText:
        """Return the text of ``files`` on a host that demands ``signed``."""
        return cls((*files, (OF_HOST, _FLOORS[signed])) if signed else tuple(files))

    @property
    def of_rules(self) -> tuple[tuple[bytes, bytes], ...]:
        """The files that have rules."""
        return tuple(file for file in self.files if file[0] != OF_HOST)

    @property
    def signed(self) -> str:
        """What the host demanded. If this version does not know it, it is the most that can be demanded."""
        content = next((content for name, content in self.files if name == OF_HOST), None)
        return "" if content is None else next((level for level, one in _FLOORS.items() if one == content), LEVELS[-1])

    @property
    def digest(self) -> str:
        """The SHA-256 of the policy, in hexadecimal digits (PROTOCOL.md, "Policies")."""
        digest = hashlib.sha256()
        for file in self.files:
            for part in file:
                digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()

    def document(self) -> bytes:
        """Return the policy as canonical JSON of the form "jitd policy 1" (PROTOCOL.md, "Policies")."""
        files = [{"name": spelled(name), "text": spelled(content)} for name, content in self.files]
        return canonical({"form": FORM, "files": files})


def read(document: bytes) -> PolicyText:
    """Return the policy whose ``document`` this is. Raises ValueError if it is the document of none."""
    try:
        found = json.loads(document)
        text = PolicyText(tuple((unspelled(file["name"]), unspelled(file["text"])) for file in found["files"]))
        is_whole = text.document() == document
    except (KeyError, TypeError, AttributeError, RecursionError) as fault:
        raise ValueError("is not the document of a policy") from fault
    if not is_whole:
        raise ValueError("is not the document of a policy")
    return text
