# SPDX-License-Identifier: Apache-2.0
"""``jitd audit witness``: with real files, a real SQLite database, and OpenSSH's ssh-keygen as the third person."""

from __future__ import annotations

import io
import re
import shlex
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import pytest

from jitd.audit.forms import Countersignature, Digest, RecordLine, read
from jitd.audit.sshsig import public_line
from jitd.cli import main
from jitd_evidence import witness_directory
from tests.core.chains import Host


@dataclass(frozen=True)
class Result:
    exit_code: int
    stdout: str
    stderr: str


def jitd(*words: str, stdin: bytes = b"") -> Result:
    """The command, in this process."""
    before = sys.argv, sys.stdin, sys.stdout, sys.stderr
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.TextIOWrapper(io.BytesIO(), "utf-8")
    sys.argv, sys.stdin, sys.stdout, sys.stderr = ["jitd", *words], io.TextIOWrapper(io.BytesIO(stdin)), out, err
    try:
        status = main()
    finally:
        sys.argv, sys.stdin, sys.stdout, sys.stderr = before
    said = []
    for stream in (out, err):
        stream.flush()
        stream.seek(0)
        said.append(stream.read())
    return Result(status, *said)


class Witness:
    """The command on its directory, which is made by the command itself."""

    def __init__(self, place: Path, *hosts: Host) -> None:
        self.place = place / "witness"
        self.list()
        self.trust(*hosts)

    def trust(self, *hosts: Host) -> None:
        lines = [
            f'jitd@{host.name} namespaces="jitd-checkpoint,jitd-key" {public_line(host.public, host.name)}\n' for host in hosts
        ]
        (self.place / "allowed_signers").write_text("".join(lines))

    def list(self) -> Result:
        return jitd("audit", "witness", "--list", str(self.place))

    def feed(self, lines: Iterable[RecordLine | str] | bytes) -> Result:
        if not isinstance(lines, bytes):
            lines = "".join(f"{line if isinstance(line, str) else line.line()}\n" for line in lines).encode()
        return jitd("audit", "witness", str(self.place), stdin=lines)

    @property
    def key(self) -> str:
        return (self.place / "key.pub").read_text()


def given(result: Result) -> Countersignature:
    """What was printed."""
    found = read(result.stdout.strip())
    assert isinstance(found, Countersignature)
    return found


def keygen(directory: Path, command: str) -> subprocess.CompletedProcess[str]:
    """A command of a README, as a person types it."""
    words = shlex.split(command)
    at = words.index("<")
    with (directory / words[at + 1]).open("rb") as statement:
        return subprocess.run(words[:at], stdin=statement, cwd=directory, capture_output=True, text=True, check=False)


@pytest.fixture
def host() -> Host:
    return Host(n=5)


@pytest.fixture
def witness(tmp_path: Path, host: Host) -> Witness:
    return Witness(tmp_path, host)


# --- countersigning ----------------------------------------------------------------------------------------------


def test_a_countersignature_is_checked_by_ssh_keygen_alone(witness: Witness, host: Host, tmp_path: Path) -> None:
    done = witness.feed(host.feed())
    assert done.exit_code == 0, done.stderr
    line = given(done)
    assert (line.host, line.number, line.seal) == (host.name, 5, host.seal(5).digest)
    (tmp_path / "signers").write_text(f"{line.witness} {witness.key}")
    (tmp_path / "signed").write_text(line.signed)
    (tmp_path / "signature").write_text(line.signature)
    command = f"ssh-keygen -Y verify -f signers -I {line.witness} -n jitd-countersignature -s signature < signed"
    checked = keygen(tmp_path, command)
    assert checked.returncode == 0 and "Good" in checked.stdout
    (tmp_path / "signed").write_text(line.signed.replace("number 5", "number 6"))
    assert keygen(tmp_path, command).returncode != 0


def test_the_same_feed_gets_the_same_countersignature_again(witness: Witness, host: Host) -> None:
    first = witness.feed(host.feed())
    again = witness.feed(host.feed(5))
    assert (again.exit_code, again.stdout) == (0, first.stdout), "it may have been lost on its way"


