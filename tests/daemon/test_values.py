# SPDX-License-Identifier: Apache-2.0
"""What people type: where it stands, who may still read it, and what is left of it after it was forgotten."""

from __future__ import annotations

import asyncio
import base64
import json
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import fields, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jitd.audit.findings import Wrong
from jitd.core.effects import Moment
from jitd.core.grant import Revoked, Used
from jitd.core.law import DAEMON, MONITOR
from jitd.core.request import Request, Verdict, Withdrawn
from jitd.core.run import Ended, Ending, Outcome, Traces
from jitd.core.values import FORGOTTEN, MISSING, Value, commitment, committed_in
from jitd.lifecycle.forgetting import Forgetting
from jitd.lifecycle.integrity import Noted, examine
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Conflict, StoreError, documents
from jitd.store.columns import COLUMNS
from jitd.store.sqlite import SqliteStore
from tests.scene import actor, asked, command, free, lift, locked, moment, permit, person, place, review, screened, submit
from tests.verified import findings_in

TREE = Path(__file__).parents[2]
DAY = 86400
WORDS = ("sWordfish-argv", "sWordfish-cwd", "sWordfish-reason", "sWordfish-variable", "sWordfish-trace", "sWordfish-comment",
         "sWordfish-tty", "sWordfish-parent", "sWordfish-script", "sWordfish-lock", "sWordfish-revoked")  # fmt: skip
ODD = "sWordfish-ü\x01"
SCRIPT = b"#!/bin/sh\n# sWordfish-script\n"


class House:
    """A store with its one door, and a clock that is moved by hand."""

    def __init__(self, path: Path) -> None:
        self.path = path / "jitd.db"
        self.store = SqliteStore(self.path)
        self.after = 0.0
        self.ahead, self.synchronised, self.boot_id = 0.0, True, "boot-1"
        self.lifecycle = Lifecycle(self.store, self.now, lambda: "policy-1")

    def now(self) -> Moment:
        at = moment(self.after, self.boot_id)
        return replace(at, at=at.at + timedelta(seconds=self.ahead), synchronised=self.synchronised)

    def live(self, id: str = "K7QM-2XVD") -> None:
        """A request with a word in each place where somebody can type one, approved, run, and ended."""
        what = command(
            "psql", "-c", f"sWordfish-argv {ODD}", cwd=b"/srv/sWordfish-cwd", variables=((b"PGPASSWORD", b"sWordfish-variable"),)
        )
        made = asked(id, what=what, lasts_for=600, uses=2)
        claims = replace(made.claims, reason="sWordfish-reason", tty=b"/dev/sWordfish-tty", parents=("sWordfish-parent",))
        made = replace(made, claims=claims)
        self.store.keep_texts(id, [SCRIPT])
        self.lifecycle.handle(submit(made), screened(made, permit(uses=2)))
        waiting = self.store.request(id)
        assert waiting is not None
        self.lifecycle.handle(replace(review(waiting, person("bob")), comment="sWordfish-comment"))
        self.lifecycle.handle(Used(id, actor(person("alice")), id, permit().obligations.terms))
        left = Traces(files=("/etc/cron.d/sWordfish-trace",))
        self.lifecycle.handle(Ended(id, MONITOR, Outcome(Ending.EXITED, 0), traces=left))

    def end(self, id: str = "K7QM-2XVD") -> None:
        self.lifecycle.handle(Ended(f"{id}.2", MONITOR, Outcome(Ending.EXITED, 0)))

    def forget(self, keep_for: int = 400 * DAY) -> int:
        return asyncio.run(Forgetting(self.store, self.lifecycle, self.now, keep_for).forget())

    def bodies(self) -> list[dict[str, Any]]:
        return [json.loads(body) for _, body, _ in self.store.records()]

    def files(self) -> bytes:
        return b"".join(file.read_bytes() for file in sorted(self.path.parent.iterdir()))


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    made = House(tmp_path)
    yield made
    made.store.close()


def spellings(word: str) -> list[bytes]:
    """``word`` as it stands, and in base64 at each of its three places."""
    bare = word.encode()
    return [bare, *(base64.b64encode(b"\0" * shift + bare)[shift and 4 : -4] for shift in range(3))]


def words_in(content: bytes) -> list[str]:
    return [word for word in WORDS if any(spelling in content for spelling in spellings(word))]


def commitments(part: Any) -> list[str]:
    if (found := committed_in(part)) is not None:
        return [found]
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    return [one for each in inner for one in commitments(each)]


