# SPDX-License-Identifier: Apache-2.0
"""A run that makes a file, and executes nothing: it makes what was approved where nothing is, or nothing was changed."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import stat
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Here, Ready, Started
from jitd.files.mounts import OWN
from jitd.monitor import checking, namespace
from jitd.monitor.orders import Job
from jitd.monitor.places import STANDS, plate_path
from tests.monitor.stage import NOBODY, Stage
from tests.monitor.test_editing import Watched, children_of, shared, waiting
from tests.system.halting import Halt
from tests.waiting import is_living, wait_for

__all__ = ["shared"]  # a fixture
TEXT = b"listen 8080;\n"
WHOSE = {"uid": NOBODY, "gid": NOBODY, "groups": (NOBODY,), "trusted_uid": NOBODY}


@pytest.fixture
def place(stage: Stage) -> Iterator[Path]:
    made = stage.directory / "site"
    made.mkdir()
    (made / "y.conf").write_bytes(b"listen 80;\n")
    yield made
    shutil.rmtree(made, ignore_errors=True)


def new(stage: Stage, file: Path, mode: int = 0o640, group: int = 0, text: bytes = TEXT, **changes: Any) -> Job:
    """The job of a new file that was approved a moment ago."""
    status = file.parent.stat()
    made = stage.job("sudoedit", str(file), path=os.fsencode(file), digest=bytes(32))
    return replace(made, makes=(status.st_dev, status.st_ino, group, mode, text), **changes)


def told(stage: Stage, job: Job, attack: Callable[[], None] = lambda: None) -> tuple[Outcome, str]:
    """The outcome, and what the client reads. ``attack`` comes between the last look and the write."""
    said = stage.directory / "said"
    with said.open("wb") as errors:
        stage.get_ready(job, ("null", "null", "file"), [stage.null(), stage.null(), os.dup(errors.fileno())])
        attack()
        stage.order(stage.executor.go, job.run)
        return stage.outcome(job), said.read_text()


def checked(words: str) -> tuple[tuple[bytes, ...], ...]:
    return ((b"/bin/sh", b"-c", os.fsencode(words), b"{file}"),)


def test_what_was_approved_is_made_and_it_is_reported_as_a_run(stage: Stage, place: Path) -> None:
    client, outcome = stage.play(new(stage, place / "x.conf", group=12))
    status = os.lstat(place / "x.conf")
    assert outcome == Outcome(Ending.EXITED, 0) and (place / "x.conf").read_bytes() == TEXT
    assert (stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid, status.st_nlink) == (0o640, 0, 12, 1)
    assert [type(report) for report in stage.reports] == [Here, Ready, Started, Ended]
    assert [packet[:1] for packet in client.packets] == [b"R", b"X"] and sorted(os.listdir(place)) == ["x.conf", "y.conf"]


def gone(stage: Stage, file: Path, **changes: Any) -> Job:
    """The job of a removal that was approved a moment ago."""
    status = file.stat()
    job = stage.job("sudoedit", str(file), path=os.fsencode(file), digest=hashlib.sha256(file.read_bytes()).digest())
    return replace(
        job, removes=(status.st_dev, status.st_ino, status.st_uid, status.st_gid, stat.S_IMODE(status.st_mode)), **changes
    )


def edited(stage: Stage, file: Path) -> Job:
    status = file.stat()
    return replace(gone(stage, file), removes=None, edit=(status.st_dev, status.st_ino, TEXT))


def test_what_was_approved_to_go_is_removed_and_it_is_reported_as_a_run(stage: Stage, place: Path) -> None:
    client, outcome = stage.play(gone(stage, place / "y.conf"))
    assert outcome == Outcome(Ending.EXITED, 0) and os.listdir(place) == []
    assert [type(report) for report in stage.reports] == [Here, Ready, Started, Ended]
    assert [packet[:1] for packet in client.packets] == [b"R", b"X"]


@pytest.mark.parametrize(
    ("does", "moment", "deed", "standing"),
    [
        (gone, ("after", "renameat2 .*y.conf"), "perhaps removed", []),
        (edited, ("before", "renameat2 .*y.conf"), "perhaps written", ["y.conf"]),
        (edited, ("after", "renameat2 .*y.conf"), "perhaps written", ["y.conf"]),
        (edited, ("before", "unlinkat .*y.conf"), "written", ["y.conf"]),
    ],
)
@pytest.mark.parametrize("is_orphaned", [False, True])
def test_what_a_killed_process_leaves_beside_the_file_is_named(
    stage: Stage,
    place: Path,
    does: Callable[..., Job],
    moment: tuple[str, str],
    deed: str,
    standing: list[str],
    is_orphaned: bool,
) -> None:
    """Also if the monitor is killed with it, and by the file's path alone: nobody searches the disk."""
    file = place / "y.conf"
    job = does(stage, file)
    stage.get_ready(job)
    (monitor,) = stage.monitors()
    with Halt(monitor, [moment], is_deep=True) as halt:
        stage.order(stage.executor.go, job.run)
        writer = halt.reached()
        assert writer
        plate = Path(plate_path(str(stage.run_dir), job.run))
        wait_for(lambda: plate.read_bytes().rpartition(STANDS)[2].startswith(deed.encode()), what="what the monitor has noted")
        os.kill(monitor if is_orphaned else writer, signal.SIGKILL)
        wait_for(lambda: not is_living(writer), what="the end of what writes, which is held until then")
    outcome = stage.outcome(job)
    assert outcome.ending is (Ending.LOST if is_orphaned else Ending.SIGNALED)
    left = sorted({*os.listdir(place)} - {"y.conf"})
    assert f"{deed}: {file}; left beside, perhaps: {place}/.y.conf.jitsudo-*" in outcome.because, outcome
    assert len(left) == 1 and left[0].startswith(".y.conf.jitsudo-"), left
    assert sorted({*os.listdir(place)} - {*left}) == standing


