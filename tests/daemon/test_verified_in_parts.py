# SPDX-License-Identifier: Apache-2.0
"""A record is verified part by part, and by several processes at the same time: what is whole is told so without a second
reading, whatever the size of a part, and what is not whole is never told to be.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jitd.audit import parts, side_by_side
from jitd.audit import verify as verifying
from jitd.audit.findings import Flaw, Wrong
from jitd.audit.heads import Heads
from jitd.audit.keys import Keys
from jitd.audit.lives import Doubt, doubt
from jitd.audit.parts import Joined, Part, Reader, Span
from jitd.audit.said import Said
from jitd.audit.signing import Signing
from jitd.audit.verify import Verified, verify, verify_later
from jitd.core.chain import Seal, canonical
from jitd.lifecycle.integrity import Damaged
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import StoreError
from jitd.store.opening import read_store
from jitd.store.sqlite import SqliteStore
from tests.core import test_verify as plain
from tests.daemon import test_mutated_records as sealed
from tests.evidence.packs import HOST
from tests.evidence.year import Life
from tests.scene import START, asked, moment, submit
from tests.waiting import PATIENCE, is_living, wait_for

SIZES = (1, 2, 7, 64, 8192)
N = 120
"""Requests of the year that is read."""


class Past(Life):
    """A year whose head is signed now and then, on a host that is booted every month. One object is set aside."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory, 11, N)
        self.signing = Signing(self.store, HOST, directory, self.now, self.lifecycle.note)
        self.n_done = 0

    def do(self, *events: Any) -> None:
        super().do(*events)
        self.n_done += 1
        if self.n_done % 9 == 0:
            self.signing.sign()
        if self.n_done == 200:
            self.signing.rotate("root", 0)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The record of the year. Its oldest values were forgotten, some objects are still open, and one was set aside."""
    directory = tmp_path_factory.mktemp("year")
    past = Past(directory)
    past.lived()
    store = SqliteStore(directory / "jitd.db")
    later = Lifecycle(
        store, lambda: moment(366 * 86400, "boot-2"), lambda: past.policy.digest, policy_text=lambda: past.policy.text
    )
    assert later.forget(START + timedelta(days=180), "record.keep = 180d") > 10
    later.note("standing.recorded", "jitd", 0, {"sha256": store.keep_standing(b"{}"), "n": 0, "kinds": {}, "unseen": []})
    id = asked("ZZZZ-0001").id
    later.handle(submit(asked(id)))
    later.set_aside(Damaged("request", id, "it is not what was recorded"))
    Signing(store, HOST, directory, past.now, later.note).sign()
    store.close()
    return directory / "jitd.db"


@pytest.fixture
def never_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record is not read a second time."""

    def run(self: Any) -> None:
        raise AssertionError("it was read again")

    monkeypatch.setattr(verifying._Verification, "run", run)


def both(store: Any, heads: Callable[[], Heads] = Heads, given: Any = ()) -> tuple[Verified | None, Verified, list[Flaw]]:
    """What is told of a whole record by parts, or None if there is a doubt; and what reading it in its order tells."""
    try:
        by_parts = verifying._Whole(store, heads(), Keys(given), None, verifying._Alone(store)).run()
    except (Doubt, StoreError, *parts.ODD):
        by_parts = None
    found: list[Flaw] = []
    in_order = verifying._Verification(store, found.append, heads(), Keys(given), None).run()
    return by_parts, in_order, found


