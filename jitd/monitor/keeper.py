# SPDX-License-Identifier: Apache-2.0
"""The process beside one login session (its keeper). The keeper puts the session into a control group, watches the session, and
ends the session when the grant ends.

Another program has opened the session, for example sshd or login. The module ``belongings`` defines which processes belong to a
session. If the keeper is killed, the daemon starts another keeper. The new keeper reads the plate (the session's file in
``/run/jitd/runs``), ends the session, and reports the end.
Law: a login is allowed only after the session was put into its control group. The session has ended when two conditions are true.
The process that asked for the login has ended, and no other process of the session can be found. If a login is refused, the
keeper moves the processes back to their earlier control groups. A keeper that replaces a killed keeper never allows a login.
"""

from __future__ import annotations

import math
import select
import signal
import time
from contextlib import suppress
from dataclasses import replace

from jitd.monitor import orders
from jitd.monitor.belongings import Belongings
from jitd.monitor.held import free
from jitd.monitor.housing import Housing
from jitd.monitor.limits import HELD
from jitd.monitor.line import AGAIN_AFTER, Uplink
from jitd.monitor.orders import CANNOT, FAILED, Left, Login, sentence
from jitd.monitor.places import GO, note, plate_lines, write_outcome
from jitd.monitor.seats import seats, tell
from jitd.monitor.signalling import hang_up_all
from jitd.monitor.wakeup import Wakeup

PATIENCE = 10.0  # seconds in which the daemon must allow the session. After that, the keeper refuses it
READ_WITHIN = 0.25  # seconds from the message on the terminal to SIGHUP, which ends sshd, too: it has to transmit the message
GRACE = 2.0  # seconds between SIGHUP and SIGKILL for all processes of the session
LEADS_FOR = 1.0  # seconds from SIGHUP to SIGTERM for the program of the login: it can close its PAM session and end by itself
LOOK_AGAIN = 0.03  # seconds between two looks whether all processes of a session that is being ended have ended
NAMES_WITHIN = 5.0
"""For this number of seconds after the session has begun, the keeper often searches for logind's scope and for the audit session.
PAM modules that run after the module of jitd create the scope and the audit session.
"""
KILLED = "the keeper of the session was killed"


