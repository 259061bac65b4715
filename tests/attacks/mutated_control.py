# SPDX-License-Identifier: Apache-2.0
"""Runs whose client says what is nearly right on the control socket: its streams, then input, sizes, signals and continuations.

Law: the command may begin only with the streams that were approved, and each run ends, with its record, when its client is gone.
"""

from __future__ import annotations

import array
import json
import os
import socket
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

from jitd.monitor.exchange import SIGNALS
from jitpam.wire import messages
from tests.attacks.mutated_wire import is_complaint
from tests.attacks.raw import connected, submission
from tests.mutation import Mutator
from tests.system.conftest import House
from tests.waiting import PATIENCE, wait_for

CONFIG = '[limits]\nruns = "1000/s, burst 100000"\npending_per_person = 10000\n'
POLICY = """
[[permit]]
name = "at-once"
who = ["user:alice"]
commands = [["/usr/bin/cat"]]
run = { record = "all" }
"""
KINDS = (
    ("terminal", "terminal", "terminal"),
    ("terminal", "pipe", "null"),
    ("pipe", "terminal", "terminal"),
    ("pipe", "pipe", "pipe"),
    ("null", "null", "null"),
    ("socket", "file", "device"),
    ("closed", "closed", "closed"),
    ("terminal", "closed", "terminal"),
)
"""What is approved."""
ALL_KINDS = ("terminal", "pipe", "file", "socket", "null", "closed", "device")
BATCH = 150
"""Runs with one daemon."""
N_KEPT = 20
"""Recordings of each daemon."""
PLACES = ("/", "/root", "/etc/shadow", "/dev/ptmx", "/proc/self/ns/user", "/proc/self/mem", "/proc/sys/kernel/hostname")
"""What is passed instead of a stream."""
A_MOMENT = 0.05
"""Seconds in which some of what a run says is heard, before its client goes."""
MOST_PACKET = 32 * 1024 + 1


@dataclass
class Found:
    """What was not as promised, and how often what was seen."""

    faults: list[str] = field(default_factory=list)
    seen: dict[str, int] = field(default_factory=dict)

    def count(self, what: str) -> None:
        self.seen[what] = self.seen.get(what, 0) + 1


