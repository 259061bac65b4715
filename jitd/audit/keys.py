# SPDX-License-Identifier: Apache-2.0
"""The public keys by which signed heads of a chain are good: those that an administrator has named, and those that have followed
them, as the record says.

Law: pure. A key that follows another is good by that key's signature alone. A key that was made because the old one was lost is a
stranger to everybody who was given the old one.
Source: ssh-keygen(1), ALLOWED SIGNERS.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from jitd.audit import sshsig
from jitd.audit.allowed_signers import NamedKey, is_listed, read_named
from jitd.audit.events import KEY_MADE, KEY_ROTATED
from jitd.audit.findings import Flaw, Report, Wrong
from jitd.audit.forms import CHECKPOINT_NAMESPACE, KEY_NAMESPACE
from jitd.audit.host_names import Renamed, renamed_in
from jitd.audit.times import signed_time


def read_keys(text: str) -> tuple[NamedKey, ...]:
    """Read public keys, one on each line, each alone or in a line of allowed signers. Raises ValueError with a sentence."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if line and not line.startswith("#"):
            try:
                found.append(read_named(line))
            except ValueError as fault:
                raise ValueError(f"line {number}: {fault}") from None
    if not found:
        raise ValueError("there is no public key in it")
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Change:
    """A record that names a key, after the key ``before``, or None. ``is_proved``: both have signed the change."""

    number: int
    public: bytes
    before: bytes | None
    is_proved: bool


def may_rotate(body: bytes) -> bool:
    """True if the record ``body`` can say that one key follows another. Whether it proves it, ``change_in`` says."""
    return f'"event":"{KEY_ROTATED}"'.encode("ascii") in body


def change_in(number: int, content: dict[str, Any]) -> Change | None:
    """Return what record ``number`` says of keys, or None. Raises ValueError with a sentence if it does not prove its key."""
    if content.get("event") not in (KEY_MADE, KEY_ROTATED):
        return None
    said = content.get("detail")
    try:
        assert isinstance(said, dict)
        public = sshsig.read_public(said["public"])
        before = sshsig.read_public(said["before"]) if "before" in said else None
        if content["event"] == KEY_MADE:
            return Change(number, public, before, is_proved=False)
        assert before is not None
        text, head = said["signed"], f"jitd key 1\nhost {said['host']}\nbefore {said['before']}\npublic {said['public']}\nat "
        if not text.startswith(head) or not text.endswith("\n"):
            raise ValueError("it says something else than what was signed")
        signed_time(text[len(head) : -1])
        for key, by in ((before, "by_before"), (public, "by_public")):
            sshsig.check_signature(key, KEY_NAMESPACE, text.encode("ascii"), said[by])
    except (AssertionError, KeyError, TypeError, AttributeError):
        raise ValueError("it does not say which keys") from None
    except sshsig.BadSignature as fault:
        raise ValueError(f"a signature {fault}") from None
    return Change(number, public, before, is_proved=True)


class Keys:
    """Decides whose signatures count. ``given`` are the keys that an administrator has named. Without any for hosts, the record
    itself says which are the host's. Then a signature proves only that somebody had the key that the record names.

    ``first`` is the number of the first record that names a key, or None.
    """

    def __init__(self, given: Iterable[NamedKey] = ()) -> None:
        self._given = tuple(given)
        self._changes: list[Change] = []
        self._renamed: list[Renamed] = []
        self._seen: bytes | None = None

    def see(self, key: bytes) -> None:
        """Take note of the key that has signed the first head. It is the host's if nothing else is known."""
        self._seen = key

    @property
    def first(self) -> int | None:
        return self._changes[0].number if self._changes else None

    def take(self, number: int, content: dict[str, Any], report: Report) -> None:
        """Take note of record ``number``, if it names a key."""
        try:
            change = change_in(number, content)
        except ValueError as fault:
            report(Flaw(Wrong.FORGED, number, f"record {number} does not prove that the host has another key: {fault}"))
            return
        if change is None:
            if (renamed := renamed_in(number, content)) is not None:
                self._renamed.append(renamed)
            return
        seen = [one.public for one in self._changes if one.number < number]
        if change.public in seen or change.before in seen[:-1]:
            text = f"record {number} names a key that was replaced before: who has kept or got it could write this record"
            report(Flaw(Wrong.FOREIGN_KEY, number, text))
            return
        self._changes.append(change)

    def may_judge(self, namespace: str) -> bool:
        """True if it is known whose signatures in ``namespace`` count."""
        return namespace == CHECKPOINT_NAMESPACE or any(namespace in key.namespaces for key in self._given)

    def is_good(self, key: bytes, name: str, number: int, namespace: str) -> bool:
        """True if the signatures by ``key`` count, of what ``name`` (a host or a witness) signs of record ``number`` in
        ``namespace``. Who may sign for a name that the host has got since may for this one, and never the other way round.
        """
        names = [name]
        for one in self._renamed:
            names += [one.host] if one.number >= number and one.before in names else []
        names += [f"jitd@{one}" for one in names]  # what `jitd audit key --allowed-signers` prints
        given = {one.public for one in self._given if any(one.may_sign(one_name, namespace) for one_name in names)}
        if namespace != CHECKPOINT_NAMESPACE:
            return key in given
        if any(is_listed(namespace, one.namespaces) for one in self._given):
            return key in self._followers(given)
        return key in {change.public for change in self._changes} or (not self._changes and key == self._seen)

    def replaced_with(self, key: bytes) -> int | None:
        """Return the number of the record from which on the host signs with another key than ``key``, or None."""
        until: int | None = None
        for change in self._changes:
            if change.public == key:
                until = None
            elif change.before == key:
                until = change.number
        return until

    def _followers(self, given: set[bytes]) -> set[bytes]:
        """Return ``given``, and the keys that have followed them or that they have followed, each time by both signatures."""
        good, n = set(given), -1
        while len(good) != n:
            n = len(good)
            for change in self._changes:
                if change.is_proved and change.before is not None and good & {change.public, change.before}:
                    good |= {change.public, change.before}
        return good
