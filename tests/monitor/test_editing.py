# SPDX-License-Identifier: Apache-2.0
"""A run that edits a file, and executes nothing: it writes what was approved into what was approved, or the old file stands."""

from __future__ import annotations

import ctypes
import hashlib
import os
import resource
import shutil
import signal
import struct
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from jitd.core.run import Ending, Outcome
from jitd.executor import Ended, Here, Ready, Started
from jitd.files.inspection import View
from jitd.monitor import checking, namespace
from jitd.monitor.orders import Job
from tests.monitor.stage import NOBODY, Stage
from tests.waiting import is_living, wait_for

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
def test_a_check_reads_the_new_text(stage: Stage, place: Path, words: tuple[str, ...]) -> None:
    assert checked(stage, place, *words) == (Outcome(Ending.EXITED, 0), "")
    assert (place / "x.conf").read_bytes() == NEW


def test_what_a_check_refuses_is_not_written_and_its_words_are_for_approvers(stage: Stage, place: Path) -> None:
    """The requester reads its status and the line of their own text that it names, and the record has all. THREATS R-36."""
    words = f"printf '{place}/x.conf:1: \\033[31mbad\\n'; echo /etc/shadow:1: root:x:1 >&2; echo secret; cat >&2; exit 3"
    outcome, said = checked(stage, place, "/bin/sh", "-c", words, "{file}", tells_text=True)
    lead, theirs = "the check /bin/sh says no (status 3)", f"{place}/x.conf:1: listen 8080;"
    more = "(3 more lines are visible to approvers: jitd show"
    assert outcome == Outcome(Ending.EXITED, 1)
    assert said.startswith(f"jitsudo: {place}/x.conf was not written: {lead}\n{theirs}\n{more} "), said
    assert ended(stage).said == f"{lead}\n{place}/x.conf:1: \\x1b[31mbad\n/etc/shadow:1: root:x:1\nsecret"
    assert (place / "x.conf").read_bytes() == OLD and os.listdir(place) == ["x.conf"]


def test_the_line_that_a_check_names_is_not_told_to_who_may_not_read_the_text(stage: Stage, place: Path) -> None:
    """The number alone is: an undo writes a text that its requester has perhaps never read. THREATS R-37."""
    said = checked(stage, place, "/bin/sh", "-c", f"echo {place}/x.conf:1: bad; exit 3", "{file}")[1]
    assert f"\n{place}/x.conf:1\n(1 more line is visible to approvers: jitd show " in said and "8080" not in said, said


def test_a_line_that_a_name_of_a_requester_cuts_is_told_to_nobody_but_approvers(stage: Stage, place: Path) -> None:
    """An included file in a directory of theirs, which leads to another one: half of a line has the path of the edited file, and
    no other. THREATS R-36.
    """
    said = checked(
        stage, place, "/bin/sh", "-c", f"printf '/home/alice/d\\r{place}/x.conf:1: hunter2\\n'; exit 1", tells_text=True
    )[1]
    assert "hunter2" not in said and said.endswith("\n"), said
    assert "hunter2" in ended(stage).said and "\\x0d" in ended(stage).said


@pytest.mark.parametrize("requester", [0, NOBODY])
def test_who_has_the_rights_of_the_check_reads_all_that_it_says(stage: Stage, place: Path, requester: int) -> None:
    for one in (place, place / "x.conf"):
        os.chown(one, NOBODY, NOBODY)
    whose = {"uid": NOBODY, "gid": NOBODY, "groups": (NOBODY,), "trusted_uid": NOBODY, "requester_uid": requester}
    said = checked(stage, place, "/bin/sh", "-c", "echo secret; exit 1", "{file}", **whose)[1]
    assert said.endswith("says no (status 1)\nsecret\n")


def ended(stage: Stage) -> Ended:
    """The last report of a run's end."""
    return next(report for report in reversed(stage.reports) if isinstance(report, Ended))


OWN = b"first\nsecond\rhalf\nthird \xff\n"


