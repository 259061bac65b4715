# SPDX-License-Identifier: Apache-2.0
"""``jitd complete``: what may follow on a command line that somebody types: a verb, an option, or an id that they may see. The
shells' scripts in contrib/completion call it.

Law: silent, whatever goes wrong: it prints candidates or nothing, says nothing, asks nothing, and its status is 0. It ends within
WITHIN. What it prints are ids and words of this program, never a text of somebody else's: a shell may do anything with it.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterator

import click

from jitd.cli.answer import Row, words
from jitd.cli.call import ENDINGS, called
from jitpam.local_proof import never_ask
from jitpam.options import HELP
from jitpam.wire.messages import List

WITHIN = 0.15
"""Seconds after which there are no candidates. The start of the interpreter comes before them."""
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|--[a-z][a-z-]*=?")
"""All that may be printed."""

_Test = Callable[[Row], bool]


def _any(row: Row) -> bool:
    return True


def _mine(row: Row) -> bool:
    return bool(row.get("mine"))


def _reviewable(row: Row) -> bool:
    return bool(row.get("may_review")) and not row.get("mine")


def _may_give(row: Row) -> bool:
    return bool(row.get("may_give"))


IDS: dict[str, tuple[str, _Test]] = {
    "show": ("requests", _any),
    "approve": ("requests", _reviewable),
    "deny": ("requests", _reviewable),
    "withdraw": ("requests", _mine),
    "review": ("reviews", _may_give),
    "jitsudo --resume": ("requests", _mine),
    "revoke": ("grants", _any),
    "stop": ("runs", _any),
    "watch": ("runs", _any),
    "replay": ("runs", _any),
    "unlock": ("locks", _any),
}
"""Verb → the list with the ids that it takes, and which of its rows."""


@click.command(hidden=True, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("typed", nargs=-1, type=click.UNPROCESSED)
def complete(typed: tuple[str, ...]) -> int:
    """Print what the last of the words may become. The words are those after ``jitd``, or ``jitsudo`` and those after it."""
    late = threading.Timer(WITHIN, os._exit, (0,))
    late.daemon = True
    never_ask()
    late.start()
    try:
        found = [word for word in _candidates(list(typed) or [""]) if PLAIN.fullmatch(word)]
    except (*ENDINGS, OSError, click.ClickException):
        return 0
    finally:
        late.cancel()
    for word in sorted(set(found)):
        click.echo(word)
    return 0


def _candidates(typed: list[str]) -> Iterator[str]:
    """Yield what may stand in place of the last of ``typed``. Raises as ``called``."""
    *before, current = typed
    if before[:1] == ["jitsudo"]:
        yield from _ids("jitsudo --resume") if before[-1] == "--resume" else re.findall(r"--[a-z][a-z-]*=?", HELP)
        return
    from jitd.cli import cli  # which imports this module, when the verb is called

    verb: click.Command = cli
    path: list[str] = []
    for word in before:
        below = verb.get_command(click.Context(verb), word) if isinstance(verb, click.Group) else None
        if below is None:
            break
        verb = below
        path.append(word)
    options = [option for option in verb.params if isinstance(option, click.Option)]
    choices = _choices(options, before[-1] if before else "")
    if choices is not None:
        yield from choices
    elif current.startswith("-"):
        yield from (name for option in options for name in option.opts if name.startswith("--"))
        yield "--help"
    elif isinstance(verb, click.Group):
        yield from verb.list_commands(click.Context(verb))
    elif " ".join(path) in IDS:
        yield from _ids(" ".join(path))


def _choices(options: list[click.Option], before: str) -> list[str] | None:
    """Return what may follow the option ``before``; None if it is not an option that takes a value."""
    for option in options:
        if before in option.opts and not option.is_flag:
            return [str(choice) for choice in option.type.choices] if isinstance(option.type, click.Choice) else []
    return None


def _ids(verb: str) -> Iterator[str]:
    """Yield the ids that the person may name to ``verb`` now. Raises as ``called``."""
    what, is_meant = IDS[verb]
    with called() as daemon:
        yield from (words(row, "id") for row in daemon.ask(List(what=what, ended=False)) if is_meant(row))
