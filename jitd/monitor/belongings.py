# SPDX-License-Identifier: Apache-2.0
"""Defines which processes belong to one login session, and how jitd finds them.

A login begins with a process that asks for the login, for example a process of sshd. jitd puts the process that asked for the
login into a control group before the login is allowed. jitd finds the session by three names. The first name is the path of this
control group. Other PAM modules give the session two more names later. One is the scope into which logind moves the session. The
other is the kernel's audit session, which pam_loginuid starts. A user manager may move a process to another control group, but
the process keeps its audit session.
Law: the path of the control group is written on the run's plate, which is the run's lock file, before any process is moved. The
two later names are written there as soon as they are found. A keeper is the process that watches a login session. It can be
killed at any moment, and the next keeper has only the data on the plate. A process that existed before the session does not
belong to the session.
"""

from __future__ import annotations

import os
import re
import select
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

from jitd.monitor.housing import Housing, descendants, group_of
from jitd.monitor.places import SCOPE, SESSION, Asker, asker_of, note, plate_lines, started_at
from jitd.monitor.signalling import Pid, kill_all, members

NO_SESSION = 2**32 - 1  # the audit session of a process that does not come from a login (`/proc/PID/sessionid`)
LOGINDS_SCOPE = re.compile(r"/session-[A-Za-z0-9]+\.scope\Z")
LOGINDS_SESSIONS = "/run/systemd/sessions"
"""The directory in which logind keeps one file for each session. sd-login(3) reads the same files. The file of a session exists
until the session's scope is empty, even if the leader of the session has ended.
"""


