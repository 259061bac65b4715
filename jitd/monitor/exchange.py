# SPDX-License-Identifier: Apache-2.0
"""What passes between the client and the command's terminal: bytes, window sizes, signals, and the foreground (PROTOCOL.md
section 5).

Law: neither side is waited for. Bytes are read from one side only if the other side can take them. The command is signalled by
its process group, and only as long as the leader of the group has not been waited for. A client that sends anything but a packet
of PROTOCOL.md is treated as if it had hung up.
"""

from __future__ import annotations

import os
import select
import signal
import struct

from jitd.monitor.client import Client
from jitd.monitor.signalling import Pid, signal_group
from jitd.monitor.streams import Unfit, read_turn
from jitd.monitor.tape import Tape
from jitd.monitor.terminal import Terminal

MOST_KEPT = 512 * 1024
"""Bytes that are read from the terminal, at most, after the command has stopped or ended. Its own unread output is less."""
MOST_RELAYED = 8
"""Packets of output that are made in one turn, at most."""
SIGNALS = frozenset(
    getattr(signal, f"SIG{name}") for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "TSTP", "CONT", "WINCH")
)
"""Signals that a client may send to the command."""
ENDING = frozenset((signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM))
"""Signals that are meant to end the command."""


class Exchange:
    """The client and the terminal of one run. ``is_open`` is true once the client's streams have come."""

    def __init__(self, client: Client, terminal: Terminal | None, tape: Tape) -> None:
        self.client = client
        self.terminal = terminal
        self.tape = tape
        self.is_open = False
        self.is_told_to_end = False
        """True if a signal that is meant to end the command came after the command's end."""
        self.is_held = False
        """True while the run is frozen: a client cannot continue it."""
        self._in_front: Pid = 0  # the process group that had the terminal when the command stopped

    def open(self, told: dict[str, object], uid: int, command: Pid) -> None:
        """Begin: the client's streams have come. ``told`` is what the client says of its terminal. Raises OSError."""
        self.is_open = True
        if not told["terminal"]:
            self.close_terminal()
            return
        assert self.terminal is not None
        settings = told["termios"]
        self.terminal.prepare(
            uid,
            int(str(told["rows"])),
            int(str(told["columns"])),
            bytes.fromhex(settings) if isinstance(settings, str) else None,
        )
        if told["foreground"]:
            self.terminal.give_to(command)

    # --- waiting

    @property
    def is_full(self) -> bool:
        """True if no more input can be taken from the client for now."""
        return self.terminal is not None and self.terminal.is_full

    def wait_with(self, poll: select.poll) -> None:
        """Register the descriptors to wait for."""
        if not self.is_open:
            return
        if not self.client.is_gone:
            events = (0 if self.is_full else select.POLLIN) | (select.POLLOUT if self.client.is_behind else 0)
            poll.register(self.client.socket, events)
        if self.terminal is not None:
            events = (0 if self.client.is_behind else select.POLLIN) | (
                select.POLLOUT if self.terminal.is_waiting_to_write else 0
            )
            if events:
                poll.register(self.terminal.master, events)

    # --- from the client

    def hear(self, command: Pid) -> None:
        """Read the client's packets, and do what they say."""
        for packet in self.client.hear() if self.is_open and not self.is_full else ():
            kind, payload = packet[:1], packet[1:]
            if kind == b"I" and self.terminal is not None:
                if self.tape.input(payload, terminal=self.terminal.master):
                    self.terminal.type(payload)
            elif kind == b"W" and self.terminal is not None and len(payload) == 4:
                rows, columns = struct.unpack(">HH", payload)
                self._resize(rows, columns, command)
            elif kind == b"G" and len(payload) == 1 and payload[0] in SIGNALS:
                if not self.is_held or payload[0] != signal.SIGCONT:
                    signal_group(command, payload[0])
                self.is_told_to_end |= not command and payload[0] in ENDING
            elif kind == b"C" and self._go_on(payload, command):
                pass
            else:
                self.client.drop()
                return

    def _resize(self, rows: int, columns: int, command: Pid) -> None:
        """Set the window's size. The kernel sends SIGWINCH to the terminal's foreground group; the command gets it too."""
        terminal = self.terminal
        if terminal is not None and terminal.resize(rows, columns):
            self.tape.resize(rows, columns)
            if terminal.foreground_group != command:
                signal_group(command, signal.SIGWINCH)

    def _go_on(self, payload: bytes, command: Pid) -> bool:
        """Continue the command, since the client goes on (packet ``C``). False if ``payload`` cannot be read."""
        try:
            turn = read_turn(payload)
        except Unfit:
            return False
        if self.terminal is not None:
            if turn.termios is not None:
                self.terminal.set_modes(turn.termios)
            self._resize(turn.rows, turn.columns, command)
            self._take_turn(command, is_ours=turn.foreground)
        self.tape.resumed()
        if not self.is_held:
            signal_group(command, signal.SIGCONT)
        return True

    def _take_turn(self, command: Pid, *, is_ours: bool) -> None:
        """Put the command's group that had the terminal into the foreground again. If ``is_ours`` is false, take it away.

        If a group of the command is in the foreground already, it stays there.
        """
        assert self.terminal is not None
        front = self.terminal.foreground_group
        is_theirs = front != os.getpgrp() and _lives(front)
        if not is_ours:
            self._in_front = front if is_theirs else self._in_front
            self.terminal.give_to(os.getpgrp())
        elif not is_theirs:
            self.terminal.give_to(self._in_front if _lives(self._in_front) else command)

    # --- to the client

    def relay(self, *, is_over: bool) -> None:
        """Pass on in both directions what the other side can take. Output that comes after the run's end is not sent."""
        self.client.push()
        if self.terminal is None or not self.is_open:
            return
        self.terminal.push()
        if is_over or self.client.is_gone:
            self.tape.output(self.terminal.read()[1:])  # nobody else reads it, and the process that writes must not wait
            return
        for _ in range(MOST_RELAYED):
            if self.client.is_behind or not (packet := self.terminal.read()):
                return
            self._pass_on(packet)

    def _pass_on(self, packet: memoryview) -> None:
        """Record a packet of output, then send it to the client. Do not send it if it should be recorded and cannot be."""
        if self.tape.output(packet[1:]):
            self.client.send(packet)

    def say_stopped(self, number: int) -> None:
        """Tell the client that signal ``number`` has stopped the command, after the output that came before."""
        if self.terminal is not None:
            group = self.terminal.foreground_group
            self._in_front = group if group not in (0, os.getpgrp()) else 0
        self.drain()
        self.tape.suspended(number)
        self.client.say(b"T", bytes([number]))

    def drain(self) -> None:
        """Send the client all that the command has written, but not more than about MOST_KEPT bytes."""
        size = 0
        while self.terminal is not None and self.is_open and size < MOST_KEPT and (packet := self.terminal.read()):
            self._pass_on(packet)
            size += len(packet)

    def close_terminal(self) -> None:
        """Close the terminal, which hangs up the processes that still use it."""
        if self.terminal is not None:
            self.terminal.close()
            self.terminal = None


def _lives(group: Pid) -> bool:
    """True if there is a process in process group ``group``."""
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return group > 0
