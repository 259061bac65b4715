# SPDX-License-Identifier: Apache-2.0
"""One process beside one login session: it takes the session into a control group, watches it, and ends all of it when its grant
does.

The session is somebody else's: sshd's, or login's. What it is made of is found by the control group into which the process that
asked was put before it was let in, by the scope into which logind may put it afterwards, and by the kernel's audit session, which
pam_loginuid begins: it stays with a process that a user manager takes into another control group.
Law: nobody is let in before the session is in hand; it has ended when the process that asked has, and nothing else of it is found
any more. Who is not let in is put back where they came from.
"""

from __future__ import annotations

import math
import os
import re
import select
import signal
import time
from contextlib import suppress
from dataclasses import asdict

from jitd.monitor.housing import Housing, descendants, group_of
from jitd.monitor.line import AGAIN_AFTER, Line
from jitd.monitor.orders import CANNOT, FAILED, Login, sentence
from jitd.monitor.places import Left, write_outcome
from jitd.monitor.seats import seats, tell
from jitd.monitor.signalling import Pid, hang_up_all, kill_all, members
from jitd.monitor.strays import NO_SESSION, session_of, started_at
from jitd.monitor.wakeup import Wakeup
from jitd.recording.writer import boot_clock

PATIENCE = 10.0
"""Seconds that a daemon may be gone, or silent, before the session has begun."""
READ_WITHIN = 0.25
"""Seconds between the sentence on the person's terminal and the hang-up: it has to get through sshd, which is ended too."""
GRACE = 2.0
"""Seconds between SIGHUP and the end of all."""
LEADS_FOR = 1.0
"""Seconds of these in which the program that asked may end by itself, as nothing of its session is left, and have PAM closed."""
LOOK_AGAIN = 0.03
"""Seconds between two looks whether all of it is gone, while it is being ended."""
NAMES_WITHIN = 5.0
"""Seconds after the beginning in which logind's scope and the audit session are looked for often: both come after us."""
LOGINDS_SCOPE = re.compile(r"/session-[A-Za-z0-9]+\.scope\Z")
LOGINDS_SESSIONS = "/run/systemd/sessions"
"""A file for each session (sd-login(3) reads them too): also for one whose leader has ended, until its scope is empty."""


