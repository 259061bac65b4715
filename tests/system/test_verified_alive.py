# SPDX-License-Identifier: Apache-2.0
"""A real daemon's record: it verifies by its own key, in the database and as an export. After somebody who is root has written it
again, an export that was made before convicts it.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator

import pytest

from jitd.core.chain import GENESIS, canonical, seal
from tests.system.clients import Client, ready
from tests.system.conftest import House
from tests.waiting import PATIENCE

UNGUARDED = "DROP TRIGGER IF EXISTS chain_stays; DROP TRIGGER checkpoints_grow;"


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    """A daemon with a past, from which a sink's reader has an export, and the public key."""
    made = ready()
    assert Client(made, "alice", "jitsudo", "--reason=because", "sh", "-c", "exit 7").end() == 7
    assert made.jitd("lock", "--user=dave").returncode == 0
    for verb, name in (("export", "export"), ("key", "key")):
        done = made.jitd("audit", verb)
        assert done.returncode == 0, done.stderr
        (made.root / name).write_text(done.stdout)
    yield made
    made.close()


def verify(house: House, *words: str) -> tuple[int, str, str]:
    """``jitd audit verify``, without a daemon."""
    done = house.run("root", "jitd", "audit", "verify", f"--config={house.config_file}", *words, timeout=PATIENCE)
    return done.returncode, done.stdout, done.stderr


def test_a_living_record_verifies_by_its_key(house: House) -> None:
    status, out, err = verify(house, f"--key={house.root}/key", f"--checkpoints={house.root}/export")
    assert (status, err) == (0, "")
    assert "chain whole, head " in out and "audit: signed up to record " in out


def test_an_export_verifies_on_its_own(house: House) -> None:
    status, out, err = verify(house, f"--key={house.root}/key", f"{house.root}/export")
    assert (status, err) == (0, "") and ": records 1 to " in out
    edited = (house.root / "export").read_text().replace('"reason":"because"', '"reason":"nothing"', 1)
    (house.root / "edited").write_text(edited)
    status, out, err = verify(house, f"{house.root}/edited")
    assert (status, out) == (1, "") and err.startswith("jitd: audit: edited: "), err


def test_who_is_not_root_hears_how_to_verify_an_export(house: House) -> None:
    """An auditor types the first of these commands first, and then those that it names."""
    done = house.run("carol", "jitd", "audit", "verify", f"--config={house.config_file}", timeout=PATIENCE)
    assert (done.returncode, done.stdout) == (3, "")
    said = " ".join(done.stderr.split())
    assert said.startswith("jitd: audit: only root can read the record in place") and "Traceback" not in said
    assert said.endswith("jitd audit export >FILE, then jitd audit verify FILE")
    export = house.jitd("audit", "export").stdout
    done = house.run("carol", "jitd", "audit", "verify", "-", input=export)
    assert done.returncode == 0 and "chain whole" in done.stdout, done.stderr


def test_recordings_that_a_restored_backup_has_left_open_to_others_are_named_in_a_sentence(house: House) -> None:
    place = house.database.parent / "recordings"
    place.mkdir(exist_ok=True)
    place.chmod(0o755)
    try:
        status, out, err = verify(house)
    finally:
        place.chmod(0o700)
    assert (status, out) == (1, "")
    assert " ".join(err.split()).startswith("jitd: audit: the directory of recordings must belong to this user")
    assert verify(house)[::2] == (0, "")


