# SPDX-License-Identifier: Apache-2.0
"""The condition ``origin``: the place where the requester's login session began. The person may be at another place: see
jitd-policy(5).

Law: if the origin is not known, the condition ``origin`` does not hold in a permit, and counts as met in a deny.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

from jitd.core.facts import Facts, Unasked

FACT = "fact.origin"  # the fact of the condition `origin`: `local`, `console`, `remote` or an address
OF_THE_CALLER = frozenset({FACT, "fact.unit", "fact.cgroup"})  # the names of facts about the process that sent the request
LOCAL = "local"  # the session began on this host, as that of a cron job. In a rule, the word includes the console
CONSOLE = "console"  # the session began at this host's own screen, or at a serial line
REMOTE = "remote"  # on another host. As the value of the fact: its address is not known
_WORDS = (LOCAL, CONSOLE, REMOTE)


class Holds(Protocol):
    """A process of which jitd has an open descriptor: ``pid`` is its own as long as ``refuse_gone`` raises nothing."""

    pid: int

    def refuse_gone(self) -> None:
        """Raise OSError if the process has ended."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The process that sent the request. The function ``hold`` opens this process and returns it. ``hold`` raises OSError if the
    process has ended. If ``hold`` is None, jitd cannot examine the process any more. Then jitd knows only the facts in ``kept``.
    Each entry of ``kept`` is the name and the value of one fact. ``request`` is the id of the request that the process sent.
    ``request`` is empty if there is no request yet.

    ``is_login`` is True if a login session is about to begin. For a login, ``remote_host`` is the host from which the person
    connects, as reported by the enforcement point. ``remote_host`` is None if the enforcement point named no host. ``tty`` is the
    terminal of the login.
    """

    hold: Callable[[], Holds] | None
    kept: tuple[tuple[str, str], ...] = ()
    request: str = ""
    is_login: bool = False
    remote_host: str | None = None
    tty: str = ""


_CUT, _NOT_KNOWN = "…", "not known: "


def kept_of(seen: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the facts in ``seen`` about the process that sent the request, but none that is unknown or cut. The request stores
    them, because the process may have ended before jitd decides again.
    """
    return tuple(
        (name, value)
        for name, value in seen
        if name in OF_THE_CALLER and not value.startswith(_NOT_KNOWN) and not value.endswith(_CUT)
    )


@dataclass(frozen=True, slots=True)
class Whence:
    """A word of ``origin`` in a rule. ``network`` is None for ``local``, ``console`` and ``remote``."""

    text: str
    network: IPv4Network | IPv6Network | None = None

    def covers(self, found: str) -> bool | None:
        """True if this word includes the origin ``found``. None for a network, if the other host's address is not known."""
        if self.network is None:
            if self.text == REMOTE:
                return found not in (LOCAL, CONSOLE)
            return found == self.text or (self.text, found) == (LOCAL, CONSOLE)
        if found in (LOCAL, CONSOLE):
            return False
        address = _address(found)
        return None if address is None else address in self.network


def read_origin(word: str) -> Whence:
    """Return the meaning of ``word``. ``word`` must be ``local``, ``console``, ``remote``, an address, or a network such as
    ``10.0.0.0/8``. If ``word`` has another form, raises ValueError with a sentence.
    """
    if word in _WORDS:
        return Whence(word)
    try:
        network = ip_network(word, strict=False)
    except ValueError:
        raise ValueError(
            f'"{word}" must be "local", "console", "remote", an address, or a network such as "10.0.0.0/8"'
        ) from None
    if "%" in word:
        raise ValueError(f'"{word}": leave out what follows "%", which names an interface')
    if isinstance(network, IPv6Network) and network.network_address.ipv4_mapped is not None:
        raise ValueError(f'"{word}" is a way to spell an IPv4 address: write the IPv4 address or network')
    if _address(word.partition("/")[0]) != network.network_address:
        raise ValueError(f'"{word}" has bits beyond its mask: write "{network}"')
    return Whence(word, network)


def spell_address(text: str) -> str:
    """Return the address ``text`` in its only valid spelling, or "" if it is not one: without an interface (``%eth0``), and as
    IPv4 if it is one in IPv6.
    """
    address = _address(text)
    return "" if address is None else str(address)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return address if mapped is None else mapped


def began_in(words: tuple[Whence, ...], known: Facts) -> bool | None:
    """True if one of ``words`` covers the origin in ``known``. False if no word covers this origin. None if the origin is not
    known with certainty. Raises Unasked if jitd has not looked for the origin yet.
    """
    if FACT not in known:
        raise Unasked((FACT,))
    found = known[FACT]
    if not isinstance(found, str):  # it is Unknown
        return None
    answers = [word.covers(found) for word in words]
    if True in answers:
        return True
    return None if None in answers else False
