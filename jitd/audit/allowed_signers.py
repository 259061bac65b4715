# SPDX-License-Identifier: Apache-2.0
"""A public key as an administrator names it: alone, or in a line of allowed signers (ssh-keygen(1), ALLOWED SIGNERS). The keys of
hosts and witnesses are NamedKeys, and those by which persons approve are Signers.

Law: pure, for Python 3.9 and later. A file of the keys of persons counts as a whole, or no key in it counts: a line that is not
understood could have taken a right away. What is read here means to ssh-keygen what it means here (ADR 0218).
Part of verify.py, so it imports nothing of jitd but other parts.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime, timezone
from typing import NamedTuple

from jitd.audit.sshsig import ALGORITHM, read_public
from jitd.core.ssh_keys import KINDS, PublicKey, read_key

_OPTIONS = re.compile(r'((?:[^ \t"]|"(?:[^"\\]|\\.)*")+)[ \t]+(.*)')
_OPTION = re.compile(r'([A-Za-z-]+)(?:="([^"\\]*)")?(?:,(?!$)|$)')
_IN_UTC = re.compile("([0-9]{4})([0-9]{2})([0-9]{2})(?:([0-9]{2})([0-9]{2})([0-9]{2})?)?Z")


class NamedKey(NamedTuple):
    """A public key (32 bytes) that somebody has named. ``principals`` are patterns of the names of hosts and witnesses, and
    ``namespaces`` those of what the key may sign. Either is empty if there is no bound.
    """

    public: bytes
    principals: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()

    def may_sign(self, name: str, namespace: str) -> bool:
        """True if the key is good for what ``name`` signs in ``namespace``."""
        return is_listed(name, self.principals) and is_listed(namespace, self.namespaces)


def read_named(line: str) -> NamedKey:
    """Read a public key, alone or in a line of allowed signers. Raises ValueError with a sentence."""
    if line.startswith(f"{ALGORITHM} "):
        comment = line.split(None, 2)[2:]
        return NamedKey(read_public(line), tuple(one for one in comment if re.fullmatch(r"jitd@[0-9A-Za-z._-]+", one)))
    before, found, after = line.partition(f" {ALGORITHM} ")
    if not found:
        raise ValueError(f"not a public key of the form '{ALGORITHM} BASE64'")
    principals, _, options = before.partition(" ")
    namespaces: tuple[str, ...] = ()
    if options.strip():
        only = re.fullmatch(r'namespaces="([^"]+)"', options.strip(), re.IGNORECASE)
        if only is None:
            raise ValueError(f"of the options of allowed signers, only namespaces is understood, and not {options.strip()}")
        namespaces = tuple(only[1].split(","))
    return NamedKey(read_public(f"{ALGORITHM} {after}"), tuple(principals.split(",")), namespaces)


def is_listed(name: str, patterns: tuple[str, ...]) -> bool:
    """True if ``name`` matches one of ``patterns`` and none that begins with an exclamation mark (ssh_config(5), PATTERNS)."""
    if not patterns:
        return True
    if any(_matches(name, pattern[1:]) for pattern in patterns if pattern.startswith("!")):
        return False
    return any(_matches(name, pattern) for pattern in patterns if not pattern.startswith("!"))


def _matches(name: str, pattern: str) -> bool:
    parts = (".*" if char == "*" else "." if char == "?" else re.escape(char) for char in pattern)
    return re.fullmatch("".join(parts), name) is not None


class Signer(NamedTuple):
    """A key with which a person may approve. ``principals`` are patterns of the person's Kerberos principals, and ``namespaces``
    those of what the key may sign, without a bound if there are none. The times are aware, and belong to the span.
    """

    key: PublicKey
    principals: tuple[str, ...]
    namespaces: tuple[str, ...] = ()
    valid_after: datetime | None = None
    valid_before: datetime | None = None

    def counts_for(self, principal: str, namespace: str, at: datetime) -> bool:
        """True if what the key signs in ``namespace`` at the instant ``at`` is signed by ``principal``."""
        return (
            is_listed(principal, self.principals)
            and is_listed(namespace, self.namespaces)
            and (self.valid_after is None or self.valid_after <= at)
            and (self.valid_before is None or at <= self.valid_before)
        )

    @property
    def names(self) -> frozenset[str]:
        """The first components of the principals: names of one person, if the administrator has made no mistake."""
        return frozenset(re.split("[/@]", one)[0] for one in self.principals if not one.startswith("!"))


def counting(signers: Iterable[Signer], principal: str, namespace: str, at: datetime) -> tuple[PublicKey, ...]:
    """Return the keys of ``signers`` that count for ``principal`` at the instant ``at``, in their order."""
    return tuple(dict.fromkeys(one.key for one in signers if one.counts_for(principal, namespace, at)))


def read_signers(text: str) -> tuple[Signer, ...]:
    """Read a file of the keys of persons. Raises ValueError with a sentence that names the line."""
    found: list[Signer] = []
    first: dict[PublicKey, tuple[int, frozenset[str]]] = {}
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip(" \t")
        if not line or line.startswith("#"):
            continue
        try:
            signer = _read_signer(line)
        except ValueError as fault:
            raise ValueError(f"line {number}: {fault}") from None
        earlier, names = first.setdefault(signer.key, (number, signer.names))
        if names != signer.names:
            raise ValueError(f"line {number}: the key stands in line {earlier} for somebody else: give each person a key")
        found.append(signer)
    return tuple(found)


def _read_signer(line: str) -> Signer:
    if not line.replace("\t", " ").isprintable():
        raise ValueError("has a character that cannot be seen: type the line again")
    words = re.fullmatch(r'("[^"]*"|[^ \t"]+)[ \t]+(.*)', line)
    if words is None:
        raise ValueError("not of the form 'PRINCIPALS [OPTIONS] KIND BASE64'")
    principals = tuple(words[1].strip('"').split(","))
    for one in principals:
        _check_principal(one)
    before, key = "", words[2]
    if (options := _OPTIONS.fullmatch(key)) and options[1] not in KINDS:
        is_option = "=" in options[1] or options[1].lower() == "cert-authority"
        if is_option or re.split("[ \t]", options[2])[0] in KINDS:
            before, key = options.groups()
    given = _read_options(before)
    namespaces = tuple(given["namespaces"].split(",")) if "namespaces" in given else ()
    after, until = (_in_utc(name, given[name]) if name in given else None for name in ("valid-after", "valid-before"))
    if after is not None and until is not None and until <= after:
        raise ValueError("valid-before is not after valid-after, so the key would never count")
    return Signer(read_key(key), principals, namespaces, after, until)


def _check_principal(pattern: str) -> None:
    """Who a key belongs to must be certain, so the name of a person is not a pattern. Raises ValueError."""
    name = re.split("[/@]", pattern.removeprefix("!"))[0]
    if not re.fullmatch(r"[^*?!\\ ]+", name) or "\\" in pattern:
        raise ValueError(
            f"{pattern!r} may be more than one person: begin each principal with a name, such as bob@REALM or bob/*@REALM"
        )
    if "@" not in pattern:
        raise ValueError(f"{pattern!r} is not a principal of Kerberos: write {pattern}@REALM")


def _read_options(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    at = 0
    while at < len(text):
        option = _OPTION.match(text, at)
        if option is None:
            raise ValueError(f'the options are not of the form NAME="VALUE",…: {text}')
        name, value = option[1].lower(), option[2]
        if name == "cert-authority":
            raise ValueError("cert-authority: whom it certifies does not stand in this file, so list the key of each person")
        if name not in ("namespaces", "valid-after", "valid-before") or value is None:
            raise ValueError(f"of the options, only namespaces, valid-after and valid-before are understood, and not {option[0]}")
        if name in found:
            raise ValueError(f"has {name} twice")
        found[name], at = value, option.end()
    return found


def _in_utc(name: str, value: str) -> datetime:
    """Read a time in UTC. Another one would be of whatever zone the machine is in that reads it."""
    parts = _IN_UTC.fullmatch(value)
    try:
        if parts is None:
            raise ValueError
        year, month, day, hour, minute, second = (int(part or 0) for part in parts.groups())
        at = datetime(year, month, day, hour, minute, second, tzinfo=timezone.utc)
    except ValueError:
        raise ValueError(f'{name} takes a time in UTC, such as "20270131Z" or "202701312359Z", and not "{value}"') from None
    if at <= datetime(1970, 1, 1, tzinfo=timezone.utc):
        raise ValueError(f'{name} takes a time after the beginning of 1970, as for ssh-keygen, and not "{value}"')
    return at
