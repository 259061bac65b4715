# SPDX-License-Identifier: Apache-2.0
"""The chain: the record of every event, in order. Each record is sealed to the record before it.

Law: a record's bytes are canonical and final. A seal depends on the seal before it and on these bytes, and on nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jitd.core.effects import Moment
from jitd.core.law import name_of


@dataclass(frozen=True, slots=True)
class Seal:
    """The chain's end after record ``number`` (the first is 1). ``digest`` is 32 bytes."""

    number: int
    digest: bytes


GENESIS = Seal(0, bytes(32))
"""The seal before the first record."""


def record(event: Any, now: Moment, state: str, version: int, document: bytes, fingerprint: bytes, policy: str) -> bytes:
    """Return the canonical bytes of ``event``: JSON in ASCII, names sorted.

    ``document`` is the object as stored after the event. Its digest is in the record, so that a stored row that was changed
    by other means is detected.
    """
    body = {
        "event": name_of(event),
        "id": event.id,
        "at": now.at.isoformat(),
        "boot": f"{now.boot:.6f}",
        "boot_id": now.boot_id,
        "actor": event.by.principal,
        "uid": event.by.uid,
        "role": str(event.by.role),
        "state": state,
        "version": version,
        "document": hashlib.sha256(document).hexdigest(),
        "fingerprint": fingerprint.hex(),
        "policy": policy,
        "detail": event.detail(),
    }
    if (origin := event.by.origin) is not None:
        body["peer"] = {"uid": origin.uid, "tty": origin.tty, "audit_session": origin.audit_session}
    return canonical(body)


def note(name: str, actor: str, uid: int, now: Moment, policy: str, detail: dict[str, Any]) -> bytes:
    """Return the canonical bytes of a note that belongs to no life, such as ``daemon.started`` or ``policy.loaded``."""
    body = {
        "event": name,
        "at": now.at.isoformat(),
        "boot": f"{now.boot:.6f}",
        "boot_id": now.boot_id,
        "actor": actor,
        "uid": uid,
        "policy": policy,
        "detail": detail,
    }
    return canonical(body)


_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode


def canonical(body: dict[str, Any]) -> bytes:
    """Return the one spelling of ``body``: JSON in ASCII, names sorted, no spaces."""
    return _encode(body).encode("ascii")


def seal(previous: Seal, body: bytes) -> Seal:
    """Return the seal of the record ``body`` that follows ``previous``."""
    number = previous.number + 1
    digest = hashlib.sha256(b"jitd chain 1\n" + number.to_bytes(8, "big") + previous.digest + body).digest()
    return Seal(number, digest)


def time_of(body: bytes) -> tuple[str, float]:
    """Return the boot id and the boot clock (seconds) of the record ``body``. Raises ValueError if the record does not have
    them.
    """
    try:
        content = json.loads(body)
        return str(content["boot_id"]), float(content["boot"])
    except (KeyError, TypeError, RecursionError) as fault:
        raise ValueError("a record does not tell its time") from fault


class Broken(Exception):
    """The chain is broken at record ``number``."""

    def __init__(self, number: int, sentence: str) -> None:
        super().__init__(sentence)
        self.number = number


def follow(records: Iterable[tuple[int, bytes, bytes]], start: Seal = GENESIS) -> Iterable[tuple[Seal, dict[str, Any]]]:
    """Walk rows of (number, body, digest), and yield each seal with the record's content.

    Raises Broken at the first row that is missing, out of order, changed, or not in canonical form.
    """
    at = start
    for number, body, digest in records:
        if number != at.number + 1:
            raise Broken(at.number + 1, f"record {at.number + 1} is missing: the next one has number {number}")
        after = seal(at, body)
        if after.digest != digest:
            raise Broken(number, f"record {number} is not what was sealed")
        try:
            content = json.loads(body)
            if canonical(content) != body:
                raise ValueError
        except (ValueError, RecursionError):
            raise Broken(number, f"record {number} is not in canonical form") from None
        at = after
        yield at, content
