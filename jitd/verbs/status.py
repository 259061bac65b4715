# SPDX-License-Identifier: Apache-2.0
"""The verb ``status``: what the daemon knows of itself, in one line for each thing that it does.

Law: nothing is looked up, so the answer comes also while disks, directories or the KDC are silent. No line has a command, a
reason or the name of a person. What is wrong with the host is for ``jitd doctor``, which asks no daemon.
"""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from jitd.core.duration import duration_in_words
from jitd.core.rights import Act
from jitd.core.subject import Subject
from jitd.core.wording import count, listed
from jitd.store import LiveCounts
from jitd.verbs.access import Access
from jitd.verbs.rows import Row
from jitpam.wire.shown import shown

MOST = 3
"""Maximum number of faults or kinds of failures that one line names."""
MOST_THINGS = 10
"""Maximum number of things in trouble that have a line of their own."""
RECENT = 7 * 24 * 3600
"""Seconds for which it is told that a key was made because the one before could not be used."""
DIGITS = 12
"""The number of digits of the policy's digest that a line shows."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line: what it is ``about``, and what it ``says``. If not ``is_well``, somebody has to do something."""

    about: str
    says: str
    is_well: bool = True


class Status:
    """Answers the message ``status``. ``lines`` returns the lines of this moment."""

    def __init__(self, access: Access, lines: Callable[[], Iterable[Line]]) -> None:
        self._access = access
        self._lines = lines

    def rows(self, who: Subject) -> list[Row]:
        """Return one row for each line. Raises Refusal."""
        self._access.refuse(Act.READ_STATUS, who)
        return [{"about": line.about, "says": shown(line.says), "is_well": line.is_well} for line in self._lines()]


# --- the lines ---------------------------------------------------------------------------------------------------------


def daemon(version: str, host: str, pid: int, for_: float) -> Line:
    """Return the line about the process. ``for_`` is the number of seconds since it started, as in all functions below."""
    return Line("jitd", f"{version} on {host}, process {pid}, for {in_words(for_)}")


def own_key(missing: tuple[float, str] | None) -> Line:
    """Return the line about the key by which people authenticate. ``missing`` says since how many seconds there is none, and
    why.
    """
    if missing is None:
        return Line("keytab", "jitd has its key")
    since, why = missing
    return Line("keytab", f"nobody but root can authenticate, for {in_words(since)} by now: {why}; see also: jitd doctor", False)


def policy(n_rules: int, digest: str, for_: float, broken: str, refused: tuple[float, Sequence[str]] | None) -> Line:
    """Return the line about the policy. ``broken`` is not empty if no policy is in force. ``refused`` says since how many seconds
    the files have faults, and which ones. It is None if the policy is that of the files.
    """
    about = f"{count(n_rules, 'rule')} in force for {in_words(for_)} (SHA-256 {digest[:DIGITS]})"
    if refused is None:
        return Line("policy", about)
    since, faults = refused
    because = f"{_first(faults)}; correct the files, then: jitd reload"
    if broken:
        return Line("policy", f"none is in force for {in_words(since)}, and nothing is permitted but to root: {because}", False)
    return Line("policy", f"{about}; newer files were refused {in_words(since)} ago: {because}", False)


def lives(live: LiveCounts, things: Sequence[tuple[str, str]]) -> Iterator[Line]:
    """Yield the lines about all that has not ended. ``things`` are the things in trouble, each with an id and a sentence."""
    n_of = {table: sum(states.values()) for table, states in live.others.items()} | {"requests": sum(live.requests.values())}
    yield Line("requests", f"{n_of['requests'] or 'none'} to be decided")
    yield Line("runs", f"{count(n_of['runs'], 'command')}" if n_of["runs"] else "none")
    yield Line("grants", f"{n_of['grants']} may still be used" if n_of["grants"] else "none")
    yield Line("things", f"{n_of['holdings'] or 'none'} given")
    for id, why in things[:MOST_THINGS]:
        yield Line("things", f"{id}: {why}; who has it: jitd show {id.partition('.')[0]}", False)
    if len(things) > MOST_THINGS:
        yield Line("things", f"{len(things) - MOST_THINGS} more are in trouble: jitd grants", False)
    yield Line("locks", f"{n_of['locks'] or 'none'} in force")


