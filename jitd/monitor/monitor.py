# SPDX-License-Identifier: Apache-2.0
"""The process beside one command (its monitor). It prepares and starts the command, relays its streams, and reports its end.

Law: nothing is executed before the daemon has sent ``go``. After ``go``, the daemon is not needed any more. The monitor informs
the client at once when the command ends. If the command was not started, the monitor first informs the daemon, which gives the
use back before the client ends. When all processes of the command have ended, the monitor stores the outcome in a file and
informs the daemon. The outcome file is durable unless the disk fails. A run has only one outcome.
"""

from __future__ import annotations

import math
import os
import select
import signal
import socket
import time
from contextlib import suppress
from dataclasses import replace

from jitd.files.exchange import left_of
from jitd.monitor import orders
from jitd.monitor.child import Surroundings
from jitd.monitor.client import Client
from jitd.monitor.exchange import Exchange
from jitd.monitor.held import free
from jitd.monitor.holder import Spare, begin
from jitd.monitor.housing import Housing, changed_child, has_executed
from jitd.monitor.leash import (
    FROM_COMMAND,
    TO_COMMAND,
    Arrived,
    Checked,
    Contained,
    Forked,
    NotStarted,
    Sender,
    Stands,
    WhoSends,
    Writes,
)
from jitd.monitor.limits import AWAY, ENDED, ENDING, GRACE, HELD, LEAVE, LOOK_AGAIN, PATIENCE, READY_WITHIN, STALL
from jitd.monitor.line import AGAIN_AFTER, Uplink
from jitd.monitor.namespace import has_manager
from jitd.monitor.observation import Observation
from jitd.monitor.orders import CANNOT, FAILED, HowItEnded, Job, Left, Unwritten, sentence
from jitd.monitor.places import GO, INIT, STANDS, STARTED, note, started_at, write_outcome
from jitd.monitor.pump import SLOTS, Pumps, arrived
from jitd.monitor.signalling import Pid, look_at, name_of, signal_group
from jitd.monitor.streams import AT_ONCE, sender_of_next
from jitd.monitor.tape import Tape
from jitd.monitor.terminal import Terminal
from jitd.monitor.traces import Traces
from jitd.monitor.wakeup import Wakeup
from jitpam.wire.shown import shown_argument

OUTLIVED = "processes that outlived the command are ended"
KEPT_BY = 'a rule keeps them with run.leftovers = "keep"'
MOST_OF_STANDING = 800  # characters about which files have their new text
MOST_NAMED = 3  # processes that the sentence about what a command left names

Outcome = tuple[str, int, str]  # how a run ended: one of ENDINGS, an exit status or signal number, and a sentence