def test_no_word_that_somebody_typed_stands_in_a_record_or_in_a_document(house: House) -> None:
    """THREATS L-10: and every word is found in the values, so nothing was left out of the proof."""
    house.live()
    house.lifecycle.handle(Revoked("K7QM-2XVD", actor(person("bob")), "sWordfish-revoked"))
    house.lifecycle.handle(place(locked(reason="sWordfish-lock")))
    with closing(sqlite3.connect(house.path)) as db:
        clear = [body for (body,) in db.execute("SELECT body FROM chain")]
        clear += [row[0] for columns in COLUMNS.values() for row in db.execute(f"SELECT document FROM {columns.table}")]
        kept = b"".join(entries for (entries,) in db.execute("SELECT entries FROM said"))
        kept += b"".join(text for (text,) in db.execute("SELECT text FROM texts"))
    assert words_in(b"".join(clear)) == []
    assert words_in(kept) == list(WORDS)


def test_a_value_stands_once_and_the_record_and_the_documents_commit_to_it(house: House) -> None:
    house.live()
    house.end()
    said = [(entry.field, entry.content) for values in house.store.said() for entry in values if values.id == "K7QM-2XVD"]
    assert len(said) == len(set(said))
    record = house.bodies()[0]["detail"]["argv"][1]["committed"]
    stored = [json.loads(document)["command"]["argv"][1]["committed"] for life, _, document in house.store.documents()
              if life in ("request", "grant")]  # fmt: skip
    assert stored == [record, record]


def test_every_commitment_is_made_of_form_salt_field_and_value(house: House) -> None:
    house.live()
    values = house.store.values("K7QM-2XVD")
    assert len(values) > 10 and len({entry.salt for entry in values}) == len(values)
    for entry in values:
        assert entry.committed == commitment(entry.field, entry.salt, entry.content) and len(entry.salt) == 32
    for body in house.bodies():
        assert all(house.store.values(body["id"]).entry(one) for one in commitments(body))


def test_a_record_says_whether_the_clock_was_synchronised(house: House) -> None:
    house.synchronised = False
    house.live()
    assert {body["synchronised"] for body in house.bodies()} == {False}
    house.lifecycle._now = lambda: replace(moment(9), synchronised=True)
    house.lifecycle.handle(place(locked()))
    assert house.bodies()[-1]["synchronised"] is True


def test_after_it_was_forgotten_no_file_of_the_database_has_a_word_of_it(house: House) -> None:
    """THREATS L-10: among many others, whose rows lie on the same pages, grew, and were moved."""
    for n in range(60):
        house.live(f"AAAA-{n:04}")
        if n % 3:
            house.end(f"AAAA-{n:04}")
    house.lifecycle.handle(place(locked(name="eve", reason="sWordfish-lock")))
    house.lifecycle.handle(lift(locked()))
    for n in range(0, 60, 3):
        house.lifecycle.handle(Revoked(f"AAAA-{n:04}", actor(person("bob")), "sWordfish-revoked"))
        house.end(f"AAAA-{n:04}")
    assert words_in(house.files()) == list(WORDS)
    before = [body for _, body, _ in house.store.records()]
    house.after = 401 * DAY
    assert house.forget() == 61
    assert words_in(house.files()) == []
    assert [body for _, body, _ in house.store.records()][: len(before)] == before
    notes = [body["detail"] for body in house.bodies() if body["event"] == "value.forgotten"]
    assert sum(len(note["owners"]) for note in notes) == 61 and {note["setting"] for note in notes} == {"record.keep = 400d"}
    assert sum(note["n"] for note in notes) > 61 * 3
    examine(house.store, Noted(house.path.parent / "head"))
    assert house.forget() == 0


def test_what_was_forgotten_is_read_as_forgotten_and_the_rest_as_it_was(house: House) -> None:
    house.live()
    house.end()
    before = house.store.request("K7QM-2XVD")
    assert before is not None
    house.after = 401 * DAY
    house.forget()
    after = house.store.request("K7QM-2XVD")
    assert after is not None and after.claims.reason == FORGOTTEN
    assert after.command.argv == (before.command.argv[0], FORGOTTEN.encode()) and after.command.salt == b""
    assert (after.requester, after.state, after.rule, after.fingerprint) == (
        *(before.requester, before.state, before.rule, before.fingerprint),
    )
    assert list(house.store.misfiled()) == []
    with closing(sqlite3.connect(house.path)) as db:
        assert db.execute("SELECT work FROM grants").fetchall() == [(b"",)]
    assert house.store.values("K7QM-2XVD").filled({"because": {"committed": "0" * 64}}) == {"because": FORGOTTEN}


