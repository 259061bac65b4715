# SPDX-License-Identifier: Apache-2.0
"""The signed head of a whole daemon's record, judged by ssh-keygen: what somebody without jitd can find out about it."""

from __future__ import annotations

import contextlib
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from jitd.audit.forms import Checkpoint
from jitd.store.sqlite import SqliteStore
from jitpam.wire.messages import Status
from tests.system.clients import ready
from tests.system.conftest import HOST, House
from tests.system.failing import erring
from tests.waiting import wait_for


@pytest.fixture
def served() -> Iterator[House]:
    house = ready()
    yield house
    house.close()


def checkpoints(house: House) -> list[Checkpoint]:
    with contextlib.closing(SqliteStore.reading(house.database)) as store:
        return list(store.checkpoints())


def key(house: House, *words: str, who: str = "root") -> str:
    done = house.jitd("audit", "key", *words, who=who)
    assert done.returncode == 0, done.stderr
    return done.stdout


def keygen(where: Path, allowed: str, namespace: str, signed: str, signature: str) -> bool:
    """Whether ssh-keygen -Y verify takes it."""
    (where / "allowed").write_text(allowed)
    (where / "signature").write_text(signature)
    words = ["ssh-keygen", "-Y", "verify", "-f", "allowed", "-I", f"jitd@{HOST}", "-n", namespace, "-s", "signature"]
    return subprocess.run(words, cwd=where, input=signed.encode(), capture_output=True, check=False).returncode == 0


def signing_of(house: House) -> dict[str, Any]:
    """The line of the status about the record."""
    (row,) = [row for row in house.asked(Status()) if row["about"] == "record"]
    return row


def test_ssh_keygen_alone_checks_every_checkpoint(served: House, tmp_path: Path) -> None:
    """THREATS L-13."""
    house = served
    assert house.sudo("root", "true").returncode == 0
    wait_for(house.is_signed, what="a checkpoint of the head")
    allowed = key(house, "--allowed-signers")
    made = checkpoints(house)
    for one in made:
        said = json.loads(one.line())
        assert keygen(tmp_path, allowed, "jitd-checkpoint", said["signed"], said["signature"])
        assert not keygen(tmp_path, allowed, "jitd-key", said["signed"], said["signature"])
        forged = said["signed"].replace(f"number {one.number}\n", f"number {one.number + 1}\n")
        assert not keygen(tmp_path, allowed, "jitd-checkpoint", forged, said["signature"])
    with contextlib.closing(SqliteStore.reading(house.database)) as store:
        seals = {number: seal for number, _, seal in store.records()}
    assert all(seals[one.number] == one.seal for one in made)


def test_the_last_record_of_a_clean_stop_is_signed_and_so_is_what_a_killed_daemon_has_left(served: House) -> None:
    house = served
    house.stop()
    assert house.is_signed(), "daemon.stopped is the last record, and it is signed"
    house.start()
    house.kill()
    house.start()
    wait_for(house.is_signed, what="a checkpoint of the head")
    house.verify()


def test_a_rotation_is_signed_by_both_keys_and_only_root_may_have_one(served: House, tmp_path: Path) -> None:
    house = served
    before = key(house, "--allowed-signers")
    refused = house.jitd("audit", "key", "--rotate", who="dave")  # an operator
    assert (refused.returncode, refused.stdout) == (3, "") and "only root" in refused.stderr
    for who in ("alice", "eve"):
        assert house.jitd("audit", "key", who=who).returncode == 3
    assert house.jitd("audit", "key", "--acknowledge", who="dave").returncode == 3
    assert key(house, "--allowed-signers", who="dave") == before, "nothing has changed"
    assert not [record for record in house.records() if record["event"] == "key.acknowledged"]
    after = key(house, "--rotate", "--allowed-signers")
    assert after != before and key(house, "--allowed-signers") == after
    (detail,) = [record["detail"] for record in house.records() if record["event"] == "key.rotated"]
    assert keygen(tmp_path, before, "jitd-key", detail["signed"], detail["by_before"])
    assert keygen(tmp_path, after, "jitd-key", detail["signed"], detail["by_public"])
    assert not keygen(tmp_path, before, "jitd-key", detail["signed"], detail["by_public"])
    wait_for(house.is_signed, what="a checkpoint of the head")
    last = checkpoints(house)[-1]
    assert keygen(tmp_path, after, "jitd-checkpoint", last.signed, last.signature)
    assert signing_of(house)["is_well"], "a rotation is no fault"


def test_a_lost_key_is_told_and_the_command_acknowledges_it(served: House) -> None:
    house = served
    before = key(house)
    house.kill()
    (house.root / "state/signing-key").unlink()
    house.start()
    wait_for(lambda: not signing_of(house)["is_well"], what="the line")
    said, _, command = signing_of(house)["says"].rpartition(": ")
    assert "the one before: lost" in said
    done = house.run("root", *command.split())
    assert done.returncode == 0 and done.stdout != before
    (made,) = [record["detail"] for record in house.records() if record["event"] == "key.made"][1:]
    assert made["because"] == "lost" and made["public"] in done.stdout and made["before"] in before
    assert signing_of(house)["is_well"], "root knows of it"
    house.kill()
    house.start()
    assert signing_of(house)["is_well"], "and is not told again"


@pytest.mark.parametrize(
    ("error", "call", "words"),
    [
        ("EIO", "fdatasync", "Input/output error"),
        ("ENOSPC", "pwrite64", "No space left on device"),
        ("EROFS", "openat", "Read-only file system"),
    ],
)
def test_decisions_go_on_while_the_head_cannot_be_signed(served: House, error: str, call: str, words: str) -> None:
    house = served
    assert house.process is not None
    wait_for(house.is_signed, what="a checkpoint of the head")
    n = len(checkpoints(house))
    with erring([house.process.pid], [house.root / "state/signing-head"], error, call):
        assert house.sudo("root", "true").returncode == 0
        wait_for(lambda: not signing_of(house)["is_well"], what="the line")
        assert words in signing_of(house)["says"]
        assert len(checkpoints(house)) == n
        assert house.sudo("root", "true").returncode == 0, "nothing waits for a signature"
    wait_for(house.is_signed, what="a checkpoint of the head")
    wait_for(lambda: signing_of(house)["is_well"], what="a line that is well")
