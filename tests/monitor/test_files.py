# SPDX-License-Identifier: Apache-2.0
"""What was approved is what runs (THREATS R-05). Law: no byte is executed that was not in the approved digest."""

from __future__ import annotations

import os
import re
import stat
import threading
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending
from tests.monitor.stage import NOBODY, Stage, digest_of
from tests.times import times

GOOD = "#!/bin/sh\necho good\n"
EVIL = "#!/bin/sh\necho evil\n"
CHANGED = "the file was changed since it was approved"


def script(stage: Stage, content: str = GOOD, name: str = "tool", mode: int = 0o755) -> Path:
    path = stage.directory / name
    path.write_text(content)
    path.chmod(mode)
    return path


def swap_by_rename(path: Path) -> None:
    other = path.with_name("other")
    other.write_text(EVIL)
    other.chmod(0o755)
    other.rename(path)


def swap_in_place(path: Path) -> None:
    with path.open("r+") as file:
        file.write(EVIL)


def swap_by_link(path: Path) -> None:
    other = path.with_name("other")
    other.write_text(EVIL)
    other.chmod(0o755)
    path.unlink()
    path.symlink_to(other)


def swap_and_back_in_time(path: Path) -> None:
    before = path.stat()
    swap_in_place(path)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


SWAPS = [swap_by_rename, swap_in_place, swap_by_link, swap_and_back_in_time]


@pytest.mark.parametrize("swap", SWAPS)
@pytest.mark.parametrize("writable", [False, True])
def test_a_file_that_was_swapped_after_approval_does_not_run(stage: Stage, swap: object, writable: bool) -> None:
    """THREATS R-05."""
    path = script(stage)
    job = stage.job(str(path), writable=writable)
    assert callable(swap)
    swap(path)
    _, outcome = stage.play(job)
    assert (outcome.ending, outcome.number, outcome.because) == (Ending.NOT_STARTED, 126, CHANGED)


def test_a_link_that_leads_elsewhere_by_now_does_not_run(stage: Stage) -> None:
    """THREATS R-05."""
    good, evil = script(stage), script(stage, EVIL, "evil")
    link = stage.directory / "link"
    link.symlink_to(good)
    job = stage.job(str(link))
    link.unlink()
    link.symlink_to(evil)
    assert stage.play(job)[1].because == CHANGED


def test_a_link_runs_under_its_own_name(stage: Stage) -> None:
    script(stage, "#!/bin/sh\necho $0\n", "real")
    (stage.directory / "link").symlink_to("real")
    assert stage.capture(str(stage.directory / "link")) == os.fsencode(stage.directory / "link") + b"\n"


@pytest.mark.parametrize(("trusted", "runs"), [(NOBODY, True), (0, False)])
@pytest.mark.parametrize("whose", ["file", "directory", "operand"])
def test_a_file_of_the_targets_runs_where_the_target_has_all_that_was_asked_for(
    stage: Stage, whose: str, trusted: int, runs: bool
) -> None:
    """THREATS X-18: and nowhere else; with a group that is not its own it would get it by what it writes there."""
    path = script(stage)
    os.chown(stage.directory if whose == "directory" else path, NOBODY, NOBODY)
    as_nobody = {"uid": NOBODY, "gid": 4, "groups": (4,), "trusted_uid": trusted}
    words = ("/bin/sh", str(path)) if whose == "operand" else (str(path),)
    _, outcome = stage.play(stage.job(*words, operands=(), **as_nobody))
    assert (outcome.ending is Ending.EXITED) is runs, outcome
    if not runs:
        assert outcome.number == 126 and re.search("others|other accounts", outcome.because)


@pytest.mark.parametrize("how", ["file", "directory", "owner"])
def test_a_file_that_others_can_change_does_not_run_unless_the_rule_says_so(stage: Stage, how: str) -> None:
    """THREATS R-07."""
    path = script(stage)
    if how == "file":
        path.chmod(0o757)
    elif how == "owner":
        os.chown(path, 1077, 1077)
    else:
        stage.directory.chmod(0o777)
    _, outcome = stage.play(stage.job(str(path)))
    assert (outcome.ending, outcome.number) == (Ending.NOT_STARTED, 126)
    assert outcome.because.startswith("other accounts may change the file: ")
    assert stage.capture(str(path), writable=True) == b"good\n"