@pytest.mark.parametrize("days", [0, 399])
def test_nothing_is_forgotten_before_its_time(house: House, days: int) -> None:
    house.live()
    house.end()
    house.after = days * DAY
    assert house.forget() == 0 and words_in(house.files())


def test_nothing_is_forgotten_of_what_has_not_ended(house: House) -> None:
    """A run goes on; a request waits; a lock has no end; and a request whose command runs under an older lease."""
    house.live()
    waiting = asked("WA1T-0001", who=person("carol"))
    house.lifecycle.handle(submit(waiting), screened(waiting, permit()))
    house.lifecycle.handle(place(locked(name="eve", reason="sWordfish-lock")))
    other = asked("LEAS-0002", who=person("alice"))
    under = replace(free(), lease="K7QM-2XVD")
    house.lifecycle.handle(submit(other), screened(other, under, attended=False))
    house.after = 4000 * DAY
    before = house.store.head()
    found = house.store.due(house.now().at, 9, house.now().at)
    assert [owner for owner, _ in found] == ["LEAS-0002"]
    for id in ("K7QM-2XVD", "WA1T-0001", "L0CK-0001"):
        with pytest.raises(Conflict, match="has not ended"):
            house.store.commit((), (), forgotten=[id])
    assert house.store.head() == before
    assert [entry.field for entry in house.store.values("L0CK-0001")] == ["reason"]


def test_a_text_that_two_requests_have_stays_until_both_are_forgotten(house: House) -> None:
    house.live("AAAA-0001")
    house.end("AAAA-0001")
    house.after = 300 * DAY
    house.live("AAAA-0002")
    house.after = 401 * DAY
    assert house.forget() == 1
    with closing(sqlite3.connect(house.path)) as db:
        assert db.execute("SELECT count(*) FROM texts").fetchone() == (1,)
    house.lifecycle.handle(Revoked("AAAA-0002", DAEMON, "over"))
    house.end("AAAA-0002")
    house.after = 1000 * DAY
    assert house.forget() == 1
    with closing(sqlite3.connect(house.path)) as db:
        assert db.execute("SELECT count(*) FROM texts").fetchone() == (0,)


def test_a_clock_that_jumps_makes_no_value_old(house: House) -> None:
    """THREATS L-10: whether it jumps while the host is up, or before it starts, and however long it stays there."""
    house.live()
    house.end()
    house.after = 10 * DAY
    house.ahead, house.synchronised = 800 * DAY, False
    assert house.forget() == 0
    for day in range(11, 40, 2):
        house.after = day * DAY
        house.lifecycle.note("daemon.started", "root", 0, {})
        assert house.forget() == 0
    house.ahead = 0.0
    house.lifecycle.note("daemon.started", "root", 0, {})
    house.synchronised = True
    house.after = 399 * DAY
    assert house.forget() == 0
    house.after = 401 * DAY
    assert house.forget() == 1, "the clock is right again"


def test_a_host_without_a_server_of_time_forgets_as_its_record_grows(house: House) -> None:
    """Its hypervisor keeps the clock, and the kernel never calls it synchronised."""
    house.synchronised = False
    house.live()
    house.end()
    for day in range(0, 402, 20):
        house.after = day * DAY
        house.lifecycle.note("daemon.started", "root", 0, {})
        assert house.forget() == 0
    house.after = 401 * DAY
    assert house.forget() == 1


@pytest.mark.parametrize("boot_id", ["boot-1", "boot-2"])
@pytest.mark.parametrize("is_new", [False, True])
def test_what_was_said_while_the_clock_was_behind_is_not_forgotten_when_it_is_set(
    house: House, is_new: bool, boot_id: str
) -> None:
    """THREATS L-10: a host has started without a battery, and may never have known the time before."""
    if not is_new:
        house.live("AAAA-0001")
        house.end("AAAA-0001")
    house.after, house.ahead, house.synchronised = 10 * DAY, -730 * DAY, False
    house.live("BBBB-0002")
    house.end("BBBB-0002")
    house.after, house.ahead, house.synchronised = 10 * DAY + 60, 0, True
    house.boot_id = boot_id
    assert house.forget() == 0, "the clock is right, and nothing is recorded yet"
    house.lifecycle.note("policy.loaded", "root", 0, {"rules": 1})
    house.after += 600
    assert house.forget() == 0
    house.after += 401 * DAY
    assert house.forget() == 2 - is_new


