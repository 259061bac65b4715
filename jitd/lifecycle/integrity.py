# SPDX-License-Identifier: Apache-2.0
"""Checks that the database has the same content that the last daemon wrote. jitd checks the database before it serves the first
client.
Law: SQLite finds no damage in the tables of the objects. Each open object is byte for byte equal to the object in its last
record, and has all its values. The head is the last record of the chain of records. The chain contains the head that the last
daemon of this boot noted. If one of these is not so, jitd serves nobody. After a reboot, an older database permits nothing.
Therefore the note of the head does not need to survive a reboot.
"""

from __future__ import annotations

import hashlib
import json
import os
from contextlib import suppress
from pathlib import Path

from jitd.core.chain import Seal
from jitd.store import Store, StoreError


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
        """Write the committed ``head`` to the file. If writing fails, the file still contains an older head, which is also a
        record of the chain.
        """
        with suppress(OSError):
            if self._open < 0:
                self._open = os.open(self.file, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            os.pwrite(self._open, b"%020d %s\n" % (head.number, head.digest.hex().encode("ascii")), 0)


def examine(store: Store, noted: Noted) -> None:
    """Raise StoreError if the database is older than the noted head, or differs from its own chain of records. The text of the
    error tells the administrator what to do.
    """
    examine_head(store, noted.read(), noted)
    examine_tables(store)
    _examine_open(store)
    examine_values(store)


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


def examine_values(store: Store) -> None:
    """Raise StoreError if a value of an open object is missing, or is not the one to which the object commits. The text of the
    error tells the administrator what to do.
    """
    for read in (store.requests, store.grants, store.runs, store.locks, store.holdings, store.owed_reviews):
        try:
            for _ in read():
                pass
        except StoreError as fault:
            raise StoreError(
                f"{fault}. Restore the database from a backup, or begin a new one: keep this one as evidence, but move it away, "
                "with the files -wal and -shm beside it. Nothing that is open in it holds after that, so place its locks anew"
            ) from None


def _examine_open(store: Store) -> None:
    """Compare all open objects with the chain. Read the chain backwards, from its end to the oldest open object. Only a small
    part of a long chain has to be read.
    """
    try:
        opened = store.documents(ended=False)
        digests = {(life, id): hashlib.sha256(document).hexdigest() for life, id, document in opened}
        for body in store.newest():
            if not digests:
                return
            said = json.loads(body)
            life, id = str(said["event"]).partition(".")[0], said.get("id")
            if id is not None and (found := digests.pop((life, id), None)) is not None and found != said["document"]:
                raise StoreError(f"the database is damaged: {life} {id} is not what was recorded; jitd audit verify says more")
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise StoreError("the database is damaged: something in it cannot be read; jitd audit verify says more") from None
    for life, id in digests:
        raise StoreError(f"the database is damaged: {life} {id!r} has no record")
