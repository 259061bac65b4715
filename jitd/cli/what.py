# SPDX-License-Identifier: Apache-2.0
"""Lines on a request's page about the requested command, thing or login, and about the terms.

Law: nothing is shortened. A value may be uncertain, hidden from the viewer, or able to change before the run. In each of these
cases, the line about the value says so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jitd.cli.answer import command_line, command_of, n_bytes, quoted
from jitd.cli.asked_time import begins_and_extends, in_other_words, in_uses, within
from jitd.cli.instants import in_words
from jitd.cli.labels import Labelled, counted
from jitd.cli.scripts import scripts
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import (
    NOT_SAID,
    NOT_SHOWN,
    UNKNOWN,
    Doubted,
    Earlier,
    Edit,
    Edits,
    Login,
    NewFile,
    Program,
    Removal,
    Request,
    Terms,
    Things,
)
from jitpam.wire.shown import shown, shown_argument, shown_of_argument, unshown

FEW = 8  # arguments of a short command. With more, or with one longer than LONG, each has a line of its own
LONG = 200  # maximum number of characters in each argument of a short command
MOST_TWICE = 4096  # characters of a command line that stands above its arguments, too

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


def what_happens(row: Request) -> Iterator[Labelled]:
    """Yield the lines about the command, the things, or the session that the request is for."""
    match row.what:
        case Things(names=names):
            yield from _things(row, names)
        case Doubted(because=because):
            yield from _in_doubt(row, because)
        case Login():
            yield from _login(row)
        case Edit() | Edits() | NewFile() | Removal() as file:
            yield "", ""
            yield f"WHAT WOULD BE {'REMOVED' if isinstance(file, Removal) else 'WRITTEN'}", ""
            yield from written(row, file)
            yield "as", f"{row.run_as or UNKNOWN}, group {row.run_as_group or UNKNOWN}, on {row.host}; nothing is executed"
            yield from scripts(row, is_whole=True)
        case Program():
            yield from _known_command(row)
    yield "asked for", asked_for(row)


def _things(row: Request, names: Sequence[str]) -> Iterator[Labelled]:
    """What they allow, when jitd takes them back, and which effects jitd cannot undo."""
    yield "", ""
    yield "WHAT WOULD BE GIVEN", ""
    for thing in names:
        yield "thing", thing
        yield from (("lets them", sentence) for sentence in lets(row, thing))
    if row.brought:
        yield "for the key", row.brought
    yield "to", f"{without_realm(row.requester, row.realm)}, on {row.host}, by {row.service}"
    stays = "when the time of the grant is over" if row.stays else "when their command ends, or the time of the grant is over"
    yield "taken back", stays
    yield "not seen", "jitd does not see what they do with it"
    if any(thing.startswith("service-ticket:") for thing in names):
        yield "not undone", "a ticket can be copied; it is good until its end, and a connection that it has opened goes on"
    else:
        yield "not undone", "what they have done and begun by then stays: files, processes, copies"


def lets(row: Request, thing: str) -> Iterator[str]:
    """Yield sentences about what ``thing`` lets its holder do."""
    kind, _, name = thing.partition(":")
    for sentence in row.lets:
        if sentence.startswith(f"{thing}: ") or sentence == NOT_SAID:
            yield sentence.removeprefix(f"{thing}: ")
    if kind == "service-ticket":
        yield f"get tickets for {name} from the KDC, and so use that service as {without_realm(row.requester, row.realm)}"


def is_anothers(row: Request) -> bool:
    """True if a program such as sudo or sshd, and not jitsudo, runs the command or opens the session."""
    return row.service != "jitsudo"


def written(row: Request, file: Edit | Edits | NewFile | Removal) -> Iterator[Labelled]:
    """Yield the lines about the file that gets a text or is removed, or the files."""
    label = "REMOVES" if isinstance(file, Removal) else "makes" if isinstance(file, NewFile) else "edits"
    if row.narrowed:
        yield label, command_of(row)
        return
    if not isinstance(file, Edits):
        yield label, quoted((*row.argv, UNKNOWN, UNKNOWN)[1])
    match file:
        case Edits(files=files):
            yield label, f"{len(files)} files: all of them, or none"
            if row.undoes:
                yield "undoes", f"{row.undoes}, and nothing that was written since: each file gets the text that it had before"
            for number, (path, one) in enumerate(files, 1):
                yield f"file {number}", f"{quoted(path)}, which keeps its owner {one.owner} and its mode {one.mode}"
                if one.changed:
                    yield "CHANGED", "by somebody after its text was read for this edit: it may take out what they have written"
                if one.mounted:
                    yield "mounted", f"the file itself, in {one.mounted}, which keeps the old text until it is started again"
                if one.covered:
                    yield "UNCOVERS", _uncovered(one.covered)
        case NewFile():
            yield "", f"a new file, with the owner {file.owner} and the mode {file.mode}, where nothing may be by then"
            if file.undoes:
                yield "undoes", f"{file.undoes}, which has removed this file: it gets the text that it had before"
        case Removal():
            yield "", f"this file, with the owner {file.owner} and the mode {file.mode}, and nothing takes its place"
            yield "undoes", f"{file.undoes}, which has made this file"
            if file.mounted:
                yield "mounted", f"the file itself, in {file.mounted}, which keeps it until it is started again"
            if file.covered:
                yield "UNCOVERS", _uncovered(file.covered)
            yield "checked", "by nothing: there is no text to check"
        case Edit():
            yield "", f"which keeps its owner {file.owner} and its mode {file.mode}"
            if file.changed:
                yield "CHANGED", "by somebody after its text was read for this edit: it may take out what they have written"
            if file.undoes:
                undone = f"{file.undoes}, and nothing that was written since: the file gets the text that it had before"
                yield "undoes", undone
            if file.mounted:
                yield "mounted", f"the file itself, in {file.mounted}, which keeps the old text until it is started again"
            if file.covered:
                yield "UNCOVERS", _uncovered(file.covered)
    if row.terms:
        yield from (("checked", f"before it is written, by {command_line(one)}") for one in row.terms.checks)


def _uncovered(processes: str) -> str:
    return f"the file in {processes}: what is mounted over it there is taken off"


def _in_doubt(row: Request, because: str) -> Iterator[Labelled]:
    """About a command line that only the program that gets it, such as sudo, can interpret with certainty."""
    yield "", ""
    yield "WHAT WOULD RUN: not known for certain", ""
    yield "typed", command_of(row) or UNKNOWN
    yield "in doubt", because
    yield "as", "not known for certain: take it for root"
    yield "on", f"{row.host}, by {row.service}"
    yield "in", directory(row)


def _login(row: Request) -> Iterator[Labelled]:
    yield "", ""
    yield "WHAT WOULD HAPPEN", ""
    yield "login", f"a session of {row.run_as}, in which any command of that account may be run"
    yield "on", f"{row.host}, by {row.service}"


def _known_command(row: Request) -> Iterator[Labelled]:
    yield "", ""
    yield "WHAT WOULD RUN", ""
    line = command_of(row) or UNKNOWN
    is_apart = not row.narrowed and len(line) > MOST_TWICE and _are_apart(row.argv)
    yield "command", f"{quoted(row.argv[0])}, with the arguments below, each of them whole" if is_apart else line
    if not row.narrowed:
        yield from _arguments(row.argv)
    yield from file(row)
    yield "as", f"{row.run_as or UNKNOWN}, group {row.run_as_group or UNKNOWN}"
    yield from outlives(row)
    yield "on", f"{row.host}, by {row.service}"
    yield from held(row)
    yield "in", directory(row)
    yield from operands(row)
    yield from scripts(row, is_whole=True)
    if row.narrowed and row.variables:
        yield "variables", NOT_SHOWN
    else:
        yield from pairs("variable", row.variables, "none beside the usual ones")
    if row.locale or not is_anothers(row):
        yield from pairs("locale", row.locale, "none")
    if not is_anothers(row):
        yield from streams(row)


def outlives(row: Request) -> Iterator[Labelled]:
    """Yield what of a group other than the account's own does not end with the run."""
    group, is_of_root = row.run_as_group, row.run_as_uid == 0 and row.tells("run_as_uid")
    if group in ("", row.run_as) or is_of_root or isinstance(row.what, Things | Doubted | Login):
        return
    if is_anothers(row):
        yield "stays", f"{row.service} gives group {group}: jitd does not end what has it"
    else:
        yield "stays", "not ended with the run: files it makes, connections it hands on, daemons"


