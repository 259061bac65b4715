# SPDX-License-Identifier: Apache-2.0
"""Lines on a request's page about the requested command, thing or login, and about the terms.

Law: nothing is shortened. A value may be uncertain, hidden from the viewer, or able to change before the run. In each of these
cases, the line about the value says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from jitd.cli.answer import NOT_SHOWN, Row, command_line, command_of, n_bytes, quoted, words
from jitd.cli.asked_time import begins_and_extends, in_other_words
from jitd.cli.instants import in_words
from jitd.cli.labels import Line, counted, members
from jitd.cli.principals import spelled
from jitd.cli.scripts import scripts
from jitpam.wire.shown import shown, shown_argument, shown_of_argument, unshown

FEW = 8  # arguments of a short command. With more, or with one longer than LONG, each has a line of its own
LONG = 200  # maximum number of characters in each argument of a short command

SEEN = {
    "terminal": "a terminal",
    "pipe": "a pipe you cannot see",
    "file": "a file you cannot see",
    "socket": "a socket you cannot see",
    "device": "a device you cannot see",
    "null": "/dev/null: nothing",
    "closed": "closed: nothing",
}
STREAMS = {"stdin": "standard input", "stdout": "standard output", "stderr": "standard error"}


def what_happens(row: Row) -> Iterator[Line]:
    """Yield the lines about the command, the things, or the session that the request is for."""
    if row.get("gives"):
        yield from _things(row)
    elif row.get("doubt"):
        yield from _in_doubt(row)
    elif is_login(row):
        yield from _login(row)
    elif row.get("edit"):
        yield "", ""
        yield "WHAT WOULD BE WRITTEN", ""
        yield from edited(row)
        yield "as", f"{words(row, 'run_as')}, group {words(row, 'run_as_group')}, on {words(row, 'host')}; nothing is executed"
        yield from scripts(row, is_whole=True)
    else:
        yield from _known_command(row)
    yield "asked for", asked_for(row)


def _things(row: Row) -> Iterator[Line]:
    """What they allow, when jitd takes them back, and which effects jitd cannot undo."""
    yield "", ""
    yield "WHAT WOULD BE GIVEN", ""
    for thing in members(row, "gives"):
        yield "thing", str(thing)
        yield from (("lets them", sentence) for sentence in lets(row, str(thing)))
    if words(row, "brought"):
        yield "for the key", words(row, "brought")
    yield "to", f"{spelled(row)}, on {words(row, 'host')}, by {words(row, 'service')}"
    stays = (
        "when the time of the grant is over" if row.get("stays") else "when their command ends, or the time of the grant is over"
    )
    yield "taken back", stays
    yield "not seen", "jitd does not see what they do with it"
    if any(str(thing).startswith("service-ticket:") for thing in members(row, "gives")):
        yield "not undone", "a ticket can be copied; it is good until its end, and a connection that it has opened goes on"
    else:
        yield "not undone", "what they have done and begun by then stays: files, processes, copies"


def lets(row: Row, thing: str) -> Iterator[str]:
    """Yield sentences about what ``thing`` lets its holder do."""
    kind, _, name = thing.partition(":")
    for sentence in (str(sentence) for sentence in members(row, "lets")):
        if sentence.startswith(f"{thing}: "):
            yield sentence.removeprefix(f"{thing}: ")
    if kind == "service-ticket":
        yield f"get tickets for {name} from the KDC, and so use that service as {spelled(row)}"


def is_anothers(row: Row) -> bool:
    """True if a program such as sudo or sshd, and not jitsudo, runs the command or opens the session."""
    return words(row, "service") != "jitsudo"


def is_login(row: Row) -> bool:
    """True if the request is for a session without a command."""
    return not row.get("path") and is_anothers(row)


def edited(row: Row) -> Iterator[Line]:
    """Yield the lines about the file that an edit is for."""
    kept = row["edit"] if isinstance(row.get("edit"), dict) else {}
    if row.get("narrowed"):
        yield "edits", command_of(row)
        return
    yield "edits", quoted(str([*members(row, "argv"), "-"][1]))
    yield "", f"which keeps its owner {words(kept, 'owner')} and its mode {words(kept, 'mode')}"
    terms = row["terms"] if isinstance(row.get("terms"), dict) else {}
    yield from (("checked", f"before it is written, by {command_line(one)}") for one in members(terms, "checks"))


def _in_doubt(row: Row) -> Iterator[Line]:
    """About a command line that only the program that gets it, such as sudo, can interpret with certainty."""
    yield "", ""
    yield "WHAT WOULD RUN: not known for certain", ""
    yield "typed", command_of(row)
    yield "in doubt", words(row, "doubt")
    yield "as", "not known for certain: take it for root"
    yield "on", f"{words(row, 'host')}, by {words(row, 'service')}"
    yield "in", directory(row)


def _login(row: Row) -> Iterator[Line]:
    """Yield the lines for a login. The rules of jitd do not apply to the commands in the session."""
    yield "", ""
    yield "WHAT WOULD HAPPEN", ""
    yield "login", f"a session of {words(row, 'run_as')}, in which any command of that account may be run"
    yield "on", f"{words(row, 'host')}, by {words(row, 'service')}"


def _known_command(row: Row) -> Iterator[Line]:
    yield "", ""
    yield "WHAT WOULD RUN", ""
    yield "command", command_of(row)
    if not row.get("narrowed"):
        yield from _arguments([str(argument) for argument in members(row, "argv")])
    yield from file(row)
    yield "as", f"{words(row, 'run_as')}, group {words(row, 'run_as_group')}"
    yield from outlives(row)
    yield "on", f"{words(row, 'host')}, by {words(row, 'service')}"
    yield from held(row)
    yield "in", directory(row)
    yield from operands(row)
    yield from scripts(row, is_whole=True)
    if row.get("narrowed") and row.get("variables"):
        yield "variables", NOT_SHOWN
    else:
        yield from pairs("variable", members(row, "variables"), "none beside the usual ones")
    if is_anothers(row):
        return
    yield from pairs("locale", members(row, "locale"), "none")
    yield from streams(row)


def outlives(row: Row) -> Iterator[Line]:
    """If the command has another group than its account's own, yield a line that says what of the group does not
    end with the run.
    """
    account, group = words(row, "run_as"), words(row, "run_as_group", "")
    if group in ("", account) or row.get("run_as_uid", 0) == 0 or row.get("gives") or row.get("doubt") or is_login(row):
        return
    if is_anothers(row):
        yield "stays", f"{words(row, 'service')} gives group {group}: jitd does not end what has it"
    else:
        yield "stays", "not ended with the run: files it makes, connections it hands on, daemons"


def _arguments(argv: list[str]) -> Iterator[Line]:
    """Their number and size. Unless the command is short (see FEW), also each argument, with its lines if it has several."""
    size = sum(n_bytes(argument) for argument in argv)
    yield "size", f"{counted(len(argv), 'argument')}, {counted(size, 'byte')}, the command's name included"
    if len(argv) > FEW or any(len(argument) > LONG for argument in argv):
        for at, argument in enumerate(argv):
            yield f"argument {at}", f"{quoted(argument)}  ({counted(n_bytes(argument), 'byte')})"
    for at, argument in enumerate(argv):
        yield from script(at, argument)


def script(at: int, argument: str) -> Iterator[Line]:
    """``argument`` is argument number ``at``. If the argument has several lines, it may be a script: yield each line with its
    number as the label. A line is put in quotes if its end would otherwise be invisible.
    """
    lines = _lines(argument)
    if len(lines) > 1:
        yield "script", f"argument {at}, {len(lines)} lines:"
        for number, line in enumerate(lines, 1):
            text = shown_of_argument(line)
            is_seen = text and not text.endswith(" ") and not text.startswith("'")
            yield f"{number:>8}", text if is_seen else shown_argument(line)


def command_without_scripts(row: Row) -> str:
    """Return the command with its arguments on one line. An argument with several lines is replaced by a text such as
    ``<argument 2, 5 lines>``. A real argument never looks like this text, because the text contains spaces, and an argument with
    a space is always in quotes.
    """
    argv = [str(argument) for argument in members(row, "argv")]
    return " ".join(
        f"<argument {at}, {len(lines)} lines>" if len(lines := _lines(word)) > 1 else quoted(word) for at, word in enumerate(argv)
    )


def script_lines(argument: str) -> list[str]:
    """Split an argument into lines. Return each line in the form in which a row contains texts (``shown``)."""
    return [shown(line) for line in _lines(argument)]


def _lines(argument: str) -> list[bytes]:
    try:
        return unshown(argument).split(b"\n")
    except ValueError:  # ``shown`` did not make this text
        return [argument.encode("utf-8", "surrogateescape")]


def file(row: Row) -> Iterator[Line]:
    """Yield the lines about the file that is executed."""
    yield "file", quoted(words(row, "path"))
    unknown = (
        "not shown: you cannot read the file, or no rule allowed jitd to read it"
        if row.get("mine") or row.get("own")
        else "unknown: no rule let the file be read"
    )
    yield "SHA-256", words(row, "digest", unknown)
    for one in members(row, "interpreters"):
        if isinstance(one, dict):
            yield "run by", f"{quoted(words(one, 'path'))}: {words(one, 'because')}"
            digest = words(one, "digest", "")
            yield "", f"SHA-256 {digest}" if digest else "NOT BOUND: the first line names it, and it can still be changed"


def held(row: Row) -> Iterator[Line]:
    """Yield the lines about the parts of the request that jitd cannot check, because a program other than jitsudo runs the
    command.
    """
    if is_anothers(row):
        yield (
            "held by",
            f"{words(row, 'service')} alone: jitd cannot check that file and arguments are still these when it runs",
        )
        if row.get("writable"):
            yield "not bound", f"{words(row, 'service')} opens this by name: its content is not bound, nor what executes it"
    for option in members(row, "options"):
        yield "option", f"{option} of {words(row, 'service')}, which changes what is run"


def operands(row: Row) -> Iterator[Line]:
    """Yield the lines about the files that arguments name. There is a line about a file only in two cases: other people can
    change the file, or the run is not bound to the file's content.
    """
    for operand in members(row, "operands"):
        if isinstance(operand, dict):
            yield "names", f"argument {words(operand, 'argument')}, {quoted(words(operand, 'path'))}: {words(operand, 'because')}"
            loose = "not bound: it may be another file when the command opens it"
            loose = f"not told, as you cannot read it, or {loose}" if row.get("mine") or row.get("own") else loose
            yield "", f"SHA-256 {words(operand, 'digest', loose)}"
            if operand.get("digest"):
                yield "", "compared until the command starts, and not bound after that: they can still change it"


def streams(row: Row) -> Iterator[Line]:
    """Yield a line for each of the file descriptors 0 to 2. The line tells what the descriptor is connected to."""
    kinds = members(row, "streams")
    for at, name in enumerate(STREAMS):
        kind = str(kinds[at]) if at < len(kinds) else ""
        yield name, f"{STREAMS[name]} is {SEEN.get(kind, kind) if kind else 'not known before the run'}"


def directory(row: Row) -> str:
    """Return a text about the working directory."""
    return quoted(words(row, "cwd")) + (f" (named, and entered as {words(row, 'run_as')})" if row.get("chdir") else "")


def taken_back(row: Row, terms: Row) -> str:
    """Return a text about what ends if the run is stopped or its grant is revoked (ADR 0093)."""
    run_as, namespace = words(row, "run_as"), terms.get("namespace")
    if namespace == "always" or (namespace == "auto" and run_as == words(row, "account") != "root"):
        return "all its processes at once, because it runs in a pid namespace of its own"
    if run_as == "root":
        return "all its processes; what it hands to systemd MAY LIVE"
    later = " that starts meanwhile" if namespace == "auto" else ""
    return f"all its processes; one that a user manager of {run_as}{later} moves away MAY LIVE"


def terms(row: Row) -> Iterator[Line]:
    """Yield the lines about the terms that the rule sets for the run. While the request waits, the terms can become stricter,
    and never weaker.
    """
    terms = row.get("terms")
    if not isinstance(terms, dict) or row.get("gives"):  # a thing is given, and nothing runs
        return
    yield "", ""
    yield "ON WHAT TERMS", ""
    by = words(row, "service")
    if not is_anothers(row):
        yield "recorded", recorded(terms, [str(kind) for kind in members(row, "streams")])
        if terms.get("observed"):
            yield "watched", "it runs only while somebody watches who may approve it: jitd approve ID --watch"
        limit = terms.get("timeout_for")
        yield "time limit", f"ended after {in_words(limit)}" if isinstance(limit, int) else "NONE but the end of its grant"
        if row.get("edit"):  # what its checks start ends with them
            yield "taken back", "NOTHING: what is written stays written"
            return
        stays = "STAY, until the run is stopped or its grant is revoked"
        yield "left behind", f"processes that it leaves behind {stays if terms.get('leftovers') == 'keep' else 'end with it'}"
        yield "taken back", taken_back(row, terms)
    elif row.get("path") or row.get("doubt"):
        yield "recorded", f"NOT by jitd: {by} runs it"
        yield "time limit", f"NONE by jitd: {by} runs it"
        options = "ALLOWED, also those that jitd does not know" if terms.get("options") else "refused"
        yield "options", f"options of {by} that change what is run are {options}"
    else:
        ends = "is ended" if terms.get("session") == "end" else "GOES ON, until it is revoked"
        yield "time limit", f"when the time of its grant is over the session {ends}"
        return
    if terms.get("bound"):
        yield "arguments", "those that name what others may change are refused"
    if not terms.get("writable"):
        yield "files", "those that others may change are refused, or bound to their content"
    elif is_anothers(row):
        yield "files", f"those that OTHERS MAY CHANGE are allowed: {by} opens them by name, with the content that they then have"
    else:
        told = "the command's own and what executes it are bound, those that arguments name or that it reads are not"
        yield "files", f"those that OTHERS MAY CHANGE are allowed: {told}"


def recorded(terms: Row, streams: list[str]) -> str:
    """Return a text about the parts of a run that are recorded. ``streams`` contains the kinds of the run's file descriptors."""
    is_typed = streams[:1] == ["terminal"]
    what = {
        "none": "NOT",
        "terminal": "NOT: it has no terminal"
        if streams and "terminal" not in streams
        else "what it writes to a terminal, if it has one",
        "output": "all that it writes",
        "all": f"all that it writes, and {'keys that its terminal echoes' if is_typed else 'reads from its standard input'}",
    }.get(words(terms, "record"), words(terms, "record"))
    goes_on = terms.get("record_failure") == "continue" and not what.startswith("NOT")
    return f"{what}; the run GOES ON if that cannot be recorded" if goes_on else what


