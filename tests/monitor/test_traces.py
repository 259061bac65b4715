# SPDX-License-Identifier: Apache-2.0
"""What a run has left to others that work after it: it is named at the run's end, whoever ends it, and it lives on.

Law: a process that is nobody's of the run is this test's own, and lives.
"""

from __future__ import annotations

import ctypes
import os
import re
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import Mock

import pytest

from contrib.installed import HELPERS
from jitd.core.run import Ending
from jitd.core.run import Traces as Named
from jitd.executor import Ended
from jitd.monitor import traces
from jitd.monitor.orders import FROM_MONITOR, Left, sentence
from jitd.monitor.traces import Traces
from tests.monitor.stage import NOBODY, Stage
from tests.waiting import is_living, wait_for

BECAUSE = "revoked by bob@EXAMPLE.ORG"
ALICE = 4001


libc = ctypes.CDLL(None, use_errno=True)


@contextmanager
def mounted(kind: str, point: Path, options: str = "") -> Iterator[None]:
    assert libc.mount(b"a test's", os.fsencode(point), kind.encode(), 0, options.encode()) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        libc.umount2(os.fsencode(point), 2)  # MNT_DETACH


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A host of our own: systemd's directories, control groups that are directories, and those of at and cron."""
    for name in ("systemd/system", "systemd/transient", "systemd/sessions", "cron.d", "linger", "etc", "cgroup", f"user/{ALICE}"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.setattr(traces, "RUNTIME", str(tmp_path / "systemd"))
    monkeypatch.setattr(traces, "OF_USERS", str(tmp_path / "user"))
    monkeypatch.setattr(traces, "UNIT_FILES", (str(tmp_path / "etc"), str(tmp_path / "gone")))
    monkeypatch.setattr(traces, "ENTRIES", (str(tmp_path / "cron.d"), str(tmp_path / "gone")))
    monkeypatch.setattr(traces, "TABLES", (os.__file__, "/nowhere"))
    monkeypatch.setattr(traces, "LINGERING", str(tmp_path / "linger"))
    monkeypatch.setattr(traces, "hierarchy", lambda: (str(tmp_path / "cgroup"), "/"))
    with mounted("tmpfs", tmp_path / "cgroup"), mounted("tmpfs", tmp_path / f"user/{ALICE}"):
        (tmp_path / "cgroup/system.slice").mkdir()
        (tmp_path / f"user/{ALICE}/systemd/transient").mkdir(parents=True)
        yield tmp_path


def begun(places: Path, uid: int = 0) -> Traces:
    """Of a run that begins now. Its control group is the newest that there is, as the kernel's numbers ascend."""
    found = Traces(uid)
    newest = max((each.stat().st_ino for each in (places / "cgroup").rglob("*")), default=0)
    found._first_group = newest
    return found


def group(places: Path, path: str) -> None:
    """Make the groups of ``path`` that are not there. tmpfs gives ascending numbers to new inodes, too."""
    (places / "cgroup" / path).mkdir(parents=True)


def named(of: Traces, *, is_contained: bool = True) -> Named:
    found = of.find(is_contained=is_contained)
    return Named() if found is None else Named(*found)


def test_what_came_into_being_since_the_beginning_is_named_and_nothing_older(places: Path) -> None:
    """THREATS X-33."""
    group(places, "system.slice/older.service")
    for older in ("systemd/transient/older.timer", "cron.d/older", "linger/older", "etc/older.service"):
        (places / older).touch()
    oldest = (places / "cron.d/older").stat().st_ctime
    wait_for(lambda: time.time() > oldest + traces.COARSE + 0.1, what="an age that file systems can tell")
    since = begun(places)
    assert since.find(is_contained=True) is None, "what is older is not told of"
    group(places, "system.slice/x.service")
    (places / "systemd/transient/y.timer").touch()
    (places / "systemd/transient/y.timer.d").mkdir()
    (places / "cron.d/job").touch()
    (places / "cron.d/.placeholder").touch()
    (places / "cron.d/below").mkdir()
    (places / "etc/timers.target.wants").mkdir()
    (places / "etc/timers.target.wants/z.timer").symlink_to("/nowhere")
    (places / "linger/alice").touch()
    entries = f"{places}/cron.d/job", f"{places}/etc/timers.target.wants/z.timer"
    assert named(since) == Named(("x.service", "y.timer"), entries, ("alice",))
    (places / "cron.d/older").write_text("changed")
    assert named(since).files[1] == f"{places}/cron.d/older"


@pytest.mark.parametrize("jump", [-3600, 3600])
def test_it_is_named_whatever_the_wall_clock_says_by_now(places: Path, monkeypatch: pytest.MonkeyPatch, jump: int) -> None:
    """THREATS X-33."""
    monkeypatch.setattr(traces, "TABLES", ())  # with a clock that has jumped back, what an hour ago was installed is new
    since = begun(places)
    group(places, "system.slice/x.service")
    (places / "cron.d/job").touch()
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + jump)
    assert named(since) == Named(("x.service",), (f"{places}/cron.d/job",))