class Belongings:
    """All processes of one session: the process that asked for the login, the processes in its control group, and other
    processes. jitd finds these other processes by the session's scope and its audit session.
    """

    def __init__(self, pid: Pid, started: int, plate: int) -> None:
        self.housing = Housing()
        self.process: int | None = None  # a descriptor of what asked for the login. None if that has ended
        self._plate = plate
        self._asker = Asker(pid, started, int(time.monotonic() * 1e6), session_of(pid), group_of(pid) or "")
        self._came_from: dict[Pid, str] = {}  # process → the control group from which jitd moved the process
        self._scope = ""  # the directory of logind's scope; empty until it is known
        self._scope_is = 0  # the inode of that scope, because another session may get the same name later
        self._session = NO_SESSION  # the audit session of this login, once it is known
        self._hold()

    @classmethod
    def of_plate(cls, plate: int) -> Belongings:
        """Return the belongings of a session of an earlier keeper, by the descriptor of its plate (in ``/run/jitd/runs``). Raises
        OSError, and ValueError if that does not name who asked for the login.
        """
        place, *lines = plate_lines(plate)
        asker = asker_of(lines)
        if asker is None:
            raise ValueError("the plate does not name the process that asked for the login")
        found = cls(asker.pid, asker.started, plate)
        found._asker = asker
        found.housing.inherit(os.fsdecode(place))
        for line in lines:
            if line.startswith(SCOPE):
                number, path = line.removeprefix(SCOPE).split(b" ", 1)
                found._scope_is, found._scope = int(number), os.fsdecode(path)
            elif line.startswith(SESSION):
                found._session = int(line.removeprefix(SESSION))
        return found

    @property
    def pid(self) -> Pid:
        """The pid of the process that asked for the login. After the end of that process, another process may get this pid."""
        return self._asker.pid

    def _hold(self) -> None:
        with suppress(OSError):
            process = os.pidfd_open(self.pid)
            if started_at(self.pid) == self._asker.started:
                self.process = process
            else:
                os.close(process)

    def lose(self) -> None:
        """Close the descriptor of the process that asked for the login, because this process has ended."""
        if self.process is not None:
            os.close(self.process)
            self.process = None

    def has_ended(self) -> bool:
        """True if the process that asked for the login has ended, even if another process has the same pid now."""
        if self.process is None:
            return True
        poll = select.poll()
        poll.register(self.process, select.POLLIN)
        return bool(poll.poll(0))

    # --- control group -------------------------------------------------------------------------------------------------

    def take_in(self, run: str, *, is_housed: bool) -> None:
        """Reserve a control group for the session. Move the process that asked for the login and its descendants into this group.
        The group's path is written on the plate (the run's lock file) first, so that a later keeper can find the group.

        Raises OSError.
        """
        place = self.housing.place_for(run, is_housed=is_housed)
        os.pwrite(self._plate, os.fsencode(place or "") + b"\n" + self._asker.line() + b"\n", 0)
        if place is None or not self.housing.take(place):
            raise OSError
        self._take_in(self.pid, place)
        for pid in descendants(self.pid):
            with suppress(ProcessLookupError):
                self._take_in(pid, place)

    def _take_in(self, pid: Pid, place: str) -> None:
        came_from = group_of(pid)
        if came_from is not None:
            self._came_from[pid] = came_from
        _move(pid, f"{place}/command")

    def let_go(self) -> None:
        """Move the processes back to their earlier control groups: a refused login's program goes on outside of jitd's."""
        for pid, group in self._came_from.items():
            with suppress(OSError):
                if group_of(pid) == f"{self.housing.directory}/command":
                    _move(pid, group)
        self._came_from.clear()

    # --- names ---------------------------------------------------------------------------------------------------------

    def find_names(self) -> None:
        """Find the audit session and the scope of this login, which PAM modules after pam_jit create."""
        if self._session != NO_SESSION and self._scope:
            return
        session, scope = session_of(self.pid), group_of(self.pid) or ""
        if self.has_ended():  # checked after the reads: if the process still lives, the values belong to it
            session, scope = self._said_by_logind()
        # the process was in this group before, so logind did not make the group for this session
        elif scope == self._asker.group:
            scope = ""
        if self._session == NO_SESSION and session not in (NO_SESSION, self._asker.session):
            note(self._plate, SESSION + b"%d" % session)
            self._session = session
        if not self._scope and LOGINDS_SCOPE.search(scope):
            with suppress(OSError):
                number = os.stat(scope).st_ino
                note(self._plate, SCOPE + b"%d %s" % (number, os.fsencode(scope)))
                self._scope_is, self._scope = number, scope

    def _said_by_logind(self) -> tuple[int, str]:
        """Return the audit session and the scope of the login, or NO_SESSION and an empty text if logind has made none."""
        top = os.path.dirname(group_of(1) or "")
        for said in _loginds_sessions():
            with suppress(KeyError, ValueError):
                if said["LEADER"] == str(self.pid) and int(said["MONOTONIC"]) >= self._asker.since:
                    scope = f"{top}/user.slice/user-{int(said['UID'])}.slice/{said['SCOPE']}" if top else ""
                    return int(said.get("AUDIT", NO_SESSION)), scope
        return NO_SESSION, ""

    # --- all processes -------------------------------------------------------------------------------------------------

    def members(self) -> set[Pid]:
        """Return all processes of the session except the process that asked for the login."""
        found = self.in_groups()
        if self.process is not None:
            below = descendants(self.pid)
            if not self.has_ended():  # checked after the search: if the process still lives, the descendants belong to it
                found |= below
        if self._session != NO_SESSION:
            found.update(pid for name in os.listdir("/proc") if name.isdigit() and session_of(pid := int(name)) == self._session)
        return found - {self.pid, os.getpid()}

    def in_groups(self) -> set[Pid]:
        """Return the processes of the session that are in jitd's control group or in logind's scope. This call is fast."""
        return members(self.groups())

    def groups(self) -> list[str]:
        """Return the directories of the session's control groups."""
        own = f"{self.housing.directory}/command" if self.housing.directory else ""
        return [group for group in (own, self._living_scope()) if group]

    def _living_scope(self) -> str:
        """Return the directory of logind's scope. Return an empty string if that scope does not exist any more."""
        try:
            return self._scope if self._scope and os.stat(self._scope).st_ino == self._scope_is else ""
        except OSError:
            return ""

    def is_gone(self) -> bool:
        """True if no process of the session can be found any more."""
        return self.process is None and not self.in_groups() and not self.members()

    def kill(self) -> None:
        """Kill all processes of the session now. The caller repeats this call until ``is_gone`` returns True."""
        self.signal_asker(signal.SIGKILL)
        self.housing.kill()
        if scope := self._living_scope():
            with suppress(OSError), open(f"{scope}/cgroup.kill", "w", encoding="ascii") as file:
                file.write("1")
        kill_all(self.members)  # includes the processes outside of these control groups

    def signal_asker(self, number: int) -> None:
        """Send a signal to the process that asked for the login, if it is alive."""
        if self.process is not None:
            with suppress(OSError):
                signal.pidfd_send_signal(self.process, number)


def _move(pid: Pid, group: str) -> None:
    with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(pid))


def _loginds_sessions() -> Iterator[dict[str, str]]:
    """Yield the data of logind about each session, which maps names to values (sd-login(3) reads the same). A fifo ``NAME.ref``
    in the directory is skipped: who reads it would wait until the session ends.
    """
    with suppress(OSError):
        for name in filter(str.isalnum, os.listdir(LOGINDS_SESSIONS)):
            with suppress(OSError), open(f"{LOGINDS_SESSIONS}/{name}", "rb") as file:
                lines = os.fsdecode(file.read()).split("\n")
                yield {name: value for name, is_given, value in (line.partition("=") for line in lines) if is_given}


def session_of(pid: Pid) -> int:
    """Return the audit session of a living process. Return NO_SESSION if the process has no audit session, or has ended."""
    try:
        with open(f"/proc/{pid}/sessionid", "rb") as file:
            session = int(file.read(32))
        with open(f"/proc/{pid}/stat", "rb") as file:
            return session if file.read(4096).rpartition(b")")[2].split()[0] not in (b"Z", b"X") else NO_SESSION
    except (OSError, ValueError, IndexError):
        return NO_SESSION
