# SPDX-License-Identifier: Apache-2.0
"""The beginning of a request's page, for somebody who is tired: one sentence, what it amounts to, and what is new.

Law: a summary says nothing that the page does not say in full below it. So it may shorten, and says by how much.
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
"""Cells that the command takes at most in the sentence."""
ROOT_SHELL = "A SHELL OF ROOT, or a way to one: all that root may do"
NOTHING_MORE = "what its words say; no more is known"


def summary(row: Row) -> Iterator[Line]:
    """Yield the lines of the summary."""
    yield "in short", sentence(row)
    yield from amounts_to(row)
    yield from comparison.new(row)


def sentence(row: Row) -> str:
    """Return who asks, what for, as whom and where: one sentence."""
    who, host = words(row, "account", words(row, "requester")), words(row, "host")
    if row.get("gives"):
        return f"{who} asks to be given {words(row, 'gives')} on {host}{_how_long(row)}"
    if row.get("doubt"):
        return f"{who} asks {words(row, 'service')} on {host} for something that is not known for certain: take it for root"
    if is_login(row):
        return f"{who} asks for a session of {words(row, 'run_as')} on {host}, by {words(row, 'service')}"
    by = "" if words(row, "service") == "jitsudo" else f", by {words(row, 'service')}"
    # The command stands last: no word of it can be taken for the account or the host.
    line = command_of(row) if row.get("narrowed") else command_without_scripts(row)
    line = cut_in_the_middle(line, WIDEST)
    return f"{who} asks to run, as {words(row, 'run_as')} on {host}{by}{_how_long(row)}: {line}"


def _how_long(row: Row) -> str:
    """Return the end of the sentence: how long and how often, if more than one run is asked for, and from when, if later."""
    lasts_for, uses = row.get("lasts_for"), row.get("uses")
    begins = f", from {told(row['starts_at'])} on" if row.get("starts_at") else ""
    if row.get("gives"):
        return (f", for at most {in_words(lasts_for)}" if isinstance(lasts_for, int) else "") + begins
    if not isinstance(lasts_for, int) and not isinstance(uses, int):
        return begins
    often = f"{uses} times" if isinstance(uses, int) else "as often as they want"
    return f", {often}{f' within {in_words(lasts_for)}' if isinstance(lasts_for, int) else ''}{begins}"


def amounts_to(row: Row) -> Iterator[Line]:
    """Yield the lines about what the command lets somebody do beyond its words; none if its words are not shown."""
    if row.get("narrowed"):
        return
    if row.get("root_shell"):
        yield "amounts to", ROOT_SHELL
    found = [str(sentence) for sentence in members(row, "consequences")]
    for sentence in found:
        yield "amounts to", f"{sentence}, as {words(row, 'run_as')}"
    for pair in members(row, "precious"):
        if isinstance(pair, list) and len(pair) == 2:
            yield "at stake", f"{pair[0]}: {pair[1]}"
    is_command = not (row.get("gives") or row.get("doubt") or is_login(row))
    if is_command and row.get("root_shell") is False and not found:
        yield "amounts to", NOTHING_MORE
