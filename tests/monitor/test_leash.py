# SPDX-License-Identifier: Apache-2.0
"""What a monitor, its holder and the command's process tell each other before exec: frozen bytes, read strictly."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jitd.monitor.child import tell
from jitd.monitor.holder import TO_HOLDER, Hold, Settle
from jitd.monitor.leash import (
    FROM_COMMAND,
    TO_COMMAND,
    Arrived,
    Checked,
    Contained,
    Forked,
    FromCommand,
    NotStarted,
    Sender,
    Stands,
    WhoSends,
    Writes,
)
from jitd.monitor.orders import Go, Ready
from jitd.monitor.streams import FROM_CLIENT, Opening, Turn, Unfit, read_turn, receive
from jitpam.relay import Relay
from jitpam.wire import notation
from jitpam.wire.declared import Codec

GOLDEN = Path(__file__).parent / "golden-leash"
TURN = Turn(24, 80, foreground=True, termios=bytes(range(36)))
MESSAGES: dict[str, tuple[Codec[Any], object]] = {
    "contained": (FROM_COMMAND, Contained(4711)),
    "forked": (FROM_COMMAND, Forked(4712)),
    "who-sends": (FROM_COMMAND, WhoSends()),
    "sender": (TO_COMMAND, Sender(4700)),
    "sender-unknown": (TO_COMMAND, Sender(0)),
    "arrived": (FROM_COMMAND, Arrived(TURN, terminal=True)),
    "arrived-without-terminal": (FROM_COMMAND, Arrived(Turn(0, 0, foreground=False, termios=None), terminal=False)),
    "ready": (FROM_COMMAND, Ready()),
    "writes": (FROM_COMMAND, Writes()),
    "stands": (FROM_COMMAND, Stands((0, 1), 2)),
    "checked": (FROM_COMMAND, Checked("the check /bin/x says no (status 1)", "the check /bin/x says no (status 1)\nj\u00fcrgen")),
    "not-started": (FROM_COMMAND, NotStarted(126, "psql is not what was approved: j\u00fcrgen has changed it")),
    "go": (TO_COMMAND, Go()),
    "hold": (TO_HOLDER, Hold("/var/lib/jitd")),
    "place": (TO_HOLDER, Settle("/sys/fs/cgroup/jitd.slice/K7QM-2XVD.2\udcff")),
    "no-place": (TO_HOLDER, Settle(None)),
    "opening": (FROM_CLIENT, Opening(("terminal", "pipe", "closed"), TURN)),
    "turn": (FROM_CLIENT, Turn(0, 0, foreground=False, termios=None)),
}
ARRIVED = {"say": "arrived", "rows": 24, "columns": 80, "foreground": True, "termios": None, "terminal": True}
NOT_STARTED = {"say": "not_started", "number": 126, "because": "x"}
OPENING = {"streams": ["null", "pipe", "closed"], "rows": 24, "columns": 80, "foreground": True, "termios": None}
FORKED = {"say": "forked", "pid": 1}
SENDER = {"say": "sender", "pid": 0}
PLACE = {"do": "place", "directory": "/x"}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_bytes_that_it_has_always_had(name: str) -> None:
    frozen, (codec, message) = (GOLDEN / f"{name}.json").read_bytes(), MESSAGES[name]
    assert codec.write(message) == frozen and codec.read(frozen) == message


def test_every_kind_of_message_is_frozen() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == MESSAGES.keys()
    assert {type(message) for _, message in MESSAGES.values()} == {*FromCommand.__args__, Sender, Go, Hold, Settle, Opening, Turn}


def test_a_client_writes_what_a_monitor_reads() -> None:
    relay = object.__new__(Relay)  # of which only what it says of its terminal is needed
    relay._terminal = None
    assert notation.write(relay._turn()) == (GOLDEN / "turn.json").read_bytes()
    frozen = (GOLDEN / "opening.json").read_bytes()
    assert notation.write(json.loads(frozen)) == frozen
    assert list(json.loads(frozen)) == ["streams", *relay._turn()]


def test_a_packet_of_the_one_kind_is_not_taken_for_the_other() -> None:
    opening, turn = (GOLDEN / "opening.json").read_bytes(), (GOLDEN / "turn.json").read_bytes()
    assert read_turn(turn) == Turn(0, 0, foreground=False, termios=None)
    with pytest.raises(Unfit):
        read_turn(opening)
    for packet in (b"S" + turn, b"C" + opening, opening):
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours, theirs:
            ours.send(packet)
            with pytest.raises(Unfit):
                receive(theirs, ())


@pytest.mark.parametrize(
    ("codec", "whole", "change"),
    [
        *((FROM_COMMAND, ARRIVED, change) for change in (
            {"rows": -1}, {"rows": 65_536}, {"columns": True}, {"foreground": 1}, {"termios": "AAAA" * 11},
            {"termios": "AAAA" * 13}, {"termios": "-AAA" * 12}, {"termios": " " + "AAAA" * 12}, {"termios": ""},
            {"terminal": None}, {"more": 1}, {"say": "go"}, {"say": None},
        )),
        *((FROM_CLIENT, OPENING, change) for change in (
            {"rows": -1}, {"rows": 65_536}, {"columns": True}, {"foreground": 1}, {"termios": "AAAA" * 11},
            {"termios": "-AAA" * 12}, {"termios": "AAAA" * 12 + "\n"}, {"termios": ""}, {"more": 1}, {"streams": []},
            {"streams": ["null"] * 2},
            {"streams": ["null"] * 4}, {"streams": ["null", "null", "tty"]}, {"streams": "null"}, {"streams": None},
        )),
        *((FROM_COMMAND, NOT_STARTED, change) for change in (
            {"number": 256}, {"number": "1"}, {"because": "x" * 1001}, {"because": "\0"}, {"rows": 1},
        )),
        *((FROM_COMMAND, FORKED, change) for change in (
            {"pid": 0}, {"pid": -1}, {"pid": "1"}, {"pid": 2**31}, {"pid": True}, {"say": "sender"}, {"say": "ready"},
        )),
        *((TO_COMMAND, SENDER, change) for change in (
            {"pid": -1}, {"pid": None}, {"say": "go"}, {"say": "ready"}, {"pid": 2**31},
        )),
        *((TO_HOLDER, PLACE, change) for change in (
            {"directory": "x"}, {"directory": ""}, {"directory": "/\0"}, {"directory": 1}, {"do": "hold"}, {"more": 1},
        )),
    ],
    ids=lambda value: str(value)[:60] if isinstance(value, dict) else "",
)  # fmt: skip
def test_a_message_that_is_otherwise_is_refused(codec: Codec[Any], whole: dict[str, object], change: dict[str, object]) -> None:
    codec.read(json.dumps(whole).encode())
    with pytest.raises(ValueError):
        codec.read(json.dumps(whole | change).encode())


@given(st.text())
@example("\ud800")
@example("\0")
@example("x" * 2000)
@example("")
def test_whatever_the_reason_is_the_monitor_is_told(because: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        tell(theirs, 125, because)
        said = FROM_COMMAND.read(ours.recv(10_000))
    assert isinstance(said, NotStarted) and said.number == 125
