# SPDX-License-Identifier: Apache-2.0
"""Signs the head of the chain: after every EVERY records, within AFTER seconds of a record, and when the daemon stops.

Law: no decision waits for a signature, and none depends on one. A key signs at most one head for a number: it is promised on the
disk before it is signed, outside the database, and a key whose promise is not in the chain is not used again (ADR 0104).
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC
from pathlib import Path
from typing import Any

from jitd.audit import signing_key, sshsig
from jitd.audit.events import KEY_MADE, KEY_ROTATED
from jitd.audit.forms import KEY_NAMESPACE, Checkpoint, Word, is_name
from jitd.audit.host_names import renamed_in
from jitd.audit.signing_key import Because, Key, KeyFiles
from jitd.audit.telling import content_of
from jitd.core.chain import GENESIS, Seal
from jitd.core.effects import Moment
from jitd.failures import Failure, count
from jitd.log import log
from jitd.store import Store, StoreError

EVERY = 64  # records after which the head is signed at once
AFTER = 1.0  # seconds after which a record without a checkpoint has one
AGAIN_AFTER = 5.0  # seconds until jitd tries again, if it could not sign


class CannotSign(Exception):
    """The head cannot be signed now. The text is a sentence."""


class Signing:
    """Signs heads for ``host`` with the key in ``directory``. ``note`` writes notes, and ``told`` hear of checkpoints."""

    def __init__(
        self,
        store: Store,
        host: str,
        directory: Path,
        now: Callable[[], Moment],
        note: Callable[[str, str, int, dict[str, Any]], None],
    ) -> None:
        self._store = store
        self._host = self._signs_as = host
        self._files = KeyFiles(directory)
        self._now = now
        self._note = note
        self.told: list[Callable[[Checkpoint], None]] = []
        self._key: Key | None = None
        self._is_acknowledged = False
        self._last = 0
        self._is_behind, self._is_far_behind = asyncio.Event(), asyncio.Event()
        self._failing: tuple[float, str] | None = None

    def follow(self, head: Seal) -> None:
        """Take note that the chain ends with ``head``. ``keep`` signs it later."""
        if head.number > self._last:
            self._is_behind.set()
            if head.number >= self._last + EVERY:
                self._is_far_behind.set()

    async def keep(self) -> None:
        """Sign what there is to sign, for ever."""
        self.follow(self._store.head())
        while True:
            await self._is_behind.wait()
            try:
                async with asyncio.timeout(AFTER):
                    await self._is_far_behind.wait()
            except TimeoutError:
                pass
            if not self.sign():
                await asyncio.sleep(AGAIN_AFTER)

    def sign(self) -> bool:
        """Sign the head, unless it is signed. Return False if that has failed: why is in the log and in ``as_json``."""
        try:
            self._sign_head(self._usable_key())
        except (CannotSign, StoreError, OSError) as fault:
            count(Failure.SIGNING)
            if self._failing is None or self._failing[1] != str(fault):
                log("the head of the record cannot be signed; jitd tries again", fault=fault)
            self._failing = (self._failing[0] if self._failing else self._now().at.timestamp(), str(fault))
            return False
        if self._failing is not None:
            log("the head of the record is signed again")
        self._failing = None
        return True

    def rotate(self, actor: str, uid: int) -> str:
        """Sign with a new key from now on, because ``actor`` wants it. The record of this has a signature by each of the two
        keys. Return the line of the new public key. Raises CannotSign, StoreError or OSError; then the old key stays in use.
        """
        old = self._usable_key()
        now = self._now()
        new = signing_key.make(old.machine, now.at, Because.ROTATED)
        lines = {"before": sshsig.public_line(old.public, ""), "public": sshsig.public_line(new.public, "")}
        at = f"{now.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
        text = f"jitd key 1\nhost {self._signs_as}\nbefore {lines['before']}\npublic {lines['public']}\nat {at}\n"
        by = {"by_before": old.sign(KEY_NAMESPACE, text), "by_public": new.sign(KEY_NAMESPACE, text)}
        self._files.put_aside(new)
        self._note("key.rotated", actor, uid, {"host": self._signs_as, **lines, "signed": text, **by})
        self._key = new  # from here on, the record names the new key: the old one signs nothing more
        try:
            self._files.use_next()
        except OSError as fault:  # the next start finds it aside
            log("the new key that signs the record is not yet in its place", fault=fault)
        return self.public_line()

    def acknowledge(self, actor: str, uid: int) -> None:
        """Record that ``actor`` knows why jitd has made the key in use. Raises CannotSign, StoreError or OSError."""
        key = self._usable_key()
        if self.remade is None:
            return
        self._note("key.acknowledged", actor, uid, {"public": sshsig.public_line(key.public, ""), "because": key.because})
        self._files.acknowledge(key)
        self._is_acknowledged = True

    def public_line(self) -> str:
        """Return the public half of the key in use, as a line of OpenSSH. Raises CannotSign, StoreError or OSError."""
        return sshsig.public_line(self._usable_key().public, f"jitd@{self._host}")

    def word(self, waiting: int) -> Word:
        """Return the word of this host that ``waiting`` requests are open. Raises CannotSign, StoreError or OSError."""
        key, last = self._usable_key(), self._store.last_checkpoint()
        if last is None:
            raise CannotSign("no head of the record is signed yet")
        said = Word(self._host, waiting, last.number, last.seal, self._now().at.replace(microsecond=0))
        return replace(said, signature=key.sign(Word.NAMESPACE, said.signed))

    @property
    def failing(self) -> tuple[float, str] | None:
        """Since when nothing can be signed (seconds since 1970), and why; None while the head can be signed."""
        return self._failing

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the key in use; empty while there is none."""
        return "" if self._key is None else sshsig.fingerprint(self._key.public)

    @property
    def remade(self) -> tuple[float, str] | None:
        """When (seconds since 1970) and why the key was made, if the one before could not be used, and nobody knows of it yet."""
        is_usual = self._key is None or self._key.because in (Because.FIRST, Because.ROTATED) or self._is_acknowledged
        return None if self._key is None or is_usual else (self._key.made_at.timestamp(), self._key.because)

    def _sign_head(self, key: Key) -> None:
        head = self._store.head()
        self._is_behind.clear()
        self._is_far_behind.clear()
        if head.number == self._last:
            return
        try:
            self._files.promise(key, head)
            unsigned = Checkpoint(self._signs_as, head.number, head.digest, self._now().at.replace(microsecond=0))
            made = replace(unsigned, signature=key.sign(Checkpoint.NAMESPACE, unsigned.signed))
            self._store.keep_checkpoint(made)
        except BaseException:
            self._is_behind.set()
            raise
        self._last = head.number
        for tell in self.told:
            tell(made)

    # --- the key -----------------------------------------------------------------------------------------------------------

    def _usable_key(self) -> Key:
        """Return the key in use. At the first call, read it, or make one if this host has none that it may use."""
        if self._key is None:
            if not is_name(self._host):
                raise CannotSign(f"the name of this host, {self._host!r}, cannot stand in a signed text")
            last = self._store.last_checkpoint()
            self._last = 0 if last is None else last.number
            self._signs_as = self._name_before(last)
            self._key = self._examined_key(last)
            self._is_acknowledged = self._files.is_acknowledged(self._key)
            if self._signs_as != self._host:
                self._rename(self._key)
        return self._key

    def _name_before(self, last: Checkpoint | None) -> str:
        """Return the name under which the host has recorded what is there. ``last`` is the last checkpoint."""
        if last is None or not is_name(last.host):  # a damaged one, which a verification finds
            return self._host
        record = self._store.record(last.number)
        renamed = None if record is None else renamed_in(last.number, content_of(record[0]))
        return last.host if renamed is None else renamed.host

    def _rename(self, key: Key) -> None:
        """Record that the host has another name, and sign that, with all that came before, under the name before: so each record
        has the name of the next checkpoint. A daemon that ended between the two records it again.
        """
        self._note("key.renamed", "jitd", 0, {"host": self._signs_as, "renamed": self._host})
        try:
            self._sign_head(key)
        except BaseException:
            self._key = None  # to be tried again before anything is signed under the new name
            raise
        self._signs_as = self._host

    def _examined_key(self, last: Checkpoint | None) -> Key:
        files, here, named = self._files, signing_key.machine(), self._named_key(last)
        aside = files.next()
        if aside is not None and aside.public == named and aside.machine == here:
            files.use_next()  # the daemon ended between the note and this
        try:
            found = files.key()
        except signing_key.Unusable as fault:
            log("the key that signs the record cannot be used", fault=fault)
            return self._made_key(here, named, fault.because)
        if found is None:
            return self._made_key(here, named, Because.FIRST if named is None else Because.LOST)
        if because := self._why_unusable(found, here, named):
            return self._made_key(here, named, because)
        return found

    def _why_unusable(self, found: Key, here: str, named: bytes | None) -> Because | None:
        if found.machine != here:
            return Because.COPIED
        if found.public != named:
            return Because.OTHER
        promised = self._files.promised(found)
        if promised is not None and promised != self._seal_of(promised.number):
            return Because.RESTORED
        return None

    def _made_key(self, here: str, named: bytes | None, because: Because) -> Key:
        made = signing_key.make(here, self._now().at, because)
        before = {} if named is None else {"before": sshsig.public_line(named, "")}
        self._files.put_aside(made)
        public = sshsig.public_line(made.public, "")
        self._note("key.made", "jitd", 0, {"host": self._signs_as, "public": public, **before, "because": because})
        self._files.use_next()
        return made

    def _named_key(self, last: Checkpoint | None) -> bytes | None:
        """Return the key that the record names last. ``last`` is the last checkpoint: only records after it are read."""
        named, after = None, 0
        if last is not None:
            try:
                named, after = sshsig.signer(last.signature), last.number
            except sshsig.BadSignature:
                log("the last checkpoint in the database is damaged", number=last.number)
        for number, body, _ in self._store.records(after):
            try:
                named = _key_in(body) or named
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
                raise CannotSign(f"record {number} is damaged: jitd audit verify says more") from None
        return named

    def _seal_of(self, number: int) -> Seal:
        for found, _, digest in self._store.records(number - 1):
            return Seal(found, digest)
        return GENESIS


def _key_in(body: bytes) -> bytes | None:
    """Return the public key from which on the head is signed, if a record names one."""
    if b'"event":"key.' not in body:
        return None
    said = json.loads(body)
    return sshsig.read_public(said["detail"]["public"]) if said["event"] in (KEY_MADE, KEY_ROTATED) else None
