# SPDX-License-Identifier: Apache-2.0
"""Half messages and too long ones, judged by what comes of them, and by the numbers of PROTOCOL.md (THREATS S-07).

Law: no clock is read here, and no number is the code's own.
"""

from __future__ import annotations

import re
import select
from pathlib import Path

from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from tests.attacks.raw import Raw, asked, connected, uid_of

PAGE = (Path(__file__).parents[2] / "PROTOCOL.md").read_text("utf-8")
UNITS = {"KiB": 1024, "MiB": 1024 * 1024}
HELLO = encode(messages.Hello(version=messages.VERSION, authentication="krb5", nonce=bytes(32)))
LIST = encode(messages.List(what="requests", ended=False))
EXPLAIN = encode(messages.Explain(**asked("true")))


def limit_of(what: str) -> int:
    """Bytes, as the table of PROTOCOL.md section 2 has them."""
    ((number, unit),) = re.findall(rf"^\| {what} \| (\d+) ([KM]iB) \|$", PAGE, re.MULTILINE)
    return int(number) * UNITS[unit]


STRANGERS = EVERYBODYS = limit_of("a body")
COMMANDS = limit_of("a body of submit, anew, breakglass, explain, suppose, report, enforce or enforcecommand")


def test_a_stranger_may_send_64_KiB_and_whoever_is_known_4_MiB_of_a_command(house):
    """THREATS S-07, S-15: a message of so many bytes is answered, and one byte more is hung up on."""
    for more, answer in ((0, "hello"), (1, None)):
        with Raw(house, uid_of("eve")) as raw:
            raw.send(frame(HELLO + b" " * (STRANGERS - len(HELLO) + more)))
            assert getattr(raw.hear(), "type", None) == answer, more
        with connected(house, "bob") as raw:
            raw.send(frame(raw.seal(LIST + b" " * (EVERYBODYS - len(LIST) + more))))
            assert getattr(raw.hear(), "type", None) in (("item", "done"), (None,))[more], more
    with connected(house, "bob") as raw:
        around = len(raw.seal(LIST)) - len(LIST)
    for more, answers in ((0, ("item",)), (1, (None,))):
        with connected(house, "bob") as raw:
            sealed = raw.seal(EXPLAIN + b" " * (COMMANDS - around - len(EXPLAIN) + more))
            assert len(sealed) == COMMANDS + more
            raw.send(frame(sealed))
            assert getattr(raw.hear(), "type", None) in answers, more


def test_who_sends_byte_by_byte_is_let_go_before_who_came_later(house):
    """THREATS S-07: the budget is for the whole handshake, and no byte begins it anew."""
    whole = frame(HELLO + b" " * 60_000)
    with Raw(house, uid_of("eve")) as dripping:
        for at in range(50):
            dripping.send(whole[at : at + 1])
            select.select([], [], [], 0.02)
        with Raw(house, uid_of("eve")) as later:
            later.send(whole[:1])
            poll = select.poll()
            poll.register(dripping.socket, select.POLLIN)
            poll.register(later.socket, select.POLLIN)
            ended: set[int] = set()
            while not ended:
                at += 1
                assert at < 3000, "nobody is let go"
                dripping.send(whole[at : at + 1])
                ended = {descriptor for descriptor, _ in poll.poll(20)}
            assert dripping.socket.fileno() in ended
            assert dripping.is_closed() and later.is_closed()