def test_what_was_said_while_the_clock_was_ahead_is_forgotten_all_the_same(house: House) -> None:
    """THREATS L-10: else it would be kept for as long as the clock was ahead, and nobody would notice."""
    house.ahead, house.synchronised = 3000 * DAY, False
    house.live()
    house.end()
    house.lifecycle.note("proof.failed", "root", 0, {"person": Value("person", "sWordfish-reason")})
    house.ahead, house.synchronised = 0.0, True
    house.after = 2 * DAY
    house.lifecycle.note("daemon.started", "root", 0, {})
    house.after = 401 * DAY
    assert house.forget() == 0 and words_in(house.files())
    house.after = 403 * DAY
    assert house.forget() == 2
    assert words_in(house.files()) == [] and findings_in(house.path) == []


CHANGES = {
    "deleted": "DELETE FROM said WHERE id = 'K7QM-2XVD'",
    "emptied": "UPDATE said SET entries = x'' WHERE id = 'K7QM-2XVD'",
    "changed": "UPDATE said SET entries = CAST(replace(CAST(entries AS TEXT), 'DROP', 'SHOW') AS BLOB)",
    "said to be forgotten": "UPDATE said SET entries = x'', is_forgotten = 1 WHERE id = 'K7QM-2XVD'",
    "damaged": "UPDATE said SET entries = x'ff00' WHERE id = 'K7QM-2XVD'",
    "exchanged": "UPDATE said SET entries = (SELECT entries FROM said WHERE id = 'AAAA-0001') WHERE id = 'K7QM-2XVD'",
}


@pytest.mark.parametrize("change", CHANGES)
def test_an_open_life_whose_values_were_touched_is_used_by_nobody(tmp_path: Path, change: str) -> None:
    """THREATS L-11: the store reads no such object, and a daemon sets it aside. The other request goes on."""
    house = House(tmp_path)
    for id in ("K7QM-2XVD", "AAAA-0001"):
        made = asked(id, what=command("psql", "-c", "DROP" if id[0] == "K" else "SELECT"))
        house.lifecycle.handle(submit(made), screened(made, permit()))
    examine(house.store, Noted(tmp_path / "head"))
    house.store.close()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER said_stays")
        db.execute("DROP TRIGGER said_moves")
        db.execute(CHANGES[change])
    store = SqliteStore(house.path)
    told: list[tuple[str, str]] = []
    store.found_damaged = lambda *one: told.append(one)
    assert store.request("K7QM-2XVD") is None and told == [("request", "K7QM-2XVD")]
    damage = store.damage_of("request", "K7QM-2XVD")
    assert damage is not None and damage.is_open and damage.lacks_values
    assert "K7QM-2XVD has not ended, and these values of it are missing" in damage.because
    lifecycle = Lifecycle(store, house.now, lambda: "policy-1")
    damaged = examine(store, Noted(tmp_path / "head"))
    assert [(one.life, one.id) for one in damaged] == [("request", "K7QM-2XVD")]
    for one in damaged:
        lifecycle.set_aside(one)
    assert (store.request("K7QM-2XVD"), store.n_open()) == (None, 1)
    assert [one.id for one in store.requests()] == ["AAAA-0001"]
    assert examine(store, Noted(tmp_path / "head")) == (), "the next start finds nothing more"
    assert [one.wrong for one in findings_in(house.path)] in ([Wrong.VALUE_MISSING], [Wrong.VALUE_DIFFERS])
    house.after = 401 * DAY
    is_left = change not in ("deleted", "said to be forgotten")
    assert lifecycle.forget(house.now().at, "record.keep") == is_left, "as the values of others"
    assert not is_left or "no record says" not in " ".join(map(str, findings_in(house.path)))
    store.close()


def test_a_missing_reason_does_not_lift_a_lock(tmp_path: Path) -> None:
    """THREATS L-11: nor does it stop the daemon."""
    house = House(tmp_path)
    house.lifecycle.handle(place(locked(reason="stolen laptop")))
    house.store.close()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER said_stays")
        db.execute("DELETE FROM said")
    with closing(SqliteStore(house.path)) as store:
        assert examine(store, Noted(tmp_path / "head")) == ()
        (lock,) = store.locks()
        assert (lock.name, lock.is_active, lock.reason) == ("alice", True, MISSING)
        Lifecycle(store, house.now, lambda: "policy-1").handle(lift(lock))
        assert list(store.locks()) == []
    assert [one.wrong for one in findings_in(house.path)] == [Wrong.VALUE_MISSING]


