# SPDX-License-Identifier: Apache-2.0
"""The verb ``jitd complete`` prints the words with which a person could continue a command line. These words are verbs, options,
values of options, and ids that the person may see. The shell scripts in contrib/completion call this verb.

Law: the verb prints only candidates for the next word, or nothing. It prints no error message and asks no question. Its exit
status is always 0, even after a failure. It ends within WITHIN seconds. All printed words are ids, or words of this program. The
verb never prints texts that other people wrote, because such texts could be dangerous in the shell that reads the output.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator

import click

from jitd.cli.call import ENDINGS, called
from jitd.cli.far import AT_THE_DOOR
from jitd.cli.ids import IDS
from jitpam.local_proof import never_ask
from jitpam.options import following
from jitpam.wire.messages import List

WITHIN = 2.0  # seconds, after which the verb prints nothing. A list usually takes 0.3 s, mostly for the authentication
TO_A_HOST = ("--host", "--via")  # the options before a verb that have a value
PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*|--[a-z][a-z-]*=?")  # only words that match this pattern are printed


@click.command(hidden=True, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False})
@click.argument("typed", nargs=-1, type=click.UNPROCESSED)
def complete(typed: tuple[str, ...]) -> int:
    """Print the completions of the last word in ``typed``. For a command line of jitd, ``typed`` contains the words after
    ``jitd``. For a command line of jitsudo, ``typed`` contains ``jitsudo`` and the words after it.
    """
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
    """Yield the candidates that can replace the last word of ``typed``. Raises the same errors as ``called``."""
    *before, current = typed
    if before[:1] == ["jitsudo"]:
        option = f"jitsudo {before[-1]}"
        yield from (
            _ids(option) if option in IDS else following([word.encode("utf-8", "surrogateescape") for word in before[1:]])
        )
        return
    from jitd.cli import cli  # jitd.cli imports this module when the verb is called

    verb: click.Command = cli
    is_far = bool(before) and before[0].partition("=")[0] in TO_A_HOST
    if before and before[-1] in TO_A_HOST and len(before) < 4:
        return  # its value
    while before and before[0].partition("=")[0] in TO_A_HOST:
        before = before[1 if "=" in before[0] else 2 :]
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
        known = {name for one in AT_THE_DOOR if (name := _below(path, one))}
        yield from (name for name in verb.list_commands(click.Context(verb)) if not is_far or name in known)
    elif " ".join(path) in IDS and not is_far:  # another host is not asked before somebody has typed Enter
        yield from _ids(" ".join(path))


def _below(path: list[str], verb: str) -> str:
    """Return the word of ``verb`` that comes after ``path``, or an empty text."""
    words = verb.split()
    return words[len(path)] if words[: len(path)] == path and len(words) > len(path) else ""


def _choices(options: list[click.Option], before: str) -> list[str] | None:
    """Return the values that can follow ``before``, or None if that is not an option with a value."""
    for option in options:
        if before in option.opts and not option.is_flag:
            return [str(choice) for choice in option.type.choices] if isinstance(option.type, click.Choice) else []
    return None


def _ids(verb: str) -> Iterator[str]:
    ids = IDS[verb]
    with called() as daemon:
        yield from ids.among(daemon.ask(List(what=ids.what, ended=False)))