class Keeper:
    """Manages one login session, from its job until the daemon has confirmed the receipt of the outcome."""

    def __init__(self, job: Login, line: Uplink, plate: int, state_dir: str) -> None:
        """``plate`` is the descriptor of the session's plate (its file in ``/run/jitd/runs``). Raises OSError. Raises ValueError
        if the plate says that the session may have begun, but does not name the process that asked for the login.
        """
        self.job = job
        self.line = line
        self.plate = plate
        self.state_dir = state_dir
        self.state = "starting"
        self._wakeup = Wakeup()
        self._began_at = time.monotonic()
        self._because = ""
        self._hang_up_at: float | None = None
        self._term_at: float | None = None
        self._kill_at: float | None = None
        self._left: Left | None = None
        self._is_durable = False
        self._is_settled = False
        self._is_taken = False
        self._is_second = GO in plate_lines(plate)
        if self._is_second:
            self.session = Belongings.of_plate(plate)
            self.state = "running"
            return
        self.session = Belongings(job.pid, job.started, plate)
        if self.session.process is None:
            self._end(Left("not started", CANNOT, "the program that asked has ended"))
        elif not job.is_housed:
            self._settle()

    @property
    def housing(self) -> Housing:
        """The session's control group."""
        return self.session.housing

    def run(self) -> None:
        """Watch the session, and end it when necessary. Then wait until the daemon has confirmed the receipt of the outcome."""
        self._hear_daemon()
        while not self._is_taken:
            try:
                self._wait()
                self._look()
                self._hear_daemon()
            except Exception as fault:  # an exception of any kind: the session must not continue without a keeper
                # a failure while the session is being ended: kill now; if that fails too, the daemon ends the rest
                if self._because:
                    self.session.kill()
                self._stop(f"the keeper of the session failed: {type(fault).__name__}: {fault}")
                time.sleep(LOOK_AGAIN)

    # --- beginning -----------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Put the session into a control group."""
        self._is_settled = True
        try:
            self.session.take_in(self.job.run, is_housed=self.job.is_housed)
        except OSError:
            self._end(Left("not started", FAILED, "the session could not be put into a control group"))
            return
        if self.session.has_ended():  # another process may have got the pid of the process that was moved
            self._end(Left("not started", CANNOT, "the program that asked has ended"))
            return
        self.state = "ready"
        self._report()

    # --- events --------------------------------------------------------------------------------------------------------

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        if self.line.is_up:
            poll.register(self.line, select.POLLIN)
        if self.session.process is not None:
            poll.register(self.session.process, select.POLLIN)
        soon = LOOK_AGAIN if self._because and self._left is None else 1.0 if self.line.is_up else AGAIN_AFTER
        if self.state == "running" and time.monotonic() - self._began_at < NAMES_WITHIN:
            soon = min(soon, NAMES_WITHIN / 50)
        for descriptor, _ in poll.poll(math.ceil(soon * 1000)):
            if descriptor == self._wakeup.fileno():
                self._wakeup.drain()
            elif descriptor == self.session.process:
                self._find_names()  # the last chance: logind's file names the leader of the session, and that process is ending
                self.session.lose()

    def _look(self) -> None:
        now = time.monotonic()
        if self._left is not None:
            if not self._is_durable:
                self._keep_outcome()
            return
        if self._is_second:
            self._stop(KILLED)
        if self._wakeup.was_told_to_end():
            self._stop("the keeper of the session was told to end")
        if self.state in ("starting", "ready"):
            if self.session.process is None:
                self._end(Left("not started", CANNOT, "the program that asked has ended"))
                return
            if now - self._began_at > PATIENCE:
                self._end(Left("not started", FAILED, "the daemon went away before the session had begun"))
                return
        if self.session.process is not None:
            self._find_names()
        ends_at = self.job.ends_at_boot_ns
        is_over = ends_at is not None and time.clock_gettime_ns(time.CLOCK_BOOTTIME) >= ends_at
        if is_over and not self._because and self.state == "running":
            self._stop(self.job.ends_because)
        if self._hang_up_at is not None and now >= self._hang_up_at:
            self._hang_up()
        if self._term_at is not None and now >= self._term_at:
            self._term_at = None
            self.session.signal_asker(signal.SIGTERM)
        if self._kill_at is not None and now >= self._kill_at:
            self.session.kill()
            if now >= self._kill_at + HELD:
                free(self.session.members())
        if self.state == "running" and self.session.is_gone():
            self._end(self._how_it_ended())

    def _how_it_ended(self) -> Left:
        if self._is_second:
            return Left("lost", FAILED, KILLED)
        return Left("signaled", signal.SIGHUP, self._because) if self._because else Left("exited", 0, "")

    def _find_names(self) -> None:
        if self.state == "running":  # before that, no PAM module after ours has run
            self.session.find_names()

    def _hear_daemon(self) -> None:
        if self.line.connect():
            self.line.say(orders.Here(self.job.run, self.state, self.job.ends_at_boot_ns))
            if self.state != "starting":
                self._report()
        while (word := self.line.hear()) is not None:
            match word:
                case orders.Housed() | orders.Unhoused() if self.job.is_housed and not self._is_settled and self._left is None:
                    self.job = replace(self.job, is_housed=isinstance(word, orders.Housed))
                    self._settle()
                case orders.Go() if self.state == "ready":
                    note(self.plate, GO)
                    self.state = "running"
                    self._report()
                case orders.Stop(because):
                    self._stop(because)
                case orders.Taken() if self.state == "ended":
                    self._is_taken = True

    def _report(self) -> None:
        if self.state == "ready":
            self.line.say(orders.Ready())
        elif self.state == "running":
            if not self._is_second:  # a keeper that only ends the session never allows the login
                self.line.say(orders.Started(self.job.pid))
        elif self._left is not None:
            self.line.say(self._left)

    # --- ending --------------------------------------------------------------------------------------------------------

    def _stop(self, because: str) -> None:
        """End the session. Tell the reason to the people in the session, then send SIGHUP, and later SIGKILL."""
        if self._left is not None or self._because:
            return
        if self.state != "running":
            self._end(Left("not started", CANNOT, sentence(because)))
            return
        self._because = sentence(because)
        self._find_names()
        told = [tell(*seat, f"jitd: this session ends: {self._because}") for seat in seats(self.session.members())]
        self._hang_up_at = time.monotonic() + (READ_WITHIN if any(told) else 0.0)

    def _hang_up(self) -> None:
        self._hang_up_at = None
        now = time.monotonic()
        self._kill_at = now + GRACE
        # The program that opened the session closes it after all processes have ended. An early SIGTERM would end ``login``
        # before that.
        self._term_at = now + LEADS_FOR if hang_up_all(self.session.members, self.session.groups()) else now

    def _end(self, left: Left) -> None:
        if self.state != "running":
            self.session.let_go()
        self._left = left
        self.state = "ended"
        self._keep_outcome()
        self._report()

    def _keep_outcome(self) -> None:
        assert self._left is not None
        with suppress(OSError):  # if the disk is full, the next look tries again; until then only this process knows the outcome
            write_outcome(self.state_dir, self.job.run, self._left)
            self._is_durable = True
