# SPDX-License-Identifier: Apache-2.0
"""A run that edits a file, and executes nothing: it writes what was approved into what was approved, or the old file stands."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Here, Ready, Started
from jitd.monitor.orders import Job
from tests.monitor.stage import NOBODY, Stage

OLD, NEW = b"listen 80;\n", b"listen 8080;\n"


@pytest.fixture
def place(stage: Stage) -> Iterator[Path]:
    made = stage.directory / "site"
    made.mkdir()
    (made / "x.conf").write_bytes(OLD)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def edit(stage: Stage, file: Path, new: bytes = NEW, **changes: object) -> Job:
    """The job of an edit that was approved a moment ago."""
    status, digest = file.stat(), hashlib.sha256(file.read_bytes()).digest()
    made = stage.job("sudoedit", str(file), path=os.fsencode(file), digest=digest)
    return replace(made, edit=(status.st_dev, status.st_ino, new), **changes)  # type: ignore[arg-type]


def test_what_was_approved_is_written_and_it_is_reported_as_a_run(stage: Stage, place: Path) -> None:
    job = edit(stage, place / "x.conf")
    client, outcome = stage.play(job)
    assert outcome == Outcome(Ending.EXITED, 0) and (place / "x.conf").read_bytes() == NEW
    assert [type(report) for report in stage.reports] == [Here, Ready, Started, Ended]
    assert [packet[:1] for packet in client.packets] == [b"R", b"X"] and os.listdir(place) == ["x.conf"]


def changed(place: Path) -> None:
    (place / "x.conf").write_bytes(b"another\n")


def exchanged(place: Path) -> None:
    (place / "y").write_bytes(OLD)
    (place / "y").rename(place / "x.conf")


def linked(place: Path) -> None:
    (place / "x.conf").rename(place / "y")
    (place / "x.conf").symlink_to("y")


def led_elsewhere(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))
    place.symlink_to(place.with_name("elsewhere"))


def named_twice(place: Path) -> None:
    os.link(place / "x.conf", place / "y")


@pytest.mark.parametrize("attack", [changed, exchanged, linked, led_elsewhere, named_twice])
def test_what_is_exchanged_between_the_last_look_and_the_write_is_not_written(
    stage: Stage, place: Path, attack: Callable[[Path], None]
) -> None:
    """THREATS R-29: The file, and a link on the way to it."""
    job = edit(stage, place / "x.conf")
    said = stage.directory / "said"
    with said.open("wb") as errors:
        stage.get_ready(job, ("null", "null", "file"), [stage.null(), stage.null(), os.dup(errors.fileno())])
        attack(place)
        before = (place / "x.conf").read_bytes()
        stage.order(stage.executor.go, job.run)
        assert stage.outcome(job) == Outcome(Ending.EXITED, 1)
    assert (place / "x.conf").read_bytes() == before != NEW
    assert said.read_text().startswith(f"jitsudo: {place}/x.conf was not written: ")
    assert not [name for name in os.listdir(place) if "jitsudo" in name]


def test_an_account_writes_with_its_own_rights_alone(stage: Stage, place: Path) -> None:
    job = edit(stage, place / "x.conf", uid=NOBODY, gid=NOBODY, groups=(NOBODY,))
    assert stage.play(job)[1] == Outcome(Ending.EXITED, 1) and (place / "x.conf").read_bytes() == OLD


def test_what_is_revoked_before_the_go_writes_nothing(stage: Stage, place: Path) -> None:
    job = edit(stage, place / "x.conf")
    stage.get_ready(job)
    stage.order(stage.executor.stop, job.run, "revoked by bob@EXAMPLE.ORG: wrong file")
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, "revoked by bob@EXAMPLE.ORG: wrong file")
    assert (place / "x.conf").read_bytes() == OLD and os.listdir(place) == ["x.conf"]
