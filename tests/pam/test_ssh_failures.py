# SPDX-License-Identifier: Apache-2.0
"""The column of sshd in the failure table of docs/pam.md, row by row, with a real sshd and real clients: whatever is broken,
nobody comes past the gate, and root is let in.

Law: after each row all is mended, nothing ran and nothing was granted meanwhile, and who is permitted is let in again.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.marks import full, timed
from tests.news import without_news
from tests.pam import test_failures as table
from tests.pam.programs import POLICY, Gated, module, module_of
from tests.pam.sshd_stage import Sshd, rule, stacked
from tests.pam.test_shut import MODULES, answering
from tests.system.failing import Disk
from tests.waiting import PATIENCE, examined, wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
LOGINS = rule("carol-by-ssh", "carol") + rule("bob-anyhow", "bob", 'ticket = "optional"')
"""carol is let in with a ticket that comes with her, bob without one as well, eve never."""
SSH_TAKES = 3.0
"""Seconds of ssh's own, beside what the manual's row allows."""
WAITS = ("daemon hung", "KDC silent", "initiator stopped")
"""Where it is the module's and the initiator's own patience that counts."""
NO_TICKET = r"jitd: denied: no rule permits this without a Kerberos ticket"


@contextmanager
def initiator(text: str) -> Iterator[None]:
    kept = table.INITIATOR.read_bytes()
    table.INITIATOR.write_text(f"#!/usr/bin/python3 -IS\n{text}")
    try:
        yield
    finally:
        table.INITIATOR.write_bytes(kept)


@contextmanager
def named_in_k5login(gated: Gated) -> Iterator[None]:
    """carol's account takes bob's ticket."""
    file = Path("/home/carol/.k5login")
    file.write_text("bob@EXAMPLE.TEST\n")
    try:
        yield
    finally:
        file.unlink()


def by_name(name: str) -> table.Broken:
    return next(row.broken for row in table.ROWS if row.name == name)


@dataclass(frozen=True)
class Row:
    """One failure; who comes how, as (who, account, method); what they read on standard output, a pattern."""

    name: str
    broken: table.Broken
    who: tuple[tuple[str, str, str], ...]
    reads: str
    within: int


BOTH = (("carol", "carol", "gssapi"), ("bob", "bob", "key"))
KEYS = (("carol", "carol", "key"),)
ROWS = (
    Row("daemon down", by_name("daemon down"), BOTH, "jitd: jitd cannot be reached", 2),
    Row("daemon hung", by_name("daemon hung"), BOTH, "jitd: jitd does not answer", 7),
    Row("database disk full", by_name("database disk full"), BOTH, "No space|the disk with jitd's state is almost full", 4),
    Row("no policy rule", by_name("no policy rule"), (("eve", "eve", "gssapi"),), "jitd: denied: no rule permits this", 2),
    Row("no ticket", by_name("no ticket"), KEYS, NO_TICKET, 2),
    Row("KDC down", by_name("KDC down"), KEYS, NO_TICKET, 2),
    Row("KDC silent", by_name("KDC silent"), KEYS, NO_TICKET, 6),
    Row(
        "somebody else's ticket",
        named_in_k5login,
        (("bob", "carol", "gssapi"),),
        "jitd: this ticket does not belong to your account",
        2,
    ),
    Row("initiator missing", by_name("initiator missing"), BOTH, "jitd: /usr/lib/jitd/prove is missing", 2),
    Row("module file missing", by_name("module file missing"), BOTH, "", 2),
    Row(
        "module file writable by its group", by_name("module file writable by its group"), BOTH,
        "can be changed by others than root", 2,
    ),
    Row(
        "initiator killed", lambda gated: initiator("import os; os.kill(os.getpid(), 9)\n"), BOTH[:1],
        NO_TICKET + r" \(jitd's Kerberos initiator", 5,
    ),
    Row(
        "initiator stopped", lambda gated: initiator("import os; os.kill(os.getpid(), 19)\n"), BOTH[:1],
        NO_TICKET + r" \(jitd's Kerberos initiator does not answer", 11,
    ),
)  # fmt: skip
ELSEWHERE = {"daemon restarting while somebody waits", "expired ticket"}
"""Rows in which sshd's cell says that it does not come to that: nobody waits in a login, and no expired ticket gets as far."""


@pytest.fixture(scope="module")
def gated() -> Iterator[Gated]:
    made = Gated(POLICY + LOGINS)
    table.Disks.of_the_daemon = Disk(made.root / "state", 16 << 20)
    try:
        made.start()
        yield made
        made.verify()
    finally:
        made.close()
        table.Disks.of_the_daemon.close()
        made.root.joinpath("state").rmdir()
        made.root.rmdir()


@pytest.fixture(scope="module")
def sshd(gated: Gated) -> Iterator[Sshd]:
    with stacked(gated):
        made = Sshd(gated)
        yield made
        made.close()


def who_may_is_let_in(sshd: Sshd, *who: tuple[str, str]) -> None:
    coming = [
        (one, sshd.started(one, "id", "-un", method=method)) for one, method in who or (("carol", "gssapi"), ("bob", "key"))
    ]
    for who, process in coming:
        said, err = process.communicate(timeout=PATIENCE)
        assert (process.returncode, without_news(said)) == (0, f"{who}\n"), (said, err)