def with_another_text(place: Path) -> None:
    (place / "y.conf").write_bytes(b"theirs\n")


def in_the_place_of_it(place: Path) -> None:
    (place / "z").write_bytes((place / "y.conf").read_bytes())
    os.rename(place / "z", place / "y.conf")


def with_another_name(place: Path) -> None:
    os.link(place / "y.conf", place / "z")


def with_another_mode(place: Path) -> None:
    (place / "y.conf").chmod(0o600)


def of_another_group(place: Path) -> None:
    os.chown(place / "y.conf", -1, 12)


@pytest.mark.parametrize(
    "attack", [with_another_text, in_the_place_of_it, with_another_name, with_another_mode, of_another_group]
)
def test_what_is_exchanged_between_the_last_look_and_the_removal_stays(
    stage: Stage, place: Path, attack: Callable[[Path], None]
) -> None:
    """THREATS R-41."""
    file, theirs = place / "y.conf", list[os.stat_result]()

    def attacked() -> None:
        attack(place)
        theirs.append(file.stat())

    outcome, said = told(stage, gone(stage, file), attacked)
    assert (outcome.ending, outcome.number) == (Ending.EXITED, 1) and f"{file} was not removed: " in said, said
    assert os.path.samestat(file.stat(), theirs[0]) and not [name for name in os.listdir(place) if name.startswith(".")]


def test_who_may_not_change_the_directory_removes_nothing(stage: Stage, place: Path) -> None:
    (place / "y.conf").chmod(0o644)
    outcome, said = told(stage, gone(stage, place / "y.conf", **WHOSE))
    assert outcome.number == 1 and "was not removed: it cannot be removed: Permission denied" in said, said
    assert os.listdir(place) == ["y.conf"]


def made_by_somebody(place: Path) -> None:
    (place / "x.conf").write_bytes(b"theirs\n")


def linked_to_nothing(place: Path) -> None:
    (place / "x.conf").symlink_to(place.with_name("elsewhere"))


def linked_to_a_file(place: Path) -> None:
    (place / "x.conf").symlink_to("y.conf")


def a_directory(place: Path) -> None:
    (place / "x.conf").mkdir()


def led_elsewhere(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))
    place.symlink_to(place.with_name("elsewhere"))


def exchanged(place: Path) -> None:
    place.rename(place.with_name("elsewhere"))
    place.mkdir()


def removed(place: Path) -> None:
    shutil.rmtree(place)


@pytest.mark.parametrize(
    "attack", [made_by_somebody, linked_to_nothing, linked_to_a_file, a_directory, led_elsewhere, exchanged, removed]
)
@pytest.mark.parametrize("checks", [(), ((b"/bin/true",),)])
def test_what_is_exchanged_between_the_last_look_and_the_write_makes_nothing(
    stage: Stage, place: Path, attack: Callable[[Path], None], checks: tuple[tuple[bytes, ...], ...]
) -> None:
    """THREATS R-39: The name, the directory, and a link on the way to it."""
    after: list[tuple[str, int, int]] = []

    def there() -> list[tuple[str, int, int]]:
        found = [one for one in stage.directory.rglob("*") if one.name != "said"]
        return sorted((str(one), os.lstat(one).st_ino, os.lstat(one).st_ctime_ns) for one in found if not one.is_socket())

    def meddle() -> None:
        attack(place)
        after.extend(one for one in there() if "site" in one[0] or "elsewhere" in one[0])

    outcome, said = told(stage, new(stage, place / "x.conf", checks=checks), meddle)
    assert outcome == Outcome(Ending.EXITED, 1)
    assert said.startswith(f"jitsudo: {place}/x.conf was not written: ")
    assert [one for one in there() if "site" in one[0] or "elsewhere" in one[0]] == after


