# SPDX-License-Identifier: Apache-2.0
"""The summary at the beginning of a request's page, for a tired reader. The summary has one sentence, the effects of the command,
and the differences from earlier requests.

Law: the page below the summary contains the same data without shortening. Therefore the summary may shorten a text. If it
shortens a text, it shows how much was removed.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli import comparison
from jitd.cli.answer import Row, command_of, words
from jitd.cli.columns import cut_in_the_middle
from jitd.cli.instants import in_words, told
from jitd.cli.labels import Line, members
from jitd.cli.what import command_without_scripts, is_login

WIDEST = 120
"""Maximum number of cells for the command in the summary's sentence."""
GIVES = "ALL THAT {} MAY DO"


def summary(row: Row) -> Iterator[Line]:
    """Yield the lines of the summary."""
    yield "in short", sentence(row)
    yield from amounts_to(row)
    yield from comparison.new(row)


def sentence(row: Row) -> str:
    """Return one sentence that names the requester, the command or thing, the account to run as, and the host of a request."""
    who, host = words(row, "account", words(row, "requester")), words(row, "host")
    if row.get("gives"):
        return f"{who} asks to be given {words(row, 'gives')} on {host}{_how_long(row)}"
    if row.get("doubt"):
        return f"{who} asks {words(row, 'service')} on {host} for something that is not known for certain: take it for root"
    if is_login(row):
        return f"{who} asks for a session of {words(row, 'run_as')} on {host}, by {words(row, 'service')}"
    by = "" if words(row, "service") == "jitsudo" else f", by {words(row, 'service')}"
    # The command comes last, so that no word of it can be taken for the account or the host.
    line = command_of(row) if row.get("narrowed") else command_without_scripts(row)
    line = cut_in_the_middle(line, WIDEST)
    return f"{who} asks to run, as {words(row, 'run_as')} on {host}{by}{_how_long(row)}: {line}"


def _how_long(row: Row) -> str:
    """Return the end of the summary's sentence. If the request is for more than one run, the text tells for how long and how
    often the command may run. If the requester asked for a later start, the text also tells when this start is.
    """
    lasts_for, uses = row.get("lasts_for"), row.get("uses")
    begins = f", from {told(row['starts_at'])} on" if row.get("starts_at") else ""
    if row.get("gives"):
        return (f", for at most {in_words(lasts_for)}" if isinstance(lasts_for, int) else "") + begins
    if not isinstance(lasts_for, int) and not isinstance(uses, int):
        return begins
    often = f"{uses} times" if isinstance(uses, int) else "as often as they want"
    return f", {often}{f' within {in_words(lasts_for)}' if isinstance(lasts_for, int) else ''}{begins}"


def amounts_to(row: Row) -> Iterator[Line]:
    """Yield the lines about powers that the command gives although its command line does not name them, such as a root shell.
    Yield nothing if the viewer may not see the arguments of the command.
    """
    if row.get("narrowed"):
        return
    if row.get("grade") == "gives":
        yield "amounts to", GIVES.format(words(row, "run_as").upper())
    for found in members(row, "findings"):
        if isinstance(found, dict) and found.get("path"):
            yield "at stake", f"{words(found, 'path')}: {words(found, 'matters')}"
        elif isinstance(found, dict):
            yield "amounts to", f"{words(found, 'what')}, as {words(row, 'run_as')}"