class Monitor:
    """Manages one run, from the arrival of the run's job until the daemon has confirmed the outcome (``taken``)."""

    def __init__(self, job: Job, control: socket.socket, line: Uplink, plate: int, state_dir: str, spare: Spare | None) -> None:
        self.job = job
        self.client = Client(control)
        self.tape = Tape(job, state_dir)
        self.pumps = Pumps(job.record)
        terminal, has_terminal = None, True
        if not job.streams or "terminal" in job.streams:
            try:
                terminal = Terminal()
            except OSError:  # all pseudo-terminals, or all descriptors, are in use
                has_terminal = False
        self.exchange = Exchange(self.client, terminal, self.tape)
        self.line = line
        self.plate = plate
        self.state_dir = state_dir
        self.state = "starting"
        self.is_taken = False
        self.housing = Housing()
        self.traces = Traces(job.uid)
        self._spare = spare
        self._began_at = time.monotonic()
        self._has_gone = False  # the daemon's ``go`` was passed on to the command's process
        self._over: Outcome | None = None  # how the command ended; some of its output may not have reached the client yet
        self._outcome: Outcome | None = None  # how the run ended, once that is known
        self._left: HowItEnded | None = None  # the same with the recording, once no process of the run is left
        self._said = ""  # why a check has not taken the text of an edit, and all that it has said
        self._stands: Stands | None = None  # which files have their new text, or are removed
        self._because = ""  # why the run is being ended; otherwise empty
        self._ended_at = 0.0
        self._kill_at: float | None = None
        self._freed: set[str] = set()  # what was ended because it held killed processes of the run
        self._is_settled = self._is_durable = self._is_stopped = self._is_hung_up = False
        self._wakeup = Wakeup()
        self.child = 0  # the command's process, once the session is open
        self._started_as = 0  # the same process, once it has executed the command; it stays known after its end
        self.leash: socket.socket | None = None
        self.observation = Observation(self.housing, self.client.say_news, is_due=job.observed)
        if not has_terminal:
            if spare is not None:
                spare.dismiss()
            self._refuse(FAILED, "no terminal is free on this host")
        elif not job.is_housed:
            self._settle()

    # --- beginning ---------------------------------------------------------------------------------------------------

    def _settle(self) -> None:
        """Write the path of the control group on the plate (the run's file). Then create the group and the command's process."""
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
        self.traces.begin_at(self.housing.directory)
        self.housing.hold(make_command_in(self.housing), life)
        theirs.close()
        its_life.close()
        self.pumps.leave_theirs()
        self.leash = ours

    def run(self) -> None:
        """Do the monitor's work until the daemon has confirmed the receipt of the outcome."""
        self._hear_daemon()
        while not self.is_taken:
            try:
                self._turn()
            except Exception as fault:  # any exception: the command must not run without a monitor, and its end must be reported
                self._fail(fault)

    def _fail(self, fault: Exception) -> None:
        if self._outcome is not None and self._kill_at is not None:
            time.sleep(LOOK_AGAIN)  # a failure while the run is being ended: try again, but not in a busy loop
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
        self._hear_daemon()  # after the others, because ``go`` is ignored if the client is gone or the time is over
        self._look_who_watches()
        self.exchange.relay(self._notice_exec, is_over=self._outcome is not None)
        self._reap()
        if self._over is not None and self._outcome is None and self.pumps.is_drained:
            self.exchange.drain()
            self.tape.unread(self.pumps.n_unread)
            self.tape.write()
            fault = self.tape.fault or self.pumps.fault
            self._end(arrived(self._over, self._because or sentence(fault), fault))
        if self._outcome is not None and self.state != "ended":
            self._finish()
        if self.state == "ended" and not self._is_durable:
            self._keep_outcome()
        if self.state == "ended" and self._daemon_is_late():
            self._tell_late()

    def _wait(self) -> None:
        poll = select.poll()
        poll.register(self._wakeup, select.POLLIN)
        if self.leash is not None:
            poll.register(self.leash, select.POLLIN)
        if self.line.is_up:
            poll.register(self.line, select.POLLIN)
        self.exchange.wait_with(poll)
        self.pumps.wait_with(poll)
        soon = min(1.0 if self.line.is_up else AGAIN_AFTER, self.observation.due_in())
        if (due_in := self.tape.tend()) is not None:
            soon = min(soon, due_in)
        if self.state != "ended" and self._kill_at is not None:
            soon = LOOK_AGAIN
        for descriptor, events in poll.poll(math.ceil(soon * 1000)):
            if descriptor == self._wakeup.fileno():
                self._wakeup.drain()
            elif events & select.POLLHUP and descriptor == self.client.socket.fileno() and self.exchange.is_full:
                self.client.drop()  # the client's last packets cannot be accepted any more

    # --- messages ----------------------------------------------------------------------------------------------------

    def _hear_child(self) -> None:
        while self.leash is not None:
            try:
                packet = self.leash.recv(orders.MAX_WORD, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:
                packet = b""
            match FROM_COMMAND.read(packet) if packet else None:
                case None:
                    self.leash.close()
                    self.leash = None
                    self._notice_exec()
                    if not self.child and self.state == "starting":
                        self._refuse(CANNOT, ENDED)  # if there is a child, _reap refuses with the child's wait status
                case Forked(pid):
                    self.child = pid
                case Contained(init):
                    self.housing.contain(init)
                    note(self.plate, INIT + b"%d %d" % (init, started_at(init)))  # for the daemon, if this process is killed
                case WhoSends():
                    with suppress(OSError):  # it has ended meanwhile
                        self.leash.send(TO_COMMAND.write(Sender(sender_of_next(self.client.socket))), AT_ONCE)
                case Arrived() as told:
                    self._take_streams(told)
                case NotStarted(number, because):
                    self._refuse(number, because)
                case Writes() if not self.job.executes:
                    self._note_start()
                case Checked(said=said) if self.job.checks:
                    self._said = said
                case Stands() as told if not self.job.executes:
                    self._stands = told
                    stand = self._which_stand(was_killed=True) or f"none is {self._deed}"
                    with suppress(OSError):  # only if this process is killed, too, the daemon needs the line
                        note(self.plate, STANDS + stand.encode("utf-8", "replace"))
                case orders.Ready():
                    self.state = "ready"
                    self._report()

    def _notice_exec(self) -> None:
        """Send ``R`` after exec, and before output. Only the kernel knows of the exec: a kill closes the socket ``leash`` too."""
        if self.state == "ready" and has_executed(self.child):
            self._note_start()

    def _note_start(self) -> None:
        if self._has_gone and self.state == "ready" and self._outcome is None:
            self.state = "running"
            self._started_as = self.child
            with suppress(OSError):  # only if this process is killed, too, the next daemon needs the line
                note(self.plate, STARTED + b"%d" % self.child)
            self._report()
            self.client.say(b"R", self.child.to_bytes(4, "big"))

    def _take_streams(self, told: Arrived) -> None:
        try:
            self.exchange.open(told, self.job.uid, self.child)
        except OSError as fault:
            return self._refuse(FAILED, f"the terminal could not be made: {fault.strerror}")
        self.tape.begin(has_terminal=told.terminal, rows=told.turn.rows, columns=told.turn.columns)
        if self.tape.fault:
            self._refuse(FAILED, self.tape.fault)

    def _hear_daemon(self) -> None:
        if self.line.connect():
            self.line.say(orders.Here(self.job.run, self.state, self.job.ends_at_boot_ns))
            if self.state == "ended" and self._started_as:  # a daemon may have been killed before it recorded this
                self.line.say(orders.Started(self._started_as))
            if self.state != "starting":
                self._report()
        while (word := self.line.hear()) is not None:
            match word:
                case orders.Housed() | orders.Unhoused() if self.job.is_housed and not self._is_settled and self._outcome is None:
                    self.job = replace(self.job, is_housed=isinstance(word, orders.Housed))
                    self._settle()
                case orders.Go() if self.state == "ready" and not self._has_gone and self._outcome is None:
                    self._go()
                case orders.Watched(by):
                    self.observation.hear(by)
                case orders.Stop(because):
                    self.stop(because)
                case orders.Taken() if self.state == "ended":
                    self._tell_late()
                    self.is_taken = True

    def _go(self) -> None:
        if self.leash is not None:
            note(self.plate, GO)
            with suppress(ConnectionError):  # it has ended meanwhile; after another error it would wait without an end
                self.leash.send(TO_COMMAND.write(orders.Go()), socket.MSG_NOSIGNAL)
                self._has_gone = True
                self.pumps.begin()
                self.observation.begin()

    def _report(self) -> None:
        if self.state == "ready":
            self.line.say(orders.Ready())
        elif self.state == "running":
            self.line.say(orders.Started(self.child))
            if self.job.observed:
                self.line.say(orders.Frozen() if self.observation.is_frozen else orders.Thawed())
        elif self._outcome is not None:
            assert self._left is not None, "it has ended"
            self.line.say(self._left)

    def _hear_client(self) -> None:
        self.exchange.hear(self.child)
        if self.client.is_gone and not self._is_hung_up:
            self._is_hung_up = True
            self._hang_up()
        if self.exchange.is_told_to_end and self._over is not None:
            self._cut_off("a signal ended the run before all of its output was passed on")

    def _hear_pumps(self) -> None:
        for slot, data in self.pumps.hear():
            if self.tape.input(data, SLOTS[slot]) if slot == 0 else self.tape.output(data, SLOTS[slot]):
                self.pumps.pass_on(slot)
        if (fault := self.tape.fault or self.pumps.fault) and self._has_gone and not self._is_stopped:
            self.stop(fault)

    # --- ending ------------------------------------------------------------------------------------------------------

    def _refuse(self, number: int, because: str) -> None:
        """End a run whose command has not begun. The command will not be executed."""
        if self._outcome is None:
            self._is_stopped = True
            self._end(("not started", number, because))

    def stop(self, because: str) -> None:
        """Stop the run. Send SIGTERM to the command, and kill all processes of the run after GRACE seconds."""
        now = time.monotonic()
        if self._outcome is None and not self._has_gone:
            self._refuse(CANNOT, because)
        if self.state == "ended" or not self._has_gone:
            return
        self._is_stopped = True
        self._because = self._because or sentence(because + self._may_live())
        if self.child and (left := self.observation.left()):
            signal_group(self.child, signal.SIGTERM)
            signal_group(self.child, signal.SIGCONT)
            self._kill_at = min(self._kill_at or now + GRACE, now + min(GRACE, left))
        else:
            self._kill_at = now

    def _may_live(self) -> str:
        """Return the end of a sentence that says which process may outlive the run, or an empty string."""
        if self.housing.is_contained or not self.job.uid or not has_manager(self.job.uid):
            return ""
        return f"; a process that was moved into the user manager of {self.job.user} may live"

    def _hang_up(self) -> None:
        if self._outcome is None and not self._has_gone:
            self._refuse(CANNOT, "the client went away")
        elif self.child and not self.observation.left():
            self.stop("the client went away")
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
        """After the command has ended, no longer wait for the client to read the command's last output."""
        if self._outcome is None:
            self._because = self._because or because
            self.pumps.close()

    def _reap(self) -> None:
        while (pid := changed_child()) is not None:
            if not self.child:
                self._hear_child()  # the leash may say that this is the command's process
            if pid == self.child:
                self._notice_exec()  # before waitpid, while the kernel still has the process
            pid, status = os.waitpid(pid, os.WNOHANG | os.WUNTRACED)
            if not pid:  # it had stopped, and was continued since then
                return
            self.pumps.forget(pid)
            if not os.WIFSTOPPED(status):
                self.housing.note_end(pid)
            if pid != self.child:
                continue
            if os.WIFSTOPPED(status):
                if self.exchange.is_open and self._outcome is None and self._kill_at is None and not self.observation.is_frozen:
                    self.exchange.say_stopped(os.WSTOPSIG(status))
                continue
            self._note_end_of_command(status)

    def _note_end_of_command(self, status: int) -> None:
        self._hear_child()  # its last packets on the leash
        self.child = 0
        if self.state != "running":  # the client is told why, unless a signal of the client's ended it
            number = os.WTERMSIG(status) if os.WIFSIGNALED(status) and not self._is_stopped else 0
            self._refuse(128 + number if number in ENDING else CANNOT, self._because if self._is_stopped else ENDED)
        elif os.WIFSIGNALED(status):
            self._because = sentence("; ".join(filter(None, (self._which_stand(was_killed=True), self._because))))
            self._over = ("signaled", os.WTERMSIG(status), self._because)
        else:
            stand = self._which_stand(was_killed=False) if status else ""
            self._because = sentence("; ".join(filter(None, (stand, self._because)))) if status else self._because
            self._over = ("exited", os.WEXITSTATUS(status), self._because)
        self.pumps.drain()

    @property
    def _deed(self) -> str:
        return "written" if self.job.removes is None else "removed"

    def _which_stand(self, *, was_killed: bool) -> str:
        """Say which of the files have their new text or are removed, unless none is: how the process ended does not tell it. If
        it ``was_killed``, also say what may be left beside them.
        """
        files = [path for path, *_ in self.job.edits] or [self.job.path]
        stands, n = self._stands, len(files)
        if stands is None or (stands.unsure is None and not stands.written):
            return ""
        perhaps = () if stands.unsure is None else (stands.unsure,)
        others = tuple(number for number in range(n) if number not in (*stands.written, *perhaps))
        parts = [
            (which, some)
            for which, some in ((self._deed, stands.written), (f"perhaps {self._deed}", perhaps), (f"not {self._deed}", others))
            if some
        ]
        paths = [*map(shown_argument, files)]
        told = "; ".join(f"{which}: {', '.join(paths[number] for number in some)}" for which, some in parts)
        may_leave = perhaps if self.job.removes is not None else (*stands.written, *perhaps)
        if was_killed and may_leave:
            left = (f"{shown_argument(left_of(files[number]))}*" for number in may_leave)
            told += f"; left beside, perhaps: {', '.join(left)}"
        if len(told) <= MOST_OF_STANDING:
            return told
        counted = "; ".join(f"{which}: {', '.join(str(number + 1) for number in some)}" for which, some in parts)
        return f"of the files, in the order of jitd show: {counted}"

    def _end(self, outcome: Outcome) -> None:
        """Note the run's outcome and tell the client. Begin to end the remaining processes, unless they may stay."""
        now = time.monotonic()
        self.exchange.drain()
        self._outcome = outcome = self._with_leftovers(outcome)
        self._ended_at = now
        if outcome[0] != "not started":
            self.client.say_end(*outcome)
        has_to_be_killed = self.job.leftovers != "keep" and not self.observation.left()  # SIGHUP would let it run unwatched
        if self._is_stopped or has_to_be_killed:
            self._kill_at = now
        elif self.job.leftovers == "keep":
            self._kill_at = None
        elif not self.housing.is_empty():
            self.housing.hang_up()
            self._kill_at = self._kill_at or now + LEAVE

    def _with_leftovers(self, outcome: Outcome) -> Outcome:
        """Also name what outlives the command and will be ended, unless the whole run is being ended: its reason says enough."""
        ending, number, because = outcome
        if self._because or self.job.leftovers == "keep" or ending == "not started" or self.housing.is_empty():
            return outcome
        if not self._outliving():  # they have ended by themselves meanwhile, or there are pumps only
            return outcome
        time.sleep(LOOK_AGAIN)  # what is just ending outlives nothing, on a host that is slow to end it
        if not (names := sorted(filter(None, map(name_of, self._outliving())))):
            return outcome
        n_more = len(names) - MOST_NAMED
        told = ", ".join(map(shown_argument, names[:MOST_NAMED])) + (f" and {n_more} more" if n_more > 0 else "")
        return ending, number, sentence("; ".join(filter(None, (because, f"{OUTLIVED}: {told} ({KEPT_BY})"))))

    def _outliving(self) -> set[Pid]:
        """Return the processes of the run that have not ended, but for the pumps."""
        return {pid for pid in self.housing.found() - self.pumps.processes if name_of(pid)}

    def _tell_late(self) -> None:
        """Tell the client that the command was not started, if the client was not told before."""
        if self._outcome is not None and not self.client.is_gone:
            self.client.say_end(*self._outcome)
            self.client.drop()

    def _daemon_is_late(self) -> bool:
        now = time.monotonic()
        return now - self._ended_at > PATIENCE or (not self.line.is_up and now - self.line.gone_since > AWAY)

    def _look_at_clocks(self) -> None:
        now = time.monotonic()
        if self._wakeup.was_told_to_end():
            self.stop("the monitor of the run was told to end")
        if self._outcome is None and not self._has_gone:
            if not self.exchange.is_open and now - self._began_at > PATIENCE:
                late = "the client did not hand over its streams" if self.child else "PAM did not open the session"
                late = late if self._is_settled else "the run was given no control group"
                self._refuse(CANNOT, f"{late} within {PATIENCE:.0f} s")
            elif self.state == "starting" and now - self._began_at > READY_WITHIN:
                self._refuse(CANNOT, f"its directory and its files could not be examined within {READY_WITHIN:.0f} s")
            elif not self.line.is_up and now - self.line.gone_since > PATIENCE:
                self._refuse(FAILED, "the daemon went away before the command had begun")
        ends_at = self.job.ends_at_boot_ns
        is_over = ends_at is not None and time.clock_gettime_ns(time.CLOCK_BOOTTIME) >= ends_at
        if is_over and self.state != "ended" and not self._is_stopped:
            self.stop(self.job.ends_because)
        if self._kill_at is not None and now >= self._kill_at and self.state != "ended":
            if self.child and self.job.leftovers == "keep" and not self._is_stopped:
                signal_group(self.child, signal.SIGKILL)  # the processes that it started may stay
            else:
                self.housing.kill()
                if now >= self._kill_at + HELD:
                    self._freed |= free(self.housing.found(), {self.job.uid, self.job.requester_uid} - {0})
            self._reap()
            if self.child and look_at(self.child)[1]:  # wait(2) does not tell, because somebody else traces it (ptrace(2))
                self._note_end_of_command(signal.SIGKILL)

    def _look_who_watches(self) -> None:
        """Freeze the run if nobody watches it, and thaw it if somebody watches it. End the run if no watcher comes back."""
        if self.state != "ended" and not self._is_stopped and self.observation.look():
            self.exchange.is_held = self.observation.is_frozen
            self._report()
            if self.observation.is_over:
                self.stop(self.observation.because)

    def _finish(self) -> None:
        """Finish the run when all its processes have ended, and the client has read everything or its time (STALL) is over."""
        if self._outcome is None or self.child or not self.housing.close_session(LEAVE):
            return
        if not self.housing.is_empty():
            if self._kill_at is None and self.job.leftovers == "end":
                self._kill_at = time.monotonic()  # the remaining processes of the PAM session had enough time to end
            return
        is_late = bool(self._because) and time.monotonic() - self._ended_at > STALL
        if self.client.is_behind and not is_late:
            return
        if self._outcome[0] != "not started":
            self.client.drop()
        self.exchange.close_terminal()
        self.pumps.close()
        self.housing.end_namespace()
        ending, number, because = self._outcome
        because = sentence("; ".join(filter(None, (because, *sorted(self._freed)))))
        left = self.tape.end(Left(ending, number, because))
        left = replace(left, traces=self.traces.find(is_contained=self.housing.is_contained)) if self._has_gone else left
        self._left = Unwritten(left, self._said) if self._said else left
        self.state = "ended"
        self._keep_outcome()
        self._report()

    def _keep_outcome(self) -> None:
        assert self._left is not None
        with suppress(OSError):  # if the disk is full, the next turn tries again; until then only this process knows the outcome
            write_outcome(self.state_dir, self.job.run, self._left)
            self._is_durable = True
