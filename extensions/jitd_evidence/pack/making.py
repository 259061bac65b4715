# SPDX-License-Identifier: Apache-2.0
"""The files of a pack, as PROTOCOL.md defines them ("Packs"), from what was read of the store.

Law: pure. The same input gives the same bytes. What is in memory of a pack is limited.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from jitd.core.values import Values, committed_in

FORM = "jitd pack 1"
README, PAGE, VERIFIER = "README.txt", "index.html", "verify.py"
RECORDS, DOCUMENTS, TRACE, MANIFEST, PROOF = "records.jsonl", "documents.jsonl", "trace.json", "manifest.json", "proof.jsonl"
MOST_BYTES = 32 * 1024 * 1024  # bytes of all files that are made in memory. A request with one run has a hundredth of this.


class TooLarge(Exception):
    """The files do not fit into a pack."""


@dataclass(frozen=True, slots=True)
class File:
    """What the manifest says of a file: its name, its size in bytes, and its SHA-256 in hexadecimal digits."""

    name: str
    size: int
    sha256: str


def file_of(name: str, content: bytes) -> File:
    return File(name, len(content), hashlib.sha256(content).hexdigest())


def text_of(lines: Iterable[str]) -> bytes:
    """Return a file of ``lines``. Raises TooLarge."""
    out = bytearray()
    for line in lines:
        out += f"{line}\n".encode("ascii")
        if len(out) > MOST_BYTES:
            raise TooLarge
    return bytes(out)


def document_line(life: str, id: str, document: bytes, values: Values, without: frozenset[str] = frozenset()) -> str:
    """Return the line of a stored object, with those of its ``values`` that are stored, and not of the fields ``without``."""
    text = document.decode("utf-8")
    entries = sorted(
        {entry.committed: entry for name in _committed(json.loads(text)) if (entry := values.entry(name)) is not None}.items()
    )
    told = [
        {"committed": entry.committed.hex(), "field": entry.field, "salt": entry.salt.hex(), "value": entry.value}
        for _, entry in entries
        if entry.field not in without
    ]
    return _encode({"life": life, "id": id, "document": text, "values": told})


def _committed(part: Any) -> Iterable[str]:
    if (name := committed_in(part)) is not None:
        yield name
    elif isinstance(part, dict | list):
        for one in part.values() if isinstance(part, dict) else part:
            yield from _committed(one)


def policy_name(digest: str) -> str:
    return f"policy-{digest}.json"


def edited_name(digest: bytes) -> str:
    return f"texts/{digest.hex()}"


def trace_file(trace: Mapping[str, Any]) -> bytes:
    return text_of([_encode(trace)])


def manifest(host: str, id: str, at: datetime, by: str, version: str, files: Sequence[File]) -> bytes:
    head = {
        "form": FORM,
        "host": host,
        "id": id,
        "made_at": f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "by": by,
        "jitd": version,
    }
    return text_of([_encode({**head, "files": [{"name": f.name, "size": f.size, "sha256": f.sha256} for f in files]})])


_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode
