# SPDX-License-Identifier: Apache-2.0
"""The daemon that runs: is it there, does it answer, and does it go by what is installed and written now?

Law: pure. Instants are seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from jitd.doctor.checks.finding import Finding, bad, ok, unknown, weak


@dataclass(frozen=True, slots=True)
class Running:
    """``pid`` holds the lock of the state directory, 0 if nobody does; ``started_at`` is when it was started.

    ``others`` are processes that are a ``jitd serve`` and not that one. ``is_replaced``: its interpreter is no file any more.
    """

    pid: int
    started_at: float = 0.0
    others: tuple[int, ...] = ()
    is_replaced: bool = False


def there(found: Running, start: str) -> list[Finding]:
    """Is there one, and no other?"""
    if not found.pid:
        findings = [bad("daemon.runs", "no jitd runs here: nobody can ask for anything", "and read why: journalctl -u jitd",
                        command=start)]  # fmt: skip
    else:
        findings = [ok("daemon.runs", f"jitd runs (process {found.pid})")]
    if found.others:
        pids = " ".join(map(str, found.others))
        findings.append(
            weak("daemon.alone", f"another jitd runs beside it, with a record of its own (process {pids}): "
                 "what that one permits is neither seen nor revoked by this one", f"if nobody wants it: kill {pids}")
        )  # fmt: skip
    elif found.pid:
        findings.append(ok("daemon.alone", "no other jitd runs on this host"))
    return findings


@dataclass(frozen=True, slots=True)
class Answered:
    """What the daemon said to root: ``host`` is as it calls itself, ``took`` seconds; ``why_not`` is a sentence if it did not."""

    host: str = ""
    took: float = 0.0
    why_not: str = ""


def answer(found: Answered, host: str, restart: str) -> Finding:
    """Does it answer, as who it should?"""
    if found.why_not:
        return bad("daemon.answers", f"the daemon is there and does not answer: {found.why_not}", command=restart)
    if found.host != host:
        return bad("daemon.answers", f"what answers calls itself {found.host}, and the settings say {host}", command=restart)
    if found.took > 1:
        return weak(
            "daemon.answers", f"the daemon took {found.took:.1f} s to answer", "see what keeps this host busy: top, iostat"
        )
    return ok("daemon.answers", f"the daemon answers ({found.took * 1000:.0f} ms)")


def version(found: Running, installed_at: float, number: str, restart: str) -> Finding:
    """Is the daemon as old as its program? ``installed_at`` is when the newest of its files came to where it is."""
    if found.is_replaced or installed_at > found.started_at + 1:
        what = "Python" if found.is_replaced else "jitd"
        return weak("daemon.version", f"{what} was installed anew after the daemon had started: it still runs the old one",
                    "what runs, and what waits, goes on", command=restart)  # fmt: skip
    return ok("daemon.version", f"the daemon runs what is installed, {number}")


def settings(changed_at: float | None, found: Running, file: str, restart: str) -> Finding:
    """Has the daemon read the settings as they are? ``changed_at`` None: there is no such file, all are defaults."""
    if changed_at is not None and changed_at > found.started_at + 1:
        return weak(
            "daemon.settings", f"{file} was written after the daemon had started, which reads it then only", command=restart
        )
    return ok("daemon.settings", "the daemon was started after its settings were written")


@dataclass(frozen=True, slots=True)
class Lanes:
    """What the daemon's threads do: (lane, threads, busy, work that waits) of each lane, and the mounts that do not answer."""

    lanes: Sequence[tuple[str, int, int, int]]
    silent: Sequence[str]


def lanes(found: Lanes | None) -> Iterator[Finding]:
    """Does something that never answers hold the daemon's threads? None: it has not said what they do."""
    if found is None:
        yield unknown("daemon.lanes", "the daemon does not say what its threads do", "look again in a moment")
        return
    full = [lane for lane in found.lanes if lane[2] >= lane[1]]
    for mount in found.silent:
        yield weak("daemon.lanes", f"{mount} does not answer: nothing there can be asked for",
                   "see to who serves it, or take it away (umount -l)")  # fmt: skip
    for name, n_threads, _, n_waiting in full:
        what = f"all {n_threads} threads for {name} are busy, and {n_waiting} pieces of work wait"
        yield weak("daemon.lanes", what, "see what does not answer: a file system, or a directory of accounts (SSSD, LDAP)")
    if not full and not found.silent:
        yield ok("daemon.lanes", "the daemon's threads have time")


def policy(in_force: str | None, of_files: str | None, n_rules: int, reload: str) -> Finding:
    """The digest of the policy that decides against that of the files; None where it is not known."""
    if of_files is None:
        return bad("policy.in_force", "the files are no whole policy: an older one is in force, or none", "mend the faults first",
                   command=reload)  # fmt: skip
    if in_force is None:
        return unknown(
            "policy.in_force", "the record does not tell which policy is in force", "restart the daemon: it records it then"
        )
    if in_force != of_files:
        return bad("policy.in_force", "the policy in force is not what the files say now", command=reload)
    return ok("policy.in_force", f"the policy in force is what the files say ({n_rules} rule{'' if n_rules == 1 else 's'})")


def faults(check: str, sentences: Sequence[str], whole: str) -> list[Finding]:
    """The faults of settings or policy, each with its file and line."""
    mend = "correct it there; jitd check says when all is well"
    return [bad(check, sentence, mend) for sentence in sentences] or [ok(check, whole)]