def _are_apart(argv: Sequence[str]) -> bool:
    return len(argv) > FEW or any(len(argument) > LONG for argument in argv)


def _arguments(argv: Sequence[str]) -> Iterator[Labelled]:
    """Their number and size. Unless the command is short (see FEW), also each argument, with its lines if it has several."""
    size = sum(n_bytes(argument) for argument in argv)
    yield "size", f"{counted(len(argv), 'argument')}, {counted(size, 'byte')}, the command's name included"
    if _are_apart(argv):
        for at, argument in enumerate(argv):
            yield f"argument {at}", f"{quoted(argument)}  ({counted(n_bytes(argument), 'byte')})"
    for at, argument in enumerate(argv):
        yield from script(at, argument)


def script(at: int, argument: str) -> Iterator[Labelled]:
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


def command_without_scripts(row: Request) -> str:
    """Return the command on one line, with ``<argument 2, 5 lines>`` for an argument of several. No real one looks so: with
    spaces, it is in quotes.
    """
    return " ".join(
        f"<argument {at}, {len(lines)} lines>" if len(lines := _lines(word)) > 1 else quoted(word)
        for at, word in enumerate(row.argv)
    )


def script_lines(argument: str) -> list[str]:
    """Split an argument into lines. Return each line in the form in which a row contains texts (``shown``)."""
    return [shown(line) for line in _lines(argument)]