def test_what_others_can_change_runs_as_a_copy_that_only_root_can_change(stage: Stage) -> None:
    """THREATS S-12."""
    path = script(stage, "#!/bin/sh\nstat -c '%n %a %u %g' $0 $(dirname $0); echo $1\n", mode=0o757)
    told = stage.capture(str(path), "word", writable=True, uid=NOBODY, gid=NOBODY, groups=(NOBODY,)).decode()
    copy = stage.state_dir / "exec" / f"TEST-{Stage.n_runs:04}"
    assert told == f"{copy}/tool 750 0 {NOBODY}\n{copy} 750 0 {NOBODY}\nword\n"
    assert not copy.exists()


def test_a_file_that_the_rule_lets_be_written_and_nobody_can_is_run_itself(stage: Stage) -> None:
    path = script(stage, "#!/bin/sh\necho $0\n")
    assert stage.capture(str(path), writable=True) == os.fsencode(path) + b"\n"


def test_a_copy_is_not_for_those_who_could_not_execute_the_original(stage: Stage) -> None:
    path = script(stage, mode=0o720)
    os.chown(path, 1077, 1077)
    job = stage.job(str(path), writable=True, uid=NOBODY, gid=NOBODY, groups=(NOBODY,))
    _, outcome = stage.play(job)
    assert (outcome.ending, outcome.because) == (Ending.NOT_STARTED, "the target user may not execute the file")


def enough(endings: list[str]) -> bool:
    """Whether the race was one: some were exchanged, and some were not."""
    return {Ending.NOT_STARTED, Ending.EXITED} <= set(endings)


def test_a_racing_writer_never_gets_a_byte_executed(stage: Stage) -> None:
    """THREATS R-05."""
    path = script(stage, mode=0o777)
    stage.directory.chmod(0o777)
    stop = threading.Event()

    def by_rename(content: str) -> None:
        other = path.with_name("racer")
        other.write_text(content)
        other.chmod(0o777)
        other.rename(path)

    def in_place(content: str) -> None:
        with path.open("r+") as file:
            file.write(content)

    def race() -> None:
        """A few rounds in each way, again and again: none lasts so long that what it shows is missed."""
        while not stop.is_set():
            for write in (by_rename, in_place, path.write_text):
                for content in (EVIL, GOOD) * 20:
                    write(content)

    racer = threading.Thread(target=race)
    good = stage.job(str(path), writable=True)
    racer.start()
    endings: list[str] = []
    try:
        while len(endings) < times(30) or not enough(endings):
            assert len(endings) < times(6000)
            reading, writing = os.pipe()
            job = stage.job(str(path), writable=True, digest=good.digest)
            stage.get_ready(job, ("null", "pipe", "pipe"), [stage.null(), writing, writing])
            os.close(writing)
            stage.order(stage.executor.go, job.run)
            outcome = stage.outcome(job)
            with open(reading, "rb") as file:
                told = file.read()
            assert told in (b"", b"good\n")
            assert (told == b"good\n") == (outcome.ending is Ending.EXITED), outcome
            endings.append(outcome.ending)
            stage.forget(job)
    finally:
        stop.set()
        racer.join()


def test_a_fifo_or_a_device_in_the_place_of_the_file_holds_nothing_up(stage: Stage) -> None:
    path = script(stage)
    for make in (os.mkfifo, lambda p: os.mknod(p, 0o666 | stat.S_IFCHR, os.makedev(5, 2)), os.mkdir):
        job = stage.job(str(path), digest=bytes(32))
        if path.is_dir():
            path.rmdir()
        else:
            path.unlink()
        make(path)
        _, outcome = stage.play(job)
        assert outcome.because == f"{path} is not a regular file"


def test_an_interpreter_that_others_can_change_is_found(stage: Stage) -> None:
    interpreter = stage.directory / "interpreter"
    interpreter.write_bytes(Path("/bin/dash").read_bytes())
    interpreter.chmod(0o777)
    path = script(stage, f"#!{interpreter}\necho good\n")
    _, outcome = stage.play(stage.job(str(path)))
    assert outcome.because == f"other accounts may change the file: {interpreter} may be written by gid 0"


def reader(stage: Stage, content: bytes = Path("/bin/dash").read_bytes()) -> Path:
    """An interpreter that everybody may write."""
    made = stage.directory / "by"
    made.unlink(missing_ok=True)
    made.write_bytes(content)
    made.chmod(0o777)
    return made