def test_a_host_goes_on_for_months(witness: Witness, host: Host) -> None:
    witness.feed(host.feed())
    for n in range(4):
        since = len(host.bodies)
        assert given(witness.feed(host.goes_on(70).feed(since))).number == since + 70, n
    assert "record 285 was countersigned" in witness.list().stdout and witness.list().exit_code == 0


def test_records_in_full_serve_as_their_digests_do(witness: Witness, host: Host) -> None:
    from jitd.audit.forms import Record

    feed = host.feed()
    lines = [
        Record(host.name, line.number, host.seal(line.number).digest, host.bodies[line.number - 1], {})
        if isinstance(line, Digest)
        else line
        for line in feed
    ]
    around = [f"<86>1 2026-11-26T20:58:39Z web1 jitd - - - {line.line()}" for line in lines]
    assert given(witness.feed(["Nov 26 web1 sshd[1]: Accepted", *around])).number == 5


def test_several_hosts_are_told_apart(tmp_path: Path) -> None:
    hosts = [Host("web1.example.test", n=3), Host("web2.example.test", n=4)]
    witness = Witness(tmp_path, *hosts)
    mixed = [line for pair in zip(*(host.feed() + host.feed() for host in hosts), strict=False) for line in pair]
    done = witness.feed(mixed)
    assert {line.host: line.number for line in map(read, done.stdout.splitlines()) if isinstance(line, Countersignature)} == {
        "web1.example.test": 3,
        "web2.example.test": 4,
    }


# --- who is believed -----------------------------------------------------------------------------------------------


def test_no_host_is_believed_that_the_administrator_has_not_named(witness: Witness, tmp_path: Path) -> None:
    """THREATS L-14"""
    stranger = Host("../../etc/passwd", n=3)
    before = sorted(tmp_path.rglob("*"))
    done = witness.feed(stranger.feed())
    assert done.exit_code == 1 and not done.stdout
    assert "../../etc/passwd is not named in" in done.stderr
    assert sorted(tmp_path.rglob("*")) == before


def test_a_host_that_lost_its_key_begins_anew_when_its_administrator_says_so(witness: Witness, host: Host) -> None:
    witness.feed(host.feed())
    host.key = Host().key
    host.goes_on(5)
    refused = witness.feed(host.feed(5))
    assert refused.exit_code == 1 and "is signed by another key" in refused.stderr and given(refused).number == 5
    witness.trust(host)
    done = witness.feed(host.feed())
    assert done.exit_code == 0 and given(done).number == 10, done.stderr


def test_a_host_with_a_new_key_and_another_past_is_told(witness: Witness, host: Host) -> None:
    """THREATS L-14. Who has taken the host over says that its key was lost."""
    witness.feed(host.feed())
    host.key = Host().key
    witness.trust(host.rewrites(2).goes_on(5))
    done = witness.feed(host.feed())
    assert done.exit_code == 1
    assert f"{host.name}: its record does not contain record 5, which was countersigned under its earlier key" in done.stderr


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ("jitd@* ssh-ed25519 AAAA\n", "line 1: must begin with jitd@ and the name of one host"),
        ("jitd@web1,jitd@web2 ssh-ed25519 AAAA\n", "line 1: must begin with jitd@ and the name of one host"),
        ("web1 ssh-ed25519 AAAA\n", "line 1: must begin with jitd@ and the name of one host"),
        ("jitd@web1 ssh-rsa AAAA\n", "line 1: not a public key"),
        ("jitd@web1 cert-authority {key}\n", "line 1: not a public key"),
        ('jitd@web1 namespaces="git" {key}\n', "line 1: this key may not sign checkpoints"),
        ("# of us\n\njitd@web1 {key}\njitd@web1 {key}\n", "line 4: web1 has a key already"),
        ("jitd@w\u00e9b1 {key}\n", "characters that are not ASCII"),
    ],
)
def test_a_file_of_keys_that_may_mean_another_thing_is_refused(witness: Witness, host: Host, lines: str, sentence: str) -> None:
    (witness.place / "allowed_signers").write_text(lines.format(key=public_line(host.public, "")))
    done = witness.feed(host.feed())
    assert done.exit_code == 1 and sentence in done.stderr and not done.stdout


