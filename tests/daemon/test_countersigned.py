# SPDX-License-Identifier: Apache-2.0
"""A host and its witness: ``jitd audit digests`` of a real database, the witness, and ``jitd audit countersigned``."""

from __future__ import annotations

import errno
import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event
from types import SimpleNamespace
from typing import Any, cast

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit.countersigned import file_of, stored
from jitd.audit.forms import Checkpoint, Conviction, Countersignature, Digest, read
from jitd.audit.sshsig import public_line, sign
from jitd.core.chain import GENESIS, canonical, seal
from jitd.settings import config
from jitd.store.sqlite import SqliteStore
from jitd_inspection.doctor.finding import BAD, OK
from jitd_inspection.doctor.state import Witnessed, see_witnesses, witnesses
from tests.core.chains import public_of
from tests.evidence.test_witness_directory import Result, jitd

HOST = "web1.example.test"


class Host:
    """A database, a key, and the settings, which name a witness."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.state = place / "state"
        self.state.mkdir(parents=True)
        self.key = Ed25519PrivateKey.generate()
        self.witness = place / "witness"
        assert jitd("audit", "witness", "--list", str(self.witness)).exit_code == 0
        (self.witness / "allowed_signers").write_text(f"jitd@{HOST} {public_line(public_of(self.key), HOST)}\n")
        self.settings = place / "jitd.toml"
        self.names(self.witness)

    def names(self, *witnesses: Path) -> None:
        keys = ", ".join(f'"{(one / "key.pub").read_text().strip()}"' for one in witnesses)
        self.settings.write_text(
            f'realms = ["EXAMPLE.TEST"]\nhost = "{HOST}"\nstate = "{self.state}"\n[record]\nwitnesses = [{keys}]\n'
        )

    def goes_on(self, n: int, word: str = "rosebud") -> None:
        with closing(SqliteStore(self.state / "jitd.db")) as store:
            for _ in range(n):
                store.commit([], [canonical({"event": "policy.loaded", "n": store.head().number, "said": word})])
            head = store.head()
            unsigned = Checkpoint(HOST, head.number, head.digest, datetime.now(UTC).replace(microsecond=0))
            signature = sign(self.key, Checkpoint.NAMESPACE, unsigned.signed.encode("ascii"))
            store.keep_checkpoint(Checkpoint(HOST, head.number, head.digest, unsigned.at, signature))

    def rewrites(self, number: int) -> None:
        """Change a record, compute all later seals, and sign all checkpoints again."""
        with closing(sqlite3.connect(self.state / "jitd.db")) as db:
            for trigger in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                db.execute(f"DROP TRIGGER {trigger[0]}")
            at, seals = GENESIS, {}
            for n, body in db.execute("SELECT number, body FROM chain ORDER BY number").fetchall():
                body = body.replace(b"rosebud", b"nothing") if n == number else body
                at = seal(at, body)
                seals[n] = at.digest
                db.execute("UPDATE chain SET body = ?, digest = ? WHERE number = ?", (body, at.digest, n))
            for n, when in db.execute("SELECT number, at FROM checkpoints").fetchall():
                one = Checkpoint(HOST, n, seals[n], datetime.fromisoformat(when))
                signature = sign(self.key, Checkpoint.NAMESPACE, one.signed.encode("ascii"))
                db.execute("UPDATE checkpoints SET seal = ?, signature = ? WHERE number = ?", (one.seal, signature, n))
            db.commit()

    def digests(self, *words: str) -> Result:
        return jitd("audit", "digests", "--config", str(self.settings), *words)

    def feeds(self, *words: str, witness: Path | None = None) -> Result:
        return jitd("audit", "witness", str(witness or self.witness), stdin=self.digests(*words).stdout.encode())

    def takes(self, line: str) -> Result:
        return jitd("audit", "countersigned", "--config", str(self.settings), "-", stdin=line.encode())

    @property
    def newest(self) -> list[Countersignature]:
        witnesses = config.read(self.settings).record.witnesses
        return list(stored(file_of(self.state), witnesses).values())


@pytest.fixture
def host(tmp_path: Path) -> Host:
    made = Host(tmp_path / "web1")
    made.goes_on(5)
    return made


def test_a_host_feeds_its_witness_and_keeps_what_it_says(host: Host) -> None:
    said = host.feeds()
    assert said.exit_code == 0, said.stderr
    done = host.takes(said.stdout)
    assert done.exit_code == 0 and "has countersigned record 5 at " in done.stdout, done.stderr
    assert [line.number for line in host.newest] == [5]


def test_a_feed_begins_after_what_was_countersigned(host: Host) -> None:
    host.takes(host.feeds().stdout)
    host.goes_on(3)
    numbers = [(type(line), line.number) for line in map(read, host.digests().stdout.splitlines())]
    assert numbers == [(Checkpoint, 5), *((Digest, n) for n in (6, 7, 8)), (Checkpoint, 8)]
    assert [line.number for line in map(read, host.digests("--since", "0").stdout.splitlines())] == [1, 2, 3, 4, 5, 5, 6, 7, 8, 8]
    host.takes(host.feeds().stdout)
    assert [line.number for line in host.newest] == [8]


def test_a_feed_shows_nothing_of_what_the_records_say(host: Host) -> None:
    assert "rosebud" not in host.digests().stdout


def test_with_two_witnesses_a_feed_begins_where_both_can_go_on(host: Host, tmp_path: Path) -> None:
    other = tmp_path / "other"
    jitd("audit", "witness", "--list", str(other))
    shutil.copy(host.witness / "allowed_signers", other)
    host.takes(host.feeds().stdout)
    host.goes_on(3)
    host.names(host.witness, other)
    assert host.digests().stdout == host.digests("--since", "0").stdout
    for witness in (host.witness, other):
        assert host.takes(host.feeds(witness=witness).stdout).exit_code == 0
    assert [line.number for line in host.newest] == [8, 8]


def test_a_record_that_was_written_again_is_found_out_on_both_sides(host: Host) -> None:
    """THREATS L-14. The seals are computed again, all is signed again with the key of the host, and the host goes on."""
    seen = host.feeds().stdout
    host.takes(seen)
    host.rewrites(3)
    host.goes_on(4)
    said = host.feeds()
    assert said.exit_code == 1 and "jitd countersignature" not in said.stdout and "cannot both be true" in said.stderr
    done = host.takes(seen)
    assert done.exit_code == 1 and "record 5 is another one now: the record was written again" in done.stderr


def test_a_restored_database_is_contradicted_by_what_was_countersigned_after_the_backup(host: Host, tmp_path: Path) -> None:
    """THREATS L-14. The countersignatures are not in the database, so they are not restored with it."""
    host.takes(host.feeds().stdout)
    shutil.copy(host.state / "jitd.db", tmp_path / "backup")
    host.goes_on(5)
    host.takes(host.feeds().stdout)
    shutil.copy(tmp_path / "backup", host.state / "jitd.db")
    fed = host.digests()
    assert fed.exit_code == 1
    assert "record 10 was countersigned, and the record ends with 5: an older state was restored" in fed.stderr
    said = host.feeds()
    assert said.exit_code == 1 and "its record ends with 5, and 10 was countersigned" in said.stderr
    done = host.takes(said.stdout)
    assert done.exit_code == 1 and "and the record ends with 5: an older state was restored" in done.stderr
    host.goes_on(9, "restored")
    said = host.feeds("--since", "0")
    assert said.exit_code == 1 and "jitd countersignature" not in said.stdout and "cannot both be true" in said.stderr


def convicted(host: Host) -> str:
    """The host writes its past again, and goes on. Return what the witness answers."""
    host.takes(host.feeds().stdout)
    honest = host.place / "honest"
    shutil.copy(host.state / "jitd.db", honest)
    host.rewrites(3)
    host.goes_on(4)
    said = host.feeds("--since", "0")
    assert said.exit_code == 1 and "cannot both be true" in said.stderr
    shutil.copy(honest, host.state / "jitd.db")
    return said.stdout


def seen(host: Host) -> list[Witnessed]:
    """What `jitd doctor` sees of the witness."""
    where = SimpleNamespace(config=config.read(host.settings), database=host.state / "jitd.db", daemon=SimpleNamespace(pid=0))
    return see_witnesses(cast(Any, where))


def test_a_host_learns_that_its_witness_has_convicted_it(host: Host) -> None:
    """THREATS L-14: also if its own record looks right again. Else the last countersignature would be taken for good news."""
    said = convicted(host)
    done = host.takes(said)
    assert done.exit_code == 1 and not done.stdout and "has convicted this host" in done.stderr and "record 5" in done.stderr
    (finding,) = witnesses(seen(host), datetime.now(UTC).timestamp())
    assert finding.level == BAD and "has convicted this host" in finding.sentence
    assert [line.number for line in host.newest] == [5], "what it had countersigned before is still evidence"
    again = host.feeds()
    assert read(again.stdout) == read(said), "each feed is answered with it"


def test_a_conviction_by_somebody_else_or_with_another_number_counts_for_nothing(host: Host, tmp_path: Path) -> None:
    """THREATS L-14: a countersignature of the witness is no conviction, either."""
    said = convicted(host)
    conviction, signed = read(said), host.newest[0]
    assert isinstance(conviction, Conviction)
    forged = replace(conviction, signature=signed.signature)
    for line in (said.replace('"number":5', '"number":4').replace("number 5", "number 4"), forged.line()):
        done = host.takes(line)
        assert done.exit_code == 1 and "is not signed by a witness" in done.stderr
    (finding,) = witnesses(seen(host), datetime.now(UTC).timestamp())
    assert finding.level == OK


def test_a_host_that_begins_anew_is_not_convicted_any_more(host: Host) -> None:
    host.takes(convicted(host))
    host.key = Ed25519PrivateKey.generate()
    (host.witness / "allowed_signers").write_text(f"jitd@{HOST} {public_line(public_of(host.key), HOST)}\n")
    (host.state / "jitd.db").unlink()
    later = datetime.now(UTC) + timedelta(seconds=1)
    while datetime.now(UTC) < later:  # its time has whole seconds
        Event().wait(0.05)
    host.goes_on(6)
    assert host.takes(host.feeds("--since", "0").stdout).exit_code == 0
    (finding,) = witnesses(seen(host), datetime.now(UTC).timestamp())
    assert finding.level == OK


def test_only_what_a_witness_of_the_settings_has_signed_is_kept(host: Host, tmp_path: Path) -> None:
    """THREATS L-14"""
    stranger = tmp_path / "stranger"
    jitd("audit", "witness", "--list", str(stranger))
    shutil.copy(host.witness / "allowed_signers", stranger)
    done = host.takes(host.feeds(witness=stranger).stdout)
    assert done.exit_code == 1 and "is not signed by a witness" in done.stderr and host.newest == []
    forged = host.feeds().stdout.replace('"number":5', '"number":6').replace("number 5", "number 6")
    done = host.takes(forged)
    assert done.exit_code == 1 and "is not signed by a witness" in done.stderr and host.newest == []


@pytest.mark.parametrize("line", ["", "{}", "nothing\n", '{"form":"jitd countersignature 1"}'])
def test_what_is_no_countersignature_is_told(host: Host, line: str) -> None:
    done = host.takes(line)
    assert done.exit_code == 1 and "nothing was read that a witness has countersigned" in done.stderr and host.newest == []


def test_an_older_countersignature_does_not_replace_a_newer_one(host: Host) -> None:
    first = host.feeds().stdout
    host.goes_on(2)
    host.takes(host.feeds().stdout)
    assert host.takes(first).exit_code == 0
    assert [line.number for line in host.newest] == [7]


def test_a_file_that_was_damaged_or_forged_counts_as_none(host: Host) -> None:
    host.takes(host.feeds().stdout)
    file = file_of(host.state)
    text = file.read_text()
    for damaged in ("", "x", text[:-9], text.replace("number 5", "number 6").replace('"number":5', '"number":6'), "\0" * 99):
        file.write_text(damaged)
        assert host.newest == []
    assert [line.number for line in map(read, host.digests().stdout.splitlines())] == [1, 2, 3, 4, 5, 5]


@pytest.mark.parametrize("verb", ["digests", "countersigned"])
def test_who_is_not_root_is_told_so(tmp_path: Path, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    host = Host(tmp_path / "web1")

    def listdir(place: Path) -> list[str]:
        raise PermissionError(errno.EACCES, "Permission denied", str(place))

    monkeypatch.setattr(os, "listdir", listdir)
    done = host.digests() if verb == "digests" else host.takes("")
    assert done.exit_code == 3 and not done.stdout
    assert done.stderr == f"jitd: audit: {host.state} cannot be read: only root may read it, so be root\n"
