# SPDX-License-Identifier: Apache-2.0
"""Random scenarios of hostile holders: people who do everything to keep what they were given, on a host whose jitd is killed.

A scenario is one person who gets one thing or one group, does random things with it (hostile_holder.py), and loses it in one of
many ways. Some scenarios are played at the same time, while a process of jitd's may be killed at a random moment.
Law: afterwards only one question is asked: does the right still work? The host is asked, and not the product. What may outlive a
right (docs/givers.md) is no fault here, and is cleaned up. A seed plays the same scenarios again, but not the same moments.
"""

from __future__ import annotations

import grp
import itertools
import os
import pwd
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from tests.givers.account_world import AccountWorld, made_for
from tests.givers.postgres_world import PostgresWorld
from tests.givers.ssh_world import SshWorld
from tests.givers.worlds import SudoersWorld, World
from tests.system.conftest import Asking, House
from tests.waiting import PATIENCE, wait_for

PEOPLE = ("alice", "bob")
AT_ONCE = 8
"""Scenarios that are played at the same time."""
THINGS: dict[str, type[World]] = {
    "account": AccountWorld,
    "postgres-role": PostgresWorld,
    "sudoers": SudoersWorld,
    "ssh-certificate": SshWorld,
}
KINDS = (*THINGS, "group")
ENDS = ("it ends", "revoked", "killed", "its time is over", "kept and revoked")
HAPPENS = ("", "", "jitd-givers is killed", "jitd is killed", "a monitor is killed", "jitd is restarted", "somebody is locked")
RULES = """
[[permit]]
name = "at once"
who = ["user:alice", "user:bob"]
gives = [{things}]
grant = {{ lasts = "10m" }}

[[permit]]
name = "with a group"
who = ["user:alice", "user:bob"]
run_as = ["self:tapes"]
commands = [["**"]]
grant = {{ lasts = "10m", uses = 100 }}
"""
HOLDER = Path(__file__).with_name("hostile_holder.py")
PYTHON = "/usr/bin/python3"
ANYWHERE = (
    "/",
    "/etc",
    "/etc/ssh",
    "/etc/sudoers.d",
    "/run",
    "/tmp",
    "/var/lib",
    "/var/lib/jitd-givers",
    "/home",
    "/run/jitd-givers",
)


@dataclass(frozen=True)
class Scenario:
    """One person, the kind of the thing (or ``group``), how it ends, and what else they do."""

    who: str
    kind: str
    ends: str
    seed: int

    @classmethod
    def drawn(cls, chance: random.Random, kind: str) -> Scenario:
        """Draw one."""
        ends = chance.choice([each for each in ENDS if kind != "group" or not each.startswith("kept")])
        return cls(chance.choice(PEOPLE), kind, "kept and revoked" if kind == "account" else ends, chance.randrange(1 << 32))