OF_ALICE = f"user.slice/user-{ALICE}.slice/user@{ALICE}.service"


def test_of_user_managers_the_own_one_is_looked_at_and_by_root_all(places: Path) -> None:
    """THREATS X-33."""
    group(places, f"{OF_ALICE}/app.slice")
    alices, others, roots = begun(places, ALICE), begun(places, NOBODY), begun(places)
    group(places, f"{OF_ALICE}/app.slice/app-deep.slice/x.service")
    group(places, f"{OF_ALICE}/init.scope")
    (places / f"user/{ALICE}/systemd/transient/y.timer").touch()
    names = (f"user@{ALICE}.service/x.service", f"user@{ALICE}.service/y.timer")
    assert named(alices) == named(roots) == Named(names)
    assert others.find(is_contained=False) is None


def test_where_a_process_may_have_been_moved_is_told_unless_a_namespace_has_ended_it(places: Path) -> None:
    """THREATS X-33: a manager moves it into a unit that was there before, so no control group is new."""
    group(places, f"{OF_ALICE}/app.slice/older.service")
    alices, roots = begun(places, ALICE), begun(places)
    assert named(alices, is_contained=False) == Named(unseen=(f"processes that were moved into user@{ALICE}.service",))
    assert named(alices) == named(roots, is_contained=False) == Named()


NAMES = {
    "jitd-run-K7QM-2XVD.2.scope": False,
    "jitd-run-K7QM-2XVD.scope": False,
    "jitd-run-left.scope": True,
    "jitd-run-K7QM-2XVD.service": True,
    "jitd.service": False,
    "jitd-mine.service": True,
    "jitd.socket.service": True,
    "session-7.scope": False,
    "session-8.scope": True,
    "x.slice": False,
    "docker": False,
    "docker-0a.scope": True,
}
"""A new control group in system.slice, and whether it is named: logind knows session 7 alone."""


@pytest.mark.parametrize("name", NAMES)
def test_what_others_than_the_run_begin_by_construction_is_left_out(places: Path, name: str) -> None:
    """THREATS X-33: runs of others, and logins that logind knows."""
    since = begun(places)
    (places / "systemd/sessions/7").touch()
    group(places, f"system.slice/{name}")
    assert (named(since).units == (name,)) is NAMES[name]


def test_what_jitd_itself_is_made_of_is_no_trace_of_a_run(places: Path) -> None:
    """THREATS X-33: an upgrade starts it anew."""
    since = begun(places)
    for place in ("system.slice/jitd.service", "system.slice/jitd-helper@kdc.service", "jitd.slice/jitd-launcher.service"):
        group(places, place)
    assert named(since) == Named()


@pytest.mark.parametrize(
    ("place", "name"),
    [
        ("jitd.slice", "jitd.service"),
        ("jitd.slice", "x.service"),
        ("system.slice", "jitd-launcher.service"),
        ("x.slice", "jitd-helper@kdc.service"),
        (OF_ALICE, "jitd.service"),
        (f"{OF_ALICE}/app.slice", "jitd.service"),
        (f"{OF_ALICE}/system.slice", "jitd.service"),
        (f"{OF_ALICE}/jitd.slice", "jitd-launcher.service"),
    ],
)
def test_the_name_of_a_unit_of_jitd_hides_nothing_in_another_place(places: Path, place: str, name: str) -> None:
    """THREATS X-33."""
    group(places, OF_ALICE)
    since = begun(places)
    group(places, f"{place}/{name}")
    assert [one.rpartition("/")[2] for one in named(since).units] == [name]


