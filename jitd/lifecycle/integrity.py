# SPDX-License-Identifier: Apache-2.0
"""Checks that the database has the same content that the last daemon wrote. jitd checks the database before it serves the first
client, and later each object that it reads.
Law: SQLite finds no damage in the tables of the objects. The head is the last record of the chain of records. The chain contains
the head that the last daemon of this boot noted. If one of these is not so, jitd serves nobody. After a reboot, an older database
permits nothing. Therefore the note of the head does not need to survive a reboot.

Each open object is byte for byte equal to the object in its last record, and has the values on which a decision depends. An
object of which this is not so permits nothing more, and stops nobody else: a request, a grant or a run is set aside, and a thing
is taken back. Only without a lock or an owed review, which bar somebody, nobody is served.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from jitd.core.chain import Seal
from jitd.core.holding import Account, Giving, Holding, HoldingState
from jitd.core.law import name_of_kind
from jitd.store import DAMAGED, Store, StoreError

BARRING = ("lock", "owed_review")  # the life cycles whose objects bar somebody. Nobody knows whom a damaged one bars.


def why_unread(store: Store, life: str, id: str, what: str) -> str:
    """Return a sentence about ``what``, a lock or owed review, if it is open and damaged, or ""."""
    damage = store.damage_of(life, id)
    if damage is None or not damage.is_open:
        return ""
    return f"{what} {DAMAGED}, so nobody knows whom it bars: restore the database from a backup (jitd audit verify says more)"


class Noted:
    """The chain's head, stored in a file outside the database. The file system of this file is empty after a reboot.
    This file prevents an attack in which somebody restores yesterday's database. In yesterday's database, a grant that was used
    since then looks unused, and a lock that was placed since then is missing.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self._open = -1

    def read(self) -> Seal | None:
        """Return the head that was noted last. Return None if no head was noted. Raises StoreError."""
        try:
            words = self.file.read_text("ascii").split()
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as fault:
            raise StoreError(f"{self.file}: {fault}") from None
        try:
            return Seal(int(words[0]), bytes.fromhex(words[1]))
        except (IndexError, ValueError):
            return None  # the process that wrote the file was killed before it had written anything

    def write(self, head: Seal) -> None:
        """Write the committed ``head`` to the file. If this fails, an older one, also of the chain, is still there."""
        with suppress(OSError):
            if self._open < 0:
                self._open = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            os.pwrite(self._open, b"%020d %s\n" % (head.number, head.digest.hex().encode("ascii")), 0)


@dataclass(frozen=True, slots=True)
class Damaged:
    """An open object that cannot be relied on. ``because`` is the end of a sentence. ``rebuilt`` is the holding as far as its
    records tell it, in the state HELD, and None for other objects. Its row has the ``version``, which may be wrong as well.
    """

    life: str
    id: str
    because: str
    rebuilt: Holding | None = None
    version: int = 0


def examine(store: Store, noted: Noted) -> tuple[Damaged, ...]:
    """Return the open objects that are damaged: requests, grants, runs, and last the holdings, because the end of a thing may
    concern other requests and grants, and those that are damaged must have been set aside before.

    Raises StoreError if the database is older than the noted head, or if damage cannot be limited to such an object. The text of
    the error tells the administrator what to do.
    """
    examine_head(store, noted.read(), noted)
    examine_tables(store)
    found = _examine_open(store)
    found += _examine_values(store, {(one.life, one.id) for one in found})
    return tuple(sorted(found, key=lambda one: one.life == "holding"))


def found_damaged(store: Store, life: str, id: str) -> Damaged | None:
    """Return what an object that could not be read while the daemon runs has damaged: itself, or the open grant that rests on it.
    Return None if nothing that is open is damaged: the object can be read by now, was set aside, or has ended.

    Raises the exceptions of ``examine``.
    """
    damage = store.damage_of(life, id)
    if damage is None:
        return None
    if damage.is_open:
        because = f"values of it are missing: {damage.because}" if damage.lacks_values else "it is not what was recorded"
        return _damaged(store, life, id, because)
    if life == "request" and ("grant", id) in store.live():
        return Damaged("grant", id, "its request is not what was recorded")
    return None


