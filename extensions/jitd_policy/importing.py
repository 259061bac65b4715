# SPDX-License-Identifier: Apache-2.0
"""Reads what sudo permits, and makes a text of rules of it.

Law: sudo's own program parses sudoers. A text with a fault is refused as a whole.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from jitd import extensions
from jitd.cli.answer import answer
from jitd.cli.call import NotDone
from jitd.core.wording import count
from jitd.hosts.findings import Place
from jitd_inspection.standing.scene import tool
from jitd_inspection.standing.sudo_ldif import CONVERT, EXPAND, Rule, rules_of, settings_of
from jitd_policy import agreement, export, lines, robots
from jitd_policy.reasons import Reason
from jitd_policy.sudoers import Carried, Wishes, bound_settings, printable, translate
from jitd_policy.trying import Trial

SUDOERS = Path("/etc/sudoers")
SUDO = "/usr/bin/sudo"
WITHIN = 60.0  # seconds for cvtsudoers


class CannotAsk(Exception):
    """sudo cannot be asked. The text is a sentence without a full stop."""


@dataclass(frozen=True, slots=True)
class Imported:
    """The rules and a table as texts, and sentences about them. The table is empty if it would have no case."""

    rules: str
    table: str
    summary: Sequence[str]
    n_unchecked: int


LIMIT = re.compile(r"(?:TIMEOUT|NOTBEFORE|NOTAFTER)=")
_DEFAULTS = re.compile(r"Defaults[\s:@>!]")


def imported(file: Path | None, wishes: Wishes, *, is_ldif: bool, is_checked: bool) -> Imported:
    """Import the sudoers of this host, or ``file``. Raises NotDone."""
    source = file or SUDOERS
    read = _exported(source) if is_ldif else _of_sudoers(source)
    if not read.entries:
        raise NotDone(f"{source} permits nothing to anybody: nothing was imported")
    found = translate(read.entries, read.settings, read.bound, wishes, extensions.grader(), read.places)
    trials: tuple[Trial, ...] = ()
    own = robots.settings()
    if is_checked:
        try:
            trials = agreement.check(found, wishes, own, ask_sudo)
        except CannotAsk as fault:
            raise NotDone(f"{fault}: nothing was imported") from None
    else:
        agreement.policy_of(found, wishes)
        for one in found:
            one.unchecked = "sudo was not asked whether it permits this"
    kept = [one for one in found if not one.because]
    n_robots = robots.add_notes(kept, own)
    head = [f"# Rules made of {source} by jitd policy import. Read them before you put them into policy.d."]
    settings = [*read.settings, *(f"Defaults{sign}{words}" for sign, words in read.bound)]
    head += [f"# Settings of sudo are not carried over: {', '.join(settings)}"] if settings else []
    head += [f"# cvtsudoers ignores {one}" for one in read.ignored]
    rest = [line for one in found if one.because for line in (f"#   {_at(one)}{one.line}", f"#     {one.because}")]
    head += ["#", "# Not carried over:", *rest] if rest else []
    rules = "\n".join((*map(printable, head), "", agreement.document(found, wishes)))
    summary = [f"{count(len(found), 'line')} of sudo: {count(len(kept), 'rule')}, {len(found) - len(kept)} not carried over"]
    summary[0] += f"; {count(n_robots, 'rule')} for system accounts: see the comment" if n_robots else ""
    summary += [f"cvtsudoers ignores {one}" for one in read.ignored]
    summary += [*_reasons(found), *_unknown(kept)]
    for sign, words in read.bound:
        if words.endswith(" !authenticate"):
            summary.append(
                f"Defaults{sign}{words} is not carried over: write NOPASSWD before what needs no approval, and import that"
            )
    return Imported(rules, agreement.table(trials), summary, sum(bool(one.unchecked) for one in kept))


def _at(one: Carried) -> str:
    return f"{one.place}: " if one.place else ""


def _reasons(found: Sequence[Carried]) -> Iterator[str]:
    """Yield a sentence for each reason why something is not carried over: how much, what to do, and where it stands."""
    for reason in Reason:
        whole = [one for one in found if one.because and one.because.reason is reason]
        parts = [one for one in found if not one.because and reason in {one.reason for one in one.left_out}]
        said = whole or parts
        if said and reason.do:
            told = f"{count(len(said), 'line')} {'is' if len(said) == 1 else 'are'}"
            told += " not carried over" if whole else " carried over only in part"
            told += f", and {len(parts)} in part" if whole and parts else ""
            where = lines.told([one.place for one in (*whole, *parts) if one.place])
            yield f"{told}: {reason.why}: {reason.do}{f' ({where})' if where else ''}"


def _unknown(kept: Sequence[Carried]) -> Iterator[str]:
    """Yield a sentence about programs that root runs without an approval, as sudo lets it do, and that jitd does not know."""
    if unknown := [one for one in kept if one.is_unknown]:
        where = lines.told([one.place for one in unknown if one.place])
        told = f"{count(len(unknown), 'rule')} let{'s' * (len(unknown) == 1)} root run programs without an approval"
        yield f"{told} that jitd does not know: read these programs{f' ({where})' if where else ''}"


@dataclass(frozen=True, slots=True)
class _Read:
    """What cvtsudoers says of a source. ``places`` has where entries stand, and ``ignored`` what it does not read."""

    entries: Sequence[Rule]
    settings: Sequence[str]
    bound: Sequence[tuple[str, str]] = ()
    places: Mapping[int, Place] = field(default_factory=dict)
    ignored: Sequence[str] = ()


def _of_sudoers(file: Path) -> _Read:
    if not os.access(file, os.R_OK):
        raise NotDone(f"{file} cannot be read; nothing was imported")
    done = _run((*CONVERT, str(file)))
    if done.returncode or done.stderr:
        raise _faulty(done, file)
    expanded = _run((*EXPAND, str(file)))
    if expanded.returncode or expanded.stderr:
        raise _faulty(expanded, file)
    if lost := limited_apart(expanded.stdout.decode("utf-8", "surrogateescape")):
        for line in lost:
            answer(f"{file}: {printable(line)}")
        told = "cvtsudoers loses TIMEOUT, NOTBEFORE and NOTAFTER of a command that stands behind another one"
        raise NotDone(f"{told}: give each of these commands a line of its own; nothing was imported")
    entries = list(rules_of(done.stdout))
    text = done.stdout.decode("utf-8", "surrogateescape")
    return _Read(entries, settings_of(done.stdout), bound_settings(text), lines.places_of(file, entries, _converted))


def limited_apart(sudoers: str) -> list[str]:
    """Return the lines of ``sudoers``, as cvtsudoers writes them, in which another command than the first has a limit of time.
    What is escaped separates nothing, and begins no limit.
    """
    found = []
    for line in sudoers.replace("\\\n", " ").split("\n"):
        bare = re.sub(r"\([^)]*\)", "", re.sub(r"\\.", "", line))
        lists = () if _DEFAULTS.match(line) else (part.partition(" = ")[2] for part in bare.split(" : "))
        if any(LIMIT.search(command) for one in lists for command in one.split(",")[1:]):
            found.append(line)
    return found


def _exported(file: Path) -> _Read:
    try:
        content = sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise NotDone(f"{file} cannot be read: {error.strerror}; nothing was imported") from None
    entries, faults = export.read(content.decode("utf-8", "surrogateescape"))
    if faults:
        raise _refused(file, faults)
    done = _run((*CONVERT, "-i", "ldif"), export.marked(entries).encode("utf-8", "surrogateescape"))
    said = [line for line in done.stderr.split(b"\n") if line and b": ignoring incomplete sudoRole: " not in line]  # named below
    if done.returncode or said:
        raise _faulty(done, file)
    found, faults = export.taken(entries, list(rules_of(done.stdout)), settings_of(done.stdout))
    if faults:
        raise _refused(file, faults)
    return _Read(
        found.entries, found.settings, (), {n: Place(str(file), line) for n, line in enumerate(found.lines, 1)}, found.ignored
    )


def _refused(file: Path, faults: Sequence[tuple[int, str]]) -> NotDone:
    for line, sentence in faults:
        answer(f"{file}:{line}: {sentence}")
    return NotDone(f"{count(len(faults), 'fault')}: nothing was imported")


def _faulty(done: subprocess.CompletedProcess[bytes], file: Path) -> NotDone:
    for line in filter(None, done.stderr.decode("utf-8", "replace").split("\n")):
        answer(line)
    return NotDone(f"sudo's own program finds a fault in {file}: nothing was imported")


def _converted(sudoers: bytes) -> bytes | None:
    done = _run(CONVERT, sudoers)
    return done.stdout if done.returncode == 0 else None


def _run(words: Sequence[str], text: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(words, input=text, capture_output=True, env={"LC_ALL": "C"}, timeout=WITHIN, check=False)
    except (OSError, subprocess.TimeoutExpired) as fault:
        raise NotDone(f"{CONVERT[0]}, which reads sudoers, cannot be run: {fault}; nothing was imported") from None


def ask_sudo(user: str, run_as: str, argv: tuple[str, ...]) -> bool:
    """True if sudo lets ``user`` run ``argv`` as ``run_as``, on this host. Raises CannotAsk."""
    said = tool((SUDO, "-n", "-l", "-U", user, "-u", run_as, "--", *argv))
    if said is None:
        raise CannotAsk(f"{SUDO} cannot be asked, or does not answer in time")
    return said[0] == 0
