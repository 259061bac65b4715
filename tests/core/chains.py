# SPDX-License-Identifier: Apache-2.0
"""Hosts whose chains are written for tests: records, seals and signed checkpoints, also by a host that lies."""

from __future__ import annotations

import copy
import hashlib
from datetime import UTC, datetime, timedelta

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit.forms import Checkpoint, Digest, Record, RecordLine
from jitd.audit.sshsig import public_line, sign
from jitd.core.chain import GENESIS, Seal, canonical, seal

NAME = "web1.example.test"
BEGAN = datetime(2026, 11, 26, 20, 0, 0, tzinfo=UTC)


def public_of(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


class Host:
    """One that keeps a chain, and signs it with its key."""

    def __init__(self, name: str = NAME, n: int = 0) -> None:
        self.name = name
        self.key = Ed25519PrivateKey.generate()
        self.bodies: list[bytes] = []
        self.checkpoints: dict[int, Checkpoint] = {}
        self.goes_on(n)

    @property
    def public(self) -> bytes:
        return public_of(self.key)

    def goes_on(self, n: int, *, signs: bool = True, word: str = "is") -> Host:
        """Write ``n`` records, and sign the head after them."""
        self.bodies += [b'{"%s":%d}' % (word.encode(), len(self.bodies) + 1 + m) for m in range(n)]
        if signs and n:
            self.signs(len(self.bodies))
        return self

    def seal(self, number: int) -> Seal:
        at = GENESIS
        for body in self.bodies[:number]:
            at = seal(at, body)
        return at

    def signs(self, number: int, key: Ed25519PrivateKey | None = None) -> Checkpoint:
        at = BEGAN + timedelta(seconds=number)
        unsigned = Checkpoint(self.name, number, self.seal(number).digest, at)
        signature = sign(key or self.key, Checkpoint.NAMESPACE, unsigned.signed.encode("ascii"))
        self.checkpoints[number] = Checkpoint(self.name, number, unsigned.seal, at, signature)
        return self.checkpoints[number]

    def rotates(self, *, by_before: Ed25519PrivateKey | None = None, by_public: Ed25519PrivateKey | None = None) -> Host:
        """Write the record about a new key, which both have signed, and sign with it from there on."""
        new = Ed25519PrivateKey.generate()
        before, public = public_line(self.public, ""), public_line(public_of(new), "")
        text = f"jitd key 1\nhost {self.name}\nbefore {before}\npublic {public}\nat 2026-11-26T21:00:00Z\n"
        by = {
            "by_before": sign(by_before or self.key, "jitd-key", text.encode("ascii")),
            "by_public": sign(by_public or new, "jitd-key", text.encode("ascii")),
        }
        detail = {"host": self.name, "before": before, "public": public, "signed": text, **by}
        self.bodies.append(canonical({"event": "key.rotated", "detail": detail}))
        self.key = new
        return self

    def copy(self) -> Host:
        """A backup, or a host that will say another thing."""
        other = copy.copy(self)
        other.bodies, other.checkpoints = list(self.bodies), dict(self.checkpoints)
        return other

    def rewrites(self, number: int, *, keeps: tuple[int, ...] = ()) -> Host:
        """Write record ``number`` again, compute all later seals, and sign again what was signed; all but ``keeps``."""
        self.bodies[number - 1] = b'{"was":0}'
        for one in [one for one in self.checkpoints if one >= number and one not in keeps]:
            self.signs(one)
        return self

    def feed(self, since: int = 0) -> list[RecordLine]:
        """What ``jitd audit digests`` prints, beginning after record ``since``."""
        lines: list[RecordLine] = []
        for number in range(since, len(self.bodies) + 1):
            if number > since:
                body = self.bodies[number - 1]
                is_change = b"key.rotated" in body
                lines.append(
                    Record(self.name, number, self.seal(number).digest, body, {})
                    if is_change
                    else Digest(self.name, number, hashlib.sha256(body).digest())
                )
            if number in self.checkpoints:
                lines.append(self.checkpoints[number])
        return lines