def _lines(argument: str) -> list[bytes]:
    try:
        return unshown(argument).split(b"\n")
    except ValueError:  # ``shown`` did not make this text
        return [argument.encode("utf-8", "surrogateescape")]


def file(row: Request) -> Iterator[Labelled]:
    """Yield the lines about the file that is executed."""
    yield "file", quoted(row.path or UNKNOWN)
    unknown = (
        "not shown: you cannot read the file, or no rule allowed jitd to read it"
        if row.mine or row.own
        else "unknown: no rule let the file be read"
    )
    yield "SHA-256", row.digest or unknown
    for one in row.interpreters:
        yield "run by", f"{quoted(one.path)}: {one.because}"
        yield "", f"SHA-256 {one.digest}" if one.digest else "NOT BOUND: the first line names it, and it can still be changed"


def held(row: Request) -> Iterator[Labelled]:
    """Yield the lines about what jitd cannot check, because a program other than jitsudo runs the command."""
    if is_anothers(row):
        yield (
            "held by",
            f"{row.service} alone: jitd cannot check that file and arguments are still these when it runs",
        )
        if row.writable:
            yield "not bound", f"{row.service} opens this by name: its content is not bound, nor what executes it"
    for option in row.options:
        yield "option", f"{option} of {row.service}, which changes what is run"


def operands(row: Request) -> Iterator[Labelled]:
    """Yield the lines about the files that arguments name. There is a line about a file only in two cases: other people can
    change the file, or the run is not bound to the file's content.
    """
    for operand in row.operands:
        yield "names", f"argument {operand.argument}, {quoted(operand.path)}: {operand.because}"
        loose = "not bound: it may be another file when the command opens it"
        loose = f"not told, as you cannot read it, or {loose}" if row.mine or row.own else loose
        yield "", f"SHA-256 {operand.digest or loose}"
        if operand.digest:
            yield "", "compared until the command starts, and not bound after that: they can still change it"


def streams(row: Request) -> Iterator[Labelled]:
    """Yield a line for each of the file descriptors 0 to 2. The line tells what the descriptor is connected to."""
    kinds = row.streams
    for at, name in enumerate(STREAMS):
        kind = kinds[at] if at < len(kinds) else ""
        yield name, f"{STREAMS[name]} is {SEEN.get(kind, kind) if kind else 'not known before the run'}"


def directory(row: Request) -> str:
    """Return a text about the working directory."""
    return quoted(row.cwd or UNKNOWN) + (f" (named, and entered as {row.run_as})" if row.chdir else "")


def taken_back(row: Request, terms: Terms) -> str:
    """Return a text about what ends if the run is stopped or its grant is revoked (ADR 0093)."""
    run_as, namespace = row.run_as, terms.namespace
    if namespace == "always" or (namespace == "auto" and run_as == row.account != "root"):
        return "all its processes at once, because it runs in a pid namespace of its own"
    if run_as == "root":
        return "all its processes; what it hands to systemd MAY LIVE"
    later = " that starts meanwhile" if namespace == "auto" else ""
    return f"all its processes; one that a user manager of {run_as}{later} moves away MAY LIVE"


