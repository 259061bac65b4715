# SPDX-License-Identifier: Apache-2.0
"""The verb ``status``: what the daemon knows of itself, in one line for each thing that it does.

Law: nothing is looked up, so the answer comes also while disks, directories or the KDC are silent. No line has a command, a
reason or the name of a person. What is wrong with the host is for ``jitd doctor``, which asks no daemon.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from jitd.core.condition import Line
from jitd.core.duration import roughly
from jitd.core.rights import Act
from jitd.core.subject import Identity
from jitd.core.wording import count, name_in_sentence
from jitd.store import LiveCounts
from jitd.verbs.access import Access
from jitd.verbs.rows import Row
from jitpam.wire.rows import StatusLine
from jitpam.wire.shown import shown, shown_argument

MOST = 3  # faults or kinds of failures that one line names
MOST_THINGS = 10  # things in trouble that have a line of their own
RECENT = 7 * 24 * 3600  # seconds for which it is told that a key was made because the one before could not be used
DIGITS = 12  # the number of digits of the policy's digest that a line shows


class Status:
    """Answers the message ``status``. ``lines`` returns the lines of this moment."""

    def __init__(self, access: Access, lines: Callable[[], Iterable[Line]]) -> None:
        self._access = access
        self._lines = lines

    def rows(self, who: Identity) -> list[Row]:
        """Return one row for each line. Raises Refusal."""
        self._access.refuse(Act.READ_STATUS, who)
        return [StatusLine(about=line.about, says=shown(line.says), is_well=line.is_well).written() for line in self._lines()]


# --- the lines ---------------------------------------------------------------------------------------------------------


def daemon(version: str, host: str, pid: int, for_: float) -> Line:
    """Return the line about the process. ``for_`` is the number of seconds since it started, as in all functions below."""
    return Line("jitd", f"{version} on {host}, process {pid}, for {roughly(for_)}")


def policy(n_rules: int, digest: str, for_: float, broken: str, refused: tuple[float, Sequence[str]] | None) -> Line:
    """Return the line about the policy. ``broken`` is not empty if no policy is in force. ``refused`` says since how many seconds
    the files have faults, and which ones. It is None if the policy is that of the files.
    """
    about = f"{count(n_rules, 'rule')} in force for {roughly(for_)} (SHA-256 {digest[:DIGITS]})"
    if refused is None:
        return Line("policy", about)
    since, faults = refused
    because = f"{_first(faults)}; correct the files, then: jitd reload"
    if broken:
        return Line("policy", f"none is in force for {roughly(since)}, and nothing is permitted but to root: {because}", False)
    return Line("policy", f"{about}; newer files were refused {roughly(since)} ago: {because}", False)


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
        return Line("record", f"{told}; the head cannot be signed, for {roughly(since)} by now: {why}", False)
    if remade is not None and remade[0] < RECENT:
        ago, why = remade
        new = f"a new key was made {roughly(ago)} ago, and the one before: {why}"
        mend = "if nobody meant this, tell security; if you know why: jitd audit key --acknowledge"
        return Line("record", f"{told}; {new}; {mend}", False)
    return Line("record", f"{told}; the head is signed by {key}" if key else f"{told}; the head is not signed yet")


def threads(loads: Sequence[tuple[str, int, int, int]], silent: Sequence[str]) -> Iterator[Line]:
    """Yield the lines about mounts that do not answer, and about kinds of work whose threads are all busy. A row of ``loads`` has
    the kind of work, its threads, how many are busy, and how much work waits.
    """
    for mount in silent:
        where, typed = name_in_sentence(os.fsencode(mount)), shown_argument(os.fsencode(mount))
        told = f"{where} does not answer: no command there can be asked for; see its server, or unmount it: umount -l {typed}"
        yield Line("mounts", told, False)
    for name, n_threads, n_busy, n_waiting in loads:
        if n_busy >= n_threads:
            told = f"all {n_threads} for {name} are busy, and {n_waiting} wait: see what does not answer (a disk, SSSD, LDAP)"
            yield Line("threads", told, False)


def failures(n_of: Mapping[str, tuple[int, float]]) -> Line:
    """Return the line about failures since the start. ``n_of`` has the number and the seconds since the last one."""
    found = sorted((ago, what, n) for what, (n, ago) in n_of.items() if n)
    if not found:
        return Line("failures", "none")
    told = ", ".join(f"{what} {n} (the last {roughly(ago)} ago)" for ago, what, n in found[:MOST])
    more = f" and {len(found) - MOST} kinds more" if len(found) > MOST else ""
    return Line("failures", f"{told}{more}: journalctl -u jitd")


def _first(told: Sequence[str]) -> str:
    rest = len(told) - MOST
    return "; ".join(told[:MOST]) + (f" and {rest} more" if rest > 0 else "")
