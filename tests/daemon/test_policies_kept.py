# SPDX-License-Identifier: Apache-2.0
"""Policies are kept: what a record names by its digest can be read as long as the record stands."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jitd.audit import policies
from jitd.audit.findings import Flaw
from jitd.core.policy_text import PolicyText
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.settings import policyfile
from jitd.store import Conflict
from jitd.store.sqlite import SqliteStore
from tests.scene import START, asked, moment, submit, withdraw
from tests.verified import findings_in

RULE = b'[[permit]]\nname = "%s"\nwho = ["group:dba"]\ncommands = [["/usr/bin/id", "**"]]\n'


def text_of(name: bytes) -> PolicyText:
    return PolicyText(((b"10-" + name + b".toml", RULE % name),))


FIRST, SECOND = text_of(b"first"), text_of(b"second")


class House:
    """A store with a lifecycle, under a policy that the test changes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SqliteStore(path)
        self.policy, self.after = FIRST, 0
        self.start()

    def start(self) -> None:
        """What a daemon does that starts: a new lifecycle knows nothing of what was stored before."""
        self.lifecycle = Lifecycle(
            self.store, lambda: moment(self.after), lambda: self.policy.digest, policy_text=lambda: self.policy
        )

    def note(self) -> None:
        self.lifecycle.note("policy.loaded", "root", 0, {"rules": 1})

    def kept(self) -> list[tuple[str, bytes]]:
        with closing(sqlite3.connect(self.path)) as database:
            return database.execute("SELECT digest, document FROM policies ORDER BY rowid").fetchall()

    def found(self) -> list[str]:
        return list(map(str, findings_in(self.path)))

    def as_root(self, statement: str, *parameters: Any) -> None:
        """What somebody does who can write the database, and knows of its triggers."""
        with closing(sqlite3.connect(self.path)) as database:
            for trigger in ("policies_stay", "policies_remain"):
                database.execute(f"DROP TRIGGER {trigger}")
            database.execute(statement, parameters)
            database.commit()


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path / "jitd.db")
    yield made
    made.store.close()


def test_the_first_record_that_names_a_policy_has_its_text_with_it(house: House) -> None:
    """THREATS L-28."""
    assert house.kept() == []
    house.lifecycle.handle(submit(asked("AAAA-0001")))
    assert house.kept() == [(FIRST.digest, FIRST.document())]
    house.policy = SECOND  # a reload, of which a record is due: whatever is recorded first has the policy with it
    house.lifecycle.handle(submit(asked("AAAA-0002")))
    house.note()
    assert house.kept() == [(FIRST.digest, FIRST.document()), (SECOND.digest, SECOND.document())]
    assert [house.store.policy_text(text.digest) for text in (FIRST, SECOND)] == [FIRST, SECOND]
    assert house.store.policy_text("00" * 32) is None
    assert house.found() == []


def test_each_policy_is_kept_once(house: House) -> None:
    for policy in (FIRST, SECOND, FIRST, FIRST, SECOND):
        house.policy = policy
        house.note()
        house.start()
    assert house.kept() == [(FIRST.digest, FIRST.document()), (SECOND.digest, SECOND.document())]


def test_what_cannot_be_recorded_keeps_no_policy_and_the_next_record_does(house: House) -> None:
    house.lifecycle.handle(submit(asked("AAAA-0001")))
    house.policy = SECOND
    with pytest.raises(Conflict):
        house.lifecycle.handle(submit(asked("AAAA-0001")))
    assert house.kept() == [(FIRST.digest, FIRST.document())]
    house.note()
    assert house.kept() == [(FIRST.digest, FIRST.document()), (SECOND.digest, SECOND.document())]


def test_a_policy_is_there_when_all_that_was_typed_is_forgotten(house: House) -> None:
    request = asked("AAAA-0001")
    house.lifecycle.handle(submit(request))
    house.lifecycle.handle(withdraw(request))
    house.after = 10_000
    assert house.lifecycle.forget(START + timedelta(seconds=9_000), "record.keep = 1h") == 1
    assert house.store.policy_text(FIRST.digest) == FIRST
    assert house.found() == []


