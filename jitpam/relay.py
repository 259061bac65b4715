# SPDX-License-Identifier: Apache-2.0
"""Relays bytes, signals and window sizes between the user's terminal and the run's monitor. This module implements the client's
side of PROTOCOL.md section 5.

Law: at its end, the relay always restores the terminal's modes. The terminal is raw only while jitsudo is in the foreground and
the command has the terminal. If several jitsudo of a job need the terminal, they have it one after the other. The relay has one
buffer for each direction. No new piece is read before the other side has accepted the previous piece. If the monitor disconnects
without sending the outcome, the run is never treated as a success.
"""

from __future__ import annotations

import binascii
import os
import select
import struct
import time
from _socket import AF_UNIX, MSG_NOSIGNAL, SCM_RIGHTS, SOCK_SEQPACKET, SOL_SOCKET, socket

from jitpam.news import News
from jitpam.saying import as_said
from jitpam.signals import Signals
from jitpam.terminal import Terminal
from jitpam.wire import notation

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any
else:
    import _signal  # importing `signal` would make each start 3 ms longer

WARNED_BEFORE = 60.0  # the user is warned this number of seconds before the end of the run
LOOKED_EVERY = 3600.0  # seconds at most between two checks of the clock
TURN_EVERY = 0.1  # seconds between two attempts to get the terminal, if another jitsudo of the job has it
PIECE = 32 * 1024  # maximum number of payload bytes in one packet
RELAYED = (
    _signal.SIGHUP,
    _signal.SIGINT,
    _signal.SIGQUIT,
    _signal.SIGTERM,
    _signal.SIGUSR1,
    _signal.SIGUSR2,
    _signal.SIGALRM,
    _signal.SIGTSTP,
)
_CAUGHT = (*RELAYED, _signal.SIGWINCH, _signal.SIGCONT)
_OF_THE_TERMINAL = (_signal.SIGTTIN, _signal.SIGTTOU)


class Outcome:
    """The end of the run, as the monitor's last packet describes it. ``ending`` is ``exited``, ``signaled``, ``not started`` or
    ``lost``. ``number`` is the exit status or the number of the signal.
    """

    __slots__ = ("because", "ending", "number")

    def __init__(self, ending: str, number: int, because: str) -> None:
        self.ending = ending
        self.number = number
        self.because = because


