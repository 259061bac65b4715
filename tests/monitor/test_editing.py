# SPDX-License-Identifier: Apache-2.0
"""A run that edits a file, and executes nothing: it writes what was approved into what was approved, or the old file stands."""

from __future__ import annotations

import hashlib
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Here, Ready, Started
from jitd.files.inspection import View
from jitd.monitor import checking
from jitd.monitor.orders import Job
from tests.monitor.stage import NOBODY, Stage
from tests.waiting import wait_for

OLD, NEW = b"listen 80;\n", b"listen 8080;\n"


@pytest.fixture
def place(stage: Stage) -> Iterator[Path]:
    made = stage.directory / "site"
    made.mkdir()
    (made / "x.conf").write_bytes(OLD)
    yield made
    shutil.rmtree(made, ignore_errors=True)


def edit(stage: Stage, file: Path, **changes: Any) -> Job:
    """The job of an edit that was approved a moment ago."""
    status, digest = file.stat(), hashlib.sha256(file.read_bytes()).digest()
    made = stage.job("sudoedit", str(file), path=os.fsencode(file), digest=digest)
    return replace(made, edit=(status.st_dev, status.st_ino, NEW), **changes)


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


@pytest.mark.parametrize(("above", "mode"), [(0o711, 0o755), (0o755, 0o300), (0o711, 0o300)])
def test_an_account_needs_no_right_to_read_the_directories_on_the_way(stage: Stage, place: Path, above: int, mode: int) -> None:
    """The request needs none either: somebody would have approved in vain."""
    inner = place / "inner"
    inner.mkdir()
    (place / "x.conf").rename(inner / "x.conf")
    for one in (inner, inner / "x.conf"):
        os.chown(one, NOBODY, NOBODY)
    place.chmod(above)
    inner.chmod(mode)
    job = edit(stage, inner / "x.conf", uid=NOBODY, gid=NOBODY, groups=(NOBODY,), trusted_uid=NOBODY)
    assert stage.play(job)[1] == Outcome(Ending.EXITED, 0)
    assert (inner / "x.conf").read_bytes() == NEW and os.listdir(inner) == ["x.conf"]
    place.chmod(0o700)
    job = edit(stage, inner / "x.conf", uid=NOBODY, gid=NOBODY, groups=(NOBODY,), trusted_uid=NOBODY)
    assert stage.play(job)[1] == Outcome(Ending.EXITED, 1)


def test_what_is_revoked_before_the_go_writes_nothing(stage: Stage, place: Path) -> None:
    job = edit(stage, place / "x.conf")
    stage.get_ready(job)
    stage.order(stage.executor.stop, job.run, "revoked by bob@EXAMPLE.ORG: wrong file")
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, "revoked by bob@EXAMPLE.ORG: wrong file")
    assert (place / "x.conf").read_bytes() == OLD and os.listdir(place) == ["x.conf"]


def checked(stage: Stage, place: Path, *words: str, **changes: Any) -> tuple[Outcome, str]:
    """The outcome of an edit with a check, and what its client reads."""
    checks = (tuple(map(os.fsencode, words)),)
    job, said = edit(stage, place / "x.conf", checks=checks, **changes), stage.directory / "said"
    with said.open("wb") as errors:
        stage.go(job, ("null", "null", "file"), [stage.null(), stage.null(), os.dup(errors.fileno())])
        outcome = stage.outcome(job)
    return outcome, said.read_text()


@pytest.mark.parametrize(
    "words", [("/bin/grep", "-q", "8080"), ("/bin/sh", "-c", "grep -q 8080 {file}"), ("/bin/grep", "8080", "{file}")]
)
def test_a_check_reads_the_new_file_beside_the_old_one(stage: Stage, place: Path, words: tuple[str, ...]) -> None:
    assert checked(stage, place, *words) == (Outcome(Ending.EXITED, 0), "")
    assert (place / "x.conf").read_bytes() == NEW


def test_what_a_check_refuses_is_not_written_and_its_words_are_told(stage: Stage, place: Path) -> None:
    outcome, said = checked(stage, place, "/bin/sh", "-c", "printf 'line 1: \\033[31mbad\\n'; cat >&2; exit 3", "{file}")
    assert outcome == Outcome(Ending.EXITED, 1)
    assert said == f"jitsudo: {place}/x.conf was not written: the check /bin/sh says no (status 3)\nline 1: \\x1b[31mbad\n"
    assert (place / "x.conf").read_bytes() == OLD and os.listdir(place) == ["x.conf"]


