# SPDX-License-Identifier: Apache-2.0
"""THREATS O-02 and O-03: a database that is damaged, of yesterday, locked, or of another version. Law: nothing is permitted by
it, and whoever starts the daemon, or asks, reads why.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from jitd.lifecycle.integrity import Noted, examine
from jitd.store import StoreError
from jitd.store.sqlite import FIRST, SCHEMA, SqliteStore
from tests.system.clients import Client, ready
from tests.system.conftest import House
from tests.system.crashpoints import REFUSED, STATUS
from tests.system.failing import erring
from tests.times import SEED, times
from tests.verified import NotWhole, verify
from tests.waiting import PATIENCE, wait_for

PAGE = 4096
FLIPS = times(6)
"""Bits of each page that are turned."""


@pytest.fixture
def served() -> Iterator[House]:
    house = ready()
    yield house
    house.close()


@pytest.fixture(scope="module")
def serving() -> Iterator[House]:
    """Of tests that leave it serving, whatever they have asked for."""
    house = ready()
    yield house
    house.close()


def serve(house: House) -> subprocess.CompletedProcess[str]:
    """A start that is expected to fail."""
    return house.run("root", "jitd", "serve", "--config", str(house.config_file), timeout=PATIENCE)


def copy_of(database: Path, to: Path) -> Path:
    """As a backup program makes it."""
    with contextlib.closing(sqlite3.connect(database)) as ours, contextlib.closing(sqlite3.connect(to)) as theirs:
        ours.backup(theirs)
    return to


def put_back(house: House, kept: Path) -> None:
    for suffix in ("-wal", "-shm"):
        house.database.with_name(house.database.name + suffix).unlink(missing_ok=True)
    shutil.copyfile(kept, house.database)


def lease(house: House) -> None:
    """A lease of alice's with one use."""
    asked = Client(house, "alice", "jitsudo", "--for=10m", "--uses=2", "bash", "-c", f"exit {STATUS}")
    while not asked.id:
        assert asked.process.poll() is None, asked.err
    assert Client(house, "bob", "jitd", "approve", asked.id, "--yes").end() == 0
    assert asked.end() == STATUS, asked.err


def use(house: House) -> int | None:
    return Client(house, "alice", "jitsudo", "-n", "bash", "-c", f"exit {STATUS}").end()


def n_connections(house: House) -> int:
    """How often the daemon has its database open."""
    assert house.process is not None
    files = Path(f"/proc/{house.process.pid}/fd").iterdir()
    return [os.readlink(file) for file in files].count(str(house.database))


SINK = '[sinks.file]\nkind = "file"\nfile = "stops.jsonl"\n'


@pytest.mark.parametrize(("config", "n_open"), [("", 2), (SINK, 4)], ids=["for the journal", "for a sink, too"])
def test_a_daemon_that_stops_leaves_its_whole_database_in_one_file(config: str, n_open: int) -> None:
    """Whoever reads the record for others has the database open until then, and a sink has its place there."""
    with contextlib.closing(ready(config=config)) as house:
        wait_for(lambda: n_connections(house) >= n_open, what="those who read")
        house.stop()
        assert [file.name for file in house.database.parent.glob("jitd.db*")] == ["jitd.db"]
        house.verify()


LEASED = """
[[permit]]
name = "leased"
who = ["group:dba"]
commands = [["/usr/bin/bash", "**"], ["/usr/bin/sh", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 9 }
"""


@pytest.fixture(scope="module")
def leased() -> Iterator[House]:
    """Of tests that put databases of other days there, and leave one with which it serves."""
    house = ready(LEASED)
    yield house
    house.close()


def test_yesterdays_database_gives_no_grant_a_second_time(leased: House) -> None:
    """THREATS O-02."""
    house = leased
    lease(house)
    kept = copy_of(house.database, house.root / "yesterday")
    assert (use(house), use(house)) == (STATUS, 118), "its second use, and no third"
    house.kill()
    whole = copy_of(house.database, house.root / "today")
    put_back(house, kept)
    refused = serve(house)
    assert refused.returncode == 1
    told = r"jitd: the database is not the one .* record \d+ is missing.* remove \S+/run/head"
    assert re.search(told, refused.stderr), refused.stderr
    assert not house.socket.exists() or use(house) == REFUSED
    put_back(house, whole)
    house.start()
    assert use(house) == 118, "today's is the one that counts"
    house.verify()