def test_a_transient_unit_with_a_name_of_jitd_is_named(places: Path) -> None:
    """THREATS X-33: where the unit is not installed, a command can make one of that name."""
    since = begun(places)
    group(places, "system.slice/jitd-helper@kdc.service")
    (places / "systemd/transient/jitd-helper@kdc.service").touch()
    (places / "systemd/transient/jitd-run-K7QM-2XVD.scope").touch()
    (places / "systemd/transient/jitd-run-left.timer").touch()
    assert named(since).units == ("jitd-helper@kdc.service", "jitd-run-left.timer")


def test_the_units_of_jitd_are_those_that_are_shipped() -> None:
    shipped = (Path(__file__).parents[2] / "contrib/systemd").glob("*")
    slices = {}
    for unit in shipped:
        if unit.suffix in (".service", ".socket"):
            found = re.search(r"^Slice=(\S+)$", unit.read_text(), re.MULTILINE)
            names = [unit.name.replace("@", f"@{helper}") for helper in HELPERS] if "@" in unit.name else [unit.name]
            slices |= dict.fromkeys(names, found[1] if found else "system.slice")
    services = {name for name in slices if name.endswith(".service")}
    assert {slice: {name for name in services if slices[name] == slice} for slice in set(slices.values())} == traces.OF_JITD


def test_no_name_of_a_persons_choice_hides_a_unit_of_their_manager(places: Path) -> None:
    """THREATS X-33: the names of runs are left out in the system's manager alone."""
    since = begun(places, ALICE)
    group(places, f"{OF_ALICE}/app.slice/jitd-run-K7QM-2XVD.scope")
    assert named(since).units == (f"user@{ALICE}.service/jitd-run-K7QM-2XVD.scope",)


def test_names_are_quoted(places: Path) -> None:
    """THREATS X-35: a subgroup of a user manager has any name that its account likes."""
    since = begun(places, ALICE)
    group(places, f"{OF_ALICE}/app.slice/x, and nothing else\x1b]0;t\x07.service")
    assert named(since).told() == (
        "units of systemd that began meanwhile and may live: "
        rf"$'user@{ALICE}.service/x, and nothing else\x1b]0;t\x07.service'"
    )


@pytest.mark.parametrize("letter", ["\u00e9", "\U00020000", "\\"])
def test_thousands_of_names_cost_little_and_hide_nothing_of_roots(
    places: Path, monkeypatch: pytest.MonkeyPatch, letter: str
) -> None:
    """THREATS X-35: they are counted, and the outcome fits into one packet."""
    monkeypatch.setattr(traces, "MOST_SEEN", 500)
    since = begun(places)
    for number in range(600):
        group(places, f"{OF_ALICE}/app.slice/a{number:03}-{letter * 55}.service")
    group(places, "system.slice/z.service")
    (places / "cron.d/job").touch()
    found = since.find(is_contained=True)
    assert found is not None
    units, files, _, unseen = found
    assert "z.service" in units and any("more units" in one for one in unseen)
    assert files == (f"{places}/cron.d/job",)
    assert len(units) <= traces.MOST_NAMED and "what comes after 500 names" in unseen
    left = Left("signaled", 9, sentence(letter * 1000), (2**64 - 1, 2**64 - 1, "a" * 64), found)
    assert FROM_MONITOR.read(FROM_MONITOR.write(left)) == left


