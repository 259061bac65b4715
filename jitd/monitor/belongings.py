# SPDX-License-Identifier: Apache-2.0
"""What belongs to one login session, and by what it is found.

The process that asks is put into a control group before it is let in. What comes after us in the stack gives the session names of
its own: the scope into which logind moves it, and the kernel's audit session, which pam_loginuid begins: it stays with a process
that a user manager takes into another control group.
Law: what the session is known by stands on the run's plate, from before anybody is moved: who keeps it can be killed at any
moment, and the next keeper begins with no more than that. What was there before the session is no part of it.
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
from jitd.monitor.places import SCOPE, SESSION, Asker, asker_of, note, plate_lines
from jitd.monitor.signalling import Pid, kill_all, members
from jitd.monitor.strays import NO_SESSION, session_of, started_at

LOGINDS_SCOPE = re.compile(r"/session-[A-Za-z0-9]+\.scope\Z")
LOGINDS_SESSIONS = "/run/systemd/sessions"
"""The directory with a file for each session (sd-login(3) reads them too). A file stays until the session's scope is empty, even
if the leader of the session has ended."""


class Belongings:
    """All of one session: the process that asked, its control group, and what is found by the names that it gets later."""

    def __init__(self, pid: Pid, started: int, plate: int) -> None:
        self.housing = Housing()
        self.process: int | None = None
        """The descriptor of the process that asked, as long as it lives."""
        self._plate = plate
        self._asker = Asker(pid, started, int(time.monotonic() * 1e6), session_of(pid), group_of(pid) or "")
        self._came_from: dict[Pid, str] = {}  # process → the control group from which it was moved into ours
        self._scope = ""  # the directory of logind's scope, once there is one
        self._scope_is = 0  # the scope's inode: another session may get the same name later
        self._session = NO_SESSION  # the audit session, once this login has its own
        self._hold()

    @classmethod
    def of_plate(cls, plate: int) -> Belongings:
        """Those of a session that another keeper has begun. Raises OSError, or ValueError if the plate names nobody."""
        place, *lines = plate_lines(plate)
        asker = asker_of(lines)
        if asker is None:
            raise ValueError("the plate does not say who asked")
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
        """The number of the process that asked, which may be another's once that has ended."""
        return self._asker.pid

    def _hold(self) -> None:
        with suppress(OSError):
            process = os.pidfd_open(self.pid)
            if started_at(self.pid) == self._asker.started:
                self.process = process
            else:
                os.close(process)

    def lose(self) -> None:
        """The process that asked has ended."""
        if self.process is not None:
            os.close(self.process)
            self.process = None

    def has_ended(self) -> bool:
        """True if the process that asked has ended: from then on its number may be another process's."""
        if self.process is None:
            return True
        poll = select.poll()
        poll.register(self.process, select.POLLIN)
        return bool(poll.poll(0))

    # --- taking in -----------------------------------------------------------------------------------------------------

    def take_in(self, run: str, *, is_housed: bool) -> None:
        """Take a control group, noted on the plate so that it is never forgotten, and put the process and what is below it there.

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
        """Move the processes back to where they were: a program that was refused may go on, but not in our control group."""
        for pid, group in self._came_from.items():
            with suppress(OSError):
                if group_of(pid) == f"{self.housing.directory}/command":
                    _move(pid, group)
        self._came_from.clear()

    # --- names ---------------------------------------------------------------------------------------------------------

    def find_names(self) -> None:
        """Find the audit session and the scope of this login: PAM modules that stand after ours in the stack make them."""
        if self._session != NO_SESSION and self._scope:
            return
        session, scope = session_of(self.pid), group_of(self.pid) or ""
        if self.has_ended():  # looked at afterwards: while it lives, they are its own
            session, scope = self._said_by_logind()
        elif scope == self._asker.group:  # it was in one before: then logind did not make it for this session
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
        """Audit session and scope of the session that logind has begun for who asked; NO_SESSION and empty if none."""
        top = os.path.dirname(group_of(1) or "")
        for said in _loginds_sessions():
            with suppress(KeyError, ValueError):
                if said["LEADER"] == str(self.pid) and int(said["MONOTONIC"]) >= self._asker.since:
                    scope = f"{top}/user.slice/user-{int(said['UID'])}.slice/{said['SCOPE']}" if top else ""
                    return int(said.get("AUDIT", NO_SESSION)), scope
        return NO_SESSION, ""

    # --- all of it -----------------------------------------------------------------------------------------------------

    def members(self) -> set[Pid]:
        """Return all processes of the session but the process that asked."""
        found = self.in_groups()
        if self.process is not None:
            below = descendants(self.pid)
            if not self.has_ended():  # looked at afterwards: while it lives, they are its own
                found |= below
        if self._session != NO_SESSION:
            found.update(pid for name in os.listdir("/proc") if name.isdigit() and session_of(pid := int(name)) == self._session)
        return found - {self.pid, os.getpid()}

    def in_groups(self) -> set[Pid]:
        """Return the processes of the session in our control group and in logind's scope. This takes little time."""
        return members(self.groups())

    def groups(self) -> list[str]:
        """The directories of the control groups in which it is."""
        own = f"{self.housing.directory}/command" if self.housing.directory else ""
        return [group for group in (own, self._living_scope()) if group]

    def _living_scope(self) -> str:
        """Return the directory of logind's scope, as long as it is the scope that was found; empty afterwards."""
        try:
            return self._scope if self._scope and os.stat(self._scope).st_ino == self._scope_is else ""
        except OSError:
            return ""

    def is_gone(self) -> bool:
        """True if nothing of it is found any more."""
        return self.process is None and not self.in_groups() and not self.members()

    def kill(self) -> None:
        """End all of it, now. To be called again until ``is_gone``."""
        self.signal_asker(signal.SIGKILL)
        self.housing.kill()
        if scope := self._living_scope():
            with suppress(OSError), open(f"{scope}/cgroup.kill", "w", encoding="ascii") as file:
                file.write("1")
        kill_all(self.members)  # also the processes outside of these control groups

    def signal_asker(self, number: int) -> None:
        """Signal the process that asked, if it lives."""
        if self.process is not None:
            with suppress(OSError):
                signal.pidfd_send_signal(self.process, number)


def _move(pid: Pid, group: str) -> None:
    with open(f"{group}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(pid))


def _loginds_sessions() -> Iterator[dict[str, str]]:
    """What logind says of each session: names and values (they are read by sd-login(3), too). Beside the file of a session there
    is a fifo, ``NAME.ref``; a process that reads it waits until the session ends.
    """
    with suppress(OSError):
        for name in filter(str.isalnum, os.listdir(LOGINDS_SESSIONS)):
            with suppress(OSError, ValueError), open(f"{LOGINDS_SESSIONS}/{name}", encoding="utf-8") as file:
                yield dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