def test_a_database_that_went_another_way_is_not_the_one_that_was_left(leased: House) -> None:
    """THREATS O-02: as long as the one that was left, but another: two hosts wrote one after the other."""
    house = leased
    kept = copy_of(house.database, house.root / "yesterday")
    lease(house)
    house.kill()
    noted = (house.root / "run/head").read_text()
    put_back(house, kept)
    (house.root / "run/head").unlink()  # as an administrator does who means it
    house.start()
    for _ in range(12):
        house.reload()  # each of which is recorded
    house.kill()
    (house.root / "run/head").write_text(noted)
    refused = serve(house)
    assert refused.returncode == 1 and "is another one" in refused.stderr
    (house.root / "run/head").unlink()
    house.start()


OF_ANOTHER_INDEX = """
PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'is_open = 1', 'is_open = 7') WHERE name = 'locks_open';
PRAGMA writable_schema = RESET; REINDEX locks_open;
PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'is_open = 7', 'is_open = 1') WHERE name = 'locks_open';
"""
"""Leaves the index of open locks empty."""
OF_NO_TIME = """
PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'NOT NULL', '') WHERE name = 'checkpoints';
PRAGMA writable_schema = RESET; DROP TRIGGER checkpoints_stay;
UPDATE checkpoints SET at = NULL WHERE number = (SELECT max(number) FROM checkpoints);
"""
UNGUARDED = "DROP TRIGGER chain_stays; DROP TRIGGER chain_grows; DROP TRIGGER grants_move; DROP TRIGGER locks_move;"


@pytest.fixture(scope="module")
def left() -> Iterator[tuple[House, Path]]:
    """What a daemon has left behind that has ended, and a copy of its database, which holds."""
    house = ready()
    assert Client(house, "alice", "jitsudo", "sh", "-c", f"exit {STATUS}").end() == STATUS
    assert house.jitd("lock", "--user=dave").returncode == 0
    house.stop()
    verified = house.run("root", "jitd", "audit", "verify", f"--config={house.config_file}", timeout=PATIENCE)
    assert (verified.returncode, verified.stderr) == (0, "")
    yield house, copy_of(house.database, house.root / "whole")
    house.close()


@pytest.mark.parametrize(
    ("how", "told"),
    [
        ("DELETE FROM chain WHERE number = (SELECT max(number) FROM chain)", r"cut tail: the record ends with \d+, "),
        ("DELETE FROM chain WHERE number = 3", r"removed: record 3 is missing"),
        ("UPDATE grants SET is_open = 1", r"the columns of grant \S+ differ from its document"),
        ("UPDATE grants SET uid = 4005", r"the columns of grant \S+ differ from its document"),
        ("UPDATE grants SET version = version + 1", r"the columns of grant \S+ differ from its document"),
        (OF_ANOTHER_INDEX, r"the database is damaged: locks: row 1 missing from index locks_open"),
        ("UPDATE grants SET id = CAST(id AS BLOB)", r"the columns of grant \S+ differ from its document"),
        (OF_NO_TIME, r"forged: in the database, the signature of the checkpoint of record \d+ is not one"),
        ("UPDATE locks SET is_open = 0", r"the columns of lock \S+ differ from its document"),
    ],
)
def test_whatever_was_changed_while_no_daemon_was_there_is_one_sentence_of_verify(
    left: tuple[House, Path], how: str, told: str
) -> None:
    house, whole = left
    put_back(house, whole)
    with contextlib.closing(sqlite3.connect(house.database)) as database:
        database.executescript(UNGUARDED + how)
    verified = house.run("root", "jitd", "audit", "verify", f"--config={house.config_file}", timeout=PATIENCE)
    assert verified.returncode == 1 and verified.stdout == ""
    assert re.search(told, verified.stderr) and verified.stderr.count("\n") == 1, verified.stderr