@pytest.mark.parametrize(
    ("line", "number"),
    [
        ("/etc/app.conf:3: no such word", 3),
        ("/etc/app.conf:3:14: no such word", 3),
        ("nginx: [emerg] unknown directive in /etc/app.conf:3", 3),
        ('"/etc/app.conf", line 3: bad', 3),
        ("/etc/app.conf: line 3: Bad configuration option: x", 3),
        ("/etc/app.conf line 3: bad", 3),
        ("AH00526: Syntax error on line 3 of /etc/app.conf:", 3),
        ("bad option at line 3 of /etc/app.conf.", 3),
        ("postfix: fatal: /etc/app.conf, line 3: missing '='", 3),
        ("config: parsing [/etc/app.conf:3]: no such word", 3),
        ('  File "/etc/app.conf", line 3', 3),
        ("bad word in file /etc/app.conf: line 3: x", 3),
        ("/etc/app.conf:3: /etc/secret:1: hunter2", 3),
        ("/home/alice/x /etc/app.conf:3: hunter2", None),
        ("bad word in /home/alice/x in /etc/app.conf:3: hunter2", None),
        ("/home/alice/x: /etc/app.conf:3: hunter2", None),
        ('/home/alice/x"/etc/app.conf", line 3: hunter2', None),
        ("error on line 3 of /home/alice/x of /etc/app.conf: hunter2", None),
        ("/home/alice/on line 3 of /etc/app.conf: hunter2", None),
        ("hunter2 /etc/app.conf:3: bad", None),
        ("/home/alice/d\r/etc/app.conf:3: hunter2", None),
        ("/home/alice/d\u2028/etc/app.conf:3: hunter2", None),
        ("/home/alice/d\x0b/etc/app.conf: line 3: hunter2", None),
        ("/etc/app.conf:0: hunter2", None),
        ("/etc/app.conf:4: hunter2", None),
        ("/etc/app.conf:3x: hunter2", None),
        ("/etc/app.conf:9999999: hunter2", None),
        ("/etc/app.conf:\u0663: hunter2", None),
        ("/etc/app.conf: hunter2", None),
        ("/etc/app.conf.d/secret:1: hunter2", None),
        ("/etc/app.conf-old:1: hunter2", None),
        ("/etc/app.config:1: hunter2", None),
        ("/etc/app.conf.~1~:1: hunter2", None),
        ("/etc/app.conf,v:1: hunter2", None),
        ("/srv/etc/app.conf:1: hunter2", None),
        ("line 3 of /etc/app.conf.d/x: hunter2", None),
        ("line 3: hunter2", None),
        ("app.conf:3: hunter2", None),
        ("hunter2" * 9000, None),
        ("", None),
    ],
)
def test_of_a_line_of_a_check_the_requester_reads_no_word_but_the_number_of_a_line_of_theirs(
    line: str, number: int | None
) -> None:
    """THREATS R-36."""
    more = "(1 more line is visible to approvers: jitd show K7QM-2XVD)"
    for tells_text, theirs in ((True, "/etc/app.conf:3: third \udcff"), (False, "/etc/app.conf:3")):
        told = checking.told_of([line], {b"/etc/app.conf": OWN}, "K7QM-2XVD", tells_text=tells_text)
        assert told == [*([theirs] if number else []), more]


def test_a_line_is_told_once_and_ten_at_most() -> None:
    said = [f"/etc/a:{number}: bad" for number in (2, 2, *range(1, 30))]
    told = checking.told_of(said, {b"/etc/a": b"x\n" * 40, b"/etc/b": b"y\n"}, "K7QM-2XVD", tells_text=True)
    assert told[:3] == ["/etc/a:2: x", "/etc/a:1: x", "/etc/a:3: x"] and len(told) == 11
    assert told[-1] == "(31 more lines are visible to approvers: jitd show K7QM-2XVD)"
    assert checking.told_of([], {b"/etc/a": b"x\n"}, "K7QM-2XVD", tells_text=True) == []


