# SPDX-License-Identifier: Apache-2.0
"""A run under systemd: in a scope of its own, which outlives the daemon, and which systemd ends if nobody else does."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import pytest

from jitd.executor import ExecutorError, unit
from jitd.monitor.signalling import members
from jitd_inspection.doctor.host import holders
from tests.booted.conftest import Service, group_of, journal, scope_of, show, systemctl
from tests.marks import by_day, full, timed
from tests.system.conftest import Asking, House
from tests.waiting import PATIENCE, handles, is_living, status_of, wait_for

HOSTILE = "x\nDelegate=no\n--property=KillMode=none\x1b]0;t\x07 $(reboot) %n"
BOMB = "a fork bomb"
HIDERS = {
    "plain": "sleep 600",
    "ignores what can be ignored": "trap '' HUP INT TERM QUIT; while :; do sleep 600; done",
    "a session of its own": "setsid sh -c 'trap \"\" HUP TERM; sleep 600' & wait",
    "nohup": "nohup sleep 600 & wait",
    "a double fork": "(setsid sh -c 'trap \"\" HUP TERM; sleep 600 & sleep 600' &) ; sleep 600",
    "stopped": "kill -STOP $$; sleep 600",
    "a group below its own": "mkdir /sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup | tail -1)/own; sleep 600",
    BOMB: 'ulimit -u 800; trap "" HUP TERM; f() { f | f & }; f; sleep 600',
}


def begun(service: Service, *words: str) -> tuple[Asking, str]:
    """A command of alice's that was approved and runs, and its run."""
    asking = service.ask("alice", *words)
    service.approved(asking.id)
    return asking, service.run_of(asking.id)


TELLS = "trap ': >{mark}; exit 3' TERM; while :; do sleep 0.01; done"
"""It starts no program when it is told: it is killed two seconds later."""
SET_UP = {"a session of its own": 1, "a double fork": 3, BOMB: 50}
"""How many sleep, or are there, once it has come to what it is for."""


def is_set_up(run: str, hider: str) -> bool:
    pids = members([f"{group_of(run)}/command"])
    first = min(pids, default=0)
    with contextlib.suppress(OSError):
        if hider == "plain":
            return handles(first, signal.SIGTERM)
        if hider == "ignores what can be ignored":
            return handles(first, signal.SIGTERM) and len(pids) > 1
        if hider == "stopped":
            return any(status_of(pid)["State"][0] == "T" for pid in pids)
        if hider == "a group below its own":
            return any((group_of(run) / "command").glob("own")) and is_asleep(pids) > 0
        return (len(pids) if hider == BOMB else is_asleep(pids)) >= SET_UP.get(hider, 1)
    return False


def is_asleep(pids: set[int]) -> int:
    """How many of them are a sleep."""
    return sum(Path(f"/proc/{pid}/cmdline").read_bytes().startswith(b"sleep\0") for pid in pids)


def is_gone(run: str) -> bool:
    """True if nothing of the command's is left: its monitor, which tells so, ends after that, and the scope after the monitor."""
    try:
        return "populated 0" in (group_of(run) / "command/cgroup.events").read_text()
    except OSError:
        return True


def test_a_run_has_a_scope_of_its_own_in_the_slice(service: Service) -> None:
    asking, run = begun(service, "--reason", HOSTILE, "sh", "-c", "sleep 600", HOSTILE)
    found = show(scope_of(run), "Slice", "Delegate", "KillMode", "Description", "RuntimeMaxUSec", "ActiveState", "OOMPolicy")
    limit = found.pop("RuntimeMaxUSec")
    assert found == {
        "Slice": "jitd.slice",
        "Delegate": "yes",
        "KillMode": "control-group",
        "Description": f"jitd run {run}",
        "ActiveState": "active",
        "OOMPolicy": "continue",
    }, "and nothing in it is the client's"
    assert re.fullmatch(r"1h( (\d|10)(\.\d+)?s)?|59min .*", limit), limit
    command = (group_of(run) / "command/cgroup.procs").read_text().split()
    assert command and (group_of(run) / "cgroup.procs").read_text().split() not in ([], command), "the monitor is beside it"
    service.ended("stop", run)
    assert asking.end() != 0
    wait_for(lambda: not group_of(run).exists(), what="the end of the scope")