class Run:
    """One run with ``house``: what its client sends, and what is heard."""

    def __init__(self, house: House, seed: int, found: Found) -> None:
        self._house = house
        self._mutator = Mutator(seed)
        self._random = self._mutator.random
        self._found = found
        self._at_end = ExitStack()
        self.said: list[bytes] = []
        self.id = ""

    def play(self) -> None:
        """Raises AssertionError where something is not as promised."""
        kinds = self._random.choice(KINDS)
        with self._at_end, connected(self._house, "alice") as raw:
            *_, last = raw.ask(submission("cat", streams=list(kinds)))
            assert isinstance(last, messages.Start), f"what is permitted was not begun: {last!r}"
            self.id = last.id
            with socket.socket(fileno=raw.descriptors.pop()) as control:
                control.settimeout(PATIENCE)
                with suppress(BrokenPipeError, ConnectionResetError):
                    self._begin(control, kinds)
                    self._go_on(control)

    # --- the first packet -----------------------------------------------------------------------------------------------

    def _begin(self, control: socket.socket, kinds: tuple[str, ...]) -> None:
        is_in_front = self._random.random() < 0.5
        said = {"streams": list(kinds), "rows": 24, "columns": 80, "foreground": is_in_front, "termios": None}
        descriptors = self._descriptors(kinds)
        packet = b"S" + json.dumps(said).encode()
        is_right = self._random.random() < 0.5
        if not is_right:
            match self._random.randrange(4):
                case 0:
                    descriptors = self._others(descriptors)
                case 1:
                    packet = self._mutator.bytes_of(packet)
                case 2:
                    packet = self._random.choice((b"S", b"S", b"I", b"")) + self._mutator.json_of(said)
                case _:
                    others = list(kinds)
                    others[self._random.randrange(3)] = self._random.choice(ALL_KINDS)
                    descriptors = self._descriptors(others)  # they are what the packet says, and not what was approved
                    packet = b"S" + json.dumps({**said, "streams": others}).encode()
        packet = packet[:200_000]
        self.said.append(packet)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors))] if descriptors else []
        with suppress(OSError):  # more than a packet can be
            control.sendmsg([packet], rights)
            self._expect(control, packet, kinds)
            return
        control.shutdown(socket.SHUT_WR)

    def _expect(self, control: socket.socket, packet: bytes, kinds: tuple[str, ...]) -> None:
        """The command runs, or the client is told why it does not, within the patience of a test."""
        heard = _hear(control)
        kind = heard[:1].decode("latin-1") or "end"
        self._found.count(f"streams: {kind}")
        assert kind in ("R", "X", "end"), f"the first packet of a monitor is {heard!r}"
        if kind == "R":
            told = json.loads(packet[1:])
            assert packet[:1] == b"S" and told["streams"] == list(kinds), f"it runs with streams that nobody approved: {packet!r}"
        elif kind == "X":
            end = json.loads(heard[1:])
            assert end["outcome"] == "not started" and end["because"].isprintable(), f"what did not begin ended so: {end}"
            assert "Error" not in end["because"], f"the reason is a fault of the monitor's: {end}"

    def _descriptors(self, kinds: Sequence[str]) -> list[int]:
        return [self._descriptor(kind, slot) for slot, kind in enumerate(kinds) if kind not in ("terminal", "closed")]

    def _descriptor(self, kind: str, slot: int) -> int:
        """One of that kind, as a client has it."""
        made: int
        if kind == "pipe":
            reading, writing = os.pipe()
            made, other = (reading, writing) if slot == 0 else (writing, reading)
            self._at_end.callback(os.close, other)
        elif kind == "socket":
            one, other_ = socket.socketpair()
            self._at_end.callback(other_.close)
            made = one.detach()
        elif kind == "file":
            made = os.memfd_create("file") if self._mutator.one_in(2) else os.open("/tmp", os.O_TMPFILE | os.O_RDWR)
        else:
            made = os.open("/dev/null" if kind == "null" else "/dev/zero", os.O_RDWR)
        self._at_end.callback(os.close, made)
        return made

    def _others(self, descriptors: list[int]) -> list[int]:
        """Others than those that belong there: of another kind, more, or fewer."""
        draw = self._random
        flags = (os.O_RDONLY, os.O_RDWR, os.O_PATH)
        found = list(descriptors)
        for _ in range(draw.choice((1, 1, 2, 60, 250))):
            another = -1
            with suppress(OSError):  # not everything may be written to
                another = os.open(draw.choice(PLACES), draw.choice(flags) | os.O_NOCTTY)
            if another < 0:
                another = os.eventfd(0) if self._mutator.one_in(2) else os.pidfd_open(os.getpid())
            self._at_end.callback(os.close, another)
            found.insert(draw.randint(0, len(found)), another)
        if descriptors and draw.random() < 0.6:  # instead of those that belong there
            found = found[: len(descriptors)]
        return found[: draw.choice((1, 3, 253))]

    # --- the others -----------------------------------------------------------------------------------------------------

    def _go_on(self, control: socket.socket) -> None:
        """Anything, and then nothing more. Who says what is on no page is hung up on."""
        is_odd = False
        for _ in range(self._random.randint(0, 12)):
            packet = self._packet()
            self.said.append(packet)
            try:
                control.send(packet[:200_000])
                is_odd |= packet[:1] not in (b"I", b"W", b"G", b"C")
            except (BrokenPipeError, ConnectionResetError):
                break
            except OSError:  # no packet may be so large
                continue
        if is_odd:
            while self._heard(control):
                pass
            self._found.count("then: hung up on")
            return
        control.settimeout(A_MOMENT)
        with suppress(TimeoutError):
            while self._heard(control):
                pass

    def _heard(self, control: socket.socket) -> bytes:
        """The next packet of a run that may have begun; nothing at the end. Raises TimeoutError."""
        heard = _hear(control)
        self._found.count(f"then: {heard[:1].decode('latin-1') or 'end'}")
        assert heard[:1] in (b"", b"O", b"T", b"N", b"X") and len(heard) <= MOST_PACKET, f"a monitor says {heard[:100]!r}"
        return heard

    def _packet(self) -> bytes:
        draw = self._random
        turn = {"foreground": draw.random() < 0.5, "rows": draw.choice((0, 24, 65535)), "columns": 80, "termios": None}
        match draw.randrange(8):
            case 0:
                return b"I" + draw.choice(
                    (b"x\n", b"\x03", b"\x04", b"\x1a", b"\x00" * 100, draw.randbytes(draw.choice((1, 900, 32768, 40000))))
                )
            case 1:
                return b"W" + draw.randbytes(draw.choice((4, 4, 4, 0, 3, 5)))
            case 2:
                return b"G" + bytes([draw.choice((*SIGNALS, *SIGNALS, 0, 9, 19, 34, 64, 255))])
            case 3:
                return b"C" + json.dumps(turn).encode()
            case 4:
                return b"C" + self._mutator.json_of({**turn, "termios": "A" * 48})
            case 5:
                return self._mutator.bytes_of(b"C" + json.dumps({**turn, "termios": "A" * 48}).encode())
            case 6:
                return draw.randbytes(draw.randint(0, 40))
            case _:
                return b"I" + self._mutator.text().encode("utf-8", "surrogatepass")


