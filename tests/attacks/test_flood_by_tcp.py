# SPDX-License-Identifier: Apache-2.0
"""Strangers flood the port of ``jitd-door tcp`` (jitd-door(8)), and nobody is kept out but who comes by TCP, while it lasts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from jitd_fleet import program
from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import frame
from tests.attacks.at_door import AtDoor, at_door, door_house, door_of
from tests.attacks.raw import connected
from tests.system.conftest import House
from tests.waiting import PATIENCE, wait_for

CARRIES = """
import os, sys
from jitd_fleet import listening
listening.SOCKET = sys.argv[1]
os.dup2(int(sys.argv[2]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
sys.exit(listening.listen())
"""
HELLO = frame(encode(messages.Hello(version=messages.VERSION, authentication="krb5", nonce=bytes(32))))
LIST = messages.List(what="requests", ended=False)
RESET = b"\1\0\0\0\0\0\0\0"
"""struct linger: who closes sends a reset."""
SAID = {
    "nothing, and they stay": (b"", False),
    "nothing, and they reset": (b"", True),
    "a hello, and they reset": (HELLO, True),
    "what is no frame": (b"\xff" * 100_000, False),
    "the frame of a carrier": (frame(encode(messages.Carried(carrier="ssh", source="10.9.9.9"))) + HELLO, False),
}


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    made = door_house(tmp_path_factory.mktemp("door"))
    yield made
    made.close()


@contextmanager
def carrier(house: House) -> Iterator[tuple[subprocess.Popen[bytes], Any]]:
    """``jitd-door tcp`` for the door of ``house``, and its address."""
    places = os.pathsep.join(str(Path(program.__file__).parents[up]) for up in (1, 2))
    with socket.create_server(("127.0.0.1", 0), backlog=256) as listener:
        number = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-c", CARRIES, str(door_of(house).socket), str(number)],
            env=os.environ | {"PYTHONPATH": places}, pass_fds=[number],
        )  # fmt: skip
        address = listener.getsockname()
    try:
        yield process, address
    finally:
        process.terminate()
        assert process.wait(PATIENCE) == 0


@contextmanager
def flood(address: Any, said: bytes, *, is_reset: bool) -> Iterator[list[int]]:
    """Strangers of many addresses, at most 300 at once, and 20,000 in all. Yields how many there were, in a list."""
    is_over, n = threading.Event(), [0]

    def come() -> None:
        held: list[socket.socket] = []
        while not is_over.is_set() and n[0] < 20_000:
            one = socket.socket()
            one.setblocking(False)
            with suppress(OSError):
                one.bind((f"127.0.{n[0] // 16 % 250}.1", 0))
                one.connect(address)
            with suppress(OSError):
                one.send(said)
            held.append(one)
            n[0] += 1
            if len(held) == 300:
                oldest = held.pop(0)
                if is_reset:
                    oldest.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
                oldest.close()
        for one in held:
            one.close()

    thread = threading.Thread(target=come, daemon=True)
    thread.start()
    try:
        yield n
    finally:
        is_over.set()
        thread.join(PATIENCE)


def is_served(address: Any) -> bool:
    with suppress(OSError), socket.create_connection(address, timeout=PATIENCE) as one:
        one.sendall(HELLO)
        return b'"nonce"' in one.recv(1000)
    return False


def n_descriptors(process: subprocess.Popen[bytes]) -> int:
    return len(os.listdir(f"/proc/{process.pid}/fd"))


@pytest.mark.parametrize("kind", SAID)
def test_a_flood_by_tcp_keeps_out_nobody_who_comes_another_way_and_leaves_nothing(door: House, kind: str) -> None:
    """THREATS F-24: they find a place by ssh and on the host each time, and when it is over, TCP serves again."""
    said, is_reset = SAID[kind]
    with carrier(door) as (process, address), at_door(door, "bob") as known:
        wait_for(lambda: is_served(address))
        before = n_descriptors(process)
        with flood(address, said, is_reset=is_reset) as n:
            wait_for(lambda: n[0] > 300)
            for _ in range(12):  # a second has room for 32 who come another way
                with AtDoor(door) as raw:
                    raw.greet()
                assert known.rows(LIST) == []
                with connected(door, "alice") as alice:
                    assert alice.rows(LIST) == []
            with at_door(door, "carol") as carol:
                assert carol.rows(LIST) == []
        wait_for(lambda: is_served(address))
        wait_for(lambda: n_descriptors(process) <= before)
