# SPDX-License-Identifier: Apache-2.0
"""The failure table of docs/pam.md, row by row, with the real sudo, su, doas and login: whatever is broken, nobody comes past the
gate, in a time that is known and with a sentence, and root's own sudo, su and login go on.

Law: after each row all is mended, nothing was granted or run meanwhile, and who is permitted is let in again.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.marks import timed
from tests.pam.programs import (
    BY_NAME,
    COLUMNS,
    INSTALLED,
    POLICY,
    Driven,
    Gated,
    Program,
    all_are_kept_out,
    all_end,
)
from tests.system.conftest import REALM
from tests.system.failing import Disk
from tests.waiting import PATIENCE, status_of, wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
PAGE = Path(__file__).parents[2] / "docs/pam.md"
INITIATOR = Path("/usr/lib/jitd/prove")
ROOTS = ("sudo", "su -c", "login")
Broken = Callable[[Gated], AbstractContextManager[object]]


# --- what is broken ------------------------------------------------------------------------------------------------------


def nothing(gated: Gated) -> AbstractContextManager[object]:
    return nullcontext()


@contextmanager
def daemon_down(gated: Gated) -> Iterator[None]:
    gated.kill()
    try:
        yield
    finally:
        gated.start()


@contextmanager
def daemon_hung(gated: Gated) -> Iterator[None]:
    assert gated.process is not None
    with stopped(gated.process.pid):
        yield


@contextmanager
def disk_full(gated: Gated) -> Iterator[None]:
    with Disks.of_the_daemon.full():
        yield


class Disks:
    """Where the fixture leaves the daemon's file system."""

    of_the_daemon: Disk


@contextmanager
def kdc_down(gated: Gated) -> Iterator[None]:
    kdc = kdcs()[0]
    os.kill(kdc, signal.SIGTERM)
    wait_for(lambda: not kdcs(), what="the end of the KDC")
    try:
        yield
    finally:
        subprocess.run(["krb5kdc", "-r", REALM, "-P", "/run/krb5kdc.pid"], check=True)


@contextmanager
def kdc_silent(gated: Gated) -> Iterator[None]:
    with stopped(kdcs()[0]):
        yield


@contextmanager
def stopped(process: int) -> Iterator[None]:
    os.kill(process, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process, signal.SIGCONT)


def away(path: Path) -> Broken:
    @contextmanager
    def gone(gated: Gated) -> Iterator[None]:
        kept = path.with_name(path.name + ".away")
        path.rename(kept)
        try:
            yield
        finally:
            kept.rename(path)

    return gone


@contextmanager
def module_writable(gated: Gated) -> Iterator[None]:
    INSTALLED.chmod(0o664)
    try:
        yield
    finally:
        INSTALLED.chmod(0o644)


def kdcs() -> list[int]:
    return processes(lambda line: line.startswith(b"krb5kdc\0"))


def initiators() -> list[int]:
    return processes(lambda line: os.fsencode(INITIATOR) in line.split(b"\0"))


def initiators_of(typed: Driven) -> list[int]:
    return [one for one in initiators() if typed.terminal.pid in ancestors(one)]


def ancestors(process: int) -> list[int]:
    found = [process]
    with suppress(OSError):  # it has ended
        while found[-1]:
            found.append(int(status_of(found[-1])["PPid"]))
    return found


def processes(is_one: Callable[[bytes], bool]) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if is_one(process.read_bytes()):
                found.append(int(process.parent.name))
        except OSError:
            continue
    return found


