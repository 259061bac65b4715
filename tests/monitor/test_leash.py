# SPDX-License-Identifier: Apache-2.0
"""What the command's process tells its monitor before exec: frozen bytes, read strictly."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jitd.monitor.child import tell
from jitd.monitor.leash import LEASH, Arrived, NotStarted

GOLDEN = Path(__file__).parent / "golden-leash"
MESSAGES = {
    "arrived": Arrived(24, 80, foreground=True, termios=bytes(range(36)), terminal=True),
    "arrived-without-terminal": Arrived(0, 0, foreground=False, termios=None, terminal=False),
    "not-started": NotStarted(126, "psql is not what was approved: j\u00fcrgen has changed it"),
}
ARRIVED = {"rows": 24, "columns": 80, "foreground": True, "termios": None, "terminal": True}
NOT_STARTED = {"number": 126, "because": "x"}


@pytest.mark.parametrize("name", MESSAGES)
def test_a_message_has_the_bytes_that_it_has_always_had(name: str) -> None:
    frozen = (GOLDEN / f"{name}.json").read_bytes()
    assert LEASH.write(MESSAGES[name]) == frozen and LEASH.read(frozen) == MESSAGES[name]
    assert {file.stem for file in GOLDEN.iterdir()} == MESSAGES.keys()


@pytest.mark.parametrize(
    ("whole", "change"),
    [
        (ARRIVED, {"rows": -1}), (ARRIVED, {"rows": 65_536}), (ARRIVED, {"columns": True}), (ARRIVED, {"foreground": 1}),
        (ARRIVED, {"termios": "00" * 35}), (ARRIVED, {"termios": "00" * 37}), (ARRIVED, {"termios": "0G" * 36}),
        (ARRIVED, {"termios": " 0" * 36}), (ARRIVED, {"terminal": None}), (ARRIVED, {"more": 1}),
        (NOT_STARTED, {"number": 256}), (NOT_STARTED, {"number": "1"}), (NOT_STARTED, {"because": "x" * 1001}),
        (NOT_STARTED, {"because": "\0"}), (NOT_STARTED, {"rows": 1}),
    ],
    ids=lambda change: str(change)[:60],
)  # fmt: skip
def test_a_message_that_is_otherwise_is_refused(whole: dict[str, object], change: dict[str, object]) -> None:
    LEASH.read(json.dumps(whole).encode())
    with pytest.raises(ValueError):
        LEASH.read(json.dumps(whole | change).encode())


@given(st.text())
@example("\ud800")
@example("\0")
@example("x" * 2000)
@example("")
def test_whatever_the_reason_is_the_monitor_is_told(because: str) -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        tell(theirs, 125, because)
        letter, said = (packet := ours.recv(10_000))[:1], LEASH.read(packet[1:])
    assert letter == b"x" and isinstance(said, NotStarted) and said.number == 125
