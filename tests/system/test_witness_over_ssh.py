# SPDX-License-Identifier: Apache-2.0
"""A host and its witness as they are set up: a daemon that signs, a real sshd with a forced command in an account that has no
rights, and the line of the manual page that cron runs.

Law: the host feeds by ssh alone, and never touches the directory of the witness.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import socket
import sqlite3
import subprocess
import tempfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from jitd.audit.countersigned import file_of
from jitd.audit.forms import Checkpoint, Countersignature, read
from jitd.audit.signing_key import KeyFiles
from jitd.core.chain import GENESIS, Seal, seal
from jitd.store.sqlite import SqliteStore
from tests import real_sshd
from tests.core.chains import Host
from tests.evidence.test_witness_directory import Witness, given
from tests.law import manual
from tests.system.conftest import HOST, House
from tests.waiting import PATIENCE, examined, wait_for

ACCOUNT = "eve"
"""Of the witness: she has no rights at jitd, and her password opens nothing here."""
WITNESSES = manual.part(manual.page_of("audit witness"), ".Ss Witnesses")


def of_the_manual(begin: str) -> str:
    """The line of the chapter Witnesses that begins so, with those into which the page breaks it."""
    (line,) = [line for line in re.sub(r"\n    ", " ", WITNESSES).splitlines() if line.removeprefix(".Dl ").startswith(begin)]
    return line.removeprefix(".Dl ").replace("\\(dq", '"')


class Pair:
    """A house, and the account of a witness behind an sshd."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.root = Path(tempfile.mkdtemp(prefix="witness-", dir="/srv"))
        self.root.chmod(0o755)
        for name in ("host", "feeder"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.root / name], check=True)
        self.home = self.root / "home"
        self.home.mkdir()
        shutil.chown(self.home, ACCOUNT)
        self.hosts = self.home / "hosts"
        made = self.as_witness("audit", "witness", "--list", str(self.hosts))
        assert made.returncode == 0, made
        line = house.jitd("audit", "key", "--allowed-signers").stdout
        subprocess.run(["runuser", "-u", ACCOUNT, "--", "tee", "-a", self.hosts / "allowed_signers"], input=line, text=True,
                       stdout=subprocess.DEVNULL, check=True)  # fmt: skip
        forced = of_the_manual("restrict,command=").replace("jitd audit", f"{shutil.which('jitd')} audit")
        forced = forced.replace("/var/lib/jitd-witness/hosts", str(self.hosts))
        (self.root / "keys").write_text(forced.replace("ssh-ed25519 AAAA...", (self.root / "feeder.pub").read_text().strip()))
        key = (self.hosts / "key.pub").read_text().strip()
        with house.config_file.open("a") as settings:
            settings.write(f'\n[record]\nwitnesses = ["{key}"]\n')
        self._start()

    def _start(self) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        lines = (
            f"Port {self.port}", "ListenAddress 127.0.0.1", f"HostKey {self.root}/host", "PidFile none", "UsePAM no",
            f"AuthorizedKeysFile {self.root}/keys", "PasswordAuthentication no", "StrictModes no", f"AllowUsers {ACCOUNT}",
        )  # fmt: skip
        (self.root / "sshd_config").write_text("\n".join(lines) + "\n")
        self._sshd = real_sshd.started(self.root / "sshd_config", self.root / "sshd.log")
        wait_for(self._answers, what="sshd")

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def close(self) -> None:
        self._sshd.terminate()
        self._sshd.wait(PATIENCE)
        shutil.rmtree(self.root)

    def as_witness(self, *words: str) -> subprocess.CompletedProcess[str]:
        line = ["runuser", "-u", ACCOUNT, "--", "jitd", *words]
        return subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, cwd="/")

    @property
    def ssh(self) -> str:
        options = "-F none -o BatchMode=yes -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
        return f"ssh {options} -p {self.port} -i {self.root}/feeder"

    def cron(self, more: str = "") -> subprocess.CompletedProcess[str]:
        """Run the line of the manual page, as cron does: by a shell, as root."""
        line = of_the_manual("*/5 * * * * root ").removeprefix("*/5 * * * * root ")
        line, quiet, rest = line.partition(" >/dev/null")  # so that cron sends no mail; here it is read
        assert quiet and not rest and "ssh -T -i /etc/jitd/witness-key" in line
        line = line.replace("ssh -T -i /etc/jitd/witness-key", self.ssh).replace(
            "jitd-witness@witness.example.org", f"{ACCOUNT}@127.0.0.1"
        )
        for verb in ("digests", "countersigned"):
            line = line.replace(f"audit {verb}", f"audit {verb} --config {self.house.config_file}")
        line = line.replace("audit digests", f"audit digests {more}")
        return subprocess.run(["/bin/sh", "-c", line], capture_output=True, text=True, check=False, cwd="/")

    def is_signed(self) -> bool:
        with contextlib.closing(SqliteStore.reading(self.house.database)) as store:
            last = store.last_checkpoint()
            return last is not None and last.number == store.head().number

    def goes_on(self) -> int:
        """Have somebody ask for something, and the head signed. Return its number."""
        before = self.house.head().number
        self.house.ask("alice", "/usr/bin/psql", "-c", f"select {before}")
        wait_for(lambda: self.house.head().number > before and self.is_signed(), what="a signed head")
        return self.house.head().number

    def finding(self) -> dict[str, str]:
        rows = examined(lambda: self.house.jitd("doctor", "--json", "--config", str(self.house.config_file)).stdout)
        (found,) = [one for one in rows if one["check"] == "record.witness"]
        return found

    def proof(self) -> Path:
        return self.hosts / "fork-1"


