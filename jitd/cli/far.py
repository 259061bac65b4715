# SPDX-License-Identifier: Apache-2.0
"""The host to which a verb is sent: this one, another one by its door (``--host``), or many (``--hosts``). See PROTOCOL.md,
section 13.

Law: a verb that the door does not have is refused before anything is sent. A host is what was typed, or what stands in a file of
hosts, and its name is never looked up. A command that carries is split at its blanks, and nothing of it is quoted or expanded.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING

import click

from jitd import extensions, packages
from jitd.cli.answer import Row, quoted, speaks
from jitd.cli.hosts import QUOTING, Far, Hosts, name_of
from jitd.cli.not_done import NotDone
from jitpam.initiator import own_host

if TYPE_CHECKING:
    from jitpam.client import Connection
    from jitpam.wire.messages import Message

AT_THE_DOOR = frozenset(
    (
        *("requests", "show", "approve", "deny", "reviews", "review", "grants", "revoke", "runs", "stop", "watch", "replay"),
        *("lock", "unlock", "locks", "status", "audit show"),
    )
)
"""The verbs that can be used with ``--host``: those whose messages are in the table of the door."""
OF_MANY = frozenset(("requests", "approve", "reviews", "grants", "revoke", "runs", "lock", "unlock", "locks", "status", "board"))
"""The verbs that can be used with ``--hosts``. All of them can be used with ``--host``, also ``board``, which no desk has."""


_there: ContextVar[Far | None] = ContextVar("there", default=None)
_many: ContextVar[tuple[str, dict[str, Far]] | None] = ContextVar("many", default=None)


def there() -> Far | None:
    """Return the one other host to which what follows is sent, or None."""
    return _there.get()


def is_here() -> bool:
    """True if verbs are sent to this host, and to no other one."""
    return _there.get() is None and _many.get() is None


def many() -> tuple[Far, ...] | None:
    """Return the hosts that were named with ``--hosts``, or None. To go on with one of them, call ``at``."""
    return None if (named := _many.get()) is None or _there.get() is not None else tuple(named[1].values())


@contextmanager
def at(far: Far | None) -> Iterator[None]:
    """Send to ``far`` what follows. If it is None, change nothing."""
    if far is None:
        yield
        return
    before = _there.set(far)
    try:
        yield
    finally:
        _there.reset(before)
        speaks("")


def of(host: str) -> Far | None:
    """Return the host of this name among those that were named with ``--hosts``, or None if none were."""
    return None if (named := _many.get()) is None or _there.get() is not None else named[1].get(host)


def go(host: str | None, via: str | None, hosts: str | None) -> None:
    """Note what was typed after ``--host``, ``--via`` and ``--hosts``. Raises UsageError and NotDone."""
    _there.set(None)
    _many.set(None)
    if hosts is not None:
        if host is not None or via is not None:
            raise click.UsageError("--hosts goes with neither --host nor --via")
        _many.set((hosts, {far.host: far for far in known().chosen(hosts)}))
    elif host is None and via is not None:
        raise click.UsageError("--via goes with --host: --host db17.example.org --via 'ssh -T jitd-door@db17'")
    elif host is not None:
        _there.set(known().find(host) if via is None else _typed(host, via))


def _typed(host: str, via: str) -> Far:
    from jitpam.carrier import Command  # verbs of this host need none

    if (name := name_of(host)) is None:
        raise click.BadParameter("must be the name of the host in its key, such as db17.example.org", param_hint="--host")
    if not via.split():
        raise click.BadParameter("must be a command, such as 'ssh -T jitd-door@db17'", param_hint="--via")
    if not QUOTING.isdisjoint(via):
        raise click.BadParameter(
            "its words end at blanks, and cannot be quoted: name a script for anything else", param_hint="--via"
        )
    carrier = Command(tuple(via.split()))
    return Far(name, carrier, f"--host {name} --via {quoted(carrier.name)}", name)


def saw(daemon: Connection, *answers: tuple[Message, Sequence[Row]]) -> None:
    """If ``daemon`` is that of another host, have this desk note what waits there by ``answers``, its latest."""
    if (one := _there.get()) is not None:
        extensions.of_first("saw", one, daemon, answers)


def known() -> Hosts:
    """Return the hosts that stand in files. Raises NotDone if the extension that reads them is not used."""
    found: Hosts | None = extensions.of_first("hosts")
    if found is None:
        raise NotDone(f"hosts.toml is not read: {extensions.EXTENSIONS['fleet'].otherwise}", "usage")
    return found


def split(typed: str) -> tuple[str, Far | None]:
    """Return the id in ``typed``, and its host: ``K7QM-2XVD@db17`` is of a host that stands in a file, or of this host. Without
    an @, it is of the host that was named before. Raises UsageError and NotDone.
    """
    id, at, name = typed.partition("@")
    if not at:
        if many() is not None:
            raise click.UsageError(f"name the host of {typed}, too: {typed}@HOST")
        return typed, there()
    if is_here() and not packages.is_desk() and name_of(name) == own_host():  # as notices have it
        return id, None
    far = known().find(name)
    if (before := there()) is not None and before.host != far.host:
        raise click.UsageError(f"{typed} is on {far.host}, and --host names {before.host}: name one of them")
    return id, far


def settle(verb: str, typed: str) -> str:
    """Return the id in ``typed``, and send to its host what follows. Raises UsageError and NotDone."""
    id, far = split(typed)
    _there.set(far)
    must_be_at_the_door(verb)
    return id


def must_be_at_the_door(verb: str) -> None:
    """Raise UsageError if other hosts were named, and their doors do not have ``verb``."""
    if (far := there()) is not None and verb not in AT_THE_DOOR | OF_MANY:
        raise click.UsageError(f"jitd {verb} cannot be used with --host: it is for people on {far.host}")
    if many() is not None and verb not in OF_MANY:
        raise click.UsageError(
            f"jitd {verb} cannot be used with --hosts: "
            + ("it is about one host (--host)" if verb in AT_THE_DOOR else "it is for people on the host")
        )


def typed(line: str) -> str:
    """Return how the command line ``line`` of jitd, such as ``jitd approve``, is typed for the hosts to which verbs are sent."""
    _, _, verb = line.partition(" ")
    if (far := there()) is not None:
        return f"jitd {far.options} {verb}".rstrip()
    if (named := _many.get()) is not None:
        return f"jitd --hosts {quoted(named[0])} {verb}".rstrip()
    return line


def typed_of_one(line: str) -> str:
    """Return how ``line``, which takes an id, is typed: of many hosts, the id names the one that is meant."""
    return f"{typed(line)} ID" if many() is None else f"{line} ID@HOST"


def label_of(host: str) -> str:
    """Return what stands behind the @ in an id of ``host``, if there are many hosts."""
    return host if (far := of(host)) is None else far.label


def id_of(id: str, host: str) -> str:
    """Return how the id ``id`` is typed, which ``host`` gave: if there are many hosts, ``host`` stands behind it."""
    return id if (far := of(host)) is None else f"{id}@{far.label}"