def are_kept_out(sshd: Sshd, gated: Gated, who: tuple[tuple[str, str, str], ...]) -> list[str]:
    """What they read on standard output, who come side by side; nothing that was asked for has run."""
    marks = [gated.mark() for _ in who]
    coming = [
        sshd.started(one, "touch", str(mark), account=account, method=method)
        for mark, (one, account, method) in zip(marks, who, strict=True)
    ]
    said = [process.communicate(timeout=PATIENCE) for process in coming]
    for process, mark, words in zip(coming, marks, said, strict=True):
        assert process.returncode in (254, 255) and not mark.exists(), (process.returncode, words)
    return [words[0] for words in said]


def events_of_what_is_over(gated: Gated) -> list[str]:
    """All that is on record, once the logins of the test before have been noted as ended."""
    wait_for(lambda: not gated.kept("runs"), what="the ends of logins")
    return gated.events()


LIKE_LOGIN = ("database disk full", "module file missing", "module file writable by its group")
PLAYED = [
    pytest.param(
        row,
        id=row.name,
        marks=full("every day, tests/pam/test_failures.py breaks the same with login, whose gate has the same lines as sshd's"),
    )
    if row.name in LIKE_LOGIN
    else pytest.param(
        row,
        id=row.name,
        marks=full("every day, the same person comes without a ticket while the KDC answers and while it is silent"),
    )
    if row.name == "KDC down"
    else pytest.param(row, id=row.name)
    for row in ROWS
]


@pytest.mark.parametrize("row", PLAYED)
def test_whatever_is_broken_nobody_logs_in_but_root(gated: Gated, sshd: Sshd, row: Row) -> None:
    before = events_of_what_is_over(gated)
    with row.broken(gated):
        for said in are_kept_out(sshd, gated, row.who):
            assert re.search(row.reads, said), said
        assert sshd.ssh("root", method="key").stdout == "root\n"
    new = [event for event in gated.events()[len(before) :] if event != "daemon.started"]
    assert new == ["request.submitted", "request.screened"] * (row.name == "no policy rule"), new
    who_may_is_let_in(sshd, ("carol", "gssapi"))


@timed("docs/pam.md, When something is broken: the seconds of the rows in which something is waited for, at most")
@pytest.mark.parametrize("row", [row for row in ROWS if row.name in WAITS], ids=lambda row: row.name)
def test_a_login_waits_no_longer_than_the_manual_says(gated: Gated, sshd: Sshd, row: Row) -> None:
    with row.broken(gated):
        began = time.monotonic()
        are_kept_out(sshd, gated, row.who)
        assert time.monotonic() - began < row.within + SSH_TAKES


OF_EACH_KIND = ("6", "12, a new password is wanted", "25, ignore me", "an exception", "the end of the process")
ANSWERS = [
    pytest.param(answer, id=answer)
    if answer in OF_EACH_KIND
    else pytest.param(
        answer,
        id=answer,
        marks=full("every day, tests/pam/test_shut.py uses each answer with login, whose gate has the same lines as sshd's"),
    )
    for answer in MODULES
]


@pytest.mark.parametrize("answer", ANSWERS)
def test_nothing_that_the_module_answers_by_mistake_lets_anybody_log_in(gated: Gated, sshd: Sshd, answer: str) -> None:
    before = events_of_what_is_over(gated)
    with module(answering(answer)):
        are_kept_out(sshd, gated, BOTH)
    assert gated.events() == before


def test_a_policy_that_is_broken_leaves_the_old_one_in_force(gated: Gated, sshd: Sshd) -> None:
    gated.set_policy(POLICY + LOGINS + "[[permit]]\nname = 7\n")
    assert gated.reload().returncode != 0
    who_may_is_let_in(sshd)
    (said,) = are_kept_out(sshd, gated, (("eve", "eve", "gssapi"),))
    assert "no rule permits this" in said
    gated.set_policy(POLICY + LOGINS)
    assert gated.reload().returncode == 0


def test_the_doctor_tries_the_gates_of_logins_for_real(gated: Gated, sshd: Sshd) -> None:
    def told() -> dict[str, str]:
        rows = examined(lambda: gated.jitd("doctor", "--json", f"--config={gated.config_file}").stdout)
        found = {row["sentence"]: row["level"] for row in rows if row["check"] == "pam.gates"}
        return {word: level for word in ("login", "sshd") for text, level in found.items() if f" of {word} opens " in text}

    assert told() == {"login": "ok", "sshd": "ok"}
    with module(module_of("return 0;")):
        assert told() == {"login": "bad", "sshd": "bad"}


def test_every_row_of_the_manual_is_played_with_sshd_or_says_why_not() -> None:
    played = {row.name for row in ROWS} | {"policy broken on reload"}
    section = table.PAGE.read_text("utf-8").partition("## When something is broken")[2].partition("\n## ")[0]
    most = {row.name: row.within for row in table.ROWS}
    assert [row.name for row in ROWS if row.within != most[row.name]] == []
    cells = {line.split(" | ")[0][2:]: line.split(" | ")[5] for line in section.splitlines() if line.startswith("| ")}
    del cells["failure"], cells["---"]
    assert {name for name, cell in cells.items() if cell.startswith(("denied", "as before"))} == played
    assert cells.keys() - played == ELSEWHERE