def terms(row: Request) -> Iterator[Labelled]:
    """Yield the rule's terms for the run. While the request waits, they can only become stricter."""
    terms, what = row.terms, row.what
    if terms is None or isinstance(what, Things):  # a thing is given, and nothing runs
        return
    yield "", ""
    yield "ON WHAT TERMS", ""
    by = row.service
    if not is_anothers(row):
        yield "recorded", recorded(terms, row.streams)
        if terms.observed:
            yield "watched", "it runs only while somebody watches who may approve it: jitd approve ID --watch"
        limit = terms.timeout_for
        yield "time limit", f"ended after {in_words(limit)}" if limit is not None else "NONE but the end of its grant"
        if row.writes is not None:  # what its checks start ends with them
            done = "removed" if isinstance(what, Removal) else "written"
            yield "taken back", f"NOTHING: what is {done} stays {done}"
            return
        stays = "STAY, until the run is stopped or its grant is revoked"
        yield "left behind", f"processes that it leaves behind {stays if terms.leftovers == 'keep' else 'end with it'}"
        yield "taken back", taken_back(row, terms)
    elif not isinstance(what, Login):
        yield "recorded", f"NOT by jitd: {by} runs it"
        yield "time limit", f"NONE by jitd: {by} runs it"
        options = "ALLOWED, also those that jitd does not know" if terms.options else "refused"
        yield "options", f"options of {by} that change what is run are {options}"
    else:
        ends = "is ended" if terms.session == "end" else "GOES ON, until it is revoked"
        yield "time limit", f"when the time of its grant is over the session {ends}"
        return
    if terms.bound:
        yield "arguments", "those that name what others may change are refused"
    if not terms.writable:
        yield "files", "those that others may change are refused, or bound to their content"
    elif is_anothers(row):
        yield "files", f"those that OTHERS MAY CHANGE are allowed: {by} opens them by name, with the content that they then have"
    else:
        told = "the command's own and what executes it are bound, those that arguments name or that it reads are not"
        yield "files", f"those that OTHERS MAY CHANGE are allowed: {told}"


def recorded(terms: Terms, streams: Sequence[str]) -> str:
    """Return a text about the parts of a run that are recorded. ``streams`` contains the kinds of the run's file descriptors."""
    is_typed = streams[:1] == ("terminal",)
    what = {
        "none": "NOT",
        "terminal": "NOT: it has no terminal"
        if streams and "terminal" not in streams
        else "what it writes to a terminal, if it has one",
        "output": "all that it writes",
        "all": f"all that it writes, and {'keys that its terminal echoes' if is_typed else 'reads from its standard input'}",
    }.get(terms.record, terms.record)
    goes_on = terms.record_failure == "continue" and not what.startswith("NOT")
    return f"{what}; the run GOES ON if that cannot be recorded" if goes_on else what


def recorded_in_short(terms: Terms, streams: Sequence[str]) -> str:
    """Return a few words about what is recorded of a run. The parameters are those of ``recorded``."""
    text = {"terminal": "terminal recorded", "output": "output recorded", "all": "input and output recorded"}.get(terms.record)
    if text is None:
        return "NOT recorded"
    if terms.record == "terminal" and streams and "terminal" not in streams:
        return "NOT recorded: it has no terminal"
    return f"{text}, GOES ON if that fails" if terms.record_failure == "continue" else text


def asked_for(row: Request) -> str:
    """Return a text about how often and for how long the requester wants to run the command or use the thing."""
    noun = "use" if is_anothers(row) or row.gives else "run"
    text = in_numbers(row, noun)
    if row.gives:
        time = within(row.lasts_for)
        text = ", ".join((time if row.lasts_for is None else f"at most {time}", *in_other_words(row)))
    text += begins_and_extends(row)
    return text if row.waits else f"{text}; the requester does not wait, and comes back to {noun} it"


def in_numbers(of: Request | Earlier, noun: str) -> str:
    """Return a text about the numbers that ``of`` asks for. ``noun`` is what is counted: ``run`` or ``use``."""
    if of.lasts_for is None:
        text = f"one {noun}" if of.uses is None else f"{in_uses(of.uses, noun)} within the time the rule gives"
    else:
        of_uses, time = in_uses(of.uses, noun), within(of.lasts_for)
        text = f"A LEASE: {of_uses}, for {time}" if of.uses is None else f"A LEASE: {of_uses} within {time}"
    return ", ".join((text, *in_other_words(of)))


def pairs(label: str, found: Sequence[tuple[str, str]], none: str) -> Iterator[Labelled]:
    """Yield a line for each pair. A pair is a name and a value. If there are no pairs, yield one line with the text ``none``."""
    yield from ((label, f"{name}={quoted(value)}") for name, value in found)
    if not found:
        yield f"{label}s" if label == "variable" else label, none
