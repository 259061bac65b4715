# SPDX-License-Identifier: Apache-2.0
"""What is wrong with a command line, in jitd's own words instead of click's."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

import click

from jitd.cli.answer import say


def tell(fault: click.UsageError) -> None:
    """Print ``fault`` on standard error: one line says what is wrong, and to which verb, and one how the verb is typed."""
    if isinstance(fault, click.exceptions.NoArgsIsHelpError):
        fault.show()
        return
    if fault.ctx is None:
        say(_what(fault))
        return
    path, command = fault.ctx.command_path, fault.ctx.command
    _, _, verb = path.partition(" ")
    say(f"{verb}: {_what(fault)}" if verb else _what(fault))
    if isinstance(command, click.Group):
        say(f"{path} -h lists the verbs and options")
    else:
        say(f"usage: {' '.join((path, *command.collect_usage_pieces(fault.ctx)))} ({path} -h tells more)")


def _what(fault: click.UsageError) -> str:
    if isinstance(fault, click.NoSuchOption):
        return f"there is no option {fault.option_name}{_meant(fault.possibilities)}"
    if isinstance(fault, click.exceptions.NoSuchCommand) and fault.ctx is not None:
        verbs = fault.ctx.command.list_commands(fault.ctx) if isinstance(fault.ctx.command, click.Group) else ()
        return f"there is no verb {fault.command_name}{_meant(get_close_matches(fault.command_name, verbs))}"
    if isinstance(fault, click.MissingParameter):
        return f"{_named(fault)} is missing"
    if isinstance(fault, click.BadParameter):
        return f"{_named(fault)}: {fault.message.removesuffix('.')}"
    text = fault.format_message().removesuffix(".")
    options = [name for option in fault.ctx.command.params for name in option.opts] if fault.ctx is not None else []
    if text.startswith("Got unexpected extra") and "--id" in options:
        text += "; an id is given by --id"
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _meant(words: Iterable[str] | None) -> str:
    found = " or ".join(sorted(words or ()))
    return f" (did you mean {found}?)" if found else ""


def _named(fault: click.BadParameter) -> str:
    """Return the name of the option or the argument of ``fault``, as it is typed."""
    hint = fault.param_hint or (
        fault.param.get_error_hint(fault.ctx) if fault.param is not None and fault.ctx is not None else ""
    )
    words = (hint,) if isinstance(hint, str) else hint or ()
    return " or ".join(word.strip("'").removesuffix("...") for one in words for word in one.split(" / "))