@pytest.mark.parametrize("words", [[HOSTILE], ["--", "-u", HOSTILE], ["\udcff\udcfe"], ["x" * 4096]])
def test_nothing_of_a_client_reaches_the_bus(service: Service, words: list[str]) -> None:
    """THREATS S-14: what systemd is told of a run is made of its id, its pid and its end."""
    asking, run = begun(
        service, f"--reason={words[-1][:100]}" if "\udcff" not in words[-1] else "--reason=x", "sh", "-c", "sleep 600", *words
    )
    everything = systemctl("show", scope_of(run))
    for line in ("Delegate=no", "KillMode=none", "reboot", "x" * 100):
        assert line not in everything
    service.ended("stop", run)
    asking.end()
    names = {name for name, _ in unit.properties(run, 1, 2_000_000_000)}
    assert names == {
        "Description", "Slice", "PIDs", "Delegate", "KillMode", "TimeoutStopUSec", "CollectMode", "OOMPolicy", "CPUAccounting",
        "MemoryAccounting", "TasksAccounting", "RuntimeMaxUSec",
    }  # fmt: skip


@pytest.mark.parametrize("run", ["", "../x", "a b", "x\ny", "@", "é", "A" * 33, "-x"])
def test_a_unit_is_named_by_a_runs_id_alone(run: str) -> None:
    """THREATS S-14."""
    with pytest.raises(ValueError):
        unit.unit_of(run)


def test_no_scope_is_left_for_a_process_that_had_ended_before_it_was_taken_in() -> None:
    """THREATS X-13: systemd makes it, and would keep it for ever, as its group was never anything but empty."""
    ended = subprocess.Popen(["true"])
    os.waitid(os.P_PID, ended.pid, os.WEXITED | os.WNOWAIT)  # nobody has asked for its status: its number is still its own

    async def take_in() -> None:
        scopes = unit.Scopes(lambda report: None)
        try:
            await scopes.take_in("ZZZZ-ZZZ2", ended.pid, None)
        finally:
            scopes.close()

    with pytest.raises(ExecutorError):
        asyncio.run(take_in())
    ended.wait()
    wait_for(lambda: show(scope_of("ZZZZ-ZZZ2"), "LoadState") == {"LoadState": "not-found"}, what="the end of the scope")
    assert not group_of("ZZZZ-ZZZ2").exists()


@dataclass
class Played:
    """One hider that was ended with all the others, and how."""

    asking: Asking
    run: str
    mark: Path
    is_gone: bool = False

    def end(self, service: Service, verb: str) -> None:
        service.ended(verb, self.run, "--reason", "enough")
        self.is_gone = is_gone(self.run)
        os.kill(self.asking.process.pid, signal.SIGCONT)  # it stopped with its command, as a shell's job does


ENDED_BY = [
    *(("revoke", hider) for hider in HIDERS),
    ("stop", "plain"),
    ("stop", "ignores what can be ignored"),
    *(
        pytest.param("stop", hider, marks=full("every day, the test stops two of these programs, and revokes each of them"))
        for hider in list(HIDERS)[2:]
    ),
]
"""The verb, and what it ends. Both verbs end a run in the same way."""


@pytest.fixture(scope="module")
def played(service: Service, request: pytest.FixtureRequest) -> Callable[[str], dict[str, Played]]:
    """What became of the hiders that a verb ended. They are begun and set up, and then ended all at once: most of it is waiting.
    The bomb is not: it comes after the others, as the verb does not wait for ever.
    """
    items = [item for item in request.session.items if getattr(item, "module", None) is request.module]
    asked = [item.callspec.params for item in items if hasattr(item, "callspec")]

    def prepare(verb: str, hider: str) -> Played:
        mark = service.root / "said" / f"told-{verb}-{hider.replace(' ', '-')}"
        words = ["sh", "-c", TELLS.format(mark=mark) if hider == "plain" else HIDERS[hider]]
        if hider == BOMB:  # of somebody whose processes are not counted with ours
            words = ["-u", "eve", "bash", *words[1:]]
        made = Played(*begun(service, *words), mark)
        wait_for(lambda: is_set_up(made.run, hider), what=hider)
        return made

    @cache
    def ended_by(verb: str) -> dict[str, Played]:
        made: dict[str, Played] = {}
        rows = [each["hider"] for each in asked if each.get("verb") == verb]
        for some in ([hider for hider in rows if hider != BOMB], [hider for hider in rows if hider == BOMB]):
            with ThreadPoolExecutor(len(HIDERS)) as pool:
                made |= zip(some, pool.map(partial(prepare, verb), some), strict=True)
                for each in [pool.submit(made[hider].end, service, verb) for hider in some]:
                    each.result()
        return made

    return ended_by