class Keeper:
    """The life of one login session, as far as it is ours, until the daemon has taken its outcome."""

    def __init__(self, job: Login, line: Line, plate: int, state_dir: str) -> None:
        self.job = job
        self.line = line
        self.plate = plate
        self.state_dir = state_dir
        self.state = "starting"
        self.housing = Housing()
        self._wakeup = Wakeup()
        self._began_at = time.monotonic()
        self._process: int | None = None  # its descriptor, as long as it lives
        self._scope = ""  # logind's, once it is there
        self._scope_is = 0  # its number as a file: another session may get the same name later
        self._session_before = NO_SESSION
        self._session = NO_SESSION  # the audit session, once it is this login's own
        self._came_from: dict[Pid, str] = {}  # who was taken into our control group, and from which
        self._because = ""
        self._hang_up_at: float | None = None
        self._term_at: float | None = None
        self._kill_at: float | None = None
        self._left: Left | None = None
        self._is_durable = False
        self._is_settled = False
        self._is_taken = False
        try:
            self._process = os.pidfd_open(job.pid)
            if started_at(job.pid) != job.started:
                raise ProcessLookupError
        except OSError:
            self._end(Left("not started", CANNOT, "the program that asked has ended"))
        else:
            if not job.is_housed:
                self._settle()

    def run(self) -> None:
        """Live until the daemon has taken the outcome."""
        self._hear_daemon()
        while not self._is_taken:
            try:
                self._wait()
                self._look()
                self._hear_daemon()
            except Exception as fault:  # whatever it is: the session must not live on unwatched
                if self._because:  # it fails while it ends: at once, then; should that fail too, the daemon ends what we leave
                    self._kill()
                self._stop(f"what kept the session failed: {type(fault).__name__}: {fault}")
                time.sleep(LOOK_AGAIN)

    # --- beginning -----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Take a control group, note it on the plate so that it is never forgotten, and put the process into it."""
        self._is_settled = True
        place = self.housing.place_for(self.job.run, is_housed=self.job.is_housed)
        os.pwrite(self.plate, os.fsencode(place or "") + b"\n", 0)
        try:
            if place is None or not self.housing.take(place):
                raise OSError
            self._session_before = session_of(self.job.pid)
            self._take_in(self.job.pid, place)
            for pid in descendants(self.job.pid):
                with suppress(ProcessLookupError):
                    self._take_in(pid, place)
        except OSError:
            self._end(Left("not started", FAILED, "the session could not be put into a control group"))
            return
        if self._has_ended():  # and what was taken in may be another process by now
            self._end(Left("not started", CANNOT, "the program that asked has ended"))
            return
        self.state = "ready"
        self._report()

    def _take_in(self, pid: Pid, place: str) -> None:
        came_from = group_of(pid)
        if came_from is not None:
            self._came_from[pid] = came_from
        _move(pid, f"{place}/command")

    def _let_go(self) -> None:
        """Put back the processes we took in: a program that was refused may live on, and is not ours to keep."""
        for pid, group in self._came_from.items():
            with suppress(OSError):
                if group_of(pid) == f"{self.housing.directory}/command":
                    _move(pid, group)
        self._came_from.clear()

    # --- what happens --------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        if self.line.is_up:
            poll.register(self.line, select.POLLIN)
        if self._process is not None:
            poll.register(self._process, select.POLLIN)
        soon = LOOK_AGAIN if self._because and self._left is None else 1.0 if self.line.is_up else AGAIN_AFTER
        if self.state == "running" and time.monotonic() - self._began_at < NAMES_WITHIN:
            soon = min(soon, NAMES_WITHIN / 50)
        for descriptor, _ in poll.poll(math.ceil(soon * 1000)):
            if descriptor == self._wakeup.fileno():
                self._wakeup.drain()
            elif descriptor == self._process:
                self._find_names()  # the last moment: logind knows it by the number of the process that ends
                os.close(self._process)
                self._process = None

    def _look(self) -> None:
        now = time.monotonic()
        if self._left is not None:
            if not self._is_durable:
                self._keep_outcome()
            return
        if self._wakeup.was_told_to_end():
            self._stop("what keeps the session was told to end")
        if self.state in ("starting", "ready"):
            if self._process is None:
                self._end(Left("not started", CANNOT, "the program that asked has ended"))
                return
            if now - self._began_at > PATIENCE:
                self._end(Left("not started", FAILED, "the daemon went away before the session had begun"))
                return
        if self._process is not None:
            self._find_names()
        ends_at = self.job.ends_at_boot
        if ends_at is not None and not self._because and self.state == "running" and boot_clock() >= ends_at * 1e6:
            self._stop(self.job.ends_because)
        if self._hang_up_at is not None and now >= self._hang_up_at:
            self._hang_up()
        if self._term_at is not None and now >= self._term_at:
            self._term_at = None
            self._signal_asker(signal.SIGTERM)
        if self._kill_at is not None and now >= self._kill_at:
            self._kill()
        if self._process is None and self.state == "running" and not (self._in_groups() or self._members()):
            self._end(Left("signaled", signal.SIGHUP, self._because) if self._because else Left("exited", 0, ""))

    def _find_names(self) -> None:
        """By what else the session is known: what comes after us in the stack gives it names of its own."""
        if self.state != "running":
            return
        if self._session == NO_SESSION:
            found = session_of(self.job.pid)
            if found != self._session_before and not self._has_ended():
                self._session = found
        if not self._scope:
            self._find_scope()

    def _find_scope(self) -> None:
        """Note the scope into which logind moves the login, after us in the stack. It goes on the plate as our own group does."""
        group = group_of(self.job.pid) if not self._has_ended() else _scope_of_leader(self.job.pid, self._began_at)
        if group is None or not LOGINDS_SCOPE.search(group) or (self._process is not None and self._is_anothers(group)):
            return
        with suppress(OSError):
            self._scope_is = os.stat(group).st_ino
            self._scope = group
            line = b"scope %d %s\n" % (self._scope_is, os.fsencode(group))
            os.pwrite(self.plate, line, os.fstat(self.plate).st_size)

    def _is_anothers(self, group: str) -> bool:
        """True where the process was in the scope before it was taken in: then logind did not make it for this session."""
        return self._came_from.get(self.job.pid) == group

    def _has_ended(self) -> bool:
        """Whether the process that asked has: from then on its number may be another's."""
        if self._process is None:
            return True
        poll = select.poll()
        poll.register(self._process, select.POLLIN)
        return bool(poll.poll(0))

    def _members(self) -> set[Pid]:
        """All of the session but the process that asked."""
        found = self._in_groups()
        if self._process is not None:
            below = descendants(self.job.pid)
            if not self._has_ended():  # looked at afterwards: while it lives, they are its own
                found |= below
        if self._session != NO_SESSION:
            found.update(pid for name in os.listdir("/proc") if name.isdigit() and session_of(pid := int(name)) == self._session)
        return found - {self.job.pid, os.getpid()}

    def _in_groups(self) -> set[Pid]:
        """Those of it who are in our control group or in logind's, which is quickly seen."""
        return members(self._groups())

    def _groups(self) -> list[str]:
        return [group for group in (f"{self.housing.directory}/command", self._living_scope()) if group]

    def _living_scope(self) -> str:
        """logind's scope, as long as it is the one that we found; empty afterwards."""
        try:
            return self._scope if self._scope and os.stat(self._scope).st_ino == self._scope_is else ""
        except OSError:
            return ""

    def _hear_daemon(self) -> None:
        if self.line.connect():
            self.line.say("here", run=self.job.run, state=self.state, ends_at_boot=self.job.ends_at_boot)
            if self.state != "starting":
                self._report()
        while (word := self.line.hear()) is not None:
            say, values = word
            if say == "housed" and self.job.is_housed and not self._is_settled and self._left is None:
                self._settle()
            elif say == "go" and self.state == "ready":
                os.pwrite(self.plate, b"go\n", os.fstat(self.plate).st_size)
                self.state = "running"
                self._report()
            elif say == "stop":
                self._stop(values["because"])
            elif say == "taken" and self.state == "ended":
                self._is_taken = True

    def _report(self) -> None:
        if self.state == "ready":
            self.line.say("ready")
        elif self.state == "running":
            self.line.say("started", pid=self.job.pid)
        elif self._left is not None:
            self.line.say("ended", **asdict(self._left))

    # --- ending --------------------------------------------------------------------------------------------------------

    def _stop(self, because: str) -> None:
        """End it from outside: told why, then hung up, then killed."""
        if self._left is not None or self._because:
            return
        if self.state != "running":
            self._end(Left("not started", CANNOT, sentence(because)))
            return
        self._because = sentence(because)
        if self._process is not None:
            self._find_names()
        told = [tell(*seat, f"jitd: this session ends: {self._because}") for seat in seats(self._members())]
        self._hang_up_at = time.monotonic() + (READ_WITHIN if any(told) else 0.0)

    def _hang_up(self) -> None:
        self._hang_up_at = None
        now = time.monotonic()
        self._kill_at = now + GRACE
        # The program that opened the session closes it when its processes have gone (login dies of SIGTERM, and closes nothing).
        self._term_at = now + LEADS_FOR if hang_up_all(self._members, self._groups()) else now

    def _kill(self) -> None:
        self._signal_asker(signal.SIGKILL)
        self.housing.kill()
        if scope := self._living_scope():
            with suppress(OSError), open(f"{scope}/cgroup.kill", "w", encoding="ascii") as file:
                file.write("1")
        kill_all(self._members)  # those outside our groups too

    def _signal_asker(self, number: int) -> None:
        if self._process is not None:
            with suppress(OSError):
                signal.pidfd_send_signal(self._process, number)

    def _end(self, left: Left) -> None:
        if self.state != "running":
            self._let_go()
        self._left = left
        self.state = "ended"
        self._keep_outcome()
        self._report()

    def _keep_outcome(self) -> None:
        assert self._left is not None
        with suppress(OSError):  # a full disk: tried again; until then this process is what remembers
            write_outcome(self.state_dir, self.job.run, self._left)
            self._is_durable = True


def _move(pid: Pid, group: str) -> None:
    with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(pid))


def _scope_of_leader(pid: Pid, since: float) -> str | None:
    """The scope of the session that logind has begun for ``pid`` after ``since`` (monotonic seconds), or None."""
    top = os.path.dirname(group_of(1) or "")
    with suppress(OSError, ValueError):
        for name in os.listdir(LOGINDS_SESSIONS):
            with suppress(OSError, ValueError), open(f"{LOGINDS_SESSIONS}/{name}", encoding="utf-8") as file:
                said = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
                if said.get("LEADER") == str(pid) and int(said.get("MONOTONIC", "0")) >= since * 1e6 and top:
                    return f"{top}/user.slice/user-{int(said['UID'])}.slice/{said['SCOPE']}"
    return None
