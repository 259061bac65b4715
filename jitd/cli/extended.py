# SPDX-License-Identifier: Apache-2.0
"""The verbs that extensions have. What a person types of one that is not installed is answered with what to do.

Law: a list of verbs imports none of their modules.
"""

from __future__ import annotations

import click

from jitd import extensions
from jitd.cli import desk
from jitd.cli.call import NotDone
from jitd.cli.help import Group, with_help


def names(above: str = "") -> frozenset[str]:
    """Return the names of the verbs that extensions have below the verb ``above``, installed or not."""
    split = (verb.rpartition(" ") for verb in extensions.VERBS)
    return frozenset(name for before, _, name in split if before == above)


def verb(name: str, above: str = "") -> click.Command | None:
    """Return the verb ``name``, one that says what to do if its extension is not used, or None if none has it."""
    if name not in names(above):
        return None
    whole = f"{above} {name}".strip()
    return with_help(extensions.verb(whole) or _absent(whole))


class Extended(Group):
    """A verb of the kernel with verbs below it, some of which extensions have. It lists those that are installed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        above = self.name or ""
        there = (name for name in names(above) if extensions.VERBS[f"{above} {name}"].is_used)
        return desk.listed([*super().list_commands(ctx), *there], above)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or verb(cmd_name, self.name or "")


def _absent(whole: str) -> click.Command:
    """The verb ``whole`` of an extension that is not installed: whatever is asked of it, it says so."""
    extension = extensions.VERBS[whole]

    @click.command(whole.rpartition(" ")[2], context_settings={"ignore_unknown_options": True}, short_help="Not installed.")
    @click.argument("words", nargs=-1, type=click.UNPROCESSED)
    def absent(words: tuple[str, ...]) -> int:
        raise NotDone(f"jitd {whole} is not installed: {extension.otherwise}", "usage")

    absent.help = f"This verb is not installed: {extension.otherwise}."
    return absent