def test_a_check_has_the_rights_of_the_account_and_no_others(stage: Stage, place: Path) -> None:
    """Green on what could not be read would be worse than none."""
    os.chown(place, NOBODY, NOBODY)
    os.chown(place / "x.conf", NOBODY, NOBODY)
    outcome, said = checked(
        stage, place, "/bin/sh", "-c", "id -u; exit 1", "{file}", uid=NOBODY, gid=NOBODY, groups=(NOBODY,), trusted_uid=NOBODY
    )
    assert outcome == Outcome(Ending.EXITED, 1) and said.endswith(f"\n{NOBODY}\n")


@pytest.mark.parametrize("attack", ["missing", "of others", "changes the file"])
def test_a_check_that_cannot_be_trusted_takes_nothing(stage: Stage, place: Path, attack: str) -> None:
    program = stage.directory / "check"
    if attack != "missing":
        program.write_text("#!/bin/sh\necho more >>$1\n" if attack == "changes the file" else "#!/bin/sh\n")
        program.chmod(0o757 if attack == "of others" else 0o755)
    outcome, said = checked(stage, place, str(program))
    told = {"missing": "cannot be run", "of others": "can be changed by others", "changes the file": "was changed while it was"}
    assert outcome == Outcome(Ending.EXITED, 1) and told[attack] in said, said
    assert (place / "x.conf").read_bytes() == OLD and os.listdir(place) == ["x.conf"]


@pytest.mark.parametrize("says", ["exec yes", "yes & exec yes", "yes & exit 0", "(sleep 1000; exit 3) & exit 0"])
def test_a_check_is_over_in_time_with_all_that_it_has_started(tmp_path: Path, says: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS R-33: However much it says, and whoever holds its output."""
    monkeypatch.setattr(checking, "WITHIN", 2.0)
    words = (b"/bin/sh", b"-c", os.fsencode(f"echo $$ >{tmp_path}/group; {says}"), b"{file}")
    said = checking.refusal(words, b"/etc/hostname", dict(os.environb), View(0, None, ()))
    assert said.startswith("the check /bin/sh took more than 2 s") if "exec yes" in says else said == ""
    assert len(said) < 20_000
    group = (tmp_path / "group").read_text().strip()
    wait_for(lambda: all(_group_of(one) != group for one in Path("/proc").glob("[0-9]*/stat")))


def _group_of(stat: Path) -> str:
    """The process group of a process that has not ended."""
    with suppress(OSError):
        state, _, group = stat.read_text().rpartition(") ")[2].split()[:3]
        return "" if state == "Z" else group
    return ""


def test_an_edit_that_is_stopped_while_it_is_checked_leaves_nothing(stage: Stage, place: Path) -> None:
    """THREATS R-33."""
    begun = stage.directory / "begun"
    words = ("/bin/sh", "-c", f"touch {begun}; exec sleep 1000", "{file}")
    job = edit(stage, place / "x.conf", checks=(tuple(map(os.fsencode, words)),))
    stage.go(job)
    stage.wait(begun.exists)
    assert len(os.listdir(place)) == 2
    stage.order(stage.executor.stop, job.run, "revoked by bob@EXAMPLE.ORG: wrong file")
    assert stage.outcome(job).because == "revoked by bob@EXAMPLE.ORG: wrong file"
    assert (place / "x.conf").read_bytes() == OLD and os.listdir(place) == ["x.conf"]


def children_of(process: int) -> list[str]:
    return Path(f"/proc/{process}/task/{process}/children").read_text().split()


def test_a_limit_of_the_size_of_files_is_a_reason_and_no_death(stage: Stage, place: Path) -> None:
    """THREATS R-33: pam_limits may set one for the account that writes."""
    job, said = edit(stage, place / "x.conf"), stage.directory / "said"
    with said.open("wb") as errors:
        stage.get_ready(job, ("null", "null", "file"), [stage.null(), stage.null(), os.dup(errors.fileno())])
        for process in (int(one) for monitor in stage.monitors() for one in children_of(monitor)):
            resource.prlimit(process, resource.RLIMIT_FSIZE, (len(NEW) - 1, len(NEW) - 1))
        stage.order(stage.executor.go, job.run)
        outcome = stage.outcome(job)
    assert outcome == Outcome(Ending.EXITED, 1), outcome
    assert (place / "x.conf").read_bytes() == OLD and os.listdir(place) == ["x.conf"]