def test_the_policy_that_a_record_names_is_kept_and_a_changed_text_of_it_is_found(house: House) -> None:
    """THREATS L-28: also the policy that was in force when the daemon started, and one that is in force no longer."""
    before, after = 'name = "brief"', 'name = "a-rule-of-before"'
    house.set_policy(f'[[deny]]\n{after}\nwho = ["user:nobody"]\n', name="60-more.toml")
    house.reload()
    house.set_policy(f'[[deny]]\n{before}\nwho = ["user:nobody"]\n', name="60-more.toml")
    house.reload()
    named = list(dict.fromkeys(record["policy"] for record in house.records()))
    copy = house.root / "copy.db"
    with contextlib.closing(sqlite3.connect(house.database)) as database:
        database.execute("VACUUM INTO ?", (str(copy),))
    with contextlib.closing(sqlite3.connect(copy)) as database:
        assert [digest for (digest,) in database.execute("SELECT digest FROM policies ORDER BY rowid")] == named
        (text,) = database.execute("SELECT CAST(document AS TEXT) FROM policies WHERE digest = ?", (named[-2],)).fetchone()
    files = {file["name"]: file["text"] for file in json.loads(text)["files"]}
    assert files["60-more.toml"] == f'[[deny]]\n{after}\nwho = ["user:nobody"]\n'
    assert verify(house, str(copy))[::2] == (0, "")
    with contextlib.closing(sqlite3.connect(copy)) as database:
        database.execute("DROP TRIGGER policies_stay")
        database.execute("UPDATE policies SET document = ? WHERE digest = ?", (text.replace("nobody", "alice"), named[-2]))
        database.commit()
    status, out, err = verify(house, str(copy))
    assert (status, out) == (1, "") and err.startswith(f"jitd: audit: policy differs: the policy {named[-2]}, which record "), err


@contextlib.contextmanager
def unreadable(house: House, n: int) -> Iterator[None]:
    """Record ``n`` is damaged in the database."""
    with contextlib.closing(sqlite3.connect(house.database)) as database:
        (body,) = database.execute("SELECT body FROM chain WHERE number = ?", (n,)).fetchone()
        database.execute("DROP TRIGGER IF EXISTS chain_stays")
        database.execute("UPDATE chain SET body = x'00' WHERE number = ?", (n,))
        database.commit()
        try:
            yield
        finally:
            database.execute("UPDATE chain SET body = ? WHERE number = ?", (body, n))
            database.commit()


def test_a_record_that_cannot_be_read_is_named_and_hides_no_other_one(house: House) -> None:
    """THREATS L-19."""
    before = house.jitd("audit", "show").stdout.splitlines()
    (n,) = (record["number"] for record in house.records() if record["event"] == "lock.placed")
    with unreadable(house, n):
        done = house.jitd("audit", "show")
        status, _, err = verify(house)
    assert (done.returncode, done.stderr) == (0, "")
    damaged = f"{n:>5}  cannot be read: jitd audit verify says what is wrong"
    assert done.stdout.splitlines() == [damaged if line.startswith(f"{n:>5}  ") else line for line in before]
    assert status == 1 and f"record {n} " in err
    assert verify(house)[0] == 0


def test_a_pack_and_an_export_convict_a_record_that_cannot_be_read(house: House) -> None:
    """THREATS L-19."""
    n, id = next((record["number"], record["id"]) for record in house.records() if record["event"] == "request.screened")
    with unreadable(house, n):
        done = house.jitd("audit", "pack", id, f"--out={house.root}/pack")
        assert done.returncode == 0, done.stderr
        (house.root / "damaged").write_text(house.jitd("audit", "export").stdout)
    for made in ("pack", "damaged"):
        status, _, err = verify(house, f"{house.root}/{made}")
        assert status == 1 and "edited: " in err, err


def test_who_writes_the_record_again_is_convicted_by_an_export(house: House) -> None:
    """THREATS L-03: root edits a record, seals all anew, and removes the checkpoints and the noted head that would tell."""
    house.stop()
    with contextlib.closing(sqlite3.connect(house.database)) as database:
        database.executescript(UNGUARDED)
        rows = database.execute("SELECT number, CAST(body AS BLOB) FROM chain ORDER BY number").fetchall()
        (n,) = (number for number, body in rows if json.loads(body)["event"].startswith("lock."))
        at = GENESIS
        for number, body in rows:
            if number == n:
                body = canonical(json.loads(body) | {"actor": "mallory@EXAMPLE.TEST"})
            at = seal(at, body)
            database.execute("UPDATE chain SET body = ?, digest = ? WHERE number = ?", (body, at.digest, number))
        database.commit()
    (house.config_file.parent / "run" / "head").unlink(missing_ok=True)
    status, out, err = verify(house)
    assert (status, out) == (1, "") and "written again: " in err, "the host's own checkpoints tell"
    with contextlib.closing(sqlite3.connect(house.database)) as database:
        database.execute("DELETE FROM checkpoints")
        database.commit()
    status, out, err = verify(house, f"--key={house.root}/key", f"--checkpoints={house.root}/export")
    assert (status, out) == (1, "") and f"edited: record {n} is not what was sealed" in err, err