@pytest.fixture
def pair() -> Iterator[Pair]:
    house = House().start()
    made = None
    try:
        made = Pair(house)
        yield made
    finally:
        if made is not None:
            made.close()
        house.close()


def written_again(house: House, word: bytes) -> None:
    """What root can do while no daemon runs: change a word of the first record that has it, compute all seals, sign all
    checkpoints again with the key of the host, and promise what the daemon looks for.
    """
    files = KeyFiles(house.database.parent)
    key = files.key()
    assert key is not None
    with contextlib.closing(sqlite3.connect(house.database)) as db:
        for (trigger,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            db.execute(f"DROP TRIGGER {trigger}")
        at, seals, is_changed = GENESIS, {}, False
        for number, body in db.execute("SELECT number, body FROM chain ORDER BY number").fetchall():
            if not is_changed and word in body:
                body, is_changed = body.replace(word, b"x" * len(word)), True
            at = seal(at, body)
            seals[number] = at.digest
            db.execute("UPDATE chain SET body = ?, digest = ? WHERE number = ?", (body, at.digest, number))
        assert is_changed
        for number, when in db.execute("SELECT number, at FROM checkpoints").fetchall():
            one = Checkpoint(HOST, number, seals[number], datetime.fromisoformat(when))
            signature = key.sign(Checkpoint.NAMESPACE, one.signed)
            db.execute("UPDATE checkpoints SET seal = ?, signature = ? WHERE number = ?", (one.seal, signature, number))
            files.promise(key, Seal(number, one.seal))
        db.commit()
    (house.socket.parent / "head").unlink()


def test_a_host_is_countersigned_over_ssh_every_few_minutes(pair: Pair) -> None:
    assert pair.finding()["level"] == "weak"
    for _ in range(3):
        number = pair.goes_on()
        done = pair.cron()
        assert done.returncode == 0 and f"has countersigned record {number} at " in done.stdout, done
        assert not done.stderr
    assert pair.finding()["level"] == "ok" and f"countersigned record {number}," in pair.finding()["sentence"]
    listed = pair.as_witness("audit", "witness", "--list", str(pair.hosts))
    assert listed.returncode == 0 and f"{HOST}  record {number} was countersigned" in listed.stdout
    (line,) = map(read, file_of(pair.house.database.parent).read_text().splitlines())
    assert isinstance(line, Countersignature) and line.host == HOST


def test_who_feeds_over_ssh_can_do_nothing_else(pair: Pair) -> None:
    """THREATS L-14"""
    pair.goes_on()
    words = [*shlex.split(pair.ssh), f"{ACCOUNT}@127.0.0.1", "cat", str(pair.hosts / "key")]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and not done.stdout and "nothing was read about a host" in done.stderr


def test_a_host_that_writes_its_past_again_and_goes_on_is_convicted(pair: Pair) -> None:
    """THREATS L-14. It has the key, signs all checkpoints again, and its own daemon finds nothing and goes on."""
    pair.goes_on()
    assert pair.cron().returncode == 0
    pair.house.stop()
    written_again(pair.house, b"alice@")
    pair.house.start()
    number = pair.goes_on()
    done = pair.cron()
    assert done.returncode == 1 and f"{HOST}: has signed two records that cannot both be true" in done.stderr, done
    assert f"record {number}" not in done.stdout
    commands = re.findall(r"^    (ssh-keygen .*)$", (pair.proof() / "README").read_text(), re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        checked = subprocess.run(["/bin/sh", "-c", command], cwd=pair.proof(), capture_output=True, text=True, check=False)
        assert checked.returncode == 0 and "Good" in checked.stdout, checked
    first, second = ((pair.proof() / name).read_text().splitlines() for name in ("first", "second"))
    assert first[:3] == second[:3] and first[3] != second[3]
    assert pair.finding()["level"] == "bad" and "written again" in pair.finding()["sentence"]
    listed = pair.as_witness("audit", "witness", "--list", str(pair.hosts))
    assert listed.returncode == 1 and "cannot both be true" in listed.stdout


def test_a_new_key_of_the_host_is_followed(pair: Pair) -> None:
    pair.goes_on()
    assert pair.cron().returncode == 0
    assert pair.house.jitd("audit", "key", "--rotate").returncode == 0
    number = pair.goes_on()
    done = pair.cron()
    assert done.returncode == 0 and f"has countersigned record {number} at " in done.stdout, done


def test_a_database_that_was_restored_is_found_out_on_both_sides(pair: Pair) -> None:
    """THREATS L-14"""
    pair.goes_on()
    pair.cron()
    pair.house.stop()
    backup = pair.root / "backup"
    shutil.copytree(pair.house.database.parent, backup)
    pair.house.start()
    number = pair.goes_on()
    assert pair.cron().returncode == 0
    pair.house.stop()
    for more in pair.house.database.parent.glob("jitd.db-*"):
        more.unlink()
    for kept in (*backup.glob("jitd.db*"), backup / "signing-key", backup / "signing-head"):  # a log of SQLite's beside it, too
        shutil.copy(kept, pair.house.database.parent)
    (pair.house.socket.parent / "head").unlink()
    pair.house.start()
    assert pair.finding()["level"] == "bad" and "an older state was restored" in pair.finding()["sentence"]
    done = pair.cron()
    assert done.returncode == 1 and f"and {number} was countersigned" in done.stderr, done
    wait_for(lambda: pair.goes_on() > number, what="a longer record")
    done = pair.cron("--since 0")
    assert done.returncode == 1 and "cannot both be true" in done.stderr, done


def test_a_witness_needs_no_settings_no_kerberos_and_no_network(pair: Pair) -> None:
    pair.goes_on()
    fed = pair.house.jitd("audit", "digests", "--config", str(pair.house.config_file)).stdout
    line = [
        "unshare",
        "-n",
        "runuser",
        "-u",
        ACCOUNT,
        "--",
        "env",
        "-i",
        f"PATH={os.environ['PATH']}",
        "KRB5_CONFIG=/nonexistent",
    ]
    line += ["jitd", "audit", "witness", str(pair.hosts)]
    done = subprocess.run(line, input=fed, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0 and isinstance(read(done.stdout.strip()), Countersignature), done


def test_an_export_can_be_fed_by_hand(pair: Pair) -> None:
    pair.goes_on()
    pair.goes_on()
    exported = pair.house.jitd("audit", "export").stdout
    assert '"form":"jitd record 1"' in exported
    line = ["runuser", "-u", ACCOUNT, "--", "jitd", "audit", "witness", str(pair.hosts)]
    done = subprocess.run(line, input=exported, capture_output=True, text=True, check=False, cwd="/")
    assert done.returncode == 0, done
    given_for = read(done.stdout.strip())
    assert isinstance(given_for, Countersignature) and f'"number":{given_for.number}' in exported.splitlines()[-1]


@pytest.fixture
def little_room(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 KiB."""
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200k", "none", tmp_path], check=True)
    yield tmp_path
    subprocess.run(["umount", tmp_path], check=True)


def test_on_a_full_disk_nothing_is_countersigned_and_a_contradiction_is_told(little_room: Path) -> None:
    """THREATS L-14"""
    host = Host(n=5)
    witness = Witness(little_room, host)
    seen = given(witness.feed(host.feed()))
    with contextlib.suppress(OSError), (little_room / "filled").open("wb", buffering=0) as filled:
        while True:
            filled.write(bytes(512))
    host.goes_on(5)
    done = witness.feed(host.feed(5))
    assert done.exit_code == 1 and not done.stdout and "nothing was stored or countersigned" in done.stderr
    liar = host.copy().rewrites(2).goes_on(3)
    done = witness.feed(liar.feed())
    assert done.exit_code == 1 and not done.stdout and "the proof cannot be stored" in done.stderr
    assert not list(witness.place.glob("*fork*"))
    (little_room / "filled").unlink()
    assert given(witness.feed(host.feed(5))).number == 10 and seen.number == 5
    done = witness.feed(liar.feed())
    assert done.exit_code == 1 and (witness.place / "fork-1/README").exists()