def test_a_check_has_the_rights_of_the_account_and_no_others(stage: Stage, place: Path) -> None:
    """Green on what could not be read would be worse than none."""
    os.chown(place, NOBODY, NOBODY)
    os.chown(place / "x.conf", NOBODY, NOBODY)
    outcome, said = checked(
        stage, place, "/bin/sh", "-c", "id -u; exit 1", "{file}", uid=NOBODY, gid=NOBODY, groups=(NOBODY,), trusted_uid=NOBODY
    )
    assert outcome == Outcome(Ending.EXITED, 1) and ended(stage).said.endswith(f"\n{NOBODY}"), said


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
    said = checking.said_by(words, b"/etc/hostname", dict(os.environb), View(0, None, ()))
    assert said[0].startswith("the check /bin/sh took more than 2 s") if "exec yes" in says else said == []
    assert sum(map(len, said)) < 20_000
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
    stage.order(stage.executor.stop, job.run, "revoked by bob@EXAMPLE.ORG: wrong file")
    assert stage.outcome(job).because == "revoked by bob@EXAMPLE.ORG: wrong file"
    assert (place / "x.conf").read_bytes() == OLD and os.listdir(place) == ["x.conf"]


# --- nobody else meets the text --------------------------------------------------------------------------------------------


class Watched:
    """All that happens in a directory, as inotify(7) tells it."""

    IN_CREATE, IN_MOVED = 0x100, 0xC0
    EVERYTHING = 0xFFF

    def __init__(self, directory: Path) -> None:
        self._file = LIBC.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        assert LIBC.inotify_add_watch(self._file, os.fsencode(directory), self.EVERYTHING) > 0

    def happened(self) -> list[tuple[int, str]]:
        """The events since the last call: a mask, and a name."""
        found, data = [], b""
        with suppress(BlockingIOError):
            data = os.read(self._file, 1 << 20)
        while data:
            _, mask, _, length = struct.unpack_from("iIII", data)
            found.append((mask, data[16 : 16 + length].rstrip(b"\0").decode()))
            data = data[16 + length :]
        return found

    def close(self) -> None:
        os.close(self._file)


LIBC = ctypes.CDLL(None, use_errno=True)


@pytest.fixture
def shared(place: Path) -> Iterator[Path]:
    """The place, with mounts that all who have a copy of them share."""
    for words in (["mount", "--bind", place, place], ["mount", "--make-shared", place]):
        subprocess.run(words, check=True)
    yield place
    subprocess.run(["umount", "-l", place], check=True)


def waiting(stage: Stage, then: str) -> tuple[tuple[str, ...], Path, Path]:
    """A check that says that it has begun, waits, and then does ``then``."""
    begun, goes_on = stage.directory / "begun", stage.directory / "goes-on"
    os.mkfifo(goes_on, 0o666)
    return ("/bin/sh", "-c", f"grep -q 8080 $0 && touch {begun}; read x <{goes_on}; {then}", "{file}"), begun, goes_on


@pytest.mark.parametrize(("then", "status", "text"), [("true", 0, NEW), ("exit 1", 1, OLD)])
@pytest.mark.parametrize(("account", "where"), [(0, "never"), (NOBODY, "never"), (NOBODY, "always")])
def test_nobody_but_the_check_meets_a_text_before_it_is_taken(
    stage: Stage, shared: Path, then: str, status: int, text: bytes, account: int, where: str
) -> None:
    """THREATS R-36: No new name, no other text by the old one, no copy elsewhere, no mount."""
    for one in (shared, shared / "x.conf", stage.directory):
        os.chown(one, account, account)
    words, begun, goes_on = waiting(stage, then)
    whose = {"uid": account, "gid": account, "groups": (account,), "trusted_uid": account, "namespace": where}
    job = edit(stage, shared / "x.conf", checks=(tuple(map(os.fsencode, words)),), **whose)
    watched, mounts = Watched(shared), Path("/proc/self/mountinfo").read_text()
    stage.go(job)
    stage.wait(begun.exists)
    assert os.listdir(shared) == ["x.conf"] and (shared / "x.conf").read_bytes() == OLD
    assert Path("/proc/self/mountinfo").read_text() == mounts
    assert [
        one for one in stage.state_dir.rglob("*") if one.is_file() and NEW in one.read_bytes() and "jobs" not in one.parts
    ] == []
    assert {name for mask, name in watched.happened() if mask & (Watched.IN_CREATE | Watched.IN_MOVED)} == set()
    goes_on.write_text("\n")
    assert stage.outcome(job) == Outcome(Ending.EXITED, status)
    happened = watched.happened()
    watched.close()
    assert os.listdir(shared) == ["x.conf"] and (shared / "x.conf").read_bytes() == text
    assert any(mask & Watched.IN_CREATE for mask, _ in happened) is (status == 0)


