# SPDX-License-Identifier: Apache-2.0
"""One account that does its worst by what everybody may do: what the daemon holds for it, and what it takes from others.

Law: told by bytes, counts and answers; what promises a time is measured by ``make bench``.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import LARGE, frame
from tests.attacks.raw import asked, connected
from tests.system.conftest import House

MIB = 1024 * 1024
TIMES = 30
"""Messages, each in a connection of its own: thirty held 980 MiB, and everybody up for eight seconds."""
LIST = messages.List(what="requests", ended=False)


def most_held(house: House) -> int:
    """The most bytes of memory that the daemon has ever held."""
    assert house.process is not None
    status = Path(f"/proc/{house.process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024


def test_a_message_of_a_million_members_is_refused_before_it_is_decoded(house: House) -> None:
    """THREATS S-15: it was valid JSON, of a valid message, and cost a hundred times its weight."""
    body = encode(messages.Explain(**asked(b"echo")))
    members = body.replace(b'"argv":["ZWNobw=="]', b'"argv":["ZWNobw=="' + b',""' * ((LARGE - 4096) // 3) + b"]")
    before = most_held(house)
    sending = [connected(house, "alice") for _ in range(TIMES)]
    for raw in sending:
        raw.send(frame(raw.seal(members)))
    with connected(house, "bob") as bob:
        bob.rows(LIST)
    assert all(raw.is_closed() for raw in sending), "none of them has an answer"
    for raw in sending:
        raw.close()
    assert most_held(house) - before < 200 * MIB, "no more than is in flight at a time, some times over"


def test_a_long_honest_command_is_answered_whatever_its_account_does_beside(house: House) -> None:
    """The other side: many arguments, and long ones, more at a time than there is room for."""
    with connected(house, "alice") as raw:
        (row,) = raw.rows(messages.Explain(**asked("echo", *["word"] * 19_000)))
        assert len(row["argv"]) == 19_001
    asking = [connected(house, "alice") for _ in range(8)]
    question = messages.Explain(**asked("echo", "x" * 2_000_000))
    with ThreadPoolExecutor(len(asking)) as threads:
        for (answer,) in threads.map(lambda raw: raw.rows(question), asking):
            assert answer["path"] == "/usr/bin/echo"
    for raw in asking:
        raw.close()
