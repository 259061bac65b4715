# SPDX-License-Identifier: Apache-2.0
"""The process beside one login session (its keeper): it puts the session into a control group, watches it, and ends all of it
when the grant ends.

The session belongs to another program, such as sshd or login. Its processes are found in three ways. The keeper puts the process
that asked into a control group before the login may go on. Afterwards logind may move that process into a scope. And
pam_loginuid begins an audit session in the kernel, which stays with a process that a user manager moves to another control group.
Law: no login goes on before its session is in the control group. The session has ended when the process that asked has ended and
no other process of the session is found any more. If the login is refused, its processes are moved back to where they were.
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
"""Seconds within which the daemon must let the session begin; after that it is refused."""
READ_WITHIN = 0.25
"""Seconds between the sentence on the person's terminal and the hang-up: sshd, which passes it on, is ended too."""
GRACE = 2.0
"""Seconds between SIGHUP and SIGKILL for all processes of the session."""
LEADS_FOR = 1.0
"""Seconds between SIGHUP and SIGTERM for the program that asked. In this time it can close its PAM session, and end by itself."""
LOOK_AGAIN = 0.03
"""Seconds between two checks whether all processes of the session have ended, while the session is being ended."""
NAMES_WITHIN = 5.0
"""For so many seconds after the beginning, the keeper looks often for logind's scope and the audit session. PAM modules that run
after ours make them."""
LOGINDS_SCOPE = re.compile(r"/session-[A-Za-z0-9]+\.scope\Z")
LOGINDS_SESSIONS = "/run/systemd/sessions"
"""The directory with a file for each session (sd-login(3) reads them too). A file stays until the session's scope is empty, even
if the leader of the session has ended."""


class Keeper:
    """One login session, from its job until the daemon has taken the outcome."""

    def __init__(self, job: Login, line: Line, plate: int, state_dir: str) -> None:
        self.job = job
        self.line = line
        self.plate = plate
        self.state_dir = state_dir
        self.state = "starting"
        self.housing = Housing()
        self._wakeup = Wakeup()
        self._began_at = time.monotonic()
        self._process: int | None = None  # a pidfd of the process that asked, as long as that process lives
        self._scope = ""  # the directory of logind's scope, once there is one
        self._scope_is = 0  # the scope's inode: another session may get the same name later
        self._session_before = NO_SESSION
        self._session = NO_SESSION  # the audit session, once this login has its own
        self._came_from: dict[Pid, str] = {}  # process → the control group from which it was moved into ours
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
        """Watch the session, and end it, until the daemon has taken the outcome."""
        self._hear_daemon()
        while not self._is_taken:
            try:
                self._wait()
                self._look()
                self._hear_daemon()
            except Exception as fault:  # of any kind: the session must not go on unwatched
                if self._because:  # it fails while it ends the session: kill now; if that fails too, the daemon ends the rest
                    self._kill()
                self._stop(f"what kept the session failed: {type(fault).__name__}: {fault}")
                time.sleep(LOOK_AGAIN)

    # --- beginning -----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Note a control group on the plate, so that it is never forgotten, make it, and put the process that asked into it."""
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
        if self._has_ended():  # then the process that was moved may be another one with the same number
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
        """Move the processes back to where they were: a program that was refused may go on, but not in our control group."""
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
                self._find_names()  # the last moment: logind's file names the session's leader, and that process is ending
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
        """Find the audit session and the scope of this login: PAM modules that stand after ours in the stack make them."""
        if self.state != "running":
            return
        if self._session == NO_SESSION:
            found = session_of(self.job.pid)
            if found != self._session_before and not self._has_ended():
                self._session = found
        if not self._scope:
            self._find_scope()

    def _find_scope(self) -> None:
        """Find the scope into which logind moves the login, and note it on the plate, as our own control group is noted."""
        group = group_of(self.job.pid) if not self._has_ended() else _scope_of_leader(self.job.pid, self._began_at)
        if group is None or not LOGINDS_SCOPE.search(group) or (self._process is not None and self._is_anothers(group)):
            return
        with suppress(OSError):
            self._scope_is = os.stat(group).st_ino
            self._scope = group
            line = b"scope %d %s\n" % (self._scope_is, os.fsencode(group))
            os.pwrite(self.plate, line, os.fstat(self.plate).st_size)

    def _is_anothers(self, group: str) -> bool:
        """True if the process was in scope ``group`` before the keeper moved it: logind did not make it for this session."""
        return self._came_from.get(self.job.pid) == group

    def _has_ended(self) -> bool:
        """True if the process that asked has ended: from then on its number may be another process's."""
        if self._process is None:
            return True
        poll = select.poll()
        poll.register(self._process, select.POLLIN)
        return bool(poll.poll(0))

    def _members(self) -> set[Pid]:
        """Return all processes of the session but the process that asked."""
        found = self._in_groups()
        if self._process is not None:
            below = descendants(self.job.pid)
            if not self._has_ended():  # asked afterwards: only as long as it lives, its number is its own
                found |= below
        if self._session != NO_SESSION:
            found.update(pid for name in os.listdir("/proc") if name.isdigit() and session_of(pid := int(name)) == self._session)
        return found - {self.job.pid, os.getpid()}

    def _in_groups(self) -> set[Pid]:
        """Return the processes of the session in our control group and in logind's scope. This takes little time."""
        return members(self._groups())

    def _groups(self) -> list[str]:
        return [group for group in (f"{self.housing.directory}/command", self._living_scope()) if group]

    def _living_scope(self) -> str:
        """Return the directory of logind's scope, as long as it is the scope that was found; empty afterwards."""
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
        """End the session: tell the people in it why, then send SIGHUP, then SIGKILL."""
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
        # The program that opened the session closes it after all processes have ended. SIGTERM now would end login before that.
        self._term_at = now + LEADS_FOR if hang_up_all(self._members, self._groups()) else now

    def _kill(self) -> None:
        self._signal_asker(signal.SIGKILL)
        self.housing.kill()
        if scope := self._living_scope():
            with suppress(OSError), open(f"{scope}/cgroup.kill", "w", encoding="ascii") as file:
                file.write("1")
        kill_all(self._members)  # also the processes outside of these control groups

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
        with suppress(OSError):  # a full disk: try again at the next look; until then only this process knows the outcome
            write_outcome(self.state_dir, self.job.run, self._left)
            self._is_durable = True


def _move(pid: Pid, group: str) -> None:
    with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(pid))


def _scope_of_leader(pid: Pid, since: float) -> str | None:
    """Return the scope of the session that logind has begun for ``pid`` after ``since`` (seconds, CLOCK_MONOTONIC), or None."""
    top = os.path.dirname(group_of(1) or "")
    with suppress(OSError, ValueError):
        for name in os.listdir(LOGINDS_SESSIONS):
            with suppress(OSError, ValueError), open(f"{LOGINDS_SESSIONS}/{name}", encoding="utf-8") as file:
                said = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
                if said.get("LEADER") == str(pid) and int(said.get("MONOTONIC", "0")) >= since * 1e6 and top:
                    return f"{top}/user.slice/user-{int(said['UID'])}.slice/{said['SCOPE']}"
    return None
