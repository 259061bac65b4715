# SPDX-License-Identifier: Apache-2.0
"""Runs of which one process is killed at a random moment, and what is left of them two seconds later.

Law: every trial follows from its seed, which is told with whatever it finds; it looks at the whole host, so nothing else runs
there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import random
import signal
import subprocess
import termios
import time
from pathlib import Path

from jitd.core.chain import Seal
from jitd.daemon import BOOTED
from tests.descriptors import links
from tests.system.conftest import House
from tests.system.prompt import command_lines, number
from tests.waiting import PATIENCE, is_at_rest, wait_for

WITHIN = PATIENCE
"""Seconds after which nothing may be left, not even what only the daemon clears away: it gives a monitor 5 s to check in."""
LAUNCHER_SERVICE = ["systemctl", "show", "--property=MainPID", "--value", "jitd-launcher.service"]
"""Its control group has other processes too: monitors that are not in their scopes yet, also of a launcher that was killed."""
EARLY, LATE = 0.1, 0.2
"""Seconds in which it may happen: after the start of a client in a third of the trials, after the first record that comes of the
starts in the others, however long they take.
"""
VICTIMS = ("client", "monitor", "launcher", "command")
COMMANDS = (
    ["sleep", "MARK"],
    ["sh", "-c", "sleep MARK & setsid sleep MARK & sleep MARK"],
    ["sh", "-c", "(setsid sh -c 'sleep MARK & sleep MARK' &) ; exec head -c 300000000 /dev/zero; : MARK"],
    ["sh", "-c", "sleep 0.02; exit 3; : MARK"],
    ["sh", "-c", "sleep MARK & cat; sleep MARK"],
)
"""None that ignores HUP: such a one is given 5 s."""
MOST_SHOWN = 5


class Trial:
    """One client, on a terminal of its own or on pipes, and the process that is to be killed."""

    def __init__(self, house: House, seed: int) -> None:
        self.seed, self.house = seed, house
        self.random = random.Random(seed)
        self.mark = number()
        self.victim = VICTIMS[seed % len(VICTIMS)]  # few trials have each of them, too
        self.command = [word.replace("MARK", self.mark) for word in self.random.choice(COMMANDS)]
        self.master, self.slave = os.openpty()
        self.modes = termios.tcgetattr(self.slave)
        self.has_terminal = self.random.random() < 0.5
        alice = pwd.getpwnam("alice")
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), self.slave if self.has_terminal else subprocess.PIPE)
        self.client = subprocess.Popen(
            ["sh", "-c", 'jitsudo "$@"; exit 0', "sh", *self.command],
            **streams,  # type: ignore[call-overload]
            user="alice", group=alice.pw_gid, extra_groups=os.getgrouplist("alice", alice.pw_gid),
            cwd="/", start_new_session=True,
            env={"PATH": "/usr/bin:/bin", "HOME": "/", "JITD_SOCKET": str(house.socket), "TERM": "xterm"},
            preexec_fn=self._control_terminal if self.has_terminal else None,
        )  # fmt: skip
        self.is_early = self.random.random() < EARLY / (EARLY + LATE)
        self.kill_after = self.random.random() * (EARLY if self.is_early else LATE)
        self.killed = ""

    @staticmethod
    def _control_terminal() -> None:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)

    def kill(self, since: float) -> None:
        """At the moment that was drawn, counted from ``since``, or as soon as there is such a process; or never, if the client
        ends before.
        """
        kill_at = since + self.kill_after
        time.sleep(max(kill_at - time.monotonic(), 0))
        self._drain()
        while not (found := self._victims()) and self.client.poll() is None and time.monotonic() < kill_at + WITHIN:
            self._drain()
            time.sleep(0.002)
        if found:
            pid = self.random.choice(sorted(found))
            self.killed = f"{self.victim} {pid}"
            with contextlib.suppress(OSError):
                os.kill(pid, signal.SIGKILL)

    def _victims(self) -> list[int]:
        marked = {pid: words for pid, words in command_lines().items() if self.mark.encode() in b" ".join(words)}
        if self.victim == "client":
            return [pid for pid, words in marked.items() if b"/usr/bin/jitsudo" in words]
        launcher = launcher_of(self.house)
        if self.victim == "launcher":
            return [launcher] if launcher else []
        monitors = children(launcher)
        if self.victim == "monitor":
            return monitors
        own = [pid for pid, words in marked.items() if b"/usr/bin/jitsudo" not in words and pid != self.client.pid]
        return own + [pid for monitor in monitors for pid in descendants(monitor)]

    def _drain(self) -> None:
        """Read what the terminal shows, as a person's window does."""
        os.set_blocking(self.master, False)
        with contextlib.suppress(OSError):
            for _ in range(8):
                os.read(self.master, 65536)

    def end(self) -> None:
        """The person leaves: what was not killed is told to end."""
        self._drain()
        for pid, words in command_lines().items():
            if b"/usr/bin/jitsudo" in words and self.mark.encode() in b" ".join(words):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGHUP if self.random.random() < 0.5 else signal.SIGTERM)

    def close(self) -> None:
        for stream in (self.client.stdin, self.client.stdout, self.client.stderr):
            if stream is not None:
                stream.close()
        if self.client.poll() is None:
            os.killpg(self.client.pid, signal.SIGKILL)  # it was told of as left
        self.client.wait()
        os.close(self.master)
        os.close(self.slave)

    def left(self) -> list[str]:
        """What is still there."""
        self._drain()
        found = [
            f"process {pid}: {b' '.join(words)!r}"
            for pid, words in command_lines().items()
            if self.mark.encode() in b" ".join(words)
        ]
        if self.client.poll() is None:
            found.append("whoever started the client")
        if termios.tcgetattr(self.slave) != self.modes:
            found.append("a terminal whose modes are not what they were")
        return found

    def __str__(self) -> str:
        where = "a terminal" if self.has_terminal else "pipes"
        return f"seed {self.seed}: {' '.join(self.command)}, {where}, killed: {self.killed or 'nobody'}"