def test_who_does_what_the_daemon_says_about_a_damaged_lock_can_start_it_again(tmp_path: Path) -> None:
    """THREATS O-02: nobody knows whom it bars."""
    house = House(tmp_path)
    head = Noted(tmp_path / "head")
    house.lifecycle = Lifecycle(house.store, house.now, lambda: "policy-1", head.write)
    house.lifecycle.handle(place(locked()))
    house.store.close()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER locks_move")
        db.execute("UPDATE locks SET document = CAST(replace(CAST(document AS TEXT), 'alice', 'alicf') AS BLOB)")
    with (
        closing(SqliteStore(house.path)) as store,
        pytest.raises(StoreError, match="lock .*move it away, with the files -wal and"),
    ):
        examine(store, head)
    (tmp_path / "evidence").mkdir()
    for file in tmp_path.glob(f"{house.path.name}*"):
        file.rename(tmp_path / "evidence" / file.name)
    with closing(SqliteStore(house.path)) as store, pytest.raises(StoreError, match=f"on purpose, remove {head.file}"):
        examine(store, head)
    head.file.unlink()
    with closing(SqliteStore(house.path)) as store:
        examine(store, Noted(head.file))
    assert findings_in(tmp_path / "evidence" / house.path.name)


def test_a_damaged_row_of_values_stops_neither_a_verification_nor_that_others_are_forgotten(house: House) -> None:
    """THREATS L-11: the first owner that is due cannot be read."""
    for id in ("AAAA-0001", "K7QM-2XVD"):
        house.live(id)
        house.end(id)
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute("UPDATE said SET entries = x'ff00' WHERE id = 'AAAA-0001'")
    house.store.close()
    found = findings_in(house.path)
    assert [one.wrong for one in found] == [Wrong.VALUE_MISSING] and "AAAA-0001" in str(found[0])
    house.store = SqliteStore(house.path)
    house.lifecycle = Lifecycle(house.store, house.now, lambda: "policy-1")
    assert house.store.values("AAAA-0001").filled({"committed": "0" * 64}) == MISSING
    house.after = 401 * DAY
    assert house.forget() == 2
    assert words_in(house.files()) == []


@pytest.mark.parametrize(
    ("hidden", "told"),
    [
        ("UPDATE requests SET person = 'mallo' WHERE id = 'K7QM-2XVD'", "the columns of request K7QM-2XVD differ"),
        ("DELETE FROM chain_about WHERE number = 2", "the index of the record is wrong about record 2"),
        ("UPDATE grants SET is_open = 0 WHERE id = 'K7QM-2XVD'", "the columns of grant K7QM-2XVD differ"),
    ],
)
@pytest.mark.parametrize("id", ["AAAA-0001", "K7QM-2XVD"])
def test_a_damaged_row_of_values_hides_nothing_that_was_moved_out_of_sight(house: House, id: str, hidden: str, told: str) -> None:
    """THREATS L-11: also if the values are those of an open grant."""
    house.live("AAAA-0001")
    house.end("AAAA-0001")
    house.live()
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        db.execute(hidden)
        assert [one.wrong for one in findings_in(house.path)] == [Wrong.STORE_DIFFERS]
        db.execute("UPDATE said SET entries = x'ff00' WHERE id = ?", (id,))
    found = findings_in(house.path)
    assert Wrong.VALUE_MISSING in {one.wrong for one in found}
    assert [told in str(one) for one in found if one.wrong is Wrong.STORE_DIFFERS] == [True]


def test_a_missing_value_of_an_ended_life_is_not_said_to_be_forgotten(house: House) -> None:
    """THREATS L-11."""
    made = asked()
    house.lifecycle.handle(submit(made), Withdrawn(made.id, DAEMON, "its client went away"))
    with closing(sqlite3.connect(house.path, isolation_level=None)) as db:
        db.execute("DROP TRIGGER said_stays")
        db.execute("DELETE FROM said")
    values = SqliteStore.reading(house.path).values(made.id)
    assert values.filled({"reason": {"committed": "0" * 64}}) == {"reason": MISSING}