@pytest.mark.parametrize("size", SIZES)
def test_a_record_is_whole_in_parts_of_any_size(database: Path, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(parts, "SIZE", size)
    with closing(read_store(database)) as store:
        by_parts, in_order, found = both(store)
    assert found == [] and by_parts == in_order and in_order.signed.n > 20


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("lines", [[], sealed.SINK, sealed.SINK_CHECKPOINTS], ids=["alone", "sink", "signed"])
@pytest.mark.usefixtures("never_again")
def test_a_whole_record_is_read_once_whatever_it_is_compared_with(
    lines: list[str], monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    monkeypatch.setattr(parts, "SIZE", size)
    assert sealed.found_in(sealed.WHOLE, lines) == []


@pytest.mark.parametrize("mutation", sealed.MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_no_change_that_is_named_is_whole_by_parts(mutation: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS L-03."""
    n = 0

    def compared(world: Any, report: Any, *, heads: Heads, given: Any) -> Any:
        nonlocal n
        by_parts, _, found = both(world, lambda: heads, given)
        for finding in found:
            report(finding)
        assert found and by_parts is None
        n += 1

    monkeypatch.setattr(sealed, "verify", compared)
    for seed in range(40):
        monkeypatch.setattr(parts, "SIZE", SIZES[seed % len(SIZES)])
        mutation(random.Random(seed))
    assert n or mutation.__name__.endswith(("line", "lines"))


@pytest.mark.parametrize("tamper", plain.TAMPERINGS, ids=lambda tamper: tamper.__name__)
def test_no_record_that_was_sealed_anew_is_whole_by_parts(
    tamper: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS L-03: the end of a part is the only place at which a part and what is before it are compared."""
    plain.live(tmp_path / "jitd.db")
    with closing(SqliteStore.reading(tmp_path / "jitd.db")) as store:
        documents = list(store.documents())
        past = plain.Past(list(store.records()), documents, {id: list(store.values(id)) for _, id, _ in documents})
    rng = random.Random(5)
    for n in range(60):
        monkeypatch.setattr(parts, "SIZE", SIZES[n % len(SIZES)])
        records, changed = tamper(past, rng.randrange(1000), rng.randrange(10000))
        by_parts, _, found = both(plain.Stored(records, changed, past.entries))
        assert found and by_parts is None


def comes_again(world: sealed.World) -> None:
    """A boot of the host that had ended."""
    body = json.loads(world.bodies[-1])
    world.bodies[-1] = canonical(body | {"boot_id": "one", "boot": "9000.000000"})


def forgets_too_early(world: sealed.World) -> None:
    """The values of a request are forgotten while it is open."""
    bodies = [json.loads(body) for body in world.bodies]
    n = next(n for n, body in enumerate(bodies) if body["event"] == "request.submitted")
    time = {name: bodies[n][name] for name in ("boot", "boot_id")}
    detail = {**bodies[-2]["detail"], "owners": [bodies[n]["id"]]}
    world.bodies.insert(n + 1, canonical({**bodies[-2], **time, "detail": detail}))


def has_a_thirteenth_month(world: sealed.World) -> None:
    world.bodies[-1] = canonical(json.loads(world.bodies[-1]) | {"at": "2026-13-26T12:00:00+00:00"})


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("change", [comes_again, forgets_too_early, has_a_thirteenth_month])
def test_what_concerns_another_part_is_no_less_wrong(
    change: Callable[[sealed.World], None], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS L-03: the records are sealed and signed anew."""
    monkeypatch.setattr(parts, "SIZE", size)
    world = sealed.WHOLE.copy()
    change(world)
    world.seal_anew()
    world.sign_anew(sealed.KEY)
    by_parts, _, found = both(world)
    assert found and by_parts is None


def test_a_record_that_was_not_signed_for_long_is_not_whole_by_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verifying, "MOST_UNSIGNED", 20)
    world = sealed.WHOLE.copy()
    assert both(world)[0] is not None
    del world.signed[2:]
    by_parts, _, found = both(world)
    assert [one.wrong for one in found] == [Wrong.REMOVED] and by_parts is None


def test_parts_of_two_records_are_not_a_whole_one() -> None:
    """THREATS L-03: somebody exchanges the record while it is verified, between two parts. Each of the two is whole."""
    other = sealed.WHOLE.copy()
    other.bodies[0] = canonical(json.loads(other.bodies[0]) | {"actor": "eve@X"})
    other.seal_anew()
    key, half = bytes(32), sealed.LAST // 2
    first, second = (
        (Reader(of, key).read(Span(0, half, half)), Reader(of, key).read(Span(half, sealed.LAST, 0)))
        for of in (sealed.WHOLE, other)
    )

    def join(*found: Part) -> Seal:
        joined = Joined(Heads(), Keys(), Said(lambda id: frozenset(), lambda: (), doubt), key)
        for one in found:
            joined.add(one)
        return joined.head

    assert [join(*of).number for of in (first, second)] == [sealed.LAST, sealed.LAST]
    for mixed in ((first[0], second[1]), (second[0], first[1]), (first[1],), (first[0], first[0])):
        with pytest.raises(Doubt):
            join(*mixed)


CHANGES = {
    "a row of the index": "UPDATE chain_about SET actor = 'eve@EXAMPLE.TEST' WHERE number = 300",
    "a row of the index too many": "INSERT INTO chain_names VALUES ('AAAA-0009', 12)",
    "a record before the first": "INSERT INTO chain VALUES (0, x'00', x'00')",
    "a row of the index before the first": "INSERT INTO chain_about SELECT 0, at, high, event, life, actor, requester FROM"
    " chain_about WHERE number = 1",
    "a row of the index after the last": "INSERT INTO chain_about SELECT number + 1, at, high, event, life, actor, requester FROM"
    " chain_about ORDER BY number DESC LIMIT 1",
    "a column": "UPDATE grants SET person = 'eve' WHERE rowid = 5",
    "an object": "DELETE FROM runs WHERE rowid = 7",
    "an object that is open": "DELETE FROM locks WHERE is_open = 1",
    "a value": "UPDATE said SET entries = x'90' WHERE is_forgotten = 0 AND rowid = (SELECT max(rowid) FROM said)",
    "the policy": "DELETE FROM policies",
    "a list of standing privileges": "DELETE FROM standing",
    "an index of SQLite": "UPDATE sqlite_master SET sql = 'CREATE INDEX runs_of ON runs (id)' WHERE name = 'runs_of'",
    "a checkpoint": "UPDATE checkpoints SET at = '2026-03-02T09:00:01+00:00' WHERE rowid = (SELECT max(rowid) FROM checkpoints)",
    "the seal at the end of a part": "UPDATE chain SET digest = x'00' WHERE number = 64",
    "the record at the end of a part": "UPDATE chain SET body = x'00' WHERE number = 128",
    "a record that is missing": "DELETE FROM chain WHERE number = 65",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_is_changed_in_the_database_is_not_whole_by_parts(
    database: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """THREATS L-03."""
    monkeypatch.setattr(parts, "SIZE", 64)
    with closing(read_store(copied(database, tmp_path, change))) as store:
        by_parts, _, found = both(store)
    assert found and by_parts is None


# --- since a time --------------------------------------------------------------------------------------------------------


def copied(database: Path, directory: Path, change: str = "") -> Path:
    """A copy of ``database``, with a change by somebody who can write to it."""
    copy = directory / "jitd.db"
    with closing(sqlite3.connect(copy)) as to, closing(sqlite3.connect(database)) as of:
        of.backup(to)
        for (trigger,) in to.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            to.execute(f"DROP TRIGGER {trigger}")
        to.execute("PRAGMA writable_schema = ON")
        assert not change or to.execute(change).rowcount > 0
        to.commit()
    return copy


def since(database: Path, months: int) -> tuple[Verified, int, list[Flaw]]:
    found: list[Flaw] = []
    at = int((START + timedelta(days=30 * months)).timestamp())
    with closing(read_store(database)) as store:
        return *verify_later(store, at, found.append, heads=Heads()), found


@pytest.mark.parametrize("months", [-1, 0, 1, 3, 6, 9, 11, 12, 13, 20])
def test_a_record_is_whole_since_any_time(database: Path, months: int) -> None:
    verified, n_passed_over, found = since(database, months)
    assert found == [] and verified.signed.newest is not None
    with closing(read_store(database)) as store:
        assert verified.head == store.head()
        assert (n_passed_over == 0) is (months < 1) or months == 1
        assert not n_passed_over or store.checkpoint_before(n_passed_over + 2) is not None


LATER = {
    "a record": ("UPDATE chain SET body = x'00' WHERE number = (SELECT max(number) - 3 FROM chain)", Wrong.EDITED),
    "a seal": ("UPDATE chain SET digest = x'00' WHERE number = (SELECT max(number) - 3 FROM chain)", Wrong.EDITED),
    "a record that is missing": ("DELETE FROM chain WHERE number = (SELECT max(number) - 3 FROM chain)", Wrong.REMOVED),
    "an object": (
        "UPDATE requests SET document = x'7b7d' WHERE rowid = (SELECT max(rowid) - 1 FROM requests)", Wrong.STORE_DIFFERS,
    ),
    "an object that is missing": (
        "DELETE FROM requests WHERE rowid = (SELECT max(rowid) - 1 FROM requests)", Wrong.STORE_DIFFERS,
    ),
    "a value": ("DELETE FROM said WHERE rowid = (SELECT max(rowid) - 1 FROM said)", Wrong.VALUE_MISSING),
    "a checkpoint": (
        "UPDATE checkpoints SET seal = zeroblob(32) WHERE rowid = (SELECT max(rowid) FROM checkpoints)", Wrong.FORGED,
    ),
}  # fmt: skip


@pytest.mark.parametrize(("change", "wrong"), LATER.values(), ids=LATER)
def test_what_was_changed_since_is_named_and_what_was_not_looked_at_is_told(
    database: Path, tmp_path: Path, change: str, wrong: Wrong
) -> None:
    """THREATS L-03."""
    _, n_passed_over, found = since(copied(database, tmp_path, change), 10)
    assert n_passed_over > 100 and wrong in {one.wrong for one in found}


def test_a_seal_before_the_first_checkpoint_cannot_be_another_one(database: Path, tmp_path: Path) -> None:
    """It is the only thing from before that is used."""
    _, n_passed_over, _ = since(database, 10)
    change = f"UPDATE chain SET digest = zeroblob(32) WHERE number = {n_passed_over}"
    assert since(copied(database, tmp_path, change), 10)[2]


def test_what_was_changed_before_is_found_without_since(database: Path, tmp_path: Path) -> None:
    """So the verb says what it has not looked at."""
    copy = copied(database, tmp_path, "UPDATE chain SET body = x'00' WHERE number = 40")
    at = f"--since={START + timedelta(days=300):%Y-%m-%d}"
    words = [sys.executable, "-c", "import sys; from jitd.cli import main; sys.exit(main())", "audit", "verify"]
    done = subprocess.run([*words, at, str(copy)], capture_output=True, text=True, check=True)
    _, n, _ = since(copy, 10)
    first, *_, last = done.stdout.splitlines()
    assert first.startswith(f"audit: records {n + 1} to ") and ", chain whole, head " in first
    assert last == f"audit: not looked at: records 1 to {n}, and what is stored of them alone (--since)"
    done = subprocess.run([*words, str(copy)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "") and "edited: record 40 is not what was sealed" in done.stderr


def test_lines_are_not_verified_since_a_time(tmp_path: Path) -> None:
    (tmp_path / "export").write_text("".join(f"{line}\n" for line in sealed.EXPORT))
    words = [sys.executable, "-c", "import sys; from jitd.cli import main; sys.exit(main())", "audit", "verify", "--since=7d"]
    done = subprocess.run([*words, str(tmp_path / "export")], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "") and "--since is about a database" in done.stderr


# --- side by side --------------------------------------------------------------------------------------------------------


@pytest.fixture
def processes(database: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[side_by_side.Processes]:
    monkeypatch.setattr(parts, "SIZE", 50)
    with closing(side_by_side.Processes(lambda: closing(read_store(database)), 3)) as made:
        yield made


@pytest.mark.usefixtures("never_again")
def test_processes_tell_what_one_tells(database: Path, processes: side_by_side.Processes) -> None:
    told: list[tuple[int, int]] = []
    with closing(read_store(database)) as store:
        found = verify(store, lambda _: None, readers=processes, progress=lambda n, of: told.append((n, of)))
        assert found == verifying._Whole(store, Heads(), Keys(), None, verifying._Alone(store)).run()
    assert [n for n, _ in told] == [*range(50, found.head.number, 50), found.head.number]
    assert {of for _, of in told} == {found.head.number}


@pytest.mark.usefixtures("never_again")
def test_a_record_that_goes_on_meanwhile_is_whole_as_it_was(database: Path, tmp_path: Path) -> None:
    copy = tmp_path / "jitd.db"
    with closing(sqlite3.connect(copy)) as to, closing(sqlite3.connect(database)) as of:
        of.backup(to)  # and not read by this process before the processes are forked
    with (
        closing(side_by_side.Processes(lambda: closing(read_store(copy)), 2)) as made,
        closing(read_store(copy)) as store,
        closing(SqliteStore(copy)) as writer,
    ):
        Lifecycle(writer, lambda: moment(367 * 86400, "boot-2"), lambda: "p").handle(submit(asked("ZZZZ-0002")))
        assert verify(store, lambda _: None, readers=made).head == store.head() != writer.head()


def test_a_process_that_ends_early_is_a_doubt_and_changes_no_verdict(
    database: Path, processes: side_by_side.Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.kill(processes._pids[1], signal.SIGKILL)
    again: list[int] = []
    run = verifying._Verification.run

    def run_again(self: Any) -> Verified:
        again.append(1)
        return run(self)

    monkeypatch.setattr(verifying._Verification, "run", run_again)
    found: list[Flaw] = []
    with closing(read_store(database)) as store:
        assert verify(store, found.append, readers=processes).head == store.head()
    assert (found, again) == ([], [1])


def children_of(pid: int) -> set[int]:
    return set(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))


def test_no_process_is_left_when_they_are_closed(database: Path) -> None:
    before = children_of(os.getpid())
    made = side_by_side.Processes(lambda: closing(read_store(database)), 3)
    assert len(children_of(os.getpid()) - before) == 3
    made.close()
    assert children_of(os.getpid()) == before


ON_MANY = """
import os, signal, sys
from jitd.audit import parts
from jitd.cli import main, verifying
verifying.ALONE = 0
os.sched_getaffinity = lambda pid: set(range(3))
{more}
sys.exit(main())
"""
READS = "parts.Reader.read = lambda reader, span: signal.pause()"
TELLS = """
from jitd.audit import side_by_side
from jitd.core.chain import GENESIS
parts.Reader.read = lambda reader, span: parts.Part(GENESIS, GENESIS, boots=[("x" * (1 << 22), 1.0, 2.0)])
side_by_side.Processes.next = lambda processes: signal.pause()
"""


def typed(database: Path, more: str = "") -> list[str]:
    return [sys.executable, "-c", ON_MANY.format(more=more), "audit", "verify", str(database)]


def test_the_verb_prints_the_same_on_several_processors(database: Path) -> None:
    several, one = (
        subprocess.run(typed(database, more), capture_output=True, text=True, check=True)
        for more in ("parts.SIZE = 100", "os.sched_getaffinity = lambda pid: {0}")
    )
    assert (several.stdout, several.stderr) == (one.stdout, "") and "chain whole" in one.stdout


@pytest.mark.parametrize(("ends", "more"), [(signal.SIGINT, READS), (signal.SIGTERM, TELLS), (signal.SIGKILL, TELLS)])
def test_the_verb_leaves_no_process_when_it_is_ended(database: Path, ends: signal.Signals, more: str) -> None:
    """By Ctrl-C, and by what no program hears of: then a process that reads ends when it tells its part."""
    with subprocess.Popen(typed(database, more), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as verb:
        wait_for(lambda: len(children_of(verb.pid)) == 3)
        readers = children_of(verb.pid)
        verb.send_signal(ends)
        assert verb.wait(PATIENCE) == (130 if ends == signal.SIGINT else -ends)
        wait_for(lambda: not any(map(is_living, readers)))