@pytest.mark.parametrize(("verb", "hider"), ENDED_BY)
def test_revoke_and_stop_mean_that_all_of_it_is_gone(played: Callable[[str], dict[str, Played]], verb: str, hider: str) -> None:
    """THREATS G-02: The verb returns 0 when all is gone. On a host too busy to end all in time it says so, and it ends."""
    each = played(verb)[hider]
    assert each.is_gone
    assert each.asking.end() != 0 and "enough" in each.asking.err
    if hider == "plain":
        assert each.mark.exists(), "it was told"


@timed("docs/threats.md, G-02: the signal is out in half a second, all is gone in five")
@pytest.mark.parametrize("hider", ["plain", "ignores what can be ignored"])
def test_revoke_takes_no_longer_than_promised(service: Service, hider: str) -> None:
    mark = Path("/srv/told")
    mark.unlink(missing_ok=True)
    script = TELLS.format(mark=mark) if hider == "plain" else HIDERS[hider]
    asking, run = begun(service, "sh", "-c", script)
    wait_for(lambda: is_set_up(run, hider))
    began_at, began = time.time(), time.monotonic()
    assert service.jitd("revoke", run, "--reason", "enough").returncode == 0
    assert time.monotonic() - began < 5 and is_gone(run)
    if hider == "plain":
        assert mark.stat().st_mtime - began_at < 0.5
        mark.unlink()
    assert asking.end() != 0


@pytest.fixture
def units() -> Iterator[list[str]]:
    """Names of units that are stopped afterwards."""
    made: list[str] = []
    yield made
    for name in made:
        subprocess.run(
            ["systemctl", "stop", f"{name}.timer", f"{name}.service", f"{name}.scope"], capture_output=True, check=False
        )


HANDED_OVER = {
    "a unit": "systemd-run --unit=handed-over sleep 600",
    "a unit with its mark": "systemd-run --unit=handed-over --setenv=JITSUDO_REQUEST sleep 600",
    "a timer": "systemd-run --unit=handed-over --on-active=1h sleep 600",
}


OTHER_UNITS = full("every day, the run hands over a unit with its mark, and somebody else's timer begins one")


@pytest.mark.parametrize("how", by_day(HANDED_OVER, ["a unit with its mark"], OTHER_UNITS))
def test_work_that_a_run_hands_to_systemd_is_told_of_and_left_alone(service: Service, units: list[str], how: str) -> None:
    """THREATS X-21: also what a timer begins meanwhile that is nobody's of the run."""
    units += ["handed-over", "somebody-elses"]
    timer = ["--unit=somebody-elses", "--on-active=1ms", "--timer-property=AccuracySec=1ms"]
    asking, run = begun(service, "sh", "-c", f"{HANDED_OVER[how]} && touch /srv/handed-over; sleep 600")
    subprocess.run(["systemd-run", *timer, "sleep", "600"], check=True, capture_output=True)
    wait_for(Path("/srv/handed-over").exists, what=how)
    Path("/srv/handed-over").unlink()
    wait_for(lambda: show("somebody-elses.service", "ActiveState")["ActiveState"] == "active", what="the timer")
    done = service.jitd("revoke", run, "--reason", "enough")
    assert done.returncode == 0, done.stderr
    unit = f"handed-over.{'timer' if how == 'a timer' else 'service'}"
    said = re.search(r"is ended; units of systemd that began meanwhile and may live: (.*?);", done.stdout + done.stderr)
    assert said and {unit, "somebody-elses.service"} <= set(said[1].split(", ")), done
    assert is_gone(run) and asking.end() != 0
    for lives in (unit, "somebody-elses.service"):
        assert show(lives, "ActiveState")["ActiveState"] == "active"


def test_what_has_left_the_runs_control_group_ends_with_it(service: Service, units: list[str]) -> None:
    """THREATS X-21: a scope of systemd's that was there before, into which a command moves itself."""
    units.append("there-before")
    subprocess.run(["systemd-run", "--unit=there-before", "sleep", "600"], check=True, capture_output=True)
    group = show("there-before.service", "ControlGroup")["ControlGroup"]
    move = f"echo $$ >/sys/fs/cgroup{group}/cgroup.procs; echo $$ >/srv/moved; trap '' HUP TERM; while :; do sleep 600; done"
    asking, run = begun(service, "setsid", "-w", "sh", "-c", move)
    moved = int(wait_for(lambda: Path("/srv/moved").exists() and Path("/srv/moved").read_text().strip(), what="its number"))
    Path("/srv/moved").unlink()
    service.ended("revoke", run)
    assert not is_living(moved) and asking.end() != 0
    assert show("there-before.service", "ActiveState")["ActiveState"] == "active"