def test_neither_an_update_nor_a_deletion_changes_a_policy(house: House) -> None:
    house.note()
    for statement in ("UPDATE policies SET document = x''", "DELETE FROM policies"):
        with closing(sqlite3.connect(house.path)) as database, pytest.raises(sqlite3.IntegrityError, match="polic"):
            database.execute(statement)
    assert house.kept() == [(FIRST.digest, FIRST.document())]


CHANGES: dict[str, tuple[str, tuple[Any, ...], str]] = {
    "a word": (
        "UPDATE policies SET document = CAST(replace(CAST(document AS TEXT), 'group:dba', 'group:all') AS BLOB) WHERE digest = ?",
        (FIRST.digest,), "differs",
    ),
    "another policy": ("UPDATE policies SET document = ? WHERE digest = ?", (SECOND.document(), FIRST.digest), "differs"),
    "a space": ("UPDATE policies SET document = document || ' ' WHERE digest = ?", (FIRST.digest,), "differs"),
    "no JSON": ("UPDATE policies SET document = x'ff00' WHERE digest = ?", (FIRST.digest,), "differs"),
    "a number": ("UPDATE policies SET document = 7 WHERE digest = ?", (FIRST.digest,), "differs"),
    "a deletion": ("DELETE FROM policies WHERE digest = ?", (FIRST.digest,), "missing"),
    "another digest": ("UPDATE policies SET digest = ? WHERE digest = ?", ("00" * 32, FIRST.digest), "missing"),
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_policy_that_was_changed_or_removed_is_not_found_and_the_verifier_names_it(house: House, change: str) -> None:
    """THREATS L-28."""
    house.note()
    house.policy = SECOND
    house.note()
    assert house.found() == []
    statement, parameters, wrong = CHANGES[change]
    house.as_root(statement, *parameters)
    assert house.store.policy_text(FIRST.digest) is None
    assert house.store.policy_text(SECOND.digest) == SECOND
    sentence = (
        f"policy missing: the policy {FIRST.digest} is missing, which record 1 names"
        if wrong == "missing"
        else f"policy differs: the policy {FIRST.digest}, which record 1 names, was changed"
    )
    assert house.found() == [sentence]


def test_a_policy_that_is_missing_hides_nothing_else_that_is_wrong(house: House) -> None:
    house.note()
    house.lifecycle.handle(submit(asked("AAAA-0001")))
    house.as_root("DELETE FROM policies")
    with closing(sqlite3.connect(house.path)) as database:
        database.execute("DROP TRIGGER requests_move")
        database.execute("UPDATE requests SET document = CAST(replace(CAST(document AS TEXT), 'alice', 'mallo') AS BLOB)")
        database.commit()
    assert [finding.partition(":")[0] for finding in house.found()] == ["store differs", "policy missing"]


def test_the_verifier_remembers_so_many_policies_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policies, "MOST_KNOWN", 3)
    read: list[str] = []

    def document(digest: str) -> bytes | None:
        read.append(digest)
        return None

    checked, names = policies.Policies(document), [f"{n:064x}" for n in (1, 2, 2, 3, 1, 4, 2, 1)]
    for number, named in enumerate((*names, "policy-1", None, 7), start=1):
        checked.take(number, named)
    assert read == [f"{n:064x}" for n in (1, 2, 3, 4, 1)]
    found: list[Flaw] = []
    checked.end(found.append)
    assert [finding.number for finding in found] == [1, 2, 4]


def test_the_text_of_a_policy_gives_the_rules_that_were_in_force(tmp_path: Path) -> None:
    directory = tmp_path / "policy.d"
    directory.mkdir(mode=0o755)
    odd = "\udcff.toml"  # a name that is not UTF-8
    for name, rule in (("10-first.toml", b"first"), ("20-second.toml", b"second"), (odd, b"third")):
        (directory / name).write_bytes(RULE % rule + rb'reason = { pattern = "^CHG\\d+$" }' + b"\n")
        (directory / name).chmod(0o644)
    policy = policyfile.load(directory, root="deny", owner=directory.stat().st_uid)
    assert policy.text is not None
    assert policy.text.digest == policy.digest
    assert [name for name, _ in policy.text.files] == [b"10-first.toml", b"20-second.toml", b"\xff.toml"]
    rules, faults = policyfile.read_again(policy.text)
    assert faults == []

    def bare(rule: Any) -> Any:
        return replace(rule, file="")

    assert [bare(rule) for rule in rules] == [bare(rule) for rule in policy.rules]