def examine_head(store: Store, head: Seal | None, noted: Noted) -> None:
    """Raise StoreError if ``head`` is not in the chain of ``store``. The text of the error tells the administrator what to do.
    The caller must read ``head`` from ``noted`` before it reads ``store``.
    """
    if head is None or head.number == 0:
        return
    found = next(iter(store.records(after=head.number - 1)), None)
    if found is None or (found[0], found[2]) != (head.number, head.digest):
        raise StoreError(
            f"the database is not the one that jitd has written since this host was booted: record {head.number} is "
            f"{'missing' if found is None else 'another one'}. If it was restored on purpose, remove {noted.file} and start again"
        )


def examine_tables(store: Store) -> None:
    """Raise StoreError if an open object might not be found, or one that has ended might be found as open. A lock that is not
    found would bar nobody. ``_examine_open`` compares only the objects that are found.
    """
    for fault in store.faults():
        raise StoreError(f"the database is damaged: {fault}; keep a copy of it as evidence, and tell security")


def _examine_values(store: Store, known: set[tuple[str, str]]) -> Iterator[Damaged]:
    """Yield the open requests and grants with a value missing or wrong, but not those ``known`` to be damaged."""
    for life, id in [(life, id) for life, id, _ in store.documents(ended=False)]:
        if life in ("request", "grant") and (life, id) not in known and (damage := store.damage_of(life, id)) is not None:
            yield Damaged(life, id, f"values of it are missing: {damage.because}")


def _examine_open(store: Store) -> list[Damaged]:
    """Compare all open objects with the chain. Read the chain backwards, from its end to the oldest open object. Only a small
    part of a long chain has to be read. Return the objects that differ. An open grant also differs if its request does, which has
    ended.
    """
    differing: list[tuple[str, str, str]] = []
    try:
        opened = store.documents(ended=False)
        digests = {(life, id): hashlib.sha256(document).hexdigest() for life, id, document in opened}
        open_ones = frozenset(digests)
        for id in [id for life, id in open_ones if life == "grant"]:
            document = store.document("request", id)  # it has ended, and the grant rests on it
            if document is not None:
                digests.setdefault(("request", id), hashlib.sha256(document).hexdigest())
        for body in store.newest():
            if not digests:
                break
            said = json.loads(body)
            life, id = str(said["event"]).partition(".")[0], said.get("id")
            if id is not None and (stored := digests.pop((life, id), None)) is not None and stored != said["document"]:
                differing.append((life, id, "is not what was recorded"))
        differing += [(life, id, "has no record") for life, id in digests]
        found: dict[tuple[str, str], Damaged] = {}
        for life, id, because in differing:
            if (life, id) in open_ones:
                found[life, id] = _damaged(store, life, id, f"it {because}")
            else:
                found.setdefault(("grant", id), Damaged("grant", id, f"its request {because}"))
        return list(found.values())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StoreError("the database is damaged: something in it cannot be read; jitd audit verify says more") from None


def _damaged(store: Store, life: str, id: str, because: str) -> Damaged:
    """Raises StoreError if nobody can be served without the object. Raises ValueError, KeyError, TypeError."""
    rebuilt = _rebuilt(store, id) if life == "holding" else None
    if life in BARRING or (life == "holding" and rebuilt is None):
        raise StoreError(
            f"the database is damaged: {life} {id!r}: {because}. jitd audit verify says more. Restore the database from a "
            "backup, or begin a new one: keep this one as evidence, but move it away, with the files -wal and -shm beside it. "
            "Nothing that is open in it holds after that, so place its locks anew"
        )
    if rebuilt is None:
        return Damaged(life, id, because)
    damage = store.damage_of(life, id)
    version = rebuilt.version if damage is None else damage.version
    return Damaged(life, id, because, replace(rebuilt, version=max(rebuilt.version, version)), version)


def _rebuilt(store: Store, id: str) -> Holding | None:
    """Return the holding as its records tell it, as if given, or None without records. Raises ValueError, KeyError, TypeError."""
    last: dict[str, Any] | None = None
    for body in store.newest():
        if id.encode() not in body:
            continue
        said = json.loads(body)
        if said.get("id") != id or not said["event"].startswith("holding."):
            continue
        last = last or said
        if said["event"] == name_of_kind(Giving):
            detail, at = said["detail"], datetime.fromisoformat(said["at"])
            return Holding(
                id=id,
                grant=detail["grant"],
                request=detail["request"],
                thing=detail["thing"],
                to=detail["to"],
                until=datetime.fromisoformat(detail["until"]),
                stays=detail["stays"],
                giving_at=at,
                given_at=at,
                state=HoldingState.HELD,
                version=last["version"],
                together=tuple(detail.get("together", ())),
                account=Account(**detail["account"]),
            )
    return None