def recorded_in_short(terms: Row, streams: list[str]) -> str:
    """Return a few words about what is recorded of a run. The parameters are those of ``recorded``."""
    kind = words(terms, "record")
    if kind == "none":
        return "NOT recorded"
    if kind == "terminal" and streams and "terminal" not in streams:
        return "NOT recorded: it has no terminal"
    text = {"terminal": "terminal recorded", "output": "output recorded"}.get(kind, "input and output recorded")
    return f"{text}, GOES ON if that fails" if terms.get("record_failure") == "continue" else text


def asked_for(row: Row) -> str:
    """Return a text about how often and for how long the requester wants to run the command or use the thing."""
    lasts_for, uses = row.get("lasts_for"), row.get("uses")
    noun = "use" if is_anothers(row) or row.get("gives") else "run"
    if row.get("gives"):
        text = f"at most {in_words(lasts_for)}" if isinstance(lasts_for, int) else "the time that the rule gives"
    elif not isinstance(lasts_for, int):
        text = f"one {noun}" if not isinstance(uses, int) else f"{counted(uses, noun)} within the time the rule gives"
    elif not isinstance(uses, int):
        text = f"A LEASE: as many {noun}s as the rule allows, for {in_words(lasts_for)}"
    else:
        text = f"A LEASE: {counted(uses, noun)} within {in_words(lasts_for)}"
    text = ", ".join((text, *in_other_words(row))) + begins_and_extends(row)
    return text if row.get("waits", True) else f"{text}; the requester does not wait, and comes back to {noun} it"


def pairs(label: str, found: Iterable[Any], none: str) -> Iterator[Line]:
    """Yield a line for each pair. A pair is a name and a value. If there are no pairs, yield one line with the text ``none``."""
    is_none = True
    for pair in found:
        if isinstance(pair, list) and len(pair) == 2:
            yield label, f"{pair[0]}={quoted(str(pair[1]))}"
            is_none = False
    if is_none:
        yield f"{label}s" if label == "variable" else label, none