def approved(*interpreters: Path) -> dict[str, Any]:
    """What a job says of a rule that lets others change ``interpreters``."""
    named = tuple((os.fsencode(each), digest_of(os.fsencode(each))) for each in interpreters)
    return {"writable": True, "interpreters": named}


def test_an_interpreter_that_others_can_change_runs_as_a_copy_and_is_called_by_its_name(stage: Stage) -> None:
    """THREATS X-22: and the script is told what the kernel would tell it."""
    by = reader(stage, Path("/usr/bin/printf").read_bytes())
    path = script(stage, f"#!{by} \t%s\\n%s\\n%s\\n \n")
    told = stage.capture(str(path), **approved(by)).decode()
    assert told == f"{path}\n\n\n"


def test_an_interpreter_that_was_not_approved_does_not_run(stage: Stage) -> None:
    """THREATS X-22: also if it could be hidden from whoever looked at the file before."""
    by = reader(stage)
    path = script(stage, f"#!{by}\necho ran\n")
    _, outcome = stage.play(stage.job(str(path), **approved()))
    assert (outcome.ending, outcome.number) == (Ending.NOT_STARTED, 126)
    assert outcome.because == f"others can change what executes the file, but could not when it was approved: {by}"


def test_an_interpreter_that_has_changed_does_not_run(stage: Stage) -> None:
    """THREATS X-22."""
    by = reader(stage)
    path = script(stage, f"#!{by}\necho ran\n")
    job = stage.job(str(path), **approved(by))
    reader(stage, Path("/bin/echo").read_bytes())
    _, outcome = stage.play(job)
    assert (outcome.ending, outcome.because) == (
        Ending.NOT_STARTED,
        f"{by}, which executes the file, was changed since it was approved",
    )


def test_a_racing_writer_of_the_interpreter_never_gets_a_byte_executed(stage: Stage) -> None:
    """THREATS X-22."""
    good, evil = Path("/bin/dash").read_bytes(), Path("/bin/echo").read_bytes()
    by = reader(stage)
    stage.directory.chmod(0o777)
    path = script(stage, f"#!{by}\necho good\n")
    good_one = approved(by)
    stop = threading.Event()

    def race() -> None:
        while not stop.is_set():
            for content in (evil, good, good):
                other = by.with_name("racer")
                other.write_bytes(content)
                other.chmod(0o777)
                other.rename(by)

    racer = threading.Thread(target=race)
    racer.start()
    endings: list[str] = []
    try:
        while len(endings) < times(30) or not enough(endings):
            assert len(endings) < times(6000)
            reading, writing = os.pipe()
            job = stage.job(str(path), **good_one)
            stage.get_ready(job, ("null", "pipe", "pipe"), [stage.null(), writing, writing])
            os.close(writing)
            stage.order(stage.executor.go, job.run)
            outcome = stage.outcome(job)
            with open(reading, "rb") as file:
                told = file.read()
            assert told in (b"", b"good\n")
            assert (told == b"good\n") == (outcome.ending is Ending.EXITED), outcome
            endings.append(outcome.ending)
            stage.forget(job)
    finally:
        stop.set()
        racer.join()


def test_a_chain_that_the_kernel_would_not_follow_does_not_run(stage: Stage) -> None:
    by = reader(stage)
    for number in range(6):
        by = script(stage, f"#!{by}\necho ran\n", f"n{number}", 0o777)
    names = [stage.directory / name for name in ("by", *(f"n{number}" for number in range(5)))]
    _, outcome = stage.play(stage.job(str(by), **approved(*names)))
    assert (outcome.ending, outcome.because) == (Ending.NOT_STARTED, "the file has a chain of more than 5 interpreters")


def test_a_link_of_somebodys_to_a_program_of_roots_is_not_opened_and_the_program_is_no_copy(stage: Stage) -> None:
    """THREATS X-22: as bin/python3 of a virtual environment, whose libraries may lie beside the program."""
    link = stage.directory / "by"
    link.symlink_to("/bin/dash")
    stage.directory.chmod(0o777)
    path = script(stage, f"#!{link}\nreadlink /proc/$$/exe\n")
    assert stage.capture(str(path), **approved(link)).decode() == f"{os.path.realpath('/bin/dash')}\n"
