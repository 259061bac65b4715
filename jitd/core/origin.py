# SPDX-License-Identifier: Apache-2.0
"""``origin``: where the login session began from which somebody asks. It is not where the person sits: see jitd-policy(5).

Law: pure. An origin that is not known makes no permit match, and makes every deny match.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Protocol

from jitd.core.facts import Facts, Unasked, Unknown

FACT = "fact.origin"
"""The name of the fact that the condition looks at. Its value is one of the three words below, or an address."""
OF_THE_CALLER = frozenset({FACT, "fact.unit", "fact.cgroup"})
"""The names of facts about the process that asks."""
LOCAL = "local"
"""The session began on this host: a job of cron, for example. In a rule the word stands for a session at the console, too."""
CONSOLE = "console"
"""The session began at this host's own screen, or at a serial line."""
REMOTE = "remote"
"""The session began on another host. As a value: and the address of that host is not known."""
_WORDS = (LOCAL, CONSOLE, REMOTE)


class Holds(Protocol):
    """A process that is held: its number belongs to it as long as ``refuse_gone`` raises nothing."""

    pid: int

    def refuse_gone(self) -> None:
        """Raise OSError if the process has ended."""


@dataclass(frozen=True, slots=True)
class Caller:
    """The process that asks. ``hold`` returns it, held; it raises OSError if the process has ended. None: nobody holds it any
    more, and only the facts in ``kept`` are known of it, by name. ``request`` is the id of its request; empty if there is none
    yet.

    ``is_login`` is True if a login session is about to begin: ``remote_host`` is then where the person comes from, as the
    enforcement point says (None: it says nothing), and ``tty`` the terminal.
    """

    hold: Callable[[], Holds] | None
    kept: tuple[tuple[str, str], ...] = ()
    request: str = ""
    is_login: bool = False
    remote_host: str | None = None
    tty: str = ""


_CUT, _NOT_KNOWN = "…", "not known: "


def kept_of(seen: Iterable[tuple[str, str]]) -> tuple[tuple[str, str], ...]:
    """Return the facts about the process that asked among those that a decision has ``seen``, each with its value. A request
    keeps them, since the process may have ended when it is decided again. What was not known, or is too long, is not kept.
    """
    return tuple(
        (name, value)
        for name, value in seen
        if name in OF_THE_CALLER and not value.startswith(_NOT_KNOWN) and not value.endswith(_CUT)
    )


@dataclass(frozen=True, slots=True)
class Whence:
    """One word of the condition: ``network`` as it was read, or None for ``local``, ``console`` and ``remote``."""

    text: str
    network: IPv4Network | IPv6Network | None = None

    def covers(self, found: str) -> bool | None:
        """True if the origin ``found`` is one of those that this word stands for. None if ``found`` does not tell."""
        if self.network is None:
            if self.text == REMOTE:
                return found not in (LOCAL, CONSOLE)
            return found == self.text or (self.text, found) == (LOCAL, CONSOLE)
        if found in (LOCAL, CONSOLE):
            return False
        address = _address(found)
        return None if address is None else address in self.network


def read_origin(word: str) -> Whence:
    """Return what ``word`` stands for: one of the three words, an address, or a network such as ``10.0.0.0/8``. Raises ValueError
    with a sentence if it is none of them.
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
    if "/" in word and _address(word.partition("/")[0]) != network.network_address:
        raise ValueError(f'"{word}" has bits beyond its mask: write "{network}"')
    return Whence(word, network)


def spell_address(text: str) -> str:
    """Return the address ``text`` in its one spelling: without an interface, and an IPv4 address as such even if it was written
    as an IPv6 address. Empty if ``text`` is not an address.
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
    """True if one of ``words`` covers the origin that is ``known``, False if none does, None if that cannot be told. Raises
    Unasked if nobody has looked for the origin yet.
    """
    if FACT not in known:
        raise Unasked((FACT,))
    found = known[FACT]
    if isinstance(found, Unknown) or not isinstance(found, str):
        return None
    answers = [word.covers(found) for word in words]
    if True in answers:
        return True
    return None if None in answers else False