def record(
    n_records: int, key: str, unsigned: tuple[float, str] | None, remade: tuple[float, str] | None, n_unrecorded: int
) -> Line:
    """Return the line about the record. ``key`` is the fingerprint of the key that signs it. ``unsigned`` says since how many
    seconds its head cannot be signed, and why. ``remade`` says how many seconds ago the key was made, and why, if the one before
    could not be used. ``n_unrecorded`` is the number of runs whose end cannot be recorded now.
    """
    told = count(n_records, "record")
    if n_unrecorded:
        return Line("record", f"{told}; what {count(n_unrecorded, 'run')} came to cannot be recorded yet: see df, dmesg", False)
    if unsigned is not None:
        since, why = unsigned
        return Line("record", f"{told}; the head cannot be signed, for {in_words(since)} by now: {why}", False)
    if remade is not None and remade[0] < RECENT:
        ago, why = remade
        new = f"a new key was made {in_words(ago)} ago, and the one before: {why}"
        mend = "if nobody meant this, tell security; if you know why: jitd audit key --acknowledge"
        return Line("record", f"{told}; {new}; {mend}", False)
    return Line("record", f"{told}; the head is signed by {key}" if key else f"{told}; the head is not signed yet")


def journal(why: str, n_behind: int, n_left_out: int) -> Line:
    """Return the line about the journal of the host. ``why`` says why it takes no lines, or is empty. ``n_behind`` is the number
    of records that have no line there yet, and ``n_left_out`` of those that will never have one.
    """
    if why == os.strerror(errno.ENOENT):
        return Line("journal", "this host has neither a journal nor a syslog; the record is whole")
    if why:
        told = f"{count(n_behind, 'record')} have no line in it: {why}; the record is whole"
        return Line("journal", f"{told}; see what systemd-journald does", False)
    if n_left_out:
        told = f"{count(n_left_out, 'record')} will never have a line in it; the record is whole"
        return Line("journal", f"{told}; which ones: journalctl JITD_EVENT=journal.behind", False)
    return Line("journal", "takes what is recorded")


def sinks(rows: Sequence[tuple[str, float, str, int, int]]) -> Iterator[Line]:
    """Yield a line for each sink. A row has its name, since how many seconds it is in trouble (0 if it is not), the reason or its
    last fault, and how many records it lacks and has refused.
    """
    for name, since, why, n_lacking, n_refused in rows:
        refused = f"; it has refused {count(n_refused, 'record')} for ever: journalctl -u jitd" if n_refused else ""
        told = f"lacks {count(n_lacking, 'record')}" if n_lacking or since else "has the record"
        if since:
            told += f", in trouble for {in_words(since)}: {why}"
        elif n_lacking:
            told += f", and is sent them now{'; ' if why else ''}{why}"
        yield Line("sink", f"{name}: {told}{refused}", not (since or n_refused))


def channels(names: Sequence[str], failing: Sequence[tuple[str, float, str, int]]) -> Iterator[Line]:
    """Yield a line for each channel of notices that fails, and one for all others. A row of ``failing`` has the channel, since
    how many seconds it fails, the reason, and the number of requests whose people it could not tell.
    """
    for name, since, why, n_requests in failing:
        untold = f"could not tell people of {count(n_requests, 'request')}, for {in_words(since)} by now: {why}"
        yield Line("notices", f"{name}: {untold}; tell them yourself: jitd requests", False)
    well = [name for name in names if name not in {row[0] for row in failing}]
    if well:
        yield Line("notices", f"{listed(tuple(well), 'and')}: no notice is held up")


def threads(loads: Sequence[tuple[str, int, int, int]], silent: Sequence[str]) -> Iterator[Line]:
    """Yield the lines about mounts that do not answer, and about kinds of work whose threads are all busy. A row of ``loads`` has
    the kind of work, its threads, how many are busy, and how much work waits.
    """
    for mount in silent:
        told = f"{mount} does not answer: no command there can be asked for; see its server, or unmount it: umount -l {mount}"
        yield Line("mounts", told, False)
    for name, n_threads, n_busy, n_waiting in loads:
        if n_busy >= n_threads:
            told = f"all {n_threads} for {name} are busy, and {n_waiting} wait: see what does not answer (a disk, SSSD, LDAP)"
            yield Line("threads", told, False)


def failures(n_of: Mapping[str, tuple[int, float]]) -> Line:
    """Return the line about the failures that were counted since the start. ``n_of`` maps what has failed to the number and the
    seconds since the last one.
    """
    found = sorted((ago, what, n) for what, (n, ago) in n_of.items() if n)
    if not found:
        return Line("failures", "none")
    told = ", ".join(f"{what} {n} (the last {in_words(ago)} ago)" for ago, what, n in found[:MOST])
    more = f" and {len(found) - MOST} kinds more" if len(found) > MOST else ""
    return Line("failures", f"{told}{more}: journalctl -u jitd")


def in_words(seconds: float) -> str:
    """Return ``seconds`` in at most two units, such as ``3 days 2 hours``: nobody reads the seconds of three days."""
    whole = max(1, round(seconds))
    unit = next((unit for unit, least in ((3600, 86400), (60, 3600)) if whole >= least), 1)
    return duration_in_words(whole - whole % unit)


def _first(told: Sequence[str]) -> str:
    rest = len(told) - MOST
    return "; ".join(told[:MOST]) + (f" and {rest} more" if rest > 0 else "")
