# SPDX-License-Identifier: Apache-2.0
"""The host to which a verb is sent: this one, or with ``--host`` and ``--via`` another one, by its door (PROTOCOL.md section 13).

Law: a verb that the door does not have is refused before anything is sent. A host is what was typed, and is never looked up. The
command is split at its blanks, and nothing of it is quoted or expanded.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import click

from jitd.cli.answer import quoted

AT_THE_DOOR = frozenset(
    (
        *("requests", "show", "approve", "deny", "reviews", "review", "grants", "revoke", "runs", "stop", "watch", "replay"),
        *("lock", "unlock", "locks", "status", "audit show"),
    )
)
"""The verbs that can be used with ``--host``: those whose messages are in the table of the door."""
QUOTING = frozenset("'\"\\")
HOST = re.compile(r"[a-z0-9]([a-z0-9_.-]{0,251}[a-z0-9])?")


@dataclass(frozen=True, slots=True)
class Far:
    """Another host, and the command that leads to its door."""

    host: str
    command: tuple[str, ...]

    def typed(self, line: str) -> str:
        """Return how the command line ``line`` of jitd, such as ``jitd approve``, is typed for this host."""
        _, _, verb = line.partition(" ")
        return f"jitd --host {self.host} --via {quoted(' '.join(self.command))} {verb}".rstrip()


_there: Far | None = None


def there() -> Far | None:
    """Return the host that was named with ``--host``, or None for this one."""
    return _there


def go(host: str | None, via: str | None) -> None:
    """Note what was typed after ``--host`` and ``--via``. Raises UsageError."""
    global _there
    _there = None
    if host is None and via is None:
        return
    if host is None or via is None:
        raise click.UsageError("--host and --via go together: --host db17.example.org --via 'ssh -T jitd-door@db17'")
    name = host.lower().removesuffix(".")
    if not HOST.fullmatch(name):
        raise click.BadParameter("must be the name of the host in its key, such as db17.example.org", param_hint="--host")
    command = tuple(via.split())
    if not command:
        raise click.BadParameter("must be a command, such as 'ssh -T jitd-door@db17'", param_hint="--via")
    if not QUOTING.isdisjoint(via):
        raise click.BadParameter(
            "its words end at blanks, and cannot be quoted: name a script for anything else", param_hint="--via"
        )
    _there = Far(name, command)


def must_be_at_the_door(verb: str) -> None:
    """Raise UsageError if another host was named, whose door does not have ``verb``."""
    if _there is not None and verb not in AT_THE_DOOR:
        raise click.UsageError(f"jitd {verb} cannot be used with --host: it is for people on {_there.host}")


def typed(line: str) -> str:
    """Return how the command line ``line`` of jitd is typed for the host to which verbs are sent."""
    return line if _there is None else _there.typed(line)
