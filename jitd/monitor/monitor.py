# SPDX-License-Identifier: Apache-2.0
"""One process beside one command: it prepares it, starts it, relays for it, ends it, and tells how it ended.

Law: nothing is executed before the daemon said ``go``; the daemon is not needed after that. The client hears the end
at once; the daemon hears it when nothing of the command is left, and from a file that was durable before. A run ends
once.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import time
from contextlib import suppress
from dataclasses import asdict
from typing import Any

from jitd.monitor.child import Surroundings
from jitd.monitor.client import Client
from jitd.monitor.exchange import Exchange
from jitd.monitor.holder import Spare, begin
from jitd.monitor.housing import Housing, changed_child, has_executed
from jitd.monitor.line import AGAIN_AFTER, Line
from jitd.monitor.orders import CANNOT, FAILED, Job, sentence
from jitd.monitor.places import GO, Left, note, write_outcome
from jitd.monitor.pump import SLOTS, Pumps, arrived
from jitd.monitor.signalling import signal_group
from jitd.monitor.strays import Strays
from jitd.monitor.tape import Tape
from jitd.monitor.terminal import Terminal
from jitd.monitor.wakeup import Wakeup
from jitd.recording.writer import boot_clock
from jitpam.wire import notation

PATIENCE = 10.0
"""Seconds that a client may take to hand over its streams, and a daemon be gone before the command has begun."""
READY_WITHIN = 30.0
"""Seconds until the command is ready to begin: its file may take 20 of them, and a directory may be of a server that is gone."""
GRACE = 2.0
"""Seconds between SIGTERM and the end of all, for a run that is stopped."""
LEAVE = 5.0
"""Seconds between SIGHUP and the end of all: for what a command leaves behind, and for one whose client is gone."""
STALL = 1.0
"""Seconds that a client may take to read the last of a run that was ended from outside."""
LOOK_AGAIN = 0.03
"""Seconds between two looks whether all of it is gone."""
ENDED = "it was ended before it began"
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
"""Signals by which a person ends a command before it begins: the client ends by the same."""
Outcome = tuple[str, int, str]
"""Ending, number and sentence."""


class Monitor:
    """The life of one run, from the job to ``taken``."""

    def __init__(self, job: Job, control: socket.socket, line: Line, plate: int, state_dir: str, spare: Spare | None) -> None:
        self.job = job
        self.client = Client(control)
        self.tape = Tape(job, state_dir)
        self.pumps = Pumps(job.record)
        terminal = Terminal() if not job.streams or "terminal" in job.streams else None
        self.exchange = Exchange(self.client, terminal, self.tape)
        self.line = line
        self.plate = plate
        self.state_dir = state_dir
        self.state = "starting"
        self.is_taken = False
        self.housing = Housing()
        self.strays = Strays(job.run, job.request, job.uid)
        self._spare = spare
        self._began_at = time.monotonic()
        self._has_gone = False  # the daemon's go has been passed on
        self._over: Outcome | None = None  # how the command ended; what it has written may still be on its way
        self._outcome: Outcome | None = None  # how the run ended, once that is known
        self._left: Left | None = None  # the same, with what was recorded, once nothing of it is left
        self._because = ""  # why it is being ended, where it is
        self._ended_at = 0.0
        self._kill_at: float | None = None
        self._is_durable = False
        self._is_stopped = False
        self._is_hung_up = False
        self._wakeup = Wakeup()
        self.child = 0  # the command's process, once the session is open
        self.leash: socket.socket | None = None
        self._is_settled = False
        if not job.is_housed:
            self._settle()

    # --- beginning ---------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Take a control group, so noted on the plate that it is never forgotten, and make the command's process in it."""
        self._is_settled = True
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC)
        life, its_life = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        slave = self.exchange.terminal.slave if self.exchange.terminal else None
        pumps = self.pumps if self.pumps.slots else None
        around = Surroundings(self.client.socket, theirs, its_life, slave, os.getpid(), self.state_dir, pumps)
        make_command_in = begin(self.job, around, self._spare)
        place = self.housing.place_for(self.job.run, is_housed=self.job.is_housed)
        os.pwrite(self.plate, os.fsencode(place or "") + b"\n", 0)
        if place is None or not self.housing.take(place):
            os.ftruncate(self.plate, 0)
            os.pwrite(self.plate, b"\n", 0)
        self.housing.hold(make_command_in(self.housing), life)
        theirs.close()
        its_life.close()
        self.pumps.leave_theirs()
        self.leash = ours

    def run(self) -> None:
        """Live until the daemon has taken the outcome."""
        self._hear_daemon()
        while not self.is_taken:
            try:
                self._turn()
            except Exception as fault:  # whatever it is: the command must not live on unwatched, nor its end be untold
                self._fail(fault)

    def _fail(self, fault: Exception) -> None:
        if self._outcome is not None and self._kill_at is not None:
            time.sleep(LOOK_AGAIN)  # it fails while it ends: try again, but not as fast as can be
        because = sentence(f"the monitor failed: {type(fault).__name__}: {fault}")
        self._outcome = self._outcome or ("lost" if self._has_gone else "not started", FAILED, because)
        self._kill_at = time.monotonic()
        self.client.say_end(*self._outcome)
        with suppress(Exception):
            self.housing.kill()

    # --- one turn ----------------------------------------------------------------------------------------------------

    def _turn(self) -> None:
        self._wait()
        self._hear_child()
        self._notice_exec()
        self._hear_client()
        self._hear_pumps()
        self._look_at_clocks()
        self._hear_daemon()  # last of the four: a go does not count if the client is gone, or the time over
        self.exchange.relay(is_over=self._outcome is not None)
        self._reap()
        if self._over is not None and self._outcome is None and self.pumps.is_drained:
            self.exchange.drain()
            self.tape.write()
            fault = self.tape.fault or self.pumps.fault
            self._end(arrived(self._over, self._because or sentence(fault), fault))
        if self._outcome is not None and self.state != "ended":
            self._finish()
        if self.state == "ended" and not self._is_durable:
            self._keep_outcome()

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        if self.leash is not None:
            poll.register(self.leash, select.POLLIN)
        if self.line.is_up:
            poll.register(self.line, select.POLLIN)
        self.exchange.wait_with(poll)
        self.pumps.wait_with(poll)
        soon = 1.0 if self.line.is_up else AGAIN_AFTER
        if (due_in := self.tape.tend()) is not None:
            soon = min(soon, due_in)
        if self.state != "ended" and self._kill_at is not None:
            soon = LOOK_AGAIN
        for descriptor, events in poll.poll(math.ceil(soon * 1000)):
            if descriptor == self._wakeup.fileno():
                self._wakeup.drain()
            elif events & select.POLLHUP and descriptor == self.client.socket.fileno() and self.exchange.is_full:
                self.client.drop()  # what it has still said cannot be taken

    # --- what others say ---------------------------------------------------------------------------------------------

    def _hear_child(self) -> None:
        while self.leash is not None:
            try:
                packet = self.leash.recv(8192, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            if packet[:1] == b"c":
                self.child = int(packet[1:])  # it leads a process group already
                self.strays.note(self.child)
            elif packet[:1] == b"S":
                self._take_streams(notation.read(packet[1:]))
            elif packet == b"r":
                self.state = "ready"
                self._report()
            elif packet[:1] == b"x":
                refused: Any = notation.read(packet[1:])
                self._refuse(refused["number"], refused["because"])
            else:
                self.leash.close()
                self.leash = None
                self._notice_exec()
                if not self.child and self.state == "starting":
                    self._refuse(CANNOT, ENDED)  # else how it ended says so, once it has been waited for

    def _notice_exec(self) -> None:
        """Tell the client ``R`` once exec has succeeded, before all else. The leash's end is no proof: a kill closes it too."""
        if self._has_gone and self.state == "ready" and self._outcome is None and has_executed(self.child):
            self.state = "running"
            self._report()
            self.client.say(b"R", self.child.to_bytes(4, "big"))

    def _take_streams(self, told: Any) -> None:
        try:
            self.exchange.open(told, self.job.uid, self.child)
        except OSError as fault:
            return self._refuse(FAILED, f"the terminal could not be made: {fault.strerror}")
        self.tape.begin(has_terminal=told["terminal"], rows=told["rows"], columns=told["columns"])
        if self.tape.fault:
            self._refuse(FAILED, self.tape.fault)

    def _hear_daemon(self) -> None:
        if self.line.connect():
            self.line.say("here", run=self.job.run, state=self.state, ends_at_boot=self.job.ends_at_boot)
            if self.state != "starting":
                self._report()
        while (word := self.line.hear()) is not None:
            say, values = word
            if say == "housed" and self.job.is_housed and not self._is_settled and self._outcome is None:
                self._settle()
            elif say == "go" and self.state == "ready" and self.leash and not self._has_gone and self._outcome is None:
                note(self.plate, GO)
                with suppress(OSError):  # it was ended meanwhile
                    self.leash.send(b"g", socket.MSG_NOSIGNAL)
                    self._has_gone = True
                    self.pumps.begin()
            elif say == "stop":
                self.stop(values["because"])
            elif say == "taken" and self.state == "ended":
                self.is_taken = True

    def _report(self) -> None:
        if self.state == "ready":
            self.line.say("ready")
        elif self.state == "running":
            self.line.say("started", pid=self.child)
        elif self._outcome is not None:
            assert self._left is not None, "it has ended"
            self.line.say("ended", **asdict(self._left))

    def _hear_client(self) -> None:
        self.exchange.hear(self.child)
        if self.client.is_gone and not self._is_hung_up:
            self._is_hung_up = True
            self._hang_up()
        if self.exchange.is_told_to_end and self._over is not None:
            self._cut_off("a signal ended it before all was passed on that it had written")

    def _hear_pumps(self) -> None:
        for slot, data in self.pumps.hear():
            if self.tape.input(data, SLOTS[slot]) if slot == 0 else self.tape.output(data, SLOTS[slot]):
                self.pumps.pass_on(slot)
        if (fault := self.tape.fault or self.pumps.fault) and self._has_gone and not self._is_stopped:
            self.stop(fault)

    # --- ending ------------------------------------------------------------------------------------------------------

    def _refuse(self, number: int, because: str) -> None:
        """It has not begun, and will not."""
        if self._outcome is None:
            self._is_stopped = True
            self._end(("not started", number, because))

    def stop(self, because: str) -> None:
        """End it from outside: SIGTERM, and soon afterwards all of it."""
        now = time.monotonic()
        if self._outcome is None and not self._has_gone:
            self._refuse(CANNOT, because)
        if self.state == "ended" or not self._has_gone:
            return
        self._is_stopped = True
        self.strays.end_with(self.housing)
        self._because = self._because or sentence(because)
        if self.child:
            signal_group(self.child, signal.SIGTERM)
            signal_group(self.child, signal.SIGCONT)
            self._kill_at = min(self._kill_at or now + GRACE, now + GRACE)
        else:
            self._kill_at = now

    def _hang_up(self) -> None:
        if self._outcome is None and not self._has_gone:
            self._refuse(CANNOT, "the client went away")
        elif self.child:
            self._because = self._because or "the client went away"
            self._kill_at = self._kill_at or time.monotonic() + LEAVE
            if self.job.leftovers == "keep":
                signal_group(self.child, signal.SIGHUP)
                signal_group(self.child, signal.SIGCONT)
            else:
                self.housing.hang_up()
        elif self._over is not None:
            self._cut_off("the client went away")

    def _cut_off(self, because: str) -> None:
        """The command has ended. Wait no longer for a client that still takes its output."""
        if self._outcome is None:
            self._because = self._because or because
            self.pumps.close()

    def _reap(self) -> None:
        while (pid := changed_child()) is not None:
            if not self.child:
                self._hear_child()  # whether it is the command's
            if pid == self.child:
                self._notice_exec()  # while there is somebody to look at
            pid, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if not pid:  # stopped, and continued since
                return
            self.pumps.forget(pid)
            if pid == self.housing.holder and not os.WIFSTOPPED(status):
                self.housing.holder = 0
            if pid != self.child:
                continue
            if os.WIFSTOPPED(status):
                if self.exchange.is_open and self._outcome is None and self._kill_at is None:  # also before exec: a key may do it
                    self.exchange.say_stopped(os.WSTOPSIG(status))
                continue
            self._hear_child()  # what it has still said
            self.child = 0
            if self.state != "running":
                number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
                self._refuse(128 + number if number in ENDING else CANNOT, ENDED)
            elif os.WIFSIGNALED(status):
                self._over = ("signaled", os.WTERMSIG(status), self._because)
            else:
                self._over = ("exited", os.WEXITSTATUS(status), self._because)
            self.pumps.drain()

    def _end(self, outcome: Outcome) -> None:
        """The command is over: the client hears of it, and what is left of it has to go."""
        now = time.monotonic()
        self.exchange.drain()
        self._outcome = outcome
        self._ended_at = now
        self.client.say_end(*outcome)
        if self._is_stopped:
            self._kill_at = now
        elif self.job.leftovers == "keep":
            self._kill_at = None
        elif not self.housing.is_empty():
            self.housing.hang_up()
            self._kill_at = self._kill_at or now + LEAVE

    def _look_at_clocks(self) -> None:
        now = time.monotonic()
        if self._wakeup.was_told_to_end():
            self.stop("the monitor of the run was told to end")
        if self._outcome is None and not self._has_gone:
            if not self.exchange.is_open and now - self._began_at > PATIENCE:
                late = "the client did not hand over its streams" if self.child else "PAM did not open the session"
                if not self._is_settled:
                    late = "the run was given no control group"
                self._refuse(CANNOT, f"{late} within {PATIENCE:.0f} s")
            elif self.state == "starting" and now - self._began_at > READY_WITHIN:
                self._refuse(CANNOT, f"its directory and its files could not be looked at within {READY_WITHIN:.0f} s")
            elif not self.line.is_up and now - self.line.gone_since > PATIENCE:
                self._refuse(FAILED, "the daemon went away before the command had begun")
        ends_at = self.job.ends_at_boot
        if ends_at is not None and self.state != "ended" and not self._is_stopped and boot_clock() >= ends_at * 1e6:
            self.stop(self.job.ends_because)
        if self._kill_at is not None and now >= self._kill_at and self.state != "ended":
            if self.child and self.job.leftovers == "keep" and not self._is_stopped:
                signal_group(self.child, signal.SIGKILL)  # what it started may stay
            else:
                self.housing.kill()
            self._reap()

    def _finish(self) -> None:
        """When nothing is left, and the client has read all or will not: that is the end."""
        if self._outcome is None or self.child or not self.housing.close_session(LEAVE):
            return
        if not self.housing.is_empty():
            if self._kill_at is None and self.job.leftovers == "end":
                self._kill_at = time.monotonic()  # what the session has left behind: it had its time
            return
        is_late = bool(self._because) and time.monotonic() - self._ended_at > STALL
        if self.client.is_behind and not is_late:
            return
        self.client.drop()
        self.exchange.close_terminal()
        self.pumps.close()
        self._left = self.strays.tell(self.tape.end(Left(*self._outcome)))
        self.state = "ended"
        self._keep_outcome()
        self._report()

    def _keep_outcome(self) -> None:
        assert self._left is not None
        with suppress(OSError):  # a full disk: tried again with every turn; until then this process is what remembers
            write_outcome(self.state_dir, self.job.run, self._left)
            self._is_durable = True
