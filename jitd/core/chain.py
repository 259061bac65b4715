# SPDX-License-Identifier: Apache-2.0
"""The chain is the record of all events, in their order. Each record has a seal, which is a digest over the number of the record,
the seal before it and the digest of the record. So the digests alone prove that a record is in the chain.

Law: the bytes of a record are canonical and never change. The seal of a record depends only on the previous seal and on the
bytes of the record. No record has a value in clear (``core.values``).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jitd.core.effects import Moment
from jitd.core.law import name_of
from jitd.core.values import Values


@dataclass(frozen=True, slots=True)
class Seal:
    """The seal of the record with the number ``number``. The number of the first record is 1. ``digest`` is 32 bytes long."""

    number: int
    digest: bytes


SET_ASIDE = "object.set_aside"  # the note about an object that was damaged: it ends as its last record left it
RANDOM = 16  # random bytes in each record
GENESIS = Seal(0, bytes(32))  # the seal that is used as the previous seal of the first record


def record(
    event: Any,
    now: Moment,
    state: str,
    version: int,
    document: bytes,
    fingerprint: bytes,
    policy: str,
    values: Values,
    *,
    random: bytes,
) -> bytes:
    """Return the record of ``event`` as canonical bytes, which are JSON in ASCII with sorted names. ``values`` are those of the
    owner to whom the object of the event belongs. They get the values that the record commits to.

    ``document`` contains the bytes of the object that jitd stores after the event. The record contains the SHA-256 digest of
    ``document``. With this digest, jitd can detect later that another program has changed the stored object.

    ``random`` are RANDOM bytes of the kernel for this record alone. Who knows the digest of a record, but not these bytes, cannot
    try out what the record says.
    """
    body = {
        "event": name_of(event),
        "id": event.id,
        **_time(now),
        "actor": event.by.principal,
        "uid": event.by.uid,
        "role": str(event.by.role),
        "state": state,
        "version": version,
        "document": hashlib.sha256(document).hexdigest(),
        "fingerprint": fingerprint.hex(),
        "policy": policy,
        "detail": event.detail(),
        "random": random.hex(),
    }
    if (origin := event.by.origin) is not None:
        body["peer"] = origin.told()
    return canonical(body, values)


def note(
    name: str,
    actor: str,
    uid: int | None,
    now: Moment,
    policy: str,
    detail: dict[str, Any],
    values: Values | None = None,
    *,
    random: bytes,
) -> bytes:
    """Return a note, a record about no object with a life, such as ``daemon.started``, as canonical bytes. Values of ``detail``
    go to ``values``, whose owner the note names. ``random`` is as in ``record``.
    """
    body = {
        "event": name,
        **_time(now),
        "actor": actor,
        "uid": uid,
        "policy": policy,
        "detail": detail,
        "random": random.hex(),
    }
    if values is not None:
        body["owner"] = values.owner
    return canonical(body, values)


def _time(now: Moment) -> dict[str, Any]:
    return {
        "at": now.at.isoformat(),
        "boot": f"{now.boot:.6f}",
        "boot_id": now.boot_id,
        "synchronised": now.synchronised,
    }


def canonical(body: Any, values: Values | None = None) -> bytes:
    """Return ``body`` in the only form that is valid in the chain: JSON in ASCII, with sorted names and without spaces. In the
    place of each value in it stands the commitment to it, which ``values`` makes.
    """
    return (_ENCODER if values is None else _encoder(values.standing)).encode(body).encode("ascii")


def _encoder(stand: Callable[[Any], Any] | None) -> json.JSONEncoder:
    return json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False, default=stand)


_ENCODER = _encoder(None)


def digest(body: bytes) -> bytes:
    """Return the digest (32 bytes) by which the seal covers the record ``body``."""
    return hashlib.sha256(body).digest()


def seal(previous: Seal, body: bytes) -> Seal:
    """Return the seal of the record with the bytes ``body``. ``previous`` is the seal of the previous record."""
    return seal_over(previous, digest(body))


def seal_over(previous: Seal, digest: bytes) -> Seal:
    """Return the seal of the record that has this digest (32 bytes). ``previous`` is the seal of the previous record."""
    number = previous.number + 1
    return Seal(number, linked(number, previous.digest, digest))


def linked(number: int, previous: bytes, digest: bytes) -> bytes:
    """Return the digest of the seal of record ``number``. ``previous`` is the digest of the seal before it."""
    return hashlib.sha256(b"jitd chain 2\n" + number.to_bytes(8, "big") + previous + digest).digest()


def event_of(content: Mapping[str, Any]) -> str:
    """Return the name of the event of the record ``content``."""
    return str(content.get("event"))


def life_of(content: Mapping[str, Any]) -> str:
    """Return the first word of this name, which is the life if the record is about one."""
    return event_of(content).partition(".")[0]


def actor_of(content: Mapping[str, Any]) -> str:
    """Return the principal of who has caused the record ``content``, or an empty text if the record is damaged."""
    actor = content.get("actor")
    return actor if isinstance(actor, str) else ""


def detail_of(content: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the detail of the record ``content``, or an empty one if it has none, as only a damaged record has."""
    detail = content.get("detail")
    return detail if isinstance(detail, dict) else {}


def time_of(body: bytes) -> tuple[str, float]:
    """Return the boot id and the boot clock (in seconds) of the record ``body``. Raises ValueError if it lacks one."""
    try:
        content = json.loads(body)
        return str(content["boot_id"]), float(content["boot"])
    except (KeyError, TypeError, RecursionError) as fault:
        raise ValueError("a record has no time") from fault