# --- the rows ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One failure: what is broken, who comes, and with which ticket; what they read (a pattern), and when at the latest, as the
    manual has it."""

    name: str
    sentence: str
    within: int
    broken: Broken = nothing
    who: str = "carol"
    ticket: str = "carol"
    to_initiators: signal.Signals | None = None
    is_recorded: bool = False
    """That it was denied goes on record, as for everybody with a ticket."""
    is_about_tickets: bool = False
    """A login knows of none."""

    @property
    def columns(self) -> tuple[Program, ...]:
        return tuple(program for program in COLUMNS if not (self.is_about_tickets and program.service == "login"))


NO_TICKET = r"jitd: denied: no rule permits this without a Kerberos ticket \("
SILENT = r"(?i)authenticat|account validation|cannot make/remove an entry"
"""What the programs say themselves."""
ROWS = (
    Row("daemon down", "jitd cannot be reached", 2, daemon_down),
    Row("daemon hung", "jitd does not answer", 7, daemon_hung),
    Row(
        "database disk full",
        "jitd cannot note which tickets were used, and so takes none: No space|the disk with jitd's state is almost full",
        4,
        disk_full,
    ),
    Row("no policy rule", "denied: no rule permits this", 2, who="eve", ticket="eve", is_recorded=True),
    Row("no ticket", NO_TICKET + "you have no Kerberos ticket", 2, ticket="", is_about_tickets=True),
    Row("expired ticket", NO_TICKET + "your Kerberos ticket has expired", 2, ticket="expired", is_about_tickets=True),
    Row("KDC down", NO_TICKET + "no KDC of realm EXAMPLE.TEST can be reached", 2, kdc_down, is_about_tickets=True),
    Row("KDC silent", NO_TICKET + "the KDC did not answer within 3 s", 6, kdc_silent, is_about_tickets=True),
    Row("somebody else's ticket", "this ticket does not belong to your account", 2, ticket="bob", is_about_tickets=True),
    Row("initiator missing", "/usr/lib/jitd/prove is missing: tell an administrator", 2, away(INITIATOR)),
    Row("module file missing", SILENT, 2, away(INSTALLED)),
    Row("module file writable by its group", "can be changed by others than root", 2, module_writable),
    Row(
        "initiator killed",
        NO_TICKET + "jitd's Kerberos initiator",
        5,
        kdc_silent,
        to_initiators=signal.SIGKILL,
        is_about_tickets=True,
    ),
    Row(
        "initiator stopped",
        NO_TICKET + "jitd's Kerberos initiator does not answer",
        11,
        kdc_silent,
        to_initiators=signal.SIGSTOP,
        is_about_tickets=True,
    ),
)


RESTARTS_WITHIN = 2
"""The row that is a test of its own."""


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    made = Gated()
    Disks.of_the_daemon = Disk(made.root / "state", 16 << 20)
    try:
        made.start()
        yield made
        made.verify()
    finally:
        made.close()
        Disks.of_the_daemon.close()
        made.root.joinpath("state").rmdir()
        made.root.rmdir()


@pytest.fixture(scope="module")
def tickets(gated: Gated) -> dict[str, bytes]:
    made = {name: gated.ticket_of(name) for name in ("alice", "bob", "carol", "eve")}
    made["expired"] = gated.ticket_of("carol", "-l", "1s")
    time.sleep(2)
    return made


def roots_own_ways_are_open(gated: Gated) -> None:
    typed = [gated.type("root", BY_NAME[name]) for name in ROOTS]
    for each in typed:
        each.is_let_in()


def comes(gated: Gated, row: Row, program: Program, ticket: bytes | None) -> Driven:
    """Whoever comes in this row, and what it does to their initiator is done. They come again where this host was too slow to see
    one, which lives for a few seconds.
    """
    until = time.monotonic() + PATIENCE
    while True:
        typed = gated.type(row.who, program, cache=ticket)
        if row.to_initiators is None:
            return typed
        wait_for(lambda typed=typed: initiators_of(typed) or typed.has_ended(), what="an initiator")  # type: ignore[misc]
        for initiator in initiators_of(typed):
            with suppress(ProcessLookupError):
                os.kill(initiator, row.to_initiators)
                return typed
        assert time.monotonic() < until, f"no initiator: {typed.text}"


def come(gated: Gated, tickets: dict[str, bytes], rows: Sequence[Row]) -> dict[str, list[Driven]]:
    """Whoever comes in these rows, all of them side by side, until nobody is there any more."""
    typed: dict[str, list[Driven]] = {row.name: [] for row in rows}
    for row in rows:
        for program in row.columns:
            typed[row.name].append(comes(gated, row, program, tickets.get(row.ticket)))
    all_end([each for some in typed.values() for each in some])
    return typed


@pytest.fixture(scope="module")
def played(gated: Gated, tickets: dict[str, bytes]) -> Callable[[Row], list[Driven]]:
    """What became of a row. Those that break the same are played together, once."""
    kept: dict[str, list[Driven]] = {}

    def of(row: Row) -> list[Driven]:
        if row.name not in kept:
            rows = [other for other in ROWS if other.broken is row.broken]
            before = gated.events()
            with row.broken(gated):
                kept.update(come(gated, tickets, rows))
                roots_own_ways_are_open(gated)
            assert initiators() == []
            new = [event for event in gated.events()[len(before) :] if event != "daemon.started"]
            n_recorded = sum(one.service != "login" for other in rows if other.is_recorded for one in other.columns)
            assert sorted(new) == sorted(["request.submitted", "request.screened"] * n_recorded), "a login knows of no ticket"
            gated.type("carol", BY_NAME["sudo"]).is_let_in()
        return kept[row.name]

    return of


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_whatever_is_broken_nobody_comes_past_and_root_has_a_way(played: Callable[[Row], list[Driven]], row: Row) -> None:
    """THREATS P-10."""
    typed = played(row)
    all_are_kept_out(typed, "")
    for each in typed:
        assert re.search(row.sentence, each.text), f"{each.line}: {each.text}"


AT_ONCE = 2
"""The seconds of the manual for a failure in which nothing is waited for."""


NOTHING, NOTHING_BROKEN, SILENT_KDC, ELSE = "nothing", "nothing, and nothing is broken", "a silent KDC", "something else"


def waited_for(row: Row) -> str:
    if row.within <= AT_ONCE:
        return NOTHING_BROKEN if row.broken is nothing else NOTHING
    return SILENT_KDC if row.broken is kdc_silent else ELSE


@timed("docs/pam.md, When something is broken: the seconds of each row, at most")
@pytest.mark.parametrize("what", [NOTHING, ELSE, NOTHING_BROKEN, SILENT_KDC])
def test_each_failure_is_over_within_the_seconds_of_the_manual(gated: Gated, tickets: dict[str, bytes], what: str) -> None:
    """One row after the other, as one person meets it; those of a KDC that is silent, which wait longest, side by side."""
    took: dict[str, list[float]] = {}
    chosen = [row for row in ROWS if waited_for(row) == what]
    for broken in dict.fromkeys(row.broken for row in chosen):
        rows = [row for row in chosen if row.broken is broken]
        with broken(gated):
            for some in [rows] if broken is kdc_silent else [[row] for row in rows]:
                took |= {name: [one.took - one.stands for one in typed] for name, typed in come(gated, tickets, some).items()}
    late = {row.name: took[row.name] for row in chosen if max(took[row.name]) > row.within}
    assert took and late == {}
    if what == ELSE:
        typed = all_go_when_it_restarts(gated, tickets)
        gated.start()
        assert max(one.took - one.stands for one in typed.values()) <= RESTARTS_WITHIN
        for id in typed:
            assert gated.jitd("withdraw", id, who="alice").returncode == 0


def all_go_when_it_restarts(gated: Gated, tickets: dict[str, bytes]) -> dict[str, Driven]:
    """Whoever waited when the daemon went away, by their requests: they have been sent away. There is no daemon afterwards."""
    typed = [gated.type("alice", program, cache=tickets["alice"]) for program in COLUMNS]
    waiting = {each.id: each for each in typed}
    gated.kill()
    for each in typed:
        each.began_at = time.monotonic()
    all_are_kept_out(typed, "jitd went away: ask again")
    return waiting


def test_a_daemon_that_restarts_while_somebody_waits_lets_nobody_in(gated: Gated, tickets: dict[str, bytes]) -> None:
    typed = all_go_when_it_restarts(gated, tickets)
    roots_own_ways_are_open(gated)
    gated.start()
    assert [gated.show(id)["state"] for id in typed] == ["pending"] * len(COLUMNS), "it can still be decided"
    first, *others = typed
    gated.approve(first)
    gated.type("alice", COLUMNS[0], cache=tickets["alice"], mark=typed[first].mark).is_let_in()
    for id in others:
        assert gated.jitd("withdraw", id, who="alice").returncode == 0


def test_who_waits_for_a_daemon_that_hangs_can_leave(gated: Gated, tickets: dict[str, bytes]) -> None:
    typed = [gated.type("alice", program, cache=tickets["alice"]) for program in COLUMNS]
    waiting = [each.id for each in typed]
    with daemon_hung(gated):
        for each in typed:
            each.terminal.sendintr()
        all_are_kept_out(typed, "")
    for id in waiting:
        gated.until(id, "withdrawn")


def test_a_policy_that_is_broken_leaves_the_old_one_in_force(gated: Gated, tickets: dict[str, bytes]) -> None:
    gated.set_policy(POLICY + "[[permit]]\nname = 7\n")
    assert gated.reload().returncode != 0
    for program in COLUMNS:
        gated.type("carol", program, cache=tickets["carol"]).is_let_in()
    all_are_kept_out([gated.type("eve", program, cache=tickets["eve"]) for program in COLUMNS], "no rule permits this")
    roots_own_ways_are_open(gated)
    gated.set_policy(POLICY)
    assert gated.reload().returncode == 0


def test_the_table_of_the_manual_is_the_one_that_is_played() -> None:
    section = PAGE.read_text("utf-8").partition("## When something is broken")[2].partition("\n## ")[0]
    cells = [[cell.strip() for cell in line.split("|")] for line in section.splitlines() if line.startswith("| ")][2:]
    told = [(cell[1], int(cell[7].partition(" s")[0] or 0)) for cell in cells]
    played = [(row.name, row.within) for row in ROWS]
    played.insert(2, ("daemon restarting while somebody waits", RESTARTS_WITHIN))
    played.insert(4, ("policy broken on reload", 0))
    assert told == played
