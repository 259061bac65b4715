# SPDX-License-Identifier: Apache-2.0
"""Bytes, signals and sizes between the user's terminal and the monitor of the run: PROTOCOL.md section 5, the client's side.

Law: the terminal is left as it was found, however the relay ends; it is raw only while we are in the foreground and the command
has it. One buffer each way, and nobody reads what the other side cannot take yet. An end without the monitor's last word
is never a success.
"""

from __future__ import annotations

import binascii
import os
import select
import struct
from _socket import AF_UNIX, MSG_NOSIGNAL, SCM_RIGHTS, SOCK_SEQPACKET, SOL_SOCKET, socket

from jitpam.signals import Signals
from jitpam.terminal import Terminal
from jitpam.wire import notation

TYPE_CHECKING = False
if TYPE_CHECKING:
    import signal as _signal
    from typing import Any
else:
    import _signal  # importing `signal` would make each start 3 ms longer

PIECE = 32 * 1024
"""Bytes of payload in one packet, at most."""
RELAYED = (
    _signal.SIGHUP, _signal.SIGINT, _signal.SIGQUIT, _signal.SIGTERM, _signal.SIGUSR1, _signal.SIGUSR2, _signal.SIGALRM,
    _signal.SIGTSTP,
)  # fmt: skip
"""Signals that are the command's, though they are sent to us."""
_CAUGHT = (*RELAYED, _signal.SIGWINCH, _signal.SIGCONT)
_OF_THE_TERMINAL = (_signal.SIGTTIN, _signal.SIGTTOU)


class Outcome:
    """How the run ended, by the monitor's last word. ``ending`` is exited, signaled, not started or lost."""

    __slots__ = ("because", "ending", "number")

    def __init__(self, ending: str, number: int, because: str) -> None:
        self.ending = ending
        self.number = number
        self.because = because