def children(pid: int) -> list[int]:
    try:
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def descendants(pid: int) -> list[int]:
    below = children(pid)
    return [*below, *(one for child in below for one in descendants(child))]


def launcher_of(house: House) -> int:
    """The launcher: the daemon's child, or a service of systemd's; 0 while there is none."""
    assert house.process is not None
    found = house.launcher if house.process.poll() is None else 0
    return int(subprocess.check_output(LAUNCHER_SERVICE)) if BOOTED.is_dir() and not found else found


def monitor_of(house: House, launcher: int) -> int:
    """The monitor that has a run; 0 if none has."""
    for pid in children(launcher):
        with contextlib.suppress(OSError):
            if any(to.startswith(f"{house.root}/run/runs/") for to in links(pid).values()):
                return pid
    return 0


def _has_a_spare(house: House) -> bool:
    """Whether the launcher has one monitor, and this has no run. That of the last run ends after the record of its end, and the
    next one is forked later.
    """
    launcher = launcher_of(house)
    below = children(launcher)
    try:
        return len(below) == 1 and not monitor_of(house, launcher) and all(map(is_at_rest, (launcher, *below)))
    except OSError:  # one of them has ended meanwhile
        return False


class Host:
    """What may not grow: of the daemon, of its launcher, and of the host."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.at_rest()
        wait_for(lambda: house.is_signed() and _has_a_spare(house), what="a monitor made beforehand, and no other")
        self.before = self._count()

    def _count(self) -> dict[str, int]:
        assert self.house.process is not None
        daemon, launcher = self.house.process.pid, launcher_of(self.house)
        return {
            "descriptors of the daemon": n_descriptors(daemon),
            "descriptors of the launcher": n_descriptors(launcher),
            "children of the daemon": len(children(daemon)),
            "monitors": len(children(launcher)),
            "terminals": sum(entry.name.isdigit() for entry in Path("/dev/pts").iterdir()),
            "plates": sum(
                not entry.name.startswith(".") for entry in (self.house.root / "run/runs").iterdir() if entry.is_file()
            ),
            "outcomes": sum(1 for _ in (self.house.root / "state/runs").iterdir()),
            "control groups": sum(name.startswith("jitd-run-") for _, names, _ in os.walk("/sys/fs/cgroup") for name in names),
        }

    def grown(self) -> list[str]:
        now = self._count()
        return [f"{what}: {now[what]}, before {n}" for what, n in self.before.items() if now[what] > n]


def n_descriptors(pid: int) -> int:
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


def kill_all(house: House, trials: list[Trial], before: Seal) -> None:
    """One process of each trial, at its moment. ``before`` is the last record before their start."""
    late_ones = []
    began_at = time.monotonic()
    for trial in sorted(trials, key=lambda trial: trial.kill_after):
        if trial.is_early:
            trial.kill(began_at)
        else:
            late_ones.append(trial)
    wait_for(lambda: house.head() != before or all(trial.client.poll() is not None for trial in trials), what="a record")
    began_at = time.monotonic()
    for trial in late_ones:
        trial.kill(began_at)


def torture(house: House, seed: int, times: int, lanes: int) -> list[str]:
    """``times`` trials, ``lanes`` at a time; what was wrong, a line each."""
    first = house.sudo("alice", "true")  # which gets the ticket, and has the daemon open what it keeps open from then on
    assert first.returncode == 0, first.stderr
    host = Host(house)
    faults: list[str] = []
    killed = dict.fromkeys((*VICTIMS, "nobody"), 0)
    for at in range(0, times, lanes):
        before = house.head()
        trials = [Trial(house, seed + n) for n in range(at, min(at + lanes, times))]
        kill_all(house, trials, before)
        for trial in trials:
            killed[trial.killed.partition(" ")[0] or "nobody"] += 1
            trial.end()
        until = time.monotonic() + WITHIN
        while any(trial.left() for trial in trials) and time.monotonic() < until:
            time.sleep(0.02)
        for trial in trials:
            faults += [f"{trial}: left after {WITHIN:.0f} s: {what}" for what in trial.left()[:MOST_SHOWN]]
            trial.close()
        while (grown := host.grown()) and time.monotonic() < until:
            time.sleep(0.02)
        faults += [f"after {'; '.join(map(str, trials))}: {what}" for what in grown]
        if len(faults) >= MOST_SHOWN:
            faults.append(f"given up after {at + len(trials)} of {times} trials: enough was found")
            break
    if 2 * killed["nobody"] >= times and not faults:
        faults.append(f"of {times} trials, {killed['nobody']} killed nobody")
    for run in house.rows("runs", "--all"):
        ended = run["outcome"] or {"ending": "not started"}
        if ended["ending"] != "not started" and not run["started_at"] and "not known" not in ended["because"]:
            faults.append(f"the record does not say that run {run['id']} began, which {ended}")
    faults += [f"run {run['id']} is still {run['state']}" for run in house.rows("runs", "--all") if run["state"] != "ended"]
    house.verify()
    print(f"killed: {', '.join(f'{what} {n}' for what, n in killed.items())}")
    return faults
