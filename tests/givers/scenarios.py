# SPDX-License-Identifier: Apache-2.0
"""Random scenarios of people who act within what they were given, on a host with things of every kind (``make torture``).

A scenario is one person who gets some things, uses them or keeps them, and lets them go in one of many ways. Some are played at
the same time, while something may happen to the host: a process of jitd's is killed, a target is down, somebody is locked.
Law: afterwards the host equals itself before, by the worlds of worlds.py: nobody can use anything, no process of the people is
left, and the record verifies. A seed plays the same scenarios again, but not the same moments.
"""

from __future__ import annotations

import itertools
import os
import pwd
import random
import re
import signal
import subprocess
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from tests.givers.worlds import WITH_SECRET, WORLDS, World
from tests.system.conftest import Asking, House
from tests.waiting import PATIENCE, wait_for

PEOPLE = ("alice", "bob")
AT_ONCE = 8
"""Scenarios that are played at the same time."""
RULE = '[[permit]]\nname = "at once"\nwho = ["user:alice", "user:bob"]\ngives = [{things}]\ngrant = {{ lasts = "10m" }}\n'
USES = {
    "sudoers": "sudo -n /usr/bin/id -u",
    "postgres-role": 'PGSERVICEFILE=/dev/fd/$JITSUDO_ACCESS_FD psql -XAt service=reporting -h 127.0.0.1 -c "TABLE orders"',
    "ssh-certificate": "ssh-keygen -L -f /dev/fd/$JITSUDO_ACCESS_FD | grep -c Serial",
    "program": "true",
}
ENDS = ("it ends", "it fails", "revoked", "killed", "interrupted", "kept and revoked", "kept and killed meanwhile", "it is over")
UNUSED, OTHERWISE = "it was not used", "it ended otherwise"
EXCUSED = (UNUSED, OTHERWISE)
"""What a scenario may come to if something happens to the host."""
HAPPENS = ("", "", "jitd-givers is killed", "jitd is killed", "jitd is restarted", "somebody is locked", "a target is down",
           "somebody takes things away")  # fmt: skip


@dataclass(frozen=True)
class Scenario:
    """One person, the kinds of the things, and how they let them go."""

    who: str
    kinds: tuple[str, ...]
    ends: str

    @classmethod
    def drawn(cls, chance: random.Random) -> Scenario:
        """Draw one. One thing with a secret at most: their secrets go into one file."""
        kinds = [kind for kind in WORLDS if kind not in WITH_SECRET and kind in USES]
        chosen = chance.sample(kinds, chance.randint(0, len(kinds)))
        if not chosen or chance.random() < 0.5:
            chosen.append(chance.choice([kind for kind in WITH_SECRET if kind in USES]))
        return cls(chance.choice(PEOPLE), tuple(chosen), chance.choice(ENDS))


