# SPDX-License-Identifier: Apache-2.0
"""The client on one side, the command and its terminal on the other: bytes, sizes, signals, and whose turn it is (PROTOCOL.md
section 5).

Law: neither side is waited for, and nobody's bytes are read that the other side cannot take yet. The command is signalled by
its process group, and only while its leader has not been waited for. A client has hung up that sends something
else than a packet of PROTOCOL.md.
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
"""Bytes read from the terminal when the command has stopped or ended. What it wrote itself is less."""
MOST_RELAYED = 8
"""Packets of output made in one turn."""
SIGNALS = frozenset(
    getattr(signal, f"SIG{name}") for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "TSTP", "CONT", "WINCH")
)
"""What a client may have delivered to the command."""
ENDING = frozenset((signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM))
"""What is meant to end it."""


class Exchange:
    """Both sides of one run. ``is_open`` once the client's streams have come."""

    def __init__(self, client: Client, terminal: Terminal | None, tape: Tape) -> None:
        self.client = client
        self.terminal = terminal
        self.tape = tape
        self.is_open = False
        self.is_told_to_end = False
        """A signal came that would have ended the command, if that had not ended before."""
        self._in_front: Pid = 0  # the process group that had the terminal when the command stopped

    def open(self, told: dict[str, object], uid: int, command: Pid) -> None:
        """The client's streams have come, and this is what it says of its terminal. Raises OSError."""
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
        """True if the client may type no more for now."""
        return self.terminal is not None and self.terminal.is_full

    def wait_with(self, poll: select.poll) -> None:
        """Register what there is to wait for."""
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
        """Do what the client has said since."""
        for packet in self.client.hear() if self.is_open and not self.is_full else ():
            kind, payload = packet[:1], packet[1:]
            if kind == b"I" and self.terminal is not None:
                if self.tape.input(payload, terminal=self.terminal.master):
                    self.terminal.type(payload)
            elif kind == b"W" and self.terminal is not None and len(payload) == 4:
                rows, columns = struct.unpack(">HH", payload)
                self._resize(rows, columns, command)
            elif kind == b"G" and len(payload) == 1 and payload[0] in SIGNALS:
                signal_group(command, payload[0])
                self.is_told_to_end |= not command and payload[0] in ENDING
            elif kind == b"C" and self._go_on(payload, command):
                pass
            else:
                self.client.drop()
                return

    def _resize(self, rows: int, columns: int, command: Pid) -> None:
        """Set the window's size. The kernel signals the terminal's foreground group; the command is signalled in any case."""
        terminal = self.terminal
        if terminal is not None and terminal.resize(rows, columns):
            self.tape.resize(rows, columns)
            if terminal.foreground_group != command:
                signal_group(command, signal.SIGWINCH)

    def _go_on(self, payload: bytes, command: Pid) -> bool:
        """The client goes on, and so does the command. False if the packet does not say so."""
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
        signal_group(command, signal.SIGCONT)
        return True

    def _take_turn(self, command: Pid, *, is_ours: bool) -> None:
        """Give the terminal back to the command's group that had it, or take it away; a group that has it meanwhile keeps it."""
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
        """Carry what there is, and can be taken, in both directions. What comes when it is over is not for the client."""
        self.client.push()
        if self.terminal is None or not self.is_open:
            return
        self.terminal.push()
        if is_over or self.client.is_gone:
            self.tape.output(self.terminal.read()[1:])  # nobody is there to read it; the writer must not wait for that
            return
        for _ in range(MOST_RELAYED):
            if self.client.is_behind or not (packet := self.terminal.read()):
                return
            self._pass_on(packet)

    def _pass_on(self, packet: memoryview) -> None:
        """What the command has written goes to the client, once it is kept."""
        if self.tape.output(packet[1:]):
            self.client.send(packet)

    def say_stopped(self, number: int) -> None:
        """The command has stopped by that signal: its last words first."""
        if self.terminal is not None:
            group = self.terminal.foreground_group
            self._in_front = group if group not in (0, os.getpgrp()) else 0
        self.drain()
        self.tape.suspended(number)
        self.client.say(b"T", bytes([number]))

    def drain(self) -> None:
        """All that the command has written goes to the client."""
        size = 0
        while self.terminal is not None and self.is_open and size < MOST_KEPT and (packet := self.terminal.read()):
            self._pass_on(packet)
            size += len(packet)

    def close_terminal(self) -> None:
        """Hang up what still uses it."""
        if self.terminal is not None:
            self.terminal.close()
            self.terminal = None


def _lives(group: Pid) -> bool:
    """True if somebody is in that process group."""
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return group > 0