def _hear(control: socket.socket) -> bytes:
    """The next packet; nothing at the end. Raises TimeoutError where neither comes."""
    try:
        return control.recv(1 << 16)
    except ConnectionResetError:
        return b""


def play(seed: int, n: int, keep: Path | None = None) -> Found:
    """``n`` runs, from ``seed`` on. With ``keep``, the longest recordings are copied there, whole."""
    found = Found()
    for first in range(seed, seed + n, BATCH):
        house = House(POLICY, CONFIG).start()
        try:
            _play_batch(house, range(first, min(first + BATCH, seed + n)), found)
            if keep is not None:
                recordings = sorted((house.root / "state/recordings").glob("*.recording"), key=lambda one: one.stat().st_size)
                for file in recordings[-N_KEPT:]:
                    (keep / file.name).write_bytes(file.read_bytes())
        finally:
            house.close()
    return found


def _play_batch(house: House, seeds: range, found: Found) -> None:
    """One run for each of ``seeds``; then nothing runs any more, and the record is whole."""
    read, said = 0, {}
    for seed in seeds:
        run = Run(house, seed, found)
        faults = []
        try:
            run.play()
        except (AssertionError, TimeoutError) as fault:
            faults.append(str(fault) or type(fault).__name__)
        said[run.id] = f"{seed}; said: {[one[:500] for one in run.said]}"
        text = house.log()[read:]
        read += len(text)
        faults += [f"the log says {line!r}" for line in text.splitlines() if is_complaint(line)]
        found.faults += [f"control, seed {said[run.id]}: {fault}" for fault in faults]
    wait_for(lambda: not house.kept("runs"), what="the end of each run")
    ended = house.kept("runs", ended=True)
    lost = {one.id: one.outcome.because for one in ended if one.outcome is not None and one.outcome.ending == "lost"}
    asked_for = (
        "the client went away",
        "a signal ended the run",
    )  # a signal of the client's may come just after the command's end
    unasked = {id: because for id, because in lost.items() if not because.startswith(asked_for)}
    found.faults += [f"control, seed {said[id]}: its run was lost: {because}" for id, because in unasked.items()]
    house.verify()