def test_a_database_that_somebody_else_has_locked_permits_nothing_and_is_waited_for(serving: House) -> None:
    """THREATS O-02."""
    before = len(serving.at_rest().records())
    with contextlib.closing(sqlite3.connect(serving.database, isolation_level=None)) as somebody:
        somebody.execute("BEGIN IMMEDIATE")
        asked = Client(serving, "alice", "jitsudo", "sh", "-c", f"exit {STATUS}")
        assert asked.end() == REFUSED, asked.err
        somebody.execute("ROLLBACK")
    assert "database is locked" in serving.log()
    assert len(serving.records()) == before
    assert Client(serving, "alice", "jitsudo", "sh", "-c", f"exit {STATUS}").end() == STATUS


def test_a_bit_that_flips_in_what_is_open_is_found_before_anything_is_served(serving: House, tmp_path: Path) -> None:
    """THREATS O-02: a few in each page, at random: either the daemon does not start with it, or what is open is what it was; and
    if all is read, either that fails or the chain tells, or the bit was in nobody's.
    """
    for n in range(4):
        assert Client(serving, "alice", "jitsudo", "sh", "-c", "exit 7").end() == STATUS
        assert Client(serving, "alice", "jitsudo", "--no-wait", "bash", "-c", f": {n}").end() == 0
    whole = copy_of(serving.database, tmp_path / "whole").read_bytes()
    opened, everything = look(tmp_path / "whole")
    assert opened and everything
    print(f"seed {SEED}")
    draw = random.Random(SEED)
    n_found = 0
    for at in range(0, len(whole), PAGE):
        for _ in range(FLIPS):
            bit = (at + draw.randrange(PAGE)) * 8 + draw.randrange(8)
            flipped = bytearray(whole)
            flipped[bit // 8] ^= 1 << bit % 8
            (tmp_path / "flipped").write_bytes(flipped)
            found, told = look(tmp_path / "flipped")
            assert found is None or set(found) <= set(opened), f"bit {bit}: what is open is another"
            n_found += found != opened
            assert told in (None, everything), f"bit {bit}: nobody tells that it is another"
    assert n_found > 0, "there were bits that counted"


def look(file: Path) -> tuple[list[tuple[str, str, bytes]] | None, list[tuple[str, str, bytes]] | None]:
    """What is open in it, as a daemon that starts reads it; and all of it, as ``audit verify`` does. None: it is refused."""
    opened = everything = None
    for suffix in ("-wal", "-shm"):
        file.with_name(file.name + suffix).unlink(missing_ok=True)
    with contextlib.suppress(StoreError, sqlite3.Error):
        store = SqliteStore(file)
        try:
            with contextlib.suppress(StoreError):
                damaged = {(one.life, one.id) for one in examine(store, Noted(file.with_name("none")))}
                opened = [one for one in store.documents(ended=False) if one[:2] not in damaged]
            with contextlib.suppress(StoreError, NotWhole):
                verify(store)
                everything = list(store.documents())
        finally:
            store.close()
    return opened, everything


def set_aside(house: House) -> list[str]:
    """The requests that the record says were set aside."""
    told = [record["detail"] for record in house.records() if record["event"] == "object.set_aside"]
    return [detail["request"] for detail in told if "request" in detail]


def test_a_changed_grant_is_found_at_the_start(served: House) -> None:
    """THREATS O-02: not by a bit, but by somebody who knows how. Nobody can approve it any more, and others can ask."""
    assert Client(served, "alice", "jitsudo", "--no-wait", "bash", "-c", ":").end() == 0
    assert Client(served, "alice", "jitsudo", "--no-wait", "bash", "-c", ": again").end() == 0
    served.kill()
    with contextlib.closing(sqlite3.connect(served.database, isolation_level=None)) as somebody:
        somebody.execute("DROP TRIGGER requests_move")
        (changed,) = somebody.execute("SELECT id FROM requests ORDER BY rowid LIMIT 1").fetchone()
        somebody.execute(
            "UPDATE requests SET version = version + 1, document = CAST(document || ' ' AS BLOB) WHERE id = ?", (changed,)
        )
    served.start()
    assert set_aside(served) == [changed]
    approved = served.run("bob", "jitd", "approve", changed, "--yes")
    assert approved.returncode != 0, approved
    waiting = served.run("bob", "jitd", "requests")
    assert changed not in waiting.stdout and "again" in waiting.stdout, f"the other one waits: {waiting}"
    verified = served.run("root", "jitd", "audit", "verify", f"--config={served.config_file}")
    assert verified.returncode == 1 and f"request {changed} is not as record" in verified.stdout + verified.stderr
    served.stop()
    served.start()
    assert set_aside(served) == [changed], "once"


def test_a_lock_that_one_bit_hides_is_missed_at_the_start(served: House) -> None:
    """THREATS O-02: a daemon that does not find the lock would let carol in."""
    assert served.jitd("lock", "--user", "carol").returncode == 0
    served.kill()
    whole = copy_of(served.database, served.root / "whole")
    with contextlib.closing(sqlite3.connect(whole)) as database:
        (page,) = database.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'locks'").fetchone()
    content = bytearray(whole.read_bytes())
    number_of_rows = (page - 1) * PAGE + 4  # https://sqlite.org/fileformat.html#b_tree_pages
    assert content[number_of_rows] == 1
    content[number_of_rows] = 0
    whole.write_bytes(content)
    put_back(served, whole)
    with contextlib.closing(SqliteStore(served.database)) as store:
        assert list(store.locks()) == [], "it is not found"
    refused = serve(served)
    assert refused.returncode == 1 and "the database is damaged: locks: " in refused.stderr, refused
    assert refused.stderr.count("\n") == 1 and "***" not in refused.stderr
    verified = served.run("root", "jitd", "audit", "verify", f"--config={served.config_file}")
    assert verified.returncode == 1, verified


def test_while_a_lock_is_damaged_everybody_is_told_so_and_nothing_is_permitted(serving: House) -> None:
    """THREATS O-02: nobody knows whom it bars. The daemon has read no lock since one was placed: what it has read it keeps."""
    before = len(serving.at_rest().records())
    assert serving.jitd("lock", "--user", "carol").returncode == 0
    with contextlib.closing(sqlite3.connect(serving.database, isolation_level=None, timeout=PATIENCE)) as database:
        database.execute("DROP TRIGGER IF EXISTS locks_move")
        ((id, whole),) = database.execute("SELECT id, document FROM locks WHERE is_open = 1").fetchall()
        database.execute("UPDATE locks SET document = CAST('{' AS BLOB) WHERE id = ?", (id,))
    for who in ("alice", "bob"):
        asked = Client(serving, who, "jitsudo", "sh", "-c", f"exit {STATUS}")
        assert asked.end() not in (0, STATUS), asked.err
        assert "a lock or an owed review in jitd's database is damaged" in asked.err and "jitd audit verify" in asked.err
    with contextlib.closing(sqlite3.connect(serving.database, isolation_level=None, timeout=PATIENCE)) as database:
        database.execute("UPDATE locks SET document = ? WHERE id = ?", (whole, id))
    assert [record["event"] for record in serving.records(before)] == ["lock.placed"], "nothing was asked for"
    assert Client(serving, "alice", "jitsudo", "sh", "-c", f"exit {STATUS}").end() == STATUS
    assert serving.jitd("unlock", "--user", "carol").returncode == 0


def test_a_newer_schema_is_left_alone(serving: House) -> None:
    """THREATS O-03."""
    serving.kill()
    with contextlib.closing(sqlite3.connect(serving.database)) as newer:
        newer.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    before = copy_of(serving.database, serving.root / "before").read_bytes()
    refused = serve(serving)
    assert refused.returncode == 1 and f"schema {SCHEMA + 1} is newer than this jitd knows ({SCHEMA})" in refused.stderr
    assert copy_of(serving.database, serving.root / "after").read_bytes() == before
    with contextlib.closing(sqlite3.connect(serving.database)) as older:
        older.execute(f"PRAGMA user_version = {SCHEMA}")
    serving.start()


@pytest.mark.parametrize("version", [1, FIRST - 1])
def test_a_database_of_before_the_first_release_is_refused_with_what_to_do(serving: House, version: int) -> None:
    """THREATS O-03: what the sentence says to do helps."""
    serving.kill()
    with contextlib.closing(sqlite3.connect(serving.database)) as older:
        older.execute(f"PRAGMA user_version = {version}")
    before = copy_of(serving.database, serving.root / "before").read_bytes()
    refused = serve(serving)
    told = f"a version before 0.1.0 made this database (schema {version})"
    assert refused.returncode == 1 and told in refused.stderr, refused
    verified = serving.run("root", "jitd", "audit", "verify", f"--config={serving.config_file}")
    assert verified.returncode == 1 and told in verified.stderr
    assert copy_of(serving.database, serving.root / "after").read_bytes() == before
    for file in serving.database.parent.glob(f"{serving.database.name}*"):
        file.rename(serving.root / f"{file.name}.old")
    (serving.socket.parent / "head").unlink(missing_ok=True)
    serving.start()
    serving.verify()


WRITERS = """
import os, sys
from pathlib import Path
from jitd.store import StoreError
from jitd.store.sqlite import SqliteStore

def write(file, commands, answers):
    store = SqliteStore(file)
    store.commit((), [b"first"])
    print(os.getpid(), file=answers, flush=True)
    for line in commands:
        for n in range(int(line)):
            try:
                store.commit((), [b"more"])
                store.live()
                print("done", file=answers, flush=True)
            except StoreError as fault:
                print("failed", file=answers, flush=True)
        print("all", file=answers, flush=True)

writers = [(Path(file), int(commands), int(answers)) for file, commands, answers in (word.split(":") for word in sys.argv[1:])]
for one in writers:
    if os.fork() == 0:
        for descriptor in {d for other in writers for d in other[1:]} - {*one[1:]}:
            os.close(descriptor)
        write(one[0], os.fdopen(one[1]), os.fdopen(one[2], "w"))
        os._exit(0)
for _, *pair in writers:
    for descriptor in pair:
        os.close(descriptor)
for _ in writers:
    os.wait()
"""
"""For each ``FILE:DESCRIPTOR:DESCRIPTOR`` a process that makes as many commits as each line of its input says, and goes on after
one that fails. All of them are forked by one, which has read the modules once.
"""
LOCKING = range(1, 25)
"""Which of its calls of fcntl(2) fails: four commits make fewer."""


def with_a_lock_that_fails(nth: int, file: Path, commands: IO[str], answers: IO[str]) -> tuple[list[str], list[str], int]:
    """What four commits say while the ``nth`` fcntl of their process fails, what the next two say, and the records afterwards."""
    pid = int(answers.readline())

    def commit(n: int) -> list[str]:
        commands.write(f"{n}\n")
        commands.flush()
        said = [*itertools.takewhile(lambda line: line != "all\n", answers)]
        assert len(said) == n, f"it has ended after {said}"
        return said

    with erring((pid,), (), "ENOLCK", "fcntl", str(nth)):
        meanwhile = commit(4)
    afterwards = commit(2)
    with contextlib.closing(SqliteStore.reading(file)) as other:
        n_records = other.head().number
    return meanwhile, afterwards, n_records


def test_a_lock_that_fails_once_costs_one_commit_and_the_database_is_no_longer_locked_afterwards(tmp_path: Path) -> None:
    """An unlock among them: SQLite believes that it has been done, and the kernel's lock stays, in the way of its own process."""
    files = [tmp_path / f"{nth}.db" for nth in LOCKING]
    with contextlib.ExitStack() as pipes:
        theirs, ours = [], []
        for _ in LOCKING:
            (read, tell), (hear, said) = os.pipe(), os.pipe()
            theirs.append((read, said))
            ours.append((pipes.enter_context(os.fdopen(tell, "w")), pipes.enter_context(os.fdopen(hear))))
        words = [f"{file}:{read}:{said}" for file, (read, said) in zip(files, theirs, strict=True)]
        descriptors = [descriptor for pair in theirs for descriptor in pair]
        writers = subprocess.Popen([sys.executable, "-c", WRITERS, *words], pass_fds=descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with ThreadPoolExecutor(len(LOCKING)) as pool:
            found = list(pool.map(with_a_lock_that_fails, LOCKING, files, *zip(*ours, strict=True)))
    assert writers.wait(PATIENCE) == 0
    for nth, (meanwhile, afterwards, n_records) in zip(LOCKING, found, strict=True):
        assert meanwhile.count("failed\n") <= 1 and afterwards == ["done\n", "done\n"], (nth, meanwhile, afterwards)
        assert n_records >= 1 + (meanwhile + afterwards).count("done\n"), nth
    assert any("failed\n" in meanwhile for meanwhile, _, _ in found)
