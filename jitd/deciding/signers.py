# SPDX-License-Identifier: Apache-2.0
"""Whose keys sign receipts on this host: root's file of allowed signers (ssh-keygen(1)), as it is at this moment, and the keys in
``[approvers]`` of jitd.toml.

Law: a file that cannot be read, that somebody else can change, or that has one wrong line names no key at all, so nothing that
needs a key is permitted. A key counts while the file names it and its time lasts, at the approval and at each later use.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType

from jitd.audit import receipt
from jitd.audit.allowed_signers import Signer, counting, read_signers
from jitd.audit.sshsig import BadSignature, best_level, check_by_any
from jitd.core.made_account import itself
from jitd.core.receipt import LEVELS, Receipt
from jitd.core.ssh_keys import PublicKey, read_key
from jitd.core.subject import Identity, Who, person_of
from jitd.core.toml_document import ConfigError
from jitd.files.digests import identity_at
from jitd.settings.config import Config
from jitd.settings.owned_file import read_owned


class Signers:
    """The keys of ``file``, and of ``lines``, which map a principal to its key; or none. ``now`` returns the present time (aware
    UTC). ``persons`` returns the persons to whom principals belong, which may be patterns.
    """

    def __init__(
        self,
        file: Path | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        persons: Callable[[Iterable[str]], frozenset[str]] = lambda principals: frozenset(map(_name_in, principals)),
        lines: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._file = file
        self._now = now
        self._persons = persons
        self._lines = lines
        self._read: tuple[object, tuple[Signer, ...]] = None, ()  # as of which file, and the keys
        self.fault = ""
        """Why the file names nobody, as a sentence for administrators. Empty if it does not exist, or is in order."""

    def why_nobody(self) -> str:
        """Return why nobody's key counts now, as a sentence for administrators: the ``fault``, or that the time of each key that
        is named has ended. Otherwise return an empty text.
        """
        named = self._signers()
        ends = [one.valid_before for one in named if one.valid_before is not None]
        if self.fault or not ends or len(ends) < len(named) or max(ends) >= self._now():
            return self.fault
        last = f"{max(ends):%Y-%m-%d %H:%M:%S} UTC"
        return f"{self._file}: the last of its keys ended at {last}: see whether what writes the file still runs"

    def keys_of(self, principal: str, at: datetime | None = None) -> tuple[PublicKey, ...]:
        """Return the keys that count for ``principal`` now, or at the instant ``at`` by the file of now."""
        return counting(self._signers(), principal, receipt.NAMESPACE, self._now() if at is None else at)

    def could(self, who: Who) -> Who:
        """Return ``who`` as if they had signed, by the best of their keys that count now. This is for those who look at a
        request: an approval counts by what was signed.
        """
        return who.signing(self.best_of(who.principal))

    def best_of(self, principal: str) -> str:
        """Return the most that a receipt of ``principal`` could prove now, one of LEVELS."""
        return max((best_level(key) for key in self.keys_of(principal)), key=LEVELS.index, default="")

    def state(self) -> object:
        """Return a value that changes if the file does, or if the time of a key begins or ends."""
        at = self._now()
        return tuple(one for one in self._signers() if any(one.counts_for(by, receipt.NAMESPACE, at) for by in one.principals))

    def judged(self, who: Who, given: Receipt | None) -> Who:
        """Return ``who``, who has given the receipt ``given``, with what it proves now. If its key does not count any more, that
        is nothing.
        """
        counts = given is not None and given.key in (key.fingerprint for key in self.keys_of(who.principal))
        return who.signing(given.proves if given is not None and counts else "")

    def proved(self, who: Identity, statement: str, signature: str, at: datetime) -> Receipt:
        """Return the receipt, which ``who`` has signed, by a key that counts now and at the time ``at`` that the statement has.
        Raises BadSignature, whose text follows "the signature".
        """
        found = check_by_any(receipt.NAMESPACE, statement.encode("ascii"), signature, receipt.HASH)
        if found.key not in self.keys_of(who.principal):
            raise BadSignature(f"is by the key {found.key.fingerprint}, which does not count for {who.principal} on this host")
        if found.key not in self.keys_of(who.principal, at):  # then ssh-keygen would not call it good
            wrong = f"which does not count for {who.principal} on this host at {at:%Y-%m-%dT%H:%M:%SZ}, the time that was signed"
            raise BadSignature(f"is by the key {found.key.fingerprint}, {wrong}")
        return Receipt(statement, signature, found.key.fingerprint, found.level)

    def _signers(self) -> tuple[Signer, ...]:
        if self._file is None:
            return ()
        is_now: object = identity_at(self._file), identity_at(self._file.parent)  # the mode of the directory counts, too
        if self._read[0] != is_now:
            try:
                found, fault = self._named(read_owned(self._file, 0, must_exist=False)), ""
            except ConfigError as unread:  # of this moment, such as that no descriptor is left
                found, fault, is_now = (), str(unread), None
            except ValueError as wrong:
                found, fault = (), str(wrong)
            self._read, self.fault = (is_now, found), fault  # the keys in one step: several threads come here
        return self._read[1]

    def _named(self, content: bytes) -> tuple[Signer, ...]:
        """Return the keys of a file with ``content``, and those of jitd.toml. Raises ValueError with a sentence."""
        where = str(self._file)
        try:
            found = read_signers(content.decode("utf-8"))
            where = "[approvers] in jitd.toml"
            found += tuple(Signer(read_key(line), (principal,)) for principal, line in self._lines.items())
        except ValueError as fault:
            raise ValueError(f"{where}: {fault}") from None
        whose: dict[PublicKey, set[str]] = {}
        for one in found:
            whose.setdefault(one.key, set()).update(self._persons(by for by in one.principals if not by.startswith("!")))
        if shared := next((key for key, persons in whose.items() if len(persons) != 1), None):
            raise ValueError(f"{self._file}: the key {shared.fingerprint} has the principals of two persons: give each a key")
        return found


def signers_of(config: Config, now: Callable[[], datetime]) -> Signers:
    """Return the keys that ``config`` names. ``now`` returns the present time (aware UTC)."""

    def persons(principals: Iterable[str]) -> frozenset[str]:
        return frozenset(
            line.person
            if (line := config.approvers.get(one)) is not None
            else person_of(config.naming.known_account(_name_in(one)), config.people, itself)
            for one in principals
        )

    lines = {principal: line.key for principal, line in config.approvers.items() if line.key}
    return Signers(config.approvals.keys, now, persons, lines)


def _name_in(principal: str) -> str:
    """Return the first component of ``principal``. No pattern is allowed there."""
    return re.split("[/@]", principal)[0]


NOBODY = Signers()  # of a host, or of a part of it, that knows no key