def test_a_run_goes_on_while_the_daemon_is_restarted(service: Service) -> None:
    mark = Path("/srv/went-on")
    mark.unlink(missing_ok=True)
    asking, run = begun(service, "sh", "-c", f"until [ -e {mark} ]; do sleep 0.1; done; exit 7")
    service.restart()
    assert any(one["id"] == run for one in service.rows("runs")), "it is found again"
    mark.touch()
    assert asking.end() == 7
    wait_for(lambda: not service.rows("runs"))
    mark.unlink()
    assert service.show(asking.id)["runs"][0]["outcome"]["number"] == 7


def test_a_restart_of_the_daemon_is_enough_after_an_upgrade(service: Service) -> None:
    """What the daemon speaks with is started anew with it, because their messages are those of one version. A run lives on."""
    mark = Path("/srv/went-on")
    mark.unlink(missing_ok=True)
    asking, _ = begun(service, "sh", "-c", f"until [ -e {mark} ]; do sleep 0.1; done; exit 6")
    before = show("jitd-launcher.service", "MainPID")["MainPID"]
    service.restart()
    assert show("jitd-launcher.service", "MainPID")["MainPID"] not in (before, "0")
    again = service.ask("alice", "true")
    service.approved(again.id)
    assert again.end() == 0, again.err
    mark.touch()
    assert asking.end() == 6
    mark.unlink()


def test_a_daemon_that_is_killed_is_started_again_and_has_lost_nothing(service: Service) -> None:
    mark = Path("/srv/went-on")
    mark.unlink(missing_ok=True)
    asking, run = begun(service, "sh", "-c", f"until [ -e {mark} ]; do sleep 0.1; done; exit 9")
    before = service.pid
    service.kill()
    service.until_another_serves(before)
    waiting = service.ask("alice", "true")
    service.approved(waiting.id)
    assert waiting.end() == 0
    mark.touch()
    assert asking.end() == 9
    mark.unlink()
    wait_for(lambda: service.show(run)["runs"][0]["outcome"])
    service.verify()


def monitor_of(run: str) -> int:
    """Who has locked the run's plate: its monitor, or the daemon while it looks whether there is one. 0 if nobody has."""
    plate = Path("/run/jitd/runs") / run
    return holders([plate]).get(plate, 0)


def has_monitor(run: str, daemon: int) -> bool:
    """Whether somebody else than ``daemon`` has locked the run's plate."""
    return monitor_of(run) not in (0, daemon)


def is_executed(service: Service, run: str) -> bool:
    """Whether the command of a run was executed in the end, and not given up."""
    found = wait_for(lambda: (found := House.run_of(service, run)) and (found.started_at or found.outcome) and found)
    return found.started_at is not None


def daemon() -> int:
    """The daemon's process, without systemctl(1), which asks process 1."""
    return int(Path("/sys/fs/cgroup/system.slice/jitd.service/cgroup.procs").read_text())


def group_beside_launcher(run: str) -> Path:
    """Where a run for which systemd has made no scope is."""
    return Path(f"/sys/fs/cgroup/jitd.slice/jitd-launcher.service/jitd-run-{run}")


@contextlib.contextmanager
def silent_systemd(service: Service) -> Iterator[None]:
    """Process 1 does not answer: a socket at which nobody reads is in the place of its own. A new daemon has no earlier
    connection.
    """
    before = daemon()
    with socket.socket(socket.AF_UNIX) as nobody:
        place = Path("/run/nobody-reads")
        nobody.bind(str(place))
        nobody.listen(64)
        subprocess.run(["mount", "--bind", place, unit.SOCKET], check=True)
        try:
            os.kill(before, signal.SIGKILL)
            wait_for(lambda: service.jitd("requests").returncode == 0, what="another daemon")
            yield
        finally:
            subprocess.run(["umount", unit.SOCKET], check=True)
            place.unlink()