class Stage:
    """A host with every kind of thing that scenarios use, and a daemon that gives them at once."""

    def __init__(self) -> None:
        self.worlds: dict[str, World] = {kind: WORLDS[kind]() for kind in USES}
        for world in self.worlds.values():
            world.prepare()
        self.before = self._snapshots()
        self._others = _processes()
        things = ", ".join(f'"{world.thing}"' for world in self.worlds.values())
        self.house = House(RULE.format(things=things), "".join(world.config for world in self.worlds.values()))
        self.house.start()
        self._numbers = itertools.count(1)

    def close(self) -> None:
        self.house.close()
        for world in self.worlds.values():
            world.clear()

    def _left(self) -> list[str]:
        """What people run by now, but for what they ran before: ``_processes``."""
        return sorted(_processes() - self._others)

    def _snapshots(self) -> dict[str, object]:
        return {kind: world.snapshot() for kind, world in self.worlds.items()}

    # --- playing -------------------------------------------------------------------------------------------------------------

    def play(self, seed: int, n_scenarios: int) -> list[str]:
        """Play ``n_scenarios``. Return what was not as it should be, with what was played."""
        chance = random.Random(seed)
        faults = []
        for _ in range(0, n_scenarios, AT_ONCE):
            scenarios, happens = [Scenario.drawn(chance) for _ in range(AT_ONCE)], chance.choice(HAPPENS)
            found = self._play(scenarios, happens, chance.choice(list(self.worlds)))
            faults += [f"seed {seed}, {happens or 'nothing'} happens, {scenarios}: {fault}" for fault in found]
        return faults

    def _play(self, scenarios: Sequence[Scenario], happens: str, kind: str) -> list[str]:
        with ThreadPoolExecutor(AT_ONCE) as lanes:
            playing = [lanes.submit(self._one, scenario) for scenario in scenarios]
            self._happen(happens, self.worlds[kind])
            ended = [each.result() for each in playing]
        faults = [fault for fault in ended if fault and not (happens and fault.startswith(EXCUSED))]
        return faults + self._differences()

    def _one(self, scenario: Scenario) -> str:
        """Play one. Return what went wrong with it; empty if nothing did."""
        who, ends = scenario.who, scenario.ends
        asked = [word for kind in scenario.kinds for word in ("--get", self.worlds[kind].thing, *self.worlds[kind].needs(who))]
        reason = f"scenario {next(self._numbers)}"
        asked += ["--reason", reason, *(["--for", "2s"] if ends == "it is over" else [])]
        if ends.startswith("kept"):
            keeps = [word for kind in scenario.kinds for word in self.worlds[kind].to_keep(who)]
            asking = self.house.ask(who, *asked, *keeps)
            if ends == "kept and killed meanwhile":
                asking.process.send_signal(signal.SIGKILL)
            with suppress(subprocess.TimeoutExpired):
                asking.end()
        else:
            uses = " && ".join(USES[kind] for kind in scenario.kinds)
            then = {"it ends": "exit 7", "it fails": "exit 1"}.get(ends, "exec sleep 600")
            asking = self.house.ask(who, *asked, "--", "sh", "-c", f"{{ {uses}; }} && echo used && {then}")
            with suppress(AssertionError):
                wait_for(lambda: "used" in asking.out or asking.process.poll() is not None)
            if "used" not in asking.out:
                _kill(asking)
                if ends == "it is over":  # before its time was over, on a busy host
                    return ""
                return f"{UNUSED}: {asking.out} {asking.err} {self._left()}"
            if ends == "killed":  # with the command, which is the person's own and goes on without the thing
                _kill(asking)
            elif ends == "interrupted":
                os.killpg(asking.process.pid, signal.SIGINT)
        if ends in ("revoked", "kept and revoked"):
            self._revoke(reason)
        with suppress(subprocess.TimeoutExpired):
            asking.end(PATIENCE)
            return "" if ends != "it ends" or asking.process.returncode == 7 else f"{OTHERWISE}: {asking.err}"
        return f"it has not ended: {asking.err}"

    def _revoke(self, reason: str) -> None:
        """Revoke the grant that the request with ``reason`` has. It has none if what it asks for could not be given."""
        for request in self.house.kept("requests", ended=True):
            if request.claims.reason == reason:
                self.house.jitd("revoke", request.lease or request.id)

    def _happen(self, happens: str, world: World) -> None:
        wait_for(lambda: self.house.kept("holdings", ended=True), what="somebody who got something")
        match happens:
            case "jitd-givers is killed":
                self._kill_givers()
            case "jitd is killed":
                self.house.restart()
            case "jitd is restarted":
                self.house.stop()
                self.house.start()
            case "somebody is locked":
                self.house.jitd("lock", "--user", "alice", "--reason", "x")
                self.house.jitd("unlock", "--user", "alice", "--reason", "x")
            case "a target is down":
                world.break_target()
                wait_for(lambda: len(self.house.kept("holdings", ended=True)) > AT_ONCE // 2, what="some that are given")
                world.mend_target()
            case "somebody takes things away":
                with suppress(subprocess.CalledProcessError, psycopg.Error):  # there is nothing to take away just now
                    world.remove_by_hand()

    def _kill_givers(self) -> None:
        assert self.house.process is not None
        for word in Path(f"/proc/{self.house.process.pid}/task/{self.house.process.pid}/children").read_text().split():
            with suppress(OSError):
                if re.match(r"jitd-(givers|programs)", Path(f"/proc/{word}/comm").read_text()):
                    os.kill(int(word), signal.SIGKILL)

    # --- comparing -----------------------------------------------------------------------------------------------------------

    def _differences(self) -> list[str]:
        """End what is held, and compare the host with itself before."""
        for grant in {held.grant for held in self.house.kept("holdings")}:
            self.house.jitd("revoke", grant)
        try:
            wait_for(lambda: not self.house.kept("holdings"), what="the end of what is held")
            wait_for(lambda: not self._left(), what="the end of people's processes")
        except AssertionError as fault:
            return [f"{fault}: {self.house.kept('holdings')} {self._left()} {self.house.log()[-2000:]}"]
        can = [f"{who} can use {kind}" for kind, world in self.worlds.items() for who in PEOPLE if world.works(who)]
        now = self._snapshots()
        return can + [f"{kind}: {self.before[kind]} is now {now[kind]}" for kind in now if now[kind] != self.before[kind]]


def _kill(asking: Asking) -> None:
    with suppress(ProcessLookupError):
        os.killpg(asking.process.pid, signal.SIGKILL)


def _processes() -> set[str]:
    """What runs in the name of the people, by its command line."""
    uids = {pwd.getpwnam(name).pw_uid for name in PEOPLE}
    found = set()
    for place in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if place.stat().st_uid in uids and (line := (place / "cmdline").read_bytes()):
                found.add(f"{place.name} {line!r}")
    return found
