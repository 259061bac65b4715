# SPDX-License-Identifier: Apache-2.0
"""Stores the masked words of requests (``core.masking``) as long as one of their objects has not ended.

Law: neither the documents nor the values hold a masked word, or the salt of the fingerprint, with which it could be guessed. Both
are encrypted under a key that is in a file system in memory, so no copy of the database holds it, and a new boot has another one.
Words that cannot be decrypted are not guessed: what people read stands in their place, its fingerprint is not the approved one,
and nothing runs.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import msgspec

from jitd.core.command import Command, Operand
from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.core.request import Request
from jitd.core.run import Run
from jitd.core.values import owner_of
from jitd.store import Change, StoreError
from jitd.store.said import ASKED_FOR, SaidValues

KEY, NONCE = 32, 12  # bytes, for AES-256-GCM. Nonces are random: a boot has far fewer than 2**32 masked requests
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Secret:
    """What the masks of a command keep from everybody."""

    argv: tuple[bytes, ...]
    salt: bytes
    operands: tuple[Operand, ...]


_decoder = msgspec.json.Decoder(Secret)


class WordsKey:
    """Encrypts and decrypts what masks hide. ``file`` contains the key. It is made at the first use."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._key: bytes | None = None

    def box(self, owner: str, secret: Secret) -> bytes:
        """Return ``secret`` of ``owner``, encrypted. Raises OSError."""
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # few hosts have masks

        nonce = secrets.token_bytes(NONCE)
        key = self._read() or self._made()
        return nonce + AESGCM(key).encrypt(nonce, msgspec.json.encode(secret), owner.encode("ascii"))

    def open(self, owner: str, box: bytes) -> Secret | None:
        """Return what ``box`` contains. Return None if it is not of ``owner``, or was made with another key. Raises OSError."""
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM

        if (key := self._read()) is None:
            return None
        try:
            return _decoder.decode(AESGCM(key).decrypt(box[:NONCE], box[NONCE:], owner.encode("ascii")))
        except (InvalidTag, ValueError):
            return None

    def _read(self) -> bytes | None:
        if self._key is None:
            try:
                found = self._file.read_bytes()
            except FileNotFoundError:
                return None
            self._key = found if len(found) == KEY else None  # a daemon that was killed may not have written all of it
        return self._key

    def _made(self) -> bytes:
        key = secrets.token_bytes(KEY)
        self._file.unlink(missing_ok=True)
        descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with open(descriptor, "wb") as stream:  # writes all of it, or raises OSError
            stream.write(key)
        self._key = key
        return key


class MaskedWords(SaidValues):
    """Keeps masked words. ``_words_key`` is None in a store for reading, which has only what people read."""

    _words_key: WordsKey | None

    def _add_words(self, after: object) -> None:
        """Store the masked words of ``after``, which is new, inside the transaction of the caller."""
        command = _command(after)
        if command is None or not command.masked or self._words_key is None:
            return
        owner = owner_of(after.id)  # type: ignore[attr-defined]
        if self._db.execute("SELECT 1 FROM masked_words WHERE owner = ?", (owner,)).fetchone() is None:
            try:
                box = self._words_key.box(owner, Secret(command.argv, command.salt, command.operands))
            except OSError as fault:
                raise StoreError(f"masked words cannot be kept: {fault}") from fault
            self._db.execute("INSERT INTO masked_words VALUES (?, ?)", (owner, box))

    def _with_words(self, found: T) -> T:
        """Return the object ``found`` with its masked words, if they are still there."""
        command = _command(found)
        if command is None or not command.masked or self._words_key is None:
            return found
        owner = owner_of(found.id)  # type: ignore[attr-defined]
        with self._told():
            row = self._db.execute("SELECT CAST(box AS BLOB) FROM masked_words WHERE owner = ?", (owner,)).fetchone()
        try:
            secret = None if row is None else self._words_key.open(owner, row[0])
        except OSError as fault:
            raise StoreError(f"masked words cannot be read: {fault}") from fault
        if secret is None:
            return found
        whole = replace(command, argv=secret.argv, salt=secret.salt, operands=secret.operands)
        return replace(found, command=whole)  # type: ignore[type-var]

    def _drop_words(self, changes: Iterable[Change]) -> None:
        """Forget the masked words of those whose last object has ended by ``changes``, inside the transaction of the caller."""
        owners = {owner_of(change.after.id) for change in changes}
        owners |= {change.after.request for change in changes if isinstance(change.after, Run | Holding)}
        for owner in owners:
            self._drop_words_of(owner)

    def _drop_words_of(self, owner: str) -> None:
        kept = self._db.execute("SELECT 1 FROM masked_words WHERE owner = ?", (owner,)).fetchone()
        if kept is not None and not self._needs_words(owner):
            self._db.execute("DELETE FROM masked_words WHERE owner = ?", (owner,))

    def _needs_words(self, owner: str) -> bool:
        if self._is_open(owner):
            return True
        return owner in {request for (request,) in self._db.execute(ASKED_FOR)}


def told(life: T) -> T:
    """Return the object ``life`` as it is stored: with what people read in the places of masked words."""
    command = _command(life)
    return life if command is None or not command.masked else replace(life, command=command.told)  # type: ignore[type-var]


def _command(life: object) -> Command | None:
    return life.command if isinstance(life, Request | Grant) else None