@contextlib.contextmanager
def stopped_bus() -> Iterator[None]:
    bus = int(show("dbus.service", "MainPID")["MainPID"])
    assert bus > 1
    os.kill(bus, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(bus, signal.SIGCONT)


@contextlib.contextmanager
def flooded_bus() -> Iterator[None]:
    """Two connections of eve's keep systemd busy."""
    words = [sys.executable, "-I", str(Path(__file__).with_name("bus_flood.py")), "120"]
    floods = [subprocess.Popen(words, user="eve", group="eve", extra_groups=[], stdout=subprocess.PIPE) for _ in range(2)]
    try:
        for flood in floods:
            assert flood.stdout is not None and flood.stdout.readline() == b"floods\n"
        yield
        assert all(flood.poll() is None for flood in floods), "they went on until now"
    finally:
        for flood in floods:
            flood.kill()
            flood.communicate()


def test_a_scope_that_is_only_made_by_the_next_daemon_has_its_limit_too(service: Service) -> None:
    for _ in range(3):  # on a busy host a monitor may be given up, or wait too long for its scope
        with silent_systemd(service):
            asking = service.ask("alice", "sh", "-c", "sleep 600")
            run, before = asking.id, daemon()
            service.approved(run)
            wait_for(lambda: has_monitor(run, before) or service.show(run)["runs"][0]["outcome"], what="a monitor")  # noqa: B023
            os.kill(before, signal.SIGKILL)
        service.until_another_serves(before)
        if is_executed(service, run):
            break
    assert is_executed(service, run), service.show(run)
    assert show(scope_of(run), "RuntimeMaxUSec")["RuntimeMaxUSec"] not in ("", "infinity")
    service.ended("stop", run)
    assert asking.end() != 0


def test_nobody_stops_runs_by_requests_on_the_bus(service: Service) -> None:
    """THREATS O-11. Not even if they are so many that systemd has no time to make a scope."""
    with flooded_bus():
        first, first_run = begun(service, "sleep", "600")
        asking, run = begun(service, "sh", "-c", "(setsid sleep 600 &); trap '' TERM HUP; sleep 600")
        own = subprocess.run(["jitsudo", "echo", "roots"], capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert (own.returncode, own.stdout) == (0, "roots\n"), own.stderr
        (group,) = (place for place in (group_of(run), group_beside_launcher(run)) if place.exists())
        assert (group / "command/cgroup.procs").read_text().split(), "all of its processes are in a group of its own"
        service.ended("revoke", run)
        assert asking.end() != 0
        wait_for(lambda: not (group / "command").exists(), what="the end of all its processes")
    subprocess.run(["systemd-run", "--quiet", "--wait", "true"], check=True)  # systemd makes scopes again
    is_made = show(scope_of(first_run), "LoadState") == {"LoadState": "loaded"}
    assert is_made is (group_of(first_run) / "command").exists(), "a scope was made in time for the command, or is never made"
    service.ended("stop", first_run)
    assert first.end() != 0
    service.restart()  # this daemon would ask for no scope for some seconds


def test_a_bus_on_which_nothing_moves_stops_no_run(service: Service) -> None:
    """THREATS O-11."""
    with stopped_bus():
        asking = service.ask("alice", "echo", "all the same")
        service.approved(asking.id)
        assert asking.end() == 0 and "all the same" in asking.out


def test_what_systemd_has_made_no_scope_for_ends_with_its_grant(service: Service) -> None:
    """THREATS O-11: it is in a group of its own all the same, in the slice, and outlives the daemon and the launcher."""
    with silent_systemd(service):
        asking, run = begun(service, "sh", "-c", "(setsid sleep 600 &); trap '' TERM HUP; sleep 600")
        group = group_beside_launcher(run)
        assert (group / "command/cgroup.procs").read_text().split()
        other = service.ask("alice", "echo", "at once")
        service.approved(other.id)
        assert other.end() == 0, "nobody waits for systemd again"
    systemctl("restart", "jitd-launcher.service")
    service.restart()
    assert (group / "command/cgroup.procs").read_text().split()
    service.ended("revoke", run)
    assert asking.end() != 0
    wait_for(lambda: not group.exists(), what="the end of all its processes")
    again, run = begun(service, "sleep", "600")
    assert group_of(run).exists(), "and the next one has a scope again"
    service.ended("stop", run)
    again.end()


@pytest.mark.parametrize("how", ["killed", "stopped by the administrator"])
def test_a_launcher_that_ends_takes_no_run_with_it(service: Service, how: str) -> None:
    mark = Path("/srv/went-on")
    mark.unlink(missing_ok=True)
    asking, run = begun(service, "sh", "-c", f"until [ -e {mark} ]; do sleep 0.1; done; exit 5")
    if how == "killed":
        systemctl("kill", "--signal=KILL", "--kill-whom=main", "jitd-launcher.service")
    else:
        systemctl("stop", "jitd-launcher.service")
    other, _ = service.ask("alice", "true"), None
    wait_for(lambda: service.approve(other.id).returncode == 0)
    assert other.end() in (0, 125), other.err
    again = service.ask("alice", "true")
    service.approve(again.id)
    assert again.end() == 0, again.err
    mark.touch()
    assert asking.end() == 5
    mark.unlink()


def test_a_launcher_that_is_killed_again_and_again_is_there_again(service: Service) -> None:
    """THREATS X-13. More often than systemd by itself would start a service: five times in ten seconds."""
    for _ in range(7):
        killed = show("jitd-launcher.service", "MainPID")["MainPID"]
        systemctl("kill", "--signal=KILL", "--kill-whom=main", "jitd-launcher.service")
        wait_for(lambda: show("jitd-launcher.service", "MainPID")["MainPID"] not in (killed, "0"), what="another launcher")  # noqa: B023
    asking = service.ask("alice", "true")
    service.approved(asking.id)
    assert asking.end() == 0, asking.err


def test_an_administrator_may_end_a_run_by_its_scope(service: Service) -> None:
    asking, run = begun(service, "sh", "-c", "trap '' TERM; sleep 600; sleep 600")
    systemctl("stop", scope_of(run))
    assert asking.end() != 0
    wait_for(lambda: service.show(run)["runs"][0]["outcome"])
    wait_for(lambda: not group_of(run).exists(), what="the end of the scope")


def test_systemd_ends_what_a_stopped_monitor_does_not(service: Service) -> None:
    """THREATS G-02: the third of three: daemon and monitor do not, so systemd does, ten seconds after the run's end."""
    asked_at = time.monotonic()
    asking, run = begun(service, "-T", "15s", "sh", "-c", "trap '' TERM HUP; sleep 600; sleep 600")
    wait_for(lambda: is_set_up(run, "ignores what can be ignored"), what="a shell that ignores what can be ignored")
    os.kill(wait_for(lambda: monitor_of(run), what="its monitor"), signal.SIGSTOP)
    wait_for(lambda: is_gone(run), within=15 + 10 + PATIENCE)
    assert time.monotonic() - asked_at > 15 + 8
    asking.end()
    wait_for(lambda: service.show(run)["runs"][0]["outcome"])
    # systemd continues what it ends, so the monitor may still tell how it was
    assert service.show(run)["runs"][0]["outcome"]["ending"] in ("lost", "signaled")


def test_a_monitor_that_is_killed_leaves_nothing_running(service: Service) -> None:
    asking, run = begun(service, "sh", "-c", "trap '' TERM HUP; (setsid sleep 600 &); sleep 600")
    for pid in (group_of(run) / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):  # some of them end with the first
            os.kill(int(pid), signal.SIGKILL)
    wait_for(lambda: is_gone(run))
    assert asking.end() == 125
    wait_for(lambda: service.show(run)["runs"][0]["outcome"])


def test_what_a_run_uses_is_listed(service: Service) -> None:
    asking, run = begun(service, "sh", "-c", "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; sleep 600")
    row = wait_for(lambda: next((row for row in service.rows("runs") if row["id"] == run and (row["cpu_ms"] or 0) > 50), None))
    assert row["n_processes"] >= 1
    listed = service.jitd("runs").stdout.splitlines()
    assert "CPU" in listed[0] and re.search(r" 0:0\d\.\d\d ", listed[1])
    service.jitd("stop", run)
    asking.end()


def test_the_journal_knows_the_run(service: Service) -> None:
    mark = Path("/srv/is-read")
    mark.unlink(missing_ok=True)
    words = f"(echo said; until [ -e {mark} ]; do sleep 0.1; done) | systemd-cat; exit 3"  # the journal looks at who lives
    asking = service.ask("alice", "sh", "-c", words)
    run = asking.id
    service.approved(run)
    wait_for(lambda: "said" in journal(f"_SYSTEMD_UNIT={scope_of(run)}"))
    mark.touch()
    assert asking.end() == 3
    mark.unlink()
    assert f"jitd run {run}" in journal(f"UNIT={scope_of(run)}")