@pytest.mark.parametrize("name", ["", "allowed_signers", "key"])
def test_what_others_can_change_is_not_used(witness: Witness, host: Host, name: str) -> None:
    (witness.place / name).chmod(0o777)
    done = witness.feed(host.feed())
    assert done.exit_code == 1 and not done.stdout


# --- a host that says two things -------------------------------------------------------------------------------------


def commands_of(readme: str) -> list[str]:
    return re.findall(r"^    (ssh-keygen .*)$", readme, re.MULTILINE)


def test_a_rewritten_past_is_proved_to_a_third_person_by_ssh_keygen_alone(witness: Witness, host: Host) -> None:
    """THREATS L-14. All seals are computed again, all is signed again with the host's own key, and the host goes on."""
    seen = given(witness.feed(host.feed()))
    done = witness.feed(host.rewrites(2).goes_on(7).feed(5))
    assert done.exit_code == 1 and "jitd countersignature" not in done.stdout
    assert f"{host.name}: has signed two records that cannot both be true" in done.stderr
    proof = witness.place / "fork-1"
    readme = (proof / "README").read_text()
    assert len(commands_of(readme)) == 3 and f"countersigned the first at {seen.at:%Y-%m-%dT%H:%M:%SZ}" in readme
    for command in commands_of(readme):
        assert keygen(proof, command).returncode == 0, command
    first, second = ((proof / name).read_text().splitlines() for name in ("first", "second"))
    assert first[:3] == second[:3] == ["jitd checkpoint 1", f"host {host.name}", "number 5"] and first[3] != second[3]


def test_a_convicted_host_is_never_countersigned_again(witness: Witness, host: Host) -> None:
    """THREATS L-14"""
    witness.feed(host.feed())
    honest = host.copy().goes_on(7)
    witness.feed(host.rewrites(2).goes_on(7).feed(5))
    for lines in (honest.feed(5), honest.feed(), host.feed()):
        done = witness.feed(lines)
        assert done.exit_code == 1 and "jitd countersignature" not in done.stdout and "fork-1/README" in done.stderr
    assert not (witness.place / "fork-2").exists(), "one proof is enough"
    assert witness.list().exit_code == 1 and "cannot both be true" in witness.list().stdout


def test_a_restored_backup_is_proved(witness: Witness, host: Host) -> None:
    """THREATS L-14"""
    import hashlib

    witness.feed(host.feed())
    backup = host.copy()
    witness.feed(host.goes_on(3).feed(5))
    done = witness.feed(backup.goes_on(9, word="restored").feed(5))
    assert done.exit_code == 1 and "cannot both be true" in done.stderr
    proof = witness.place / "fork-1"
    for command in commands_of((proof / "README").read_text()):
        assert keygen(proof, command).returncode == 0, command
    seal = bytes.fromhex((proof / "apart").read_text())
    assert f"seal {seal.hex()}" not in (proof / "first").read_text()
    for line in map(read, (proof / "digests").read_text().splitlines()):
        assert isinstance(line, Digest)
        seal = hashlib.sha256(b"jitd chain 2\n" + line.number.to_bytes(8, "big") + seal + line.digest).digest()
    assert f"number {line.number}\nseal {seal.hex()}\n" in (proof / "second").read_text()


def test_a_host_that_has_gone_back_is_told_and_not_countersigned(witness: Witness, host: Host) -> None:
    """THREATS L-14"""
    backup = host.copy()
    witness.feed(host.goes_on(5).feed())
    done = witness.feed(backup.feed())
    assert done.exit_code == 1 and "its record ends with 5, and 10 was countersigned" in done.stderr
    assert given(done).number == 10, "the host can see by this that it is older than what was seen"


# --- hostile input ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "junk",
    [
        b"\xff\xfe\n",
        b'{"form":"jitd digest 1"}\n',
        b'{"form":"jitd digest 1","host":"web1.example.test","number":6,"number":7,"digest":""}\n',
        b'{"form":"jitd digest 1","host":"web1.example.test","number":' + b"9" * 5000 + b"}\n",
        b'{"form":"jitd ' + b"[" * 100_000 + b"\n",
        b"{" * (9 << 20) + b"\n",
        b"x" * (9 << 20),
    ],
)
def test_what_cannot_be_read_is_told_and_changes_nothing(witness: Witness, host: Host, junk: bytes) -> None:
    before = given(witness.feed(host.feed()))
    host.goes_on(2)
    lines = [line.line().encode() + b"\n" for line in host.feed(5)]
    done = witness.feed(b"".join(lines[:2]) + junk)
    assert done.exit_code == 1 and given(done) == before