def test_an_account_makes_files_with_its_own_rights_alone(stage: Stage, place: Path) -> None:
    outcome, said = told(stage, new(stage, place / "x.conf", group=NOBODY, **WHOSE))
    assert outcome == Outcome(Ending.EXITED, 1) and "no file can be made in its directory: Permission denied" in said
    assert os.listdir(place) == ["y.conf"]
    os.chown(place, NOBODY, NOBODY)
    assert stage.play(new(stage, place / "x.conf", group=NOBODY, **WHOSE))[1] == Outcome(Ending.EXITED, 0)
    assert os.lstat(place / "x.conf").st_uid == NOBODY


def test_an_account_gives_its_new_file_to_no_group_that_it_is_not_in(stage: Stage, place: Path) -> None:
    os.chown(place, NOBODY, NOBODY)
    outcome, said = told(stage, new(stage, place / "x.conf", group=0, **WHOSE))
    assert outcome == Outcome(Ending.EXITED, 1) and "cannot be made as it was approved: Operation not permitted" in said
    assert os.listdir(place) == ["y.conf"]


def test_what_is_revoked_before_the_go_makes_nothing(stage: Stage, place: Path) -> None:
    job = new(stage, place / "x.conf")
    stage.get_ready(job)
    stage.order(stage.executor.stop, job.run, "revoked by bob@EXAMPLE.ORG: wrong file")
    assert stage.outcome(job) == Outcome(Ending.NOT_STARTED, 126, "revoked by bob@EXAMPLE.ORG: wrong file")
    assert os.listdir(place) == ["y.conf"]


# --- checks --------------------------------------------------------------------------------------------------------------


def test_a_check_finds_the_new_file_in_its_place_with_all_that_lies_beside_it(stage: Stage, place: Path) -> None:
    """As ``nginx -t``, which is told no file: it would say yes to what it has not seen (ADR 0212)."""
    (place / "d" / "e").mkdir(parents=True)
    (place / "d" / "e" / "f").write_text("deny all;\n")
    (place / "link").symlink_to("y.conf")
    os.mkfifo(place / "fifo")
    words = f'test "$1" = {place}/x.conf && cd {place} && test "$(ls | tr "\\n" " ")" = "d fifo link x.conf y.conf "'
    words += " && grep -q 8080 x.conf && grep -q 80 link && grep -q deny d/e/f && test -p fifo && test -L link"
    words += f" && cd {place.parent} && grep -q 8080 site/*.conf"
    outcome, said = told(stage, new(stage, place / "x.conf", checks=((b"/bin/sh", b"-ec", words.encode(), b"sh", b"{file}"),)))
    assert (outcome, said) == (Outcome(Ending.EXITED, 0), "")
    assert (place / "x.conf").read_bytes() == TEXT
    assert sorted(os.listdir(place)) == ["d", "fifo", "link", "x.conf", "y.conf"]


def test_the_file_that_is_checked_has_the_owner_and_the_mode_that_it_is_made_with(stage: Stage, place: Path) -> None:
    words = 'test "$(stat -c %u:%g:%a:%h $0)" = 0:12:440:1'
    assert told(stage, new(stage, place / "x.conf", 0o440, 12, checks=checked(words)))[0] == Outcome(Ending.EXITED, 0)


