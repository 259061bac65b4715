# SPDX-License-Identifier: Apache-2.0
"""Passes bytes, window sizes and signals between the client and the command's terminal (PROTOCOL.md section 5). This module also
puts the command into the foreground of its terminal, or into the background.

Law: the monitor never waits for the client or for the terminal. The monitor reads bytes from one side only if the other side can
accept them. The monitor sends signals only to the command's process group. After the monitor has read the exit status of the
group's leader (waitpid(2)), it sends no more signals. The client is disconnected if it sends a packet that PROTOCOL.md does not
define.
"""

from __future__ import annotations

import os
import select
import signal
import struct
from collections.abc import Callable

from jitd.monitor.client import Client
from jitd.monitor.leash import Arrived
from jitd.monitor.signalling import Pid, signal_group
from jitd.monitor.streams import Unfit, read_turn
from jitd.monitor.tape import Tape
from jitd.monitor.terminal import Terminal

MOST_KEPT = 512 * 1024
"""Maximum number of bytes that are read from the terminal after the command has stopped or ended. The unread output of the
command itself is always less. If there is more, other processes still write to the terminal.
"""
MOST_RELAYED = 8  # output packets that are sent to the client in one turn
SIGNALS = frozenset(
    getattr(signal, f"SIG{name}") for name in ("HUP", "INT", "QUIT", "TERM", "USR1", "USR2", "ALRM", "TSTP", "CONT", "WINCH")
)
"""The signals that a client may send to the command."""
ENDING = frozenset((signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM))
"""The signals whose purpose is to end the command."""


class Exchange:
    """The client and the terminal of one run. ``is_open`` is True after the client's streams have arrived."""

    def __init__(self, client: Client, terminal: Terminal | None, tape: Tape) -> None:
        self.client = client
        self.terminal = terminal
        self.tape = tape
        self.is_open = False
        self.is_told_to_end = False  # true if the client sent a signal from ENDING after the end of the command
        self.is_held = False  # true as long as the run is frozen. A client cannot continue a frozen run.
        self._in_front: Pid = 0  # the process group that had the terminal when the command stopped

    def open(self, arrived: Arrived, uid: int, command: Pid) -> None:
        """Start to pass on bytes, because the client's streams have arrived. Raises OSError."""
        self.is_open = True
        if not arrived.terminal:
            self.close_terminal()
            return
        assert self.terminal is not None
        turn = arrived.turn
        self.terminal.prepare(uid, turn.rows, turn.columns, turn.termios, has_to_echo=self.tape.keeps_input)
        if turn.foreground:
            self.terminal.give_to(command)

    # --- waiting

    @property
    def is_full(self) -> bool:
        """True if no more input can be accepted from the client now."""
        return self.terminal is not None and self.terminal.is_full

    def wait_with(self, poll: select.poll) -> None:
        """Register this object's descriptors in ``poll``."""
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
        """Read the client's packets, and carry out the requests in them."""
        for packet in self.client.hear() if self.is_open and not self.is_full else ():
            kind, payload = packet[:1], packet[1:]
            if kind == b"I" and self.terminal is not None:
                if self.tape.input(payload, is_echoed=self.terminal.echoes):
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
        """Set the size of the terminal's window. The kernel then sends SIGWINCH to the foreground process group of the terminal.
        If this is not the command's process group, this method sends SIGWINCH to the command's process group, too.
        """
        terminal = self.terminal
        if terminal is not None and terminal.resize(rows, columns):
            self.tape.resize(rows, columns)
            if terminal.foreground_group != command:
                signal_group(command, signal.SIGWINCH)

    def _go_on(self, payload: bytes, command: Pid) -> bool:
        """The client process continues (packet ``C``). Return False if ``payload`` cannot be read."""
        try:
            turn = read_turn(payload)
        except Unfit:
            return False
        if self.terminal is not None:
            if turn.termios is not None:
                self.terminal.set_modes(turn.termios, echoes=self.terminal.echoes)
            self._resize(turn.rows, turn.columns, command)
            self._take_turn(command, is_ours=turn.foreground)
        self.tape.resumed()
        if not self.is_held:
            signal_group(command, signal.SIGCONT)
        return True

    def _take_turn(self, command: Pid, *, is_ours: bool) -> None:
        """If ``is_ours`` is True, put the process group into the foreground again that was there before the command stopped, but
        not if one of the command is there. If ``is_ours`` is False, remove the command's process group from the foreground.
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

    def relay(self, before_output: Callable[[], None], *, is_over: bool) -> None:
        """Pass on bytes in both directions. Only as many bytes are passed on as the other side can accept. Output that is written
        after the end of the run is not sent. ``before_output`` is called after output was read and before it is sent.
        """
        self.client.push()
        if self.terminal is None or not self.is_open:
            return
        self.terminal.push()
        if is_over or self.client.is_gone:
            # nobody else reads the output, and the process that writes it must not wait
            self.tape.output(self.terminal.read()[1:])
            return
        for _ in range(MOST_RELAYED):
            if self.client.is_behind or not (packet := self.terminal.read()):
                return
            before_output()
            self._pass_on(packet)

    def _pass_on(self, packet: memoryview) -> None:
        """Record a packet of output, then send it. If the rule requires a recording, it is not sent unrecorded."""
        if self.tape.output(packet[1:]):
            self.client.send(packet)

    def say_stopped(self, number: int) -> None:
        """Send the output that was written before the stop. Then tell the client that signal ``number`` has stopped the
        command.
        """
        if self.terminal is not None:
            group = self.terminal.foreground_group
            self._in_front = group if group not in (0, os.getpgrp()) else 0
        self.drain()
        self.tape.suspended(number)
        self.client.say(b"T", bytes([number]))

    def drain(self) -> None:
        """Send all output of the command to the client, but at most about MOST_KEPT bytes."""
        size = 0
        while self.terminal is not None and self.is_open and size < MOST_KEPT and (packet := self.terminal.read()):
            self._pass_on(packet)
            size += len(packet)

    def close_terminal(self) -> None:
        """Close the terminal. Processes that still use the terminal get a hang-up."""
        if self.terminal is not None:
            self.terminal.close()
            self.terminal = None


def _lives(group: Pid) -> bool:
    """True if at least one process belongs to process group ``group``."""
    try:
        os.killpg(group, 0)
    except OSError:
        return False
    return group > 0