def test_the_schema_lets_nobody_drop_values_in_passing(house: House) -> None:
    house.live()
    with closing(sqlite3.connect(house.path)) as db:
        for statement in ("DELETE FROM said", "UPDATE said SET id = 'x'"):
            with pytest.raises(sqlite3.IntegrityError, match="only with a record of it"):
                db.execute(statement)


def test_a_document_with_a_value_in_clear_is_refused(house: House) -> None:
    made = asked()
    values = house.store.values(made.id)
    document = json.loads(documents.write(made, values))
    document["claims"]["reason"] = "typed"
    with pytest.raises(ValueError, match="reason is in clear"):
        documents.read(Request, json.dumps(document).encode(), lambda id: values)


def test_a_document_of_an_earlier_release_that_lacks_a_member_with_a_default_is_read_whole_and_in_outline(house: House) -> None:
    house.live()
    house.end()
    n_lacked = 0
    with closing(sqlite3.connect(house.path)) as db:
        for life, columns in COLUMNS.items():
            for (stored,) in db.execute(f"SELECT document FROM {columns.table}"):
                document = json.loads(stored)
                names = {one.name for one in fields(life) if one.default is not NO_DEFAULT} & document.keys()
                for name in names:
                    earlier = json.dumps({member: value for member, value in document.items() if member != name}).encode()
                    whole = documents.read(life, earlier, house.store.values)
                    documents.read_outline(life, earlier)
                    assert getattr(whole, name) == next(one.default for one in fields(life) if one.name == name)
                n_lacked += len(names)
    assert n_lacked > 20


def test_a_commit_that_failed_keeps_no_value(house: House) -> None:
    made = asked()
    house.lifecycle.handle(submit(made))
    before = len(house.store.values(made.id))
    values = house.store.values(made.id)
    values.commit_to("reason", "another")
    with pytest.raises(Conflict):
        house.store.commit((), (), [(values, house.now().at)], forgotten=[made.id])
    assert len(house.store.values(made.id)) == before


def test_each_field_of_a_stored_object_that_a_person_fills_is_a_value() -> None:
    """Whoever adds a text or bytes to a command or to what a client claims has to decide whether it is one."""
    in_clear = {
        "Command": {"path", "run_as", "locale", "streams", "chdir", "is_told", "gives", "stays", "lets", "masked"},
        "Claims": {"login_session"},
        "Review": {"by", "verdict", "at", "way", "receipt"},
    }
    for columns in COLUMNS:
        documents._places(columns)
    for kind, places in documents._KNOWN.items():
        if kind.__name__ in in_clear:
            assert {field.name for field in fields(kind)} - {name for name, _ in places} == in_clear[kind.__name__]


def test_verdicts_are_no_values() -> None:
    detail = review(asked(), person("bob"), Verdict.DENY).detail()
    assert detail["verdict"] == "deny"


AT_ONCE = """
import sys, threading
from jitd.core.request import Request
from jitd.store import documents
from tests.scene import asked
from tests.stored import no_values

sys.setswitchinterval(1e-6)
made = asked()
values = no_values(made.id)
document = documents.write(made, values)
go = threading.Barrier(8)

def read() -> None:
    go.wait()
    for _ in range(3):
        assert documents.read(Request, document, lambda id: values) == made

threads = [threading.Thread(target=read) for _ in range(8)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
"""


def test_many_threads_may_read_their_first_object_at_once() -> None:
    """Several processes, because each has one first time."""
    started = [subprocess.Popen([sys.executable, "-c", AT_ONCE], cwd=TREE) for _ in range(6)]
    assert [one.wait() for one in started] == [0] * 6


def test_a_key_for_masked_words_that_does_not_fit_on_the_disk_is_none(tmp_path: Path) -> None:
    """write(2) may write a part. With such a key, the words of a request could not be read after a restart."""
    made = """
import resource, sys
from pathlib import Path
from jitd.store.masked_words import Secret, WordsKey
resource.setrlimit(resource.RLIMIT_FSIZE, (16, 16))
try:
    WordsKey(Path(sys.argv[1])).box("K7QM-2XVD", Secret((b"word",), b"", ()))
except OSError as fault:
    print(fault.strerror)
"""
    done = subprocess.run(
        [sys.executable, "-c", made, str(tmp_path / "key")], cwd=TREE, capture_output=True, text=True, check=False
    )
    assert done.stdout == "File too large\n", done
