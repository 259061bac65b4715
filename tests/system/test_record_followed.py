# SPDX-License-Identifier: Apache-2.0
"""``jitd audit show`` and ``jitd audit export`` against a real daemon: new records as they come, also past a daemon that was
killed, and what is looked for.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.marks import timed
from tests.system.clients import ready
from tests.system.conftest import House
from tests.waiting import wait_for

WITHIN = 1.0


@pytest.fixture(scope="module")
def served() -> Iterator[House]:
    house = ready()
    yield house
    house.verify()
    house.close()


class Follower:
    """``jitd audit show --follow --json`` with ``words``, and what it has printed until now."""

    def __init__(self, house: House, directory: Path, *words: str, who: str = "root") -> None:
        self.out, self.err = directory / "followed", directory / "said"
        line = house.line(who, "jitd", "audit", "show", "--follow", "--json", *words)
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd="/")

    @property
    def records(self) -> list[dict[str, Any]]:
        *whole, _ = self.out.read_text("utf-8").split("\n")
        return [json.loads(line) for line in whole]

    @property
    def numbers(self) -> list[int]:
        return [record["number"] for record in self.records]

    def has(self, number: int) -> bool:
        assert self.process.poll() is None, self.err.read_text()
        return number in self.numbers

    def end(self, by: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(by)
        return self.process.wait(60)


@pytest.fixture
def follow(served: House, tmp_path: Path) -> Iterator[Callable[..., Follower]]:
    begun: list[Follower] = []

    def begin(*words: str, **more: Any) -> Follower:
        directory = tmp_path / str(len(begun))
        directory.mkdir()
        begun.append(Follower(served, directory, *words, **more))
        return begun[-1]

    yield begin
    for one in begun:
        with contextlib.suppress(ProcessLookupError):
            one.process.kill()
        one.process.wait()


def test_who_follows_gets_all_records_and_ctrl_c_ends_it_quietly(served: House, follow: Callable[..., Follower]) -> None:
    follower = follow()
    wait_for(lambda: follower.has(served.head().number), what="what there is")
    assert served.sudo("alice", "sh", "-c", "exit 0").returncode == 0
    head = served.at_rest().head().number
    wait_for(lambda: follower.has(head), what="what is new")
    assert follower.numbers == list(range(1, head + 1))
    assert follower.end() == 130 and follower.err.read_text() == ""


@timed("PROTOCOL.md: a new record is sent within a second of its commit")
def test_a_new_record_is_told_within_a_second(served: House, follow: Callable[..., Follower]) -> None:
    head = served.head().number
    follower = follow(f"--after={head - 1}")
    wait_for(lambda: follower.has(head), what="the last record")
    for _ in range(5):
        served.reload()
        began = time.monotonic()
        wait_for(lambda: follower.has(served.head().number), what="policy.loaded")
        assert time.monotonic() - began < WITHIN


def test_no_record_is_missed_and_none_comes_twice_while_jitd_is_killed_and_started(
    served: House, follow: Callable[..., Follower]
) -> None:
    """THREATS L-19."""
    follower = follow()
    wait_for(lambda: follower.has(1), what="the first record")
    for _ in range(3):
        served.reload()
        served.kill()
        wait_for(lambda: "waiting until it is back" in follower.err.read_text(), what="that jitd is away")
        served.start()
        served.reload()
    head = served.head().number
    wait_for(lambda: follower.has(head), what="the last record")
    assert follower.numbers == list(range(1, head + 1))
    assert follower.err.read_text().count("jitd is back") == follower.err.read_text().count("waiting until") > 0
    assert follower.end() == 130


def test_one_who_does_not_read_holds_up_nobody_and_gets_everything_in_the_end(
    served: House, follow: Callable[..., Follower]
) -> None:
    """A pipe that nobody reads."""
    reader, writer = os.pipe()
    line = served.line("root", "jitd", "audit", "show", "--follow", "--json")
    with subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=writer, stderr=subprocess.DEVNULL, cwd="/") as slow:
        os.close(writer)
        other = follow(f"--after={served.head().number - 1}")
        for _ in range(200):
            served.reload()
        head = served.head().number
        wait_for(lambda: other.has(head), what="the other one's last record")
        with os.fdopen(reader, encoding="utf-8") as lines:
            for number, text in enumerate(lines, 1):
                assert json.loads(text)["number"] == number
                if number == head:
                    break
        slow.kill()


def test_an_operator_follows_with_a_ticket_and_a_requester_does_not(served: House, follow: Callable[..., Follower]) -> None:
    follower = follow("--event=policy.", who="dave")
    served.reload()
    head = served.head().number
    wait_for(lambda: follower.has(head), what="policy.loaded")
    refused = served.run("alice", "jitd", "audit", "show", "--follow")
    assert (refused.returncode, refused.stdout) == (3, "") and "operators" in refused.stderr
    refused = served.run("alice", "jitd", "audit", "export")
    assert (refused.returncode, refused.stdout) == (3, "") and "operators" in refused.stderr


def shown(house: House, *words: str) -> list[dict[str, Any]]:
    done = house.jitd("audit", "show", "--json", *words)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_what_is_looked_for_is_shown(served: House) -> None:
    assert served.sudo("alice", "sh", "-c", "exit 0").returncode == 0
    (asked, *_) = [one for one in reversed(served.at_rest().records()) if one["event"] == "request.submitted"]
    id = asked["id"]
    assert {one["id"] for one in shown(served, f"--id={id.lower()}")} == {id}
    assert asked["number"] in {one["number"] for one in shown(served, "--who=alice", "--since=1h", "--event=request.")}
    assert shown(served, "--who=alice", "--until=1h") == shown(served, "--who=bob", f"--id={id}") == []
    rule = asked["about"]["rule"]
    assert {one["about"]["rule"] for one in shown(served, f"--rule={rule}")} == {rule}
    assert {one["event"] for one in shown(served, "--event=daemon.*")} == {"daemon.started"}
    assert asked["host"] == shown(served, "--host=lab.*", f"--id={id}")[0]["host"]
    elsewhere = served.jitd("audit", "show", "--host=db1.example.test")
    assert (elsewhere.returncode, elsewhere.stdout) == (1, "") and asked["host"] in elsewhere.stderr
    nothing = served.jitd("audit", "show", "--id=0000-0000")
    assert (nothing.returncode, nothing.stdout) == (0, "") and "no record is about 0000-0000: " in nothing.stderr


def test_an_export_has_its_record_and_all_lines_follow_each_other(served: House) -> None:
    assert served.sudo("alice", "sh", "-c", "exit 0").returncode == 0
    served.at_rest()
    before = served.head().number
    done = served.jitd("audit", "export", "--who=alice")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    chain = [line["number"] for line in lines if line["form"] in ("jitd record 1", "jitd digest 1")]
    assert chain == list(range(chain[0], chain[-1] + 1))
    full = [line for line in lines if line["form"] == "jitd record 1"]
    assert [one["number"] for one in full] == [one["number"] for one in shown(served, "--who=alice")]
    (exported,) = [one for one in served.records(before) if one["event"] == "record.exported"]
    assert (exported["detail"]["who"], exported["detail"]["n"], exported["actor"]) == ("alice", len(full), "root")


def test_an_index_that_somebody_has_spoilt_is_told_by_audit_verify(served: House, tmp_path: Path) -> None:
    """THREATS L-19. The whole one is whole."""
    assert served.sudo("alice", "sh", "-c", "exit 0").returncode == 0
    served.at_rest()
    copy = tmp_path / "copy.db"
    with contextlib.closing(sqlite3.connect(served.database)) as live, contextlib.closing(sqlite3.connect(copy)) as made:
        live.backup(made)
    assert served.jitd("audit", "verify", str(copy)).returncode == 0
    with contextlib.closing(sqlite3.connect(copy)) as db:
        db.execute(
            "UPDATE chain_about SET requester = '' WHERE number = (SELECT max(number) FROM chain_about WHERE requester <> '')"
        )
        db.commit()
    done = served.jitd("audit", "verify", str(copy))
    assert done.returncode == 1 and "index of the record is wrong about record" in done.stderr


def test_an_export_is_proved_by_its_lines_and_by_ssh_keygen(served: House, tmp_path: Path) -> None:
    """THREATS L-19. By hand, as PROTOCOL.md says it, without a line of jitd's code: seals, values, and the signed head."""
    assert served.sudo("alice", "sh", "-c", "exit 0").returncode == 0
    served.at_rest()
    lines = [json.loads(line) for line in served.jitd("audit", "export", "--who=alice", "--since=1h").stdout.splitlines()]
    seal, number = (bytes.fromhex(lines[0]["seal"]), lines[0]["number"]) if "signed" in lines[0] else (bytes(32), 0)
    for line in lines["signed" in lines[0] :]:
        if "signed" not in line:
            number += 1
            digest = bytes.fromhex(line["digest"]) if "digest" in line else sha256(line["sealed"].encode()).digest()
            seal = sha256(b"jitd chain 2\n" + number.to_bytes(8, "big") + seal + digest).digest()
        assert line["number"] == number and line.get("seal", seal.hex()) == seal.hex()
        for value in line.get("values", ()):
            said = json.dumps(value["value"], sort_keys=True, separators=(",", ":")).encode()
            name, salt = value["field"].encode(), bytes.fromhex(value["salt"])
            sizes = len(name).to_bytes(8, "big"), len(said).to_bytes(8, "big")
            assert sha256(b"jitd value 1\n" + salt + sizes[0] + name + sizes[1] + said).hexdigest() == value["committed"]
            assert value["committed"] in line["sealed"]
    assert any(line.get("values") for line in lines)
    signed = lines[-1]
    assert signed["form"] == "jitd checkpoint 1", "an export waits until its end is signed"
    (tmp_path / "allowed").write_text(served.jitd("audit", "key", "--allowed-signers").stdout)
    (tmp_path / "signature").write_text(signed["signature"])
    who = (tmp_path / "allowed").read_text().split()[0]
    words = ["-Y", "verify", "-f", tmp_path / "allowed", "-I", who, "-n", "jitd-checkpoint", "-s", tmp_path / "signature"]
    proved = subprocess.run(["ssh-keygen", *words], input=signed["signed"].encode(), capture_output=True, check=False)
    assert proved.returncode == 0, proved.stderr
    assert f"\nnumber {number}\nseal {seal.hex()}\n" in signed["signed"]