@pytest.mark.parametrize("account", [0, NOBODY])
@pytest.mark.parametrize("where", ["never", "always"])
@pytest.mark.parametrize(("then", "status"), [("true", 0), ("exit 1", 1)])
def test_nobody_but_the_check_meets_a_new_file_before_it_is_taken(
    stage: Stage, shared: Path, then: str, status: int, account: int, where: str
) -> None:
    """THREATS R-36, R-39: No name, no mount, no copy elsewhere; and then one name, at once."""
    for one in (shared, stage.directory):
        os.chown(one, account, account)
    words, begun, goes_on = waiting(stage, then)
    whose = {"uid": account, "gid": account, "groups": (account,), "trusted_uid": account, "namespace": where}
    job = new(stage, shared / "x.conf", group=account, checks=(tuple(map(os.fsencode, words)),), **whose)
    watched, mounts = Watched(shared), Path("/proc/self/mountinfo").read_text()
    stage.go(job)
    stage.wait(begun.exists)
    assert os.listdir(shared) == ["y.conf"]
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert [
        one for one in stage.state_dir.rglob("*") if one.is_file() and TEXT in one.read_bytes() and "jobs" not in one.parts
    ] == []
    changes = Watched.IN_CREATE | Watched.IN_MOVED
    assert {name for mask, name in watched.happened() if mask & changes} == set()
    goes_on.write_text("\n")
    assert stage.outcome(job) == Outcome(Ending.EXITED, status)
    happened = [(mask, name) for mask, name in watched.happened() if mask & changes]
    watched.close()
    assert happened == ([] if status else [(Watched.IN_CREATE, "x.conf")])
    assert sorted(os.listdir(shared)) == (["y.conf"] if status else ["x.conf", "y.conf"])


def test_a_check_that_changes_the_file_or_puts_another_one_in_its_place_takes_nothing(stage: Stage, place: Path) -> None:
    for words in ("echo more >>$0", "cp $0 $0.new; mv $0.new $0", "rm $0", "chmod 600 $0"):
        outcome, said = told(stage, new(stage, place / "x.conf", checks=checked(f"{words}; true")))
        assert outcome == Outcome(Ending.EXITED, 1) and "x.conf was not written: " in said, (words, said)
        assert os.listdir(place) == ["y.conf"]


@pytest.mark.parametrize("lacks", ["leave_mounts", "lay_beside"])
def test_a_host_without_such_mounts_checks_a_copy_that_the_account_alone_can_read(
    place: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch, lacks: str
) -> None:
    monkeypatch.setattr(namespace, lacks, lambda *_: False)
    os.chown(place, NOBODY, NOBODY)
    words = f"cat {{file}}; echo {{file}}:1: bad; test {{file}} != {place}/x.conf && basename {{file}}; exit 1"
    job = new(
        stage,
        place / "x.conf",
        group=NOBODY,
        checks=((b"/bin/sh", b"-c", words.encode()),),
        requester_uid=1,
        tells_text=True,
        **WHOSE,
    )
    OWN()  # this process has looked at its mounts before, as a monitor has
    checker = checking.begin(job, str(stage.state_dir))
    assert checker is not None
    said = checker.answer()
    if lacks == "leave_mounts":
        assert os.lstat(stage.state_dir / "exec" / job.run).st_mode & 0o777 == 0o710
    shutil.rmtree(stage.state_dir / "exec" / job.run)
    lead = "the check /bin/sh says no (status 1)"
    assert said.said == f"{lead}\nlisten 8080;\n{place}/x.conf:1: bad\nx.conf"
    assert (
        said.told == f"{lead}\n{place}/x.conf:1: listen 8080;\n(3 more lines are visible to approvers: jitd show {job.request})"
    )
    assert os.listdir(place) == ["y.conf"]


@pytest.mark.parametrize("victim", ["the writer", "the checker", "the check"])
def test_whoever_is_killed_during_a_check_leaves_nothing(stage: Stage, place: Path, victim: str) -> None:
    """THREATS R-39."""
    words, begun, _ = waiting(stage, "true")
    job = new(stage, place / "x.conf", checks=(tuple(map(os.fsencode, words)),))
    _, writer = stage.started(job)
    stage.wait(begun.exists)
    (checker,) = map(int, children_of(writer))
    (check,) = map(int, children_of(checker))
    os.kill({"the writer": writer, "the checker": checker, "the check": check}[victim], signal.SIGKILL)
    outcome = stage.outcome(job)
    assert outcome.ending is (Ending.SIGNALED if victim == "the writer" else Ending.EXITED) and outcome.number, outcome
    assert os.listdir(place) == ["y.conf"]
    stage.wait(lambda: not any(map(is_living, (writer, checker, check))))


def test_a_new_file_that_is_stopped_while_it_is_checked_leaves_nothing(stage: Stage, place: Path) -> None:
    begun = stage.directory / "begun"
    job = new(stage, place / "x.conf", checks=checked(f"touch {begun}; exec sleep 1000"))
    stage.go(job)
    stage.wait(begun.exists)
    stage.order(stage.executor.stop, job.run, "revoked by bob@EXAMPLE.ORG: wrong file")
    assert stage.outcome(job).because == "revoked by bob@EXAMPLE.ORG: wrong file"
    assert os.listdir(place) == ["y.conf"]