class Relay:
    """One run, seen from the client: ``hand_over`` the streams, then ``run`` until the monitor's last word."""

    def __init__(self, control: int, kinds: list[str], signals: Signals) -> None:
        self._control = socket(AF_UNIX, SOCK_SEQPACKET, 0, control)
        self._control.setblocking(False)
        self._kinds = kinds
        self._signals = signals
        terminals = [descriptor for descriptor in range(3) if kinds[descriptor] == "terminal"]
        self._terminal = Terminal(terminals) if terminals else None
        self._is_piped = any(kind in ("pipe", "socket") for kind in kinds[:2])
        self._has_turn = not self._is_piped
        """The command has the terminal when we are in the foreground: from the start, or since it asked for it."""
        self._to_monitor: list[bytes] = []
        self._room = memoryview(bytearray(PIECE + 2))
        self._to_terminal = self._room[:0]
        """What is still to be written, in ``_room``: no packet is read before all of it is."""
        self._is_stuck = False
        self._size = (0, 0)
        self._modes: bytes | None = None
        """The terminal's modes as the monitor was told of them."""
        self._command = 0
        """The command's process and process group, once it runs."""
        self._early: list[tuple[int, int]] = []
        self._outcome: Outcome | None = None

    def hand_over(self) -> None:
        """Give the monitor our streams; signals are the command's from here on.

        What is not a terminal we then hold no longer, so that its other end sees it close when the command lets go of it.
        """
        self._signals.catch(_CAUGHT)
        said = {"streams": self._kinds, **self._turn()}
        given = [descriptor for descriptor in range(3) if self._kinds[descriptor] not in ("terminal", "closed")]
        packet = b"S" + notation.write(said)
        rights = [(SOL_SOCKET, SCM_RIGHTS, struct.pack(f"{len(given)}i", *given))] if given else []
        try:
            self._control.sendmsg([packet], rights, MSG_NOSIGNAL)
        except OSError:
            return  # the monitor is gone: reading tells what became of it
        nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        for descriptor in given:
            if descriptor != 2:  # what we have to say goes there
                os.dup2(nothing, descriptor)
        os.close(nothing)

    def run(self) -> Outcome:
        """Carry bytes, signals and sizes until the run has ended."""
        try:
            if self._terminal is not None and self._has_turn and self._terminal.is_ours:
                self._terminal.make_raw(shared=self._is_piped)
            while self._outcome is None or self._to_terminal:
                self._step()
            return self._outcome
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
            if events:  # and otherwise not even its end is to wake us
                poll.register(control, events)
        if terminal is not None:  # also if nothing is wanted of it: its hang-up is seen
            reads = self._outcome is None and not self._to_monitor and terminal.is_raw
            poll.register(terminal.descriptor, (select.POLLIN if reads else 0) | (select.POLLOUT if self._to_terminal else 0))
        for descriptor, event in poll.poll():
            if descriptor == self._signals.descriptor:
                self._on_signals()
            elif descriptor == control:
                self._on_control(event)
            elif self._terminal is not None:
                self._on_terminal(self._terminal, event)

    def _on_signals(self) -> None:
        for number, sender in self._signals.taken():
            if self._outcome is not None:
                self._to_terminal = self._room[:0]  # the terminal takes no more, and the person who signals has waited enough
            elif number == _signal.SIGCONT:
                self._resume()
            elif number == _signal.SIGHUP and not sender and self._terminal is not None:
                self._hang_up()  # by the kernel: its terminal is gone, or nobody is there any more who could continue us
            elif sender and not self._command:
                self._early.append((number, sender))
            else:
                self._deliver(number, sender)

    def _deliver(self, number: int, sender: int) -> None:
        """A signal for the command, unless it comes from there: what signals everything (``reboot``) is not to end itself."""
        if sender and self._is_of_command(sender):
            return
        if number == _signal.SIGWINCH and not sender:
            self._tell_size()
        elif number in (_signal.SIGTERM, _signal.SIGHUP) and self._to_terminal and self._is_stuck:
            self._hang_up()  # the second one, and the terminal has taken nothing since the first: nobody will read the end
        else:
            self._is_stuck = number in (_signal.SIGTERM, _signal.SIGHUP)
            self._tell(b"G" + bytes([number]))

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
            if not terminal.is_ours:  # somebody took it without stopping us
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
        """The terminal is gone, and the person with it: so is our end of the control socket, and the command gets its HUP."""
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
            except ConnectionResetError:  # said once, and before what was sent: it closed without reading all that we sent
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
            except OSError:  # it is gone: what it left unread is read first
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
        """Whether the command has the terminal now, its size, and its modes if they are others than the monitor was told last."""
        terminal = self._terminal
        if terminal is None:
            return {"rows": 0, "columns": 0, "foreground": False, "termios": None}
        self._size = terminal.size()
        before, self._modes = self._modes, terminal.modes_of_user()
        is_news = self._modes is not None and self._modes != before
        return {
            "rows": self._size[0],
            "columns": self._size[1],
            "foreground": self._has_turn and terminal.is_ours,
            "termios": binascii.b2a_base64(self._modes or b"", newline=False).decode("ascii") if is_news else None,
        }

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
                self._resume()  # it asked for the terminal, and it is ours to give
            else:
                self._suspend(payload[0])
        elif kind == b"X":
            self._outcome = _read_outcome(payload)
        elif kind == b"":
            what = "how the command ended is not known" if self._command else "whether the command ran is not known"
            self._outcome = Outcome("lost", 0, f"the run's monitor went away; {what} here: see `jitd runs`")

    # --- job control

    def _suspend(self, number: int) -> None:
        """The command was stopped: so are we, and all of our job, until somebody continues us."""
        terminal, was_stopped = self._terminal, False
        if terminal is not None:
            terminal.restore()
        try:
            if number != _signal.SIGSTOP:
                handler = _signal.signal(number, _signal.SIG_DFL)
                # Another of our job may have stopped all of it already: we stand still in here, then.
                _signal.pthread_sigmask(_signal.SIG_UNBLOCK, [number])
                was_stopped = self._signals.is_pending(_signal.SIGCONT)
            if not was_stopped:
                os.kill(0, number)  # we stand still in here, if anybody could continue us: the kernel sees to that
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
        """We go on, and so does the command; the terminal may have changed meanwhile, and it may be another's turn."""
        terminal = self._terminal
        if terminal is not None:
            terminal.look_again()
        turn = self._turn()
        if terminal is not None and turn["foreground"] and not terminal.is_raw:
            terminal.make_raw(shared=self._is_piped)
        self._tell(b"C" + notation.write(turn))


def _read_outcome(payload: bytes) -> Outcome:
    try:
        said: Any = notation.read(payload)
        ending, number, because = said["outcome"], said["status"], said["because"]
        if type(number) is not int or not 0 <= number <= 255 or type(because) is not str:
            raise ValueError
        if ending not in ("exited", "signaled", "not started", "lost"):
            raise ValueError
    except (ValueError, KeyError, TypeError):
        return Outcome("lost", 0, "the run's monitor ended with a word that is none")
    return Outcome(ending, number, because)
