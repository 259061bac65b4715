# SPDX-License-Identifier: Apache-2.0
"""What the list of actions shows of what people typed: nothing that is masked, forgotten or missing, and no secret."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.grade import Damage, Finding, Grade
from jitd.core.values import FORGOTTEN, MISSING
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store.opening import read_store
from jitd.store.sqlite import SqliteStore
from jitd_evidence.report import actions
from jitd_evidence.report.actions import HIDDEN, LIST, LONGEST, TOO_LONG
from jitd_evidence.report.asked import scope_of
from jitd_evidence.report.figure import CommandLine, Scope, Told, Typed
from tests.evidence.test_figures import told
from tests.evidence.year import SECRET, Year
from tests.scene import START, asked, command, free, moment, person, screened, submit


class Host:
    """A host on which somebody asks."""

    def __init__(self, path: Path) -> None:
        self.path, self.n = path, 0
        with closing(SqliteStore(path)):
            pass

    def ask(self, *argv: str, reason: str | None = "maintenance", **fields: Any) -> Told:
        """Ask, and return the row about it."""
        self.n += 1
        made = asked(f"AAAA-{self.n:04}", person("alice"), command(*argv, **fields))
        made = replace(made, claims=replace(made.claims, reason=reason))
        with closing(SqliteStore(self.path)) as store:
            Lifecycle(store, moment, lambda: "policy-1").handle(submit(made), screened(made, free()))
        return next(row for row in self.rows() if row[-1] == made.id)

    def rows(self) -> list[Told]:
        with closing(read_store(self.path)) as store:
            scope = scope_of(store, NO_POLICY, START.replace(year=2099), START.replace(year=2000), START.replace(year=2099))
            return told(LIST, scope)


NO_POLICY: Any = None


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    yield Host(tmp_path / "jitd.db")


def test_a_command_is_a_line_that_a_shell_reads_and_a_reason_is_what_was_typed(host: Host) -> None:
    row = host.ask("/usr/bin/rm", "-rf", "*", "a b", reason='ok; outcome "well"')
    assert row[3:5] == (CommandLine("/usr/bin/rm -rf '*' 'a b'"), Typed('ok; outcome "well"'))


@pytest.mark.parametrize(("damage", "word"), [(Damage.DESTROYS, "destroys"), (Damage.STOPS, "stops"), (Damage.NONE, None)])
def test_what_is_lost_by_a_command_stands_beside_its_outcome(host: Host, damage: Damage, word: str | None) -> None:
    """An auditor takes a sample from it, and reads no page of an approver."""
    row = host.ask("/usr/bin/rm", "-rf", "/srv/shop", findings=(Finding(Grade.CHANGES, "rm deletes", damage=damage),))
    assert row[-2] == word and LIST.columns[-2] == "is lost"
    assert host.ask("/usr/bin/rm", "-rf", "/srv/shop")[-2] is None, "nobody has judged it"


def test_no_reason_is_none(host: Host) -> None:
    assert host.ask("/usr/bin/true", reason=None)[3:5] == (CommandLine("/usr/bin/true"), None)


def test_a_word_in_the_place_of_what_is_not_told_is_not_what_somebody_typed(host: Host) -> None:
    assert host.ask("/usr/bin/true", reason=HIDDEN)[4] == Typed(HIDDEN)
    assert host.ask("/usr/bin/true", reason=FORGOTTEN)[4] == Typed(FORGOTTEN)


def test_a_masked_word_stays_masked(host: Host) -> None:
    """THREATS L-23."""
    row = host.ask("/usr/bin/mysql", "-u", "root", f"-p{SECRET}", masked=((3, 2),))
    assert row[3] == CommandLine("/usr/bin/mysql -u root -p‹masked›")


def test_a_word_that_looks_like_a_secret_is_not_shown(host: Host) -> None:
    """THREATS L-23: a report goes to more people than the record."""
    row = host.ask("/usr/bin/curl", "-u", f"admin:{SECRET}", "https://shop.example.test")
    assert row[3] == CommandLine(f"/usr/bin/curl -u {HIDDEN} https://shop.example.test")


def test_what_is_long_is_cut_and_says_so(host: Host) -> None:
    what, why = host.ask("/usr/bin/echo", *["word"] * 5000, reason="why " * 5000)[3:5]
    assert isinstance(what, CommandLine) and isinstance(why, Typed)
    for text in (what.line, why.text):
        assert text.endswith(TOO_LONG) and len(text) == LONGEST + len(TOO_LONG)


@pytest.mark.parametrize(("is_forgotten", "word"), [(1, FORGOTTEN), (0, MISSING)])
def test_what_is_forgotten_stays_forgotten(host: Host, is_forgotten: int, word: str) -> None:
    """THREATS L-23."""
    host.ask("/usr/bin/echo", "words", reason=SECRET)
    with closing(sqlite3.connect(host.path, isolation_level=None)) as db:
        assert db.execute("UPDATE said SET entries = x'', is_forgotten = ?", (is_forgotten,)).rowcount
    (row,) = host.rows()
    assert row[3:5] == (CommandLine(f"/usr/bin/echo {word}"), word)


def test_a_request_of_which_words_are_damaged_is_in_the_list(year: Year, tmp_path: Path) -> None:
    path = tmp_path / "jitd.db"
    shutil.copy(year.database, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER requests_move")
        change = "UPDATE requests SET document = CAST(replace(CAST(document AS TEXT), '\"argv\":', '\"argw\":') AS BLOB)"
        db.execute(f"{change} WHERE rule = 'deploy'")
    with closing(read_store(path)) as store:
        rows = told(LIST, scope_of(store, year.policy, year.until, year.since, year.until))
    assert {row[3:5] for row in rows if row[5] == "deploy"} == {(MISSING, MISSING)}
    assert MISSING not in {row[3] for row in rows if row[5] != "deploy"}


def test_a_list_for_which_there_is_no_time_is_not_cut_without_a_word(scope: Scope, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(actions, "WITHIN", -1.0)
    with pytest.raises(TimeoutError):
        told(LIST, scope)