def test_a_check_finds_the_text_by_the_name_of_the_file_and_all_that_lies_beside_it(stage: Stage, place: Path) -> None:
    (place / "included").write_text("deny all;\n")
    words = f"test {{file}} = {place}/x.conf && cd {place} && grep -q deny included && grep -q 8080 x.conf"
    assert checked(stage, place, "/bin/sh", "-c", words) == (Outcome(Ending.EXITED, 0), "")
    assert (place / "x.conf").read_bytes() == NEW and sorted(os.listdir(place)) == ["included", "x.conf"]


def test_the_text_that_is_checked_has_the_owner_and_the_mode_of_the_file(stage: Stage, place: Path) -> None:
    """As visudo -c asks."""
    os.chown(place / "x.conf", NOBODY, 12)
    (place / "x.conf").chmod(0o440)
    words = 'test "$(stat -c %u:%g:%a:%h {file})" = ' + f"{NOBODY}:12:440:1"
    assert checked(stage, place, "/bin/sh", "-c", words) == (Outcome(Ending.EXITED, 0), "")


def test_a_host_without_namespaces_checks_a_copy_that_the_account_alone_can_read(
    place: Path, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(namespace, "leave_mounts", lambda: False)
    for one in (place, place / "x.conf"):
        os.chown(one, NOBODY, NOBODY)
    words = f"cat {{file}}; echo {{file}}:1: bad; test {{file}} != {place}/x.conf && stat -c %n:%a $(dirname {{file}})"
    job = edit(
        stage,
        place / "x.conf",
        checks=((b"/bin/sh", b"-c", os.fsencode(f"{words}; exit 1")),),
        uid=NOBODY,
        gid=NOBODY,
        groups=(NOBODY,),
        trusted_uid=NOBODY,
        requester_uid=1,
        tells_text=True,
    )
    checker = checking.begin(job, str(stage.state_dir))
    assert checker is not None
    said = checker.answer()
    shutil.rmtree(stage.state_dir / "exec" / job.run)
    lead = "the check /bin/sh says no (status 1)"
    assert said.said == f"{lead}\nlisten 8080;\n{place}/x.conf:1: bad\n{stage.state_dir}/exec/{job.run}:710"
    assert (
        said.told == f"{lead}\n{place}/x.conf:1: listen 8080;\n(3 more lines are visible to approvers: jitd show {job.request})"
    )
    assert (place / "x.conf").read_bytes() == OLD and os.listdir(place) == ["x.conf"]


def test_a_check_is_shown_no_other_file_than_the_one_that_was_approved(stage: Stage, place: Path) -> None:
    job = edit(stage, place / "x.conf", checks=((b"/bin/true",),))
    exchanged(place)
    checker = checking.begin(job, str(stage.state_dir))
    assert checker is not None and "it is another file than the one that was approved" in checker.answer().told
    shutil.rmtree(stage.state_dir / "exec" / job.run)


@pytest.mark.parametrize("victim", ["the writer", "the checker", "the check"])
def test_whoever_is_killed_during_a_check_leaves_the_old_text_and_nothing_else(stage: Stage, place: Path, victim: str) -> None:
    """THREATS R-33."""
    words, begun, _ = waiting(stage, "true")
    job = edit(stage, place / "x.conf", checks=(tuple(map(os.fsencode, words)),))
    _, writer = stage.started(job)
    stage.wait(begun.exists)
    (checker,) = map(int, children_of(writer))
    (check,) = map(int, children_of(checker))
    os.kill({"the writer": writer, "the checker": checker, "the check": check}[victim], signal.SIGKILL)
    outcome = stage.outcome(job)
    assert outcome.ending is (Ending.SIGNALED if victim == "the writer" else Ending.EXITED) and outcome.number, outcome
    assert (place / "x.conf").read_bytes() == OLD and os.listdir(place) == ["x.conf"]
    stage.wait(lambda: not any(map(is_living, (writer, checker, check))))


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