def test_a_feed_of_junk_is_told_in_few_lines(witness: Witness, host: Host) -> None:
    done = witness.feed(b'{"form":"jitd digest 1"}\n' * 1000 + b"".join(line.line().encode() + b"\n" for line in host.feed()))
    assert done.exit_code == 1 and given(done).number == 5
    assert len(done.stderr.splitlines()) < 12 and "992 more lines cannot be read" in done.stderr


def test_a_host_that_is_silent_for_a_day_is_listed_as_wrong(
    witness: Witness, host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert witness.list().exit_code == 1 and "never countersigned" in witness.list().stdout
    witness.feed(host.feed())
    assert witness.list().exit_code == 0
    monkeypatch.setattr("jitd_evidence.verbs.witnessing.SILENT", 0)
    assert witness.list().exit_code == 1


def test_a_host_that_signs_its_record_no_more_is_told(witness: Witness, host: Host) -> None:
    """THREATS L-14. What nobody has signed can be written again."""
    witness.feed(host.feed())
    done = witness.feed(host.goes_on(1024, signs=False).feed(5))
    assert done.exit_code == 0 and given(done).number == 5
    done = witness.feed(host.goes_on(1, signs=False).feed(5))
    assert done.exit_code == 1 and "its last 1025 records are not signed" in done.stderr and given(done).number == 5
    assert witness.list().exit_code == 1


def test_of_two_feeds_at_the_same_time_one_is_countersigned(witness: Witness, host: Host) -> None:
    """THREATS L-14. Two heads of one number come at the same time, each of which alone would be countersigned."""
    other = host.copy().goes_on(5, word="other")
    host.goes_on(5)
    with (
        witness_directory.WitnessDirectory(witness.place, "w") as one,
        witness_directory.WitnessDirectory(witness.place, "w") as two,
    ):
        from datetime import UTC, datetime

        from jitd_evidence.witness import Signed

        at = datetime(2026, 11, 26, tzinfo=UTC)
        one.countersign(host.name, Signed(host.checkpoints[10], host.public), None, at)
        with pytest.raises(witness_directory.DirectoryError, match="at the same time"):
            two.countersign(host.name, Signed(other.checkpoints[10], host.public), None, at)
        head = two.head(host.name)
        assert head is not None and head.signed.checkpoint == host.checkpoints[10]


def test_a_clock_that_has_gone_back_countersigns_nothing(witness: Witness, host: Host) -> None:
    from datetime import timedelta

    from jitd_evidence.witness import Signed

    seen = given(witness.feed(host.feed()))
    host.goes_on(5)
    with witness_directory.WitnessDirectory(witness.place, "w") as directory:
        head = directory.head(host.name)
        with pytest.raises(witness_directory.DirectoryError, match="clock"):
            directory.countersign(host.name, Signed(host.checkpoints[10], host.public), head, seen.at - timedelta(seconds=1))
        assert directory.head(host.name) == head


def test_who_is_fed_without_a_pause_keeps_one_checkpoint_a_minute(witness: Witness, host: Host) -> None:
    witness.feed(host.feed())
    for _ in range(30):
        since = len(host.bodies)
        assert witness.feed(host.goes_on(1).feed(since)).exit_code == 0
    with witness_directory.WitnessDirectory(witness.place, "w") as directory:
        kept = [number for number in range(1, 50) if directory.kept(host.name, number)]
    assert len(kept) <= 4 and kept[-1] == 35


def test_several_processes_make_one_key(tmp_path: Path) -> None:
    from jitd.audit.key_file import key_in

    found: set[bytes] = set()
    threads = [
        threading.Thread(target=lambda: found.add(key_in(tmp_path / "key").public_key().public_bytes_raw())) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 1 and [file.name for file in tmp_path.iterdir()] == ["key"]
    listed = subprocess.run(["ssh-keygen", "-y", "-f", tmp_path / "key"], capture_output=True, text=True, check=True).stdout
    assert listed.startswith("ssh-ed25519 ")