def test_the_outcome_fits_into_a_packet_whatever_is_named_in_it(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-35: JSON writes such a letter with twelve bytes. And each account can have a program serve the directory of its
    manager: root's run looks at all managers.
    """
    letter = "\U00020000"
    served = OSError(0, "its directory is served by a program")
    monkeypatch.setattr(traces, "opened", Mock(side_effect=served))
    since = begun(places)
    for uid in range(1000, 1200):
        group(places, f"user.slice/user-{uid}.slice/user@{uid}.service")
    for number in range(20):
        group(places, f"system.slice/{letter * 55}{number}.service")
        (places / f"cron.d/{letter * 60}{number}").touch()
        (places / f"linger/{letter * 60}{number}").touch()
    found = since.find(is_contained=True)
    left = Left("exited", 0, sentence(letter * 1000), None, found)
    assert FROM_MONITOR.read(FROM_MONITOR.write(left)) == left
    assert found is not None and "more that could not be looked at" in found[3] and "19 more units" in found[3]


def test_groups_inside_each_other_without_an_end_are_not_followed(places: Path) -> None:
    """THREATS X-35."""
    since = begun(places)
    group(places, "a.slice/" * 30 + "x.service")
    group(places, "system.slice/y.service")
    assert named(since).units == ("y.service",) and "12 deep" in named(since).unseen[0]


@contextmanager
def silent_server(point: Path) -> Iterator[None]:
    """A FUSE file system that never answers is mounted at ``point``."""
    os.mknod("/dev/of-a-test", stat.S_IFCHR | 0o600, os.makedev(10, 229))  # Documentation/admin-guide/devices.txt: /dev/fuse
    try:
        device = os.open("/dev/of-a-test", os.O_RDWR)
    finally:
        os.unlink("/dev/of-a-test")
    try:
        with mounted("fuse", point, f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other"):
            yield
    finally:
        os.close(device)


@pytest.mark.parametrize("where", ["", "systemd", "systemd/transient"])
def test_a_directory_that_never_answers_keeps_no_run_from_ending(places: Path, where: str) -> None:
    """THREATS X-34: it is a person's own, who may mount there what they like."""
    since = begun(places)
    group(places, f"{OF_ALICE}/app.slice/x.service")
    with silent_server(places / f"user/{ALICE}" / where):
        found = named(since)
    assert found.units == (f"user@{ALICE}.service/x.service",)
    assert found.unseen[0].startswith(f"timers of user@{ALICE}.service (")


@pytest.mark.parametrize("where", ["systemd", "systemd/transient"])
def test_no_link_of_a_persons_is_followed(places: Path, where: str) -> None:
    """THREATS X-34."""
    since = begun(places)
    group(places, f"{OF_ALICE}/app.slice")
    (places / "secret/transient").mkdir(parents=True)
    for name in ("secret/token", "secret/transient/token"):
        (places / name).touch()
    link = places / f"user/{ALICE}" / where
    link.rename(link.with_name("elsewhere"))
    link.symlink_to(places / "secret")
    found = named(since)
    assert found.units == () and "Not a directory" in found.unseen[0]


def test_a_failure_while_looking_keeps_no_run_from_ending(places: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS X-34."""
    since = begun(places)
    (places / "cron.d/job").touch()
    monkeypatch.setattr(traces, "is_of_logind", lambda name: 1 // 0)
    (places / "systemd/transient/x.service").touch()
    found = named(since)
    assert found.files == (f"{places}/cron.d/job",) and "ZeroDivisionError" in found.unseen[-1]


Spawn = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def spawn() -> Iterator[Spawn]:
    """Processes that are children of ours, as those of atd are its own: below no monitor."""
    made: list[subprocess.Popen[bytes]] = []

    def start(*environment: str) -> subprocess.Popen[bytes]:
        made.append(subprocess.Popen(["sleep", "600"], env=dict(pair.split("=", 1) for pair in environment)))
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.wait()


@pytest.mark.parametrize("how", ["by itself", "by an order"])
def test_what_a_run_has_left_is_in_its_outcome_and_lives(stage: Stage, spawn: Spawn, how: str) -> None:
    """THREATS X-33, X-21: also a process with the request's mark is nobody's to end but its own manager's."""
    job = stage.job("/bin/cat")
    reading, writing = os.pipe()
    stage.started(job, ("pipe", "null", "null"), [reading, stage.null(), stage.null()])
    os.close(reading)
    later = spawn(f"JITSUDO_REQUEST={job.request}")
    entry = Path(f"/etc/cron.d/jitd-test-{os.getpid()}")
    entry.write_text("# nothing\n")
    try:
        if how == "by itself":
            os.close(writing)
        else:
            stage.order(stage.executor.stop, job.run, BECAUSE)
        assert stage.outcome(job).ending is (Ending.EXITED if how == "by itself" else Ending.SIGNALED)
    finally:
        entry.unlink()
        if how != "by itself":
            os.close(writing)
    report = stage.reports[-1]
    assert isinstance(report, Ended) and report.traces is not None and str(entry) in report.traces.files
    assert is_living(later.pid)