class Relay:
    """The client's side of a run: ``hand_over`` passes the streams, then ``run`` returns the outcome."""

    def __init__(
        self,
        control: int,
        kinds: list[str],
        signals: Signals,
        left: float | None = None,
        news: News | None = None,
        *,
        has_waited: bool = False,
    ) -> None:
        """``left`` is the number of seconds until jitd ends the run, or None if it is not known. Before the end of the run, the
        user is warned at the terminal. ``news`` shows what the monitor says about the run. If the user ``has_waited``, keys that
        were typed meanwhile were for nobody, and do not reach the command.
        """
        self._discards_typed = has_waited
        self._control = socket(AF_UNIX, SOCK_SEQPACKET, 0, control)
        self._control.setblocking(False)
        self._kinds = kinds
        self._signals = signals
        terminals = [descriptor for descriptor in range(3) if kinds[descriptor] == "terminal"]
        self._terminal = Terminal(terminals) if terminals else None
        is_alone = kinds[0] == "terminal" and kinds[1] not in ("pipe", "socket")
        self._is_shared = not is_alone
        self._has_turn = is_alone and self._terminal is not None and self._terminal.is_controlling
        """True if the command may have the terminal while we are in the foreground. If standard input is not the terminal, or if
        standard output leads into a pipeline, other processes of the job use the terminal. If the terminal is not our controlling
        terminal, another session may use it. In these cases, this value becomes True when the command asks for the terminal.
        """
        self._is_queued = False  # true while the command may have the terminal, but another jitsudo of the job has it
        self._is_held = False  # true if the command was stopped because it needs the terminal, and was not continued yet
        self._to_monitor: list[bytes] = []
        self._room = memoryview(bytearray(PIECE + 2))
        self._to_terminal = self._room[:0]  # not written to the terminal yet. No packet is read before it is empty
        self._is_stuck = False
        self._size = (0, 0)
        self._modes: bytes | None = None  # the terminal's modes that were last sent to the monitor
        self._command = 0  # its process id, and that of its process group. 0 before it runs
        self._early: list[tuple[int, int]] = []
        self._outcome: Outcome | None = None
        self._news = news or News(is_quiet=True)
        self._warns_at: float | None = None  # on CLOCK_BOOTTIME
        if left is not None and left > WARNED_BEFORE and self._terminal is not None:
            self._warns_at = time.clock_gettime(time.CLOCK_BOOTTIME) + left - WARNED_BEFORE

    def hand_over(self) -> None:
        """Pass this process's streams to the monitor. After that, this process's signals go to the command.

        If stream 0 or 1 is not a terminal, it is replaced by /dev/null in this process. Therefore the process at the other end
        of the stream sees end of file when the command closes the stream.

        Raises OSError. Then the monitor has no streams, so the command does not begin, and the terminal is as it was.
        """
        self._signals.catch(_CAUGHT)
        nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)  # first, because afterwards nothing may fail any more
        if self._discards_typed and self._terminal is not None:  # now, because what is typed later is for the command
            self._terminal.discard_typed()
        said = {"streams": self._kinds, **self._turn()}
        given = [descriptor for descriptor in range(3) if self._kinds[descriptor] not in ("terminal", "closed")]
        packet = b"S" + notation.write(said)
        rights = [(SOL_SOCKET, SCM_RIGHTS, struct.pack(f"{len(given)}i", *given))] if given else []
        try:
            self._control.sendmsg([packet], rights, MSG_NOSIGNAL)
        except (BrokenPipeError, ConnectionResetError):  # the monitor has ended, and its last packet contains the outcome
            given = []
        except OSError:  # for example, too many descriptors of this user are on their way (unix(7), ETOOMANYREFS)
            if self._terminal is not None:
                self._terminal.leave()
            raise
        for descriptor in given:
            if descriptor != 2:  # our own sentences go to standard error
                os.dup2(nothing, descriptor)
        os.close(nothing)

    def run(self) -> Outcome:
        """Relay bytes, signals and window sizes until the run has ended. Returns the outcome of the run."""
        try:
            while self._outcome is None or self._to_terminal:
                self._step()
            return self._outcome
        except Exception as fault:  # a defect of jitsudo, which must not be told as a command that did not run
            return self._lost(f"internal error: {type(fault).__name__}: {fault}")
        finally:
            if self._terminal is not None:
                self._terminal.leave()
            self._control.close()

    # --- one turn of the loop

    def _step(self) -> None:
        control = self._control.fileno()
        terminal = self._terminal
        poll = select.poll()
        poll.register(self._signals.descriptor, select.POLLIN)
        if self._outcome is None:
            events = (0 if self._to_terminal else select.POLLIN) | (select.POLLOUT if self._to_monitor else 0)
            if events:  # without this check, poll would report the hang-up of the socket again and again
                poll.register(control, events)
        if terminal is not None:  # even without events, because poll always reports a hang-up
            reads = self._outcome is None and not self._to_monitor and terminal.is_raw
            poll.register(terminal.descriptor, (select.POLLIN if reads else 0) | (select.POLLOUT if self._to_terminal else 0))
        until = self._warn()
        if self._is_queued:
            until = min(until or TURN_EVERY * 1000, TURN_EVERY * 1000)
        for descriptor, event in poll.poll(until):
            if descriptor == self._signals.descriptor:
                self._on_signals()
            elif descriptor == control:
                self._on_control(event)
            elif self._terminal is not None:
                self._on_terminal(self._terminal, event)
        if self._is_queued and self._outcome is None:
            self._ask_for_turn()

    def _warn(self) -> float | None:
        """Warn once, on the terminal alone and in its foreground, that the run ends soon. Return ms to the next look."""
        if self._warns_at is None:
            return None
        left = self._warns_at - time.clock_gettime(time.CLOCK_BOOTTIME)
        if left > 0:
            return min(left, LOOKED_EVERY) * 1000 + 1
        terminal = self._terminal
        if left < -WARNED_BEFORE or terminal is None:
            self._warns_at = None
        elif terminal.is_ours and not self._to_terminal:
            self._warns_at = None
            seconds = int(WARNED_BEFORE + left + 0.5)
            self._to_terminal = memoryview(
                f"\r\njitsudo: jitd ends the command in {seconds} s, when its time is over\r\n".encode()
            )
            self._flush(terminal)
        return None if self._warns_at is None else 1000.0

    def _on_signals(self) -> None:
        for number, sender in self._signals.taken():
            if self._outcome is not None:
                self._to_terminal = self._room[:0]  # the terminal accepts no output, and the signal means: do not wait
            elif number == _signal.SIGCONT:
                self._resume()
            elif number == _signal.SIGHUP and not sender and self._terminal is not None:
                self._hang_up()  # from the kernel: the terminal has hung up, or our group is orphaned
            elif sender and not self._command:
                self._early.append((number, sender))
            else:
                self._deliver(number, sender)

    def _deliver(self, number: int, sender: int) -> None:
        """Pass a signal on, unless the command sent it: ``reboot`` sends one to every process, and must not get its own back."""
        if sender and self._is_of_command(sender):
            return
        if number == _signal.SIGWINCH and not sender:
            self._tell_size()
        elif number in (_signal.SIGTERM, _signal.SIGHUP) and self._to_terminal and self._is_stuck:
            self._hang_up()  # this is the second such signal, and the terminal has accepted no output since the first
        elif number == _signal.SIGTSTP and self._is_held:
            self._suspend(number)  # the command is stopped already, so the monitor would not tell us of a stop
        else:
            self._is_stuck = number in (_signal.SIGTERM, _signal.SIGHUP)
            self._tell(b"G" + bytes([number]))
            if self._is_held:
                self._go_on()  # otherwise the signal would wait for the command's turn

    def _is_of_command(self, process: int) -> bool:
        try:
            return os.getpgid(process) == self._command
        except OSError:
            return process == self._command

    def _on_terminal(self, terminal: Terminal, event: int) -> None:
        if event & (select.POLLHUP | select.POLLERR | select.POLLNVAL):
            return self._hang_up()
        if event & select.POLLOUT and self._to_terminal:
            self._flush(terminal)
        if event & select.POLLIN and terminal.is_raw:
            if not terminal.is_ours:  # another job took the terminal without stopping us
                return self._suspend(_signal.SIGTTIN)
            try:
                typed = os.read(terminal.descriptor, PIECE)
            except BlockingIOError:
                return None
            except OSError:
                return self._hang_up()
            if not typed:
                return self._hang_up()
            self._tell(b"I" + typed)
        return None

    def _hang_up(self) -> None:
        """The terminal has hung up. ``run`` then closes the control socket, and the command gets SIGHUP."""
        self._to_terminal = self._room[:0]
        self._outcome = Outcome("signaled", _signal.SIGHUP, "")

    def _flush(self, terminal: Terminal) -> None:
        try:
            while self._to_terminal:
                written = terminal.write(self._to_terminal)
                self._to_terminal = self._to_terminal[written:]
                self._is_stuck = False
        except BlockingIOError:
            pass
        except OSError:
            self._hang_up()

    def _on_control(self, event: int) -> None:
        if event & select.POLLOUT:
            self._send()
        if event & (select.POLLIN | select.POLLHUP | select.POLLERR) and not self._to_terminal:
            try:
                packet = self._room[: self._control.recv_into(self._room)]
            except BlockingIOError:
                return
            except ConnectionResetError:  # the monitor did not read all that we sent; this error comes once, then its packets
                return
            except OSError:
                packet = self._room[:0]
            self._hear(packet)

    # --- packets

    def _tell(self, packet: bytes) -> None:
        self._to_monitor.append(packet)
        self._send()

    def _send(self) -> None:
        while self._to_monitor:
            try:
                self._control.send(self._to_monitor[0], MSG_NOSIGNAL)
            except BlockingIOError:
                return
            except OSError:  # the monitor has ended: drop our packets, and read the monitor's last packets
                self._to_monitor.clear()
                return
            self._to_monitor.pop(0)

    def _tell_size(self) -> None:
        if self._terminal is not None:
            size = self._terminal.size()
            if size != self._size:
                self._size = size
                self._tell(b"W" + struct.pack(">2H", *size))

    def _turn(self) -> dict[str, Any]:
        """Make the terminal raw if the command may have it now. Return whether the command has the terminal, and the size of the
        terminal. If the terminal's modes have changed since they were last sent to the monitor, also return the modes.
        """
        terminal = self._terminal
        if terminal is None:
            return {"rows": 0, "columns": 0, "foreground": False, "termios": None}
        self._size = terminal.size()
        before, self._modes = self._modes, terminal.modes_of_user()
        is_news = self._modes is not None and self._modes != before
        return {
            "rows": self._size[0],
            "columns": self._size[1],
            "foreground": self._take_terminal(terminal),
            "termios": binascii.b2a_base64(self._modes or b"", newline=False).decode("ascii") if is_news else None,
        }

    def _take_terminal(self, terminal: Terminal) -> bool:
        is_wanted = self._has_turn and terminal.is_ours
        is_taken = is_wanted and (terminal.is_raw or terminal.make_raw(shared=self._is_shared))
        self._is_queued = is_wanted and not is_taken
        return is_taken

    def _ask_for_turn(self) -> None:
        """If the command may have the terminal now, continue the command. Otherwise the command stays as it is."""
        if self._terminal is None:
            return
        if self._take_terminal(self._terminal):
            self._go_on()
        elif self._is_held and not self._is_queued:  # our job has lost the foreground
            self._suspend(_signal.SIGTTIN)

    def _hear(self, packet: memoryview) -> None:
        if packet and packet[0] == ord("O"):
            if self._terminal is not None:
                self._to_terminal = packet[1:]
                self._flush(self._terminal)
            return
        kind, payload = bytes(packet[:1]), bytes(packet[1:])
        if kind == b"R" and len(payload) == 4:
            self._command = int.from_bytes(payload, "big")
            for number, sender in self._early:
                self._deliver(number, sender)
        elif kind == b"T" and len(payload) == 1:
            if payload[0] in _OF_THE_TERMINAL:
                self._has_turn = True
            if payload[0] in _OF_THE_TERMINAL and self._terminal is not None and self._terminal.is_ours:
                self._is_held = True
                self._ask_for_turn()
            else:
                self._suspend(payload[0])
        elif kind == b"N":
            self._say_news(payload.decode("utf-8", "replace"))
        elif kind == b"X":
            self._outcome = _read_outcome(payload)
        elif kind == b"":
            self._outcome = self._lost("the run's monitor went away")

    def _lost(self, why: str) -> Outcome:
        what = "how the command ended is not known" if self._command else "whether the command ran is not known"
        return Outcome("lost", 0, f"{why}; {what} here: see `jitd runs`")

    def _say_news(self, sentence: str) -> None:
        """On a terminal, only if this process is in the foreground. The buffer ``_to_terminal`` must be empty."""
        if self._news.is_quiet:
            return
        if self._terminal is None:
            self._news.say(sentence)
        elif self._terminal.is_ours:
            lines = as_said(sentence, self._terminal.descriptor).replace("\n", "\r\n")
            self._to_terminal = memoryview(f"\r\n{lines}".encode())
            self._flush(self._terminal)

    # --- job control

    def _suspend(self, number: int) -> None:
        """Stop this process's job, because the command was stopped. Return after the shell has continued it."""
        terminal, was_stopped = self._terminal, False
        if terminal is not None:
            terminal.restore()
        try:
            if number != _signal.SIGSTOP:
                handler = _signal.signal(number, _signal.SIG_DFL)
                # Another process in our job may have stopped the whole job already. In that case we stop here.
                _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [number])
                was_stopped = self._signals.is_pending(_signal.SIGCONT)
            if not was_stopped:
                os.kill(0, number)  # we stop here; the kernel does not stop an orphaned group, because nobody could continue it
            if number != _signal.SIGSTOP:
                _signal.signal(number, handler)
        except (OSError, ValueError, TypeError):
            pass
        finally:
            self._signals.catch(_CAUGHT)
        was_stopped = self._signals.is_pending(_signal.SIGCONT) or was_stopped
        if not was_stopped and number in _OF_THE_TERMINAL and terminal is not None and not terminal.is_ours:
            return self._hang_up()  # an orphaned group cannot wait for a terminal
        return self._resume()

    def _resume(self) -> None:
        """Continue the command. Since the stop, the terminal's modes or its foreground job may have changed."""
        if self._terminal is not None:
            self._terminal.look_again()
        self._go_on()

    def _go_on(self) -> None:
        """Tell the monitor to continue the command, and whether the command has the terminal."""
        self._is_held = False
        self._tell(b"C" + notation.write(self._turn()))


def _read_outcome(payload: bytes) -> Outcome:
    try:
        said: Any = notation.read(payload)
        ending, number, because = said["outcome"], said["status"], said["because"]
        if type(number) is not int or not 0 <= number <= 255 or type(because) is not str:
            raise ValueError
        if ending not in ("exited", "signaled", "not started", "lost"):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        return Outcome("lost", 0, "the run's monitor sent an outcome that jitsudo does not know")
    return Outcome(ending, number, because)