class Stage:
    """A host on which people can get a thing of each kind at once. ``used`` counts the holders who had a right in their hands, by
    its kind, and ``unused`` tells of the others.
    """

    def __init__(self) -> None:
        self.worlds: dict[str, World] = {kind: made() for kind, made in THINGS.items()}
        for world in self.worlds.values():
            world.prepare()
        subprocess.run(["groupadd", "-f", "tapes"], check=True)
        self.gid = grp.getgrnam("tapes").gr_gid
        self.place = Path(tempfile.mkdtemp(prefix="hostile-", dir="/srv"))
        self.place.chmod(0o755)
        self.holder = Path(shutil.copy(HOLDER, self.place))
        self.holder.chmod(0o644)
        self.tape = self.place / "tape"
        self.tape.write_text("of the group\n")
        os.chown(self.tape, 0, self.gid)
        self.tape.chmod(0o640)
        self.others = _processes()
        things = ", ".join(f'"{world.thing}"' for world in self.worlds.values())
        self.house = House(RULES.format(things=things), "".join(world.config for world in self.worlds.values()))
        self.house.start()
        self.used: Counter[str] = Counter()
        self.unused: list[str] = []
        self._numbers = itertools.count(1)
        self._accomplices = [self._as(who, "accomplice") for who in PEOPLE]

    def close(self) -> None:
        for each in self._accomplices:
            each.kill()
            each.wait()
        self.house.close()
        self._clean()
        for world in self.worlds.values():
            world.clear()
        subprocess.run(["groupdel", "tapes"], check=False)
        shutil.rmtree(self.place, ignore_errors=True)

    def _as(self, account: str, *words: str) -> subprocess.Popen[bytes]:
        """Start hostile_holder.py as ``account``, outside of jitd."""
        known = pwd.getpwnam(account)
        line = [PYTHON, str(self.holder), *words]
        return subprocess.Popen(line, user=known.pw_uid, group=known.pw_gid, extra_groups=[], cwd="/", start_new_session=True,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # fmt: skip

    # --- playing -----------------------------------------------------------------------------------------------------------

    def play(self, seed: int, n_scenarios: int) -> list[str]:
        """Play ``n_scenarios``. Return each right that still works, with what was played."""
        chance = random.Random(seed)
        faults = []
        for first in range(0, n_scenarios, AT_ONCE):
            numbers = range(first, min(first + AT_ONCE, n_scenarios))
            scenarios = [Scenario.drawn(chance, KINDS[number % len(KINDS)]) for number in numbers]
            happens, after = chance.choice(HAPPENS), chance.random() * 2
            found = self._play(scenarios, happens, after)
            told = [f"seed {seed}, {happens or 'nothing'} happens, {scenarios}: {fault}" for fault in found]
            print("".join(f"{each}\n" for each in told), end="", flush=True)
            faults += told
        return faults

    def _play(self, scenarios: Sequence[Scenario], happens: str, after: float) -> list[str]:
        with ThreadPoolExecutor(AT_ONCE) as lanes:
            playing = [lanes.submit(self._one, scenario) for scenario in scenarios]
            time.sleep(after)  # no event to wait for: the moment is what is drawn
            self._happen(happens)
            for each in playing:
                each.result()
        return self._still_works()

    def _one(self, scenario: Scenario) -> None:
        number = next(self._numbers)
        who, reason = scenario.who, f"scenario {number}"
        own = self.place / f"of-{number}"
        own.mkdir()
        shutil.chown(own, who)
        stays = "ends" if scenario.ends == "it ends" else "stays"
        act = [str(scenario.seed), str(own), stays, *ANYWHERE, str(self.place), str(self.tape)]
        act += [str(world.root) for world in self.worlds.values() if isinstance(world, SshWorld)]
        lasts = ["--for", "3s"] if scenario.ends == "its time is over" else []
        command = ["--", PYTHON, str(self.holder), *act]
        if scenario.kind == "group":
            asking = self.house.ask(who, "-g", "tapes", "--reason", reason, *lasts, *command)
        else:
            world = self.worlds[scenario.kind]
            asked = ["--get", world.thing, *world.needs(who), "--reason", reason, *lasts]
            is_kept = scenario.ends.startswith("kept")
            asking = self.house.ask(who, *asked, *(world.to_keep(who) if is_kept else command))
            if is_kept:
                self._use_kept(asking, scenario, act)
        if not scenario.ends.startswith("kept"):
            with suppress(AssertionError):
                wait_for(lambda: "acted" in asking.out or asking.process.poll() is not None)
            if "acted" in asking.out:
                self.used[scenario.kind] += 1
            else:
                self.unused.append(f"{scenario}: {asking.err}")
        self._end(scenario, asking, reason)

    def _use_kept(self, asking: Asking, scenario: Scenario, act: list[str]) -> None:
        """Use what is kept without a command: by the made account, or by the person beside it."""
        with suppress(subprocess.TimeoutExpired):
            asking.end()
        accounts = [one.pw_name for one in made_for(scenario.who)] if scenario.kind == "account" else [scenario.who]
        for account in accounts[-1:]:
            with suppress(LookupError, OSError):  # it may have been taken back by now
                shutil.chown(act[1], account)
                acting = self._as(account, act[0], act[1], "ends", *act[3:])
                self.used[scenario.kind] += 1
                with suppress(subprocess.TimeoutExpired):
                    acting.wait(PATIENCE)

    def _end(self, scenario: Scenario, asking: Asking, reason: str) -> None:
        match scenario.ends:
            case "revoked" | "kept and revoked":
                for request in self._kept("requests", ended=True):
                    if request.claims.reason == reason:
                        self.house.jitd("revoke", request.lease or request.id)
            case "killed":
                with suppress(ProcessLookupError):
                    os.killpg(asking.process.pid, signal.SIGKILL)

    def _kept(self, which: str, *, ended: bool = False) -> list[object]:
        found: list[object] = self.house.kept(which, ended=ended)
        return found

    def _happen(self, happens: str) -> None:
        match happens:
            case "jitd-givers is killed":
                self._kill("jitd-givers")
            case "a monitor is killed":
                if monitors := _children(self.house.launcher):
                    with suppress(ProcessLookupError):
                        os.kill(monitors[-1], signal.SIGKILL)
            case "jitd is killed":
                self.house.restart()
            case "jitd is restarted":
                self.house.stop()
                self.house.start()
            case "somebody is locked":
                self.house.jitd("lock", "--user", "alice", "--reason", "x")
                self.house.jitd("unlock", "--user", "alice", "--reason", "x")

    def _kill(self, name: str) -> None:
        assert self.house.process is not None
        for pid in _children(self.house.process.pid):
            with suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text() == f"{name}\n":
                    os.kill(pid, signal.SIGKILL)

    # --- asking ------------------------------------------------------------------------------------------------------------

    def _still_works(self) -> list[str]:
        """End what is held, and ask whether any of it still works."""
        for grant in self._kept("grants"):
            self.house.jitd("revoke", grant.id)  # type: ignore[attr-defined]
        try:
            wait_for(lambda: not self.house.kept("holdings") and not self.house.kept("runs"), within=3 * PATIENCE, what="the end")
        except AssertionError as fault:
            return [f"{fault}: {self.house.kept('holdings')} {self.house.kept('runs')} {self.house.log()[-3000:]}"]
        works = [f"{who} can use {kind}" for kind, world in self.worlds.items() for who in PEOPLE if world.works(who)]
        works += [f"{pid} has the group" for pid in _with_group(self.gid)]
        works += [f"{file} gives the group" for file in self._set_gid_files()]
        works += self._in_the_database()
        self._clean()
        return works

    def _set_gid_files(self) -> list[str]:
        line = ["find", str(self.place), "/tmp", "/dev/shm", "/var/tmp", "/home", "-xdev", "-type", "f", "-gid", str(self.gid),
                "-perm", "-2010"]  # fmt: skip
        return subprocess.run(line, capture_output=True, text=True, check=False).stdout.split("\n")[:-1]

    def _in_the_database(self) -> list[str]:
        world = self.worlds["postgres-role"]
        assert isinstance(world, PostgresWorld)
        sessions = "SELECT 'a session of ' || coalesce(usename, 'nobody') FROM pg_stat_activity WHERE client_addr IS NOT NULL"
        members = "SELECT member::regrole || ' is a member' FROM pg_auth_members WHERE roleid = 'reporting_ro'::regrole"
        found = [str(word) for ask in (sessions, members) for (word,) in world._server.ask(ask)]
        return [word for word in found if not word.startswith("postgres ")]

    def _clean(self) -> None:
        """End and remove all that may outlive a right."""
        for own in self.place.glob("of-*"):
            (own / "stop").touch()
        keep = {each.pid for each in self._accomplices}

        def is_clean() -> bool:
            left = {int(word.partition(" ")[0]) for word in _processes() - self.others} - keep
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not left

        wait_for(is_clean, what="the end of people's processes")
        for who in PEOPLE:
            subprocess.run(["crontab", "-r", "-u", who], check=False, stderr=subprocess.DEVNULL)
        for own in self.place.glob("of-*"):
            subprocess.run(["umount", "--lazy", "--quiet", own / "shown"], check=False, stderr=subprocess.DEVNULL)
            subprocess.run(["rm", "-rf", "--one-file-system", own], check=False, stderr=subprocess.DEVNULL)


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _uids() -> set[int]:
    """The people's uids, and those of the accounts that were made for them."""
    return {pwd.getpwnam(name).pw_uid for name in PEOPLE}


def _processes() -> set[str]:
    """What runs in the name of the people or of accounts made for them, by its command line."""
    uids, found = _uids(), set()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            uid = place.stat().st_uid
            state = re.search(r"^State:\s+(\w)", (place / "status").read_text(), re.MULTILINE)
            if (uid in uids or 70_000 <= uid < 80_000) and state and state[1] != "Z":
                found.add(f"{place.name} {(place / 'cmdline').read_bytes()!r}")
    return found


def _with_group(gid: int) -> list[str]:
    """The processes that have the group ``gid``, in whatever of their ids."""
    found = []
    for status in Path("/proc").glob("[0-9]*/status"):
        with suppress(OSError):
            lines = dict(line.split(":", 1) for line in status.read_text().splitlines() if ":" in line)
            if str(gid) in lines["Gid"].split() + lines["Groups"].split() and not lines["State"].strip().startswith("Z"):
                found.append(f"{status.parent.name} {lines['Name'].strip()}")
    return found


if __name__ == "__main__":  # hostile.py SEED N: play N scenarios of that seed, in a lab
    seed, number = map(int, sys.argv[1:])
    stage = Stage()
    try:
        played = stage.play(seed, number)
        print(*stage.unused, f"of {number} holders, these had a right: {dict(stage.used)}; {len(played)} work still", sep="\n")
    finally:
        stage.close()
    raise SystemExit(bool(played))
