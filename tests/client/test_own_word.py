# SPDX-License-Identifier: Apache-2.0
"""The word of a host, as an agent has it: the newest that jitd has said, and none while jitd says none."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jitd_fleet import own_word
from jitd_fleet.own_word import OwnWord
from jitpam.wire import coding, messages
from jitpam.wire.framing import frame
from tests.client.test_tcp import PATIENCE, carried
from tests.waiting import wait_for


@pytest.fixture
def listener(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    monkeypatch.setattr(own_word, "AGAIN_AFTER", 0.05)
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(tmp_path / "door.sock"))
        made.listen()
        made.settimeout(PATIENCE)
        yield made


@pytest.fixture
def word(listener: socket.socket) -> Iterator[OwnWord]:
    made = OwnWord(listener.getsockname())
    loop = asyncio.new_event_loop()
    following = loop.create_task(made.follow())

    def follow() -> None:
        with suppress(asyncio.CancelledError):
            loop.run_until_complete(following)

    thread = threading.Thread(target=follow)
    thread.start()
    yield made
    loop.call_soon_threadsafe(following.cancel)
    thread.join(PATIENCE)
    assert not thread.is_alive()
    loop.close()


def begun(listener: socket.socket) -> socket.socket:
    """The door's end of an agent's connection, which has had the roll called."""
    door, _ = listener.accept()
    door.settimeout(PATIENCE)
    assert carried(door) == messages.Roll()
    return door


def say(door: socket.socket, *said: messages.Message) -> None:
    door.sendall(b"".join(frame(coding.encode(one)) for one in said))


def of(number: int) -> messages.Item:
    return messages.Item(row={"host": "db1.example.test", "number": number})


def is_newest(word: OwnWord, number: int) -> bool:
    return bool(word.newest) and json.loads(word.newest) == {"host": "db1.example.test", "number": number}


def test_the_newest_word_counts(listener: socket.socket, word: OwnWord) -> None:
    with begun(listener) as door:
        say(door, of(1), of(2))
        wait_for(lambda: is_newest(word, 2), what="the second word")
        say(door, of(3))
        wait_for(lambda: is_newest(word, 3), what="the third word")


REFUSED = messages.Refused(code="failed", text="it cannot be signed")


@pytest.mark.parametrize(
    "last", [b"", frame(coding.encode(REFUSED)), b"\0\0\0\0", b"\xff" * 8], ids=["end", "no", "nothing", "noise"]
)
def test_when_jitd_says_none_there_is_none_until_it_says_another(listener: socket.socket, word: OwnWord, last: bytes) -> None:
    with begun(listener) as door:
        say(door, of(1))
        wait_for(lambda: is_newest(word, 1), what="the first word")
        door.sendall(last)
        door.shutdown(socket.SHUT_WR)
        wait_for(lambda: not word.newest, what="the end of it")
    with begun(listener) as door:
        say(door, of(2))
        wait_for(lambda: is_newest(word, 2), what="another one")
