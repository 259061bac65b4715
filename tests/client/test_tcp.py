# SPDX-License-Identifier: Apache-2.0
"""The carrier that TCP is: what ``jitd-door tcp`` copies, when it ends, and how a desk comes to it."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from jitd_fleet import listening, program
from jitd_fleet.tcp import PORT, Tcp, address_of
from jitpam.client import Unreachable
from jitpam.wire import coding, messages
from jitpam.wire.framing import FrameReader
from jitpam.wire.messages import Carried
from tests.waiting import PATIENCE, wait_for

MANY = os.urandom(3 << 20)
"""More than all sockets on the way hold."""


class Carrying:
    """``jitd-door tcp``, with a door at which nobody has accepted yet."""

    def __init__(self, at: Path, most: int = 100) -> None:
        self.path = str(at / "door.sock")
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(self.path)
        self.listener.listen()
        self.listener.settimeout(PATIENCE)
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self._most = most
        self._is_over = asyncio.Event()
        self._has_begun = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._carry()), daemon=True)
        self._thread.start()
        self._has_begun.wait(PATIENCE)

    async def _carry(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._has_begun.set()
        task = self._loop.create_task(listening.accept(self.tcp, self.path, asyncio.Semaphore(self._most)))
        await self._is_over.wait()
        task.cancel()

    def dial(self) -> socket.socket:
        return socket.create_connection(self.tcp.getsockname(), timeout=PATIENCE)

    def answered(self) -> socket.socket:
        """The door's end of the next one, after the carrier's frame."""
        door, _ = self.listener.accept()
        door.settimeout(PATIENCE)
        assert carried(door) == Carried(carrier="tcp", source="127.0.0.1")
        return door

    def both(self) -> tuple[socket.socket, socket.socket]:
        client = self.dial()
        return client, self.answered()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._is_over.set)
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        self.tcp.close()
        self.listener.close()


def carried(door: socket.socket) -> messages.Message:
    frames = FrameReader()
    while (body := frames.next_frame()) is None:
        assert (byte := door.recv(1)), "the door's client has hung up"
        frames.feed(byte)
    return coding.decode(body, messages.FROM_CLIENT)


@pytest.fixture
def carrying(tmp_path: Path) -> Iterator[Carrying]:
    made = Carrying(tmp_path)
    yield made
    made.close()


def received(sock: socket.socket, n_bytes: int) -> bytes:
    found = bytearray()
    while len(found) < n_bytes and (piece := sock.recv(65536)):
        found += piece
    return bytes(found)


def filled(door: socket.socket) -> int:
    """Send until nothing more is taken. Return how many bytes were taken."""
    door.settimeout(0.5)
    n_sent = 0
    with suppress(TimeoutError):
        while True:
            n_sent += door.send(MANY[:65536])
    return n_sent


def at_once(*calls: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call, daemon=True) for call in calls]
    for one in threads:
        one.start()
    for one in threads:
        one.join(PATIENCE)
        assert not one.is_alive()


# --- on the host ---------------------------------------------------------------------------------------------------------


def test_bytes_are_copied_both_ways_at_once_and_none_is_changed_or_lost(carrying: Carrying) -> None:
    """Each side sends more than there is room for, before it reads anything: neither holds the other up for ever."""
    client, door = carrying.both()
    found: dict[str, bytes] = {}
    with client, door:
        at_once(
            lambda: client.sendall(MANY),
            lambda: door.sendall(MANY[::-1]),
            lambda: found.update(up=received(door, len(MANY))),
            lambda: found.update(down=received(client, len(MANY))),
        )
    assert found == {"up": MANY, "down": MANY[::-1]}


def test_somebody_who_does_not_read_holds_up_nobody_else_and_is_not_read_ahead(carrying: Carrying) -> None:
    client, door = carrying.both()
    with client, door:
        assert filled(door) < 8 << 20  # what the two sockets hold
        other, at_door = carrying.both()
        with other, at_door:
            other.sendall(b"hello")
            assert at_door.recv(100) == b"hello"


def test_the_last_words_of_the_door_are_passed_on_before_it_ends(carrying: Carrying) -> None:
    client, door = carrying.both()
    with client:
        door.sendall(b"refused" * 20_000)
        door.close()
        assert received(client, 1 << 20) == b"refused" * 20_000
        assert client.recv(1) == b""


def test_a_refusal_is_passed_on_to_a_client_of_which_jitd_reads_nothing(carrying: Carrying) -> None:
    """As where there is no room: jitd closes while the client's first bytes are on their way."""
    client, door = carrying.both()
    with client:
        client.sendall(b"hello" * 1000)
        door.sendall(b"refused")
        door.close()
        assert received(client, 7) == b"refused"


def test_the_last_words_of_the_client_are_passed_on_before_it_ends(carrying: Carrying) -> None:
    client, door = carrying.both()
    with door:
        client.sendall(b"bye")
        client.close()
        assert received(door, 3) == b"bye"
        assert door.recv(100) == b""


def test_a_client_that_breaks_off_ends_its_conversation_and_no_other(carrying: Carrying) -> None:
    client, door = carrying.both()
    other, at_door = carrying.both()
    with door, other, at_door:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset, and no end
        client.close()
        assert door.recv(100) == b""
        other.sendall(b"hello")
        assert at_door.recv(100) == b"hello"


def test_who_takes_nothing_holds_no_place_once_jitd_has_closed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS F-25: the end of the door is behind bytes that the client does not take, and the kernel keeps those for ever."""
    monkeypatch.setattr(listening, "ENDED_WITHIN", 0.1)
    carrying = Carrying(tmp_path, most=1)
    silent, door = carrying.both()
    filled(door)
    door.close()
    with carrying.dial() as second, carrying.answered() as at_door:
        second.sendall(b"hello")
        assert at_door.recv(100) == b"hello"
    silent.close()
    carrying.close()


def test_who_takes_nothing_fills_little_of_the_kernel(carrying: Carrying) -> None:
    """THREATS F-25: the buffers of all connections count for the memory of one process."""
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(carrying.tcp.getsockname())
        with carrying.answered() as door:
            assert filled(door) < 1 << 20


def test_who_comes_while_the_queue_of_jitd_is_full_waits(carrying: Carrying) -> None:
    """THREATS F-24: a Unix socket that does not block says then that it would (connect(2)), and is no connection under way."""
    carrying.listener.listen(0)
    clients = [carrying.dial() for _ in range(3)]
    for number, client in enumerate(clients):
        client.sendall(b"%d" % number)
    came = set()  # those who wait try again each for itself, in no order
    for _ in clients:
        with carrying.answered() as door:
            came.add(door.recv(100))
    assert came == {b"0", b"1", b"2"}
    for client in clients:
        client.close()


def test_who_is_one_too_many_waits_until_there_is_room(tmp_path: Path) -> None:
    carrying = Carrying(tmp_path, most=1)
    first, door = carrying.both()
    with carrying.dial() as second:
        second.sendall(b"hello")
        carrying.listener.setblocking(False)
        with pytest.raises(BlockingIOError):
            carrying.listener.accept()
        carrying.listener.settimeout(PATIENCE)
        first.close()
        assert door.recv(1) == b""
        with carrying.answered() as at_door:
            assert at_door.recv(100) == b"hello"
    door.close()
    carrying.close()


def test_a_host_whose_door_is_closed_says_so_in_its_journal_and_goes_on(
    carrying: Carrying, capfd: pytest.CaptureFixture[str]
) -> None:
    os.rename(carrying.path, f"{carrying.path}.away")
    with carrying.dial() as client:
        assert client.recv(1) == b""
    os.rename(f"{carrying.path}.away", carrying.path)
    assert "this host has no door (jitd-door(8) says how to open one)" in capfd.readouterr().err
    client, door = carrying.both()
    client.close()
    door.close()


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", "2001:db8::7"),
        ("::ffff:0:1", "::ffff:0:1"),
        ("fe80::1%eth0", "fe80::1%eth0"),
    ],
)
def test_the_source_is_the_address_as_it_is_usually_written(address: str, told: str) -> None:
    assert listening.source_of(address) == told


@pytest.mark.parametrize("passed", ["nothing", "a Unix socket", "for another process"])
def test_it_serves_nothing_but_the_tcp_sockets_that_systemd_has_passed(passed: str, tmp_path: Path) -> None:
    script = (
        "import os, socket, sys; s = socket.socket(socket.AF_UNIX if sys.argv[1] == 'a Unix socket' else socket.AF_INET);"
        "s.family == socket.AF_INET and s.listen(); os.dup2(s.fileno(), 3);"
        "pid = 1 if sys.argv[1] == 'for another process' else os.getpid();"
        "os.environ.update({} if sys.argv[1] == 'nothing' else {'LISTEN_FDS': '1', 'LISTEN_PID': str(pid)});"
        "from jitd_fleet import listening; sys.exit(listening.listen())"
    )
    places = os.pathsep.join(str(Path(program.__file__).parents[up]) for up in (1, 2))
    done = subprocess.run(
        [sys.executable, "-c", script, passed],
        env=os.environ | {"PYTHONPATH": places}, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "jitd-door: jitd-door-tcp.socket has to pass TCP sockets: systemctl enable --now jitd-door-tcp.socket\n"


# --- at the desk ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("db17", ("db17", PORT)),
        ("{host}", ("{host}", PORT)),
        ("door.{host}:4711", ("door.{host}", 4711)),
        ("192.0.2.7:1", ("192.0.2.7", 1)),
        ("[2001:db8::1]", ("2001:db8::1", PORT)),
        ("[fe80::1%eth0]:4711", ("fe80::1%eth0", 4711)),
        ("2001:db8::1", None),
        ("db17:0", None),
        ("db17:65536", None),
        ("db17:", None),
        ("{hosts}", None),
        ("db17 x", None),
        ("", None),
    ],
)
def test_an_address_is_a_name_or_an_address_and_perhaps_a_port(text: str, address: tuple[str, int] | None) -> None:
    assert address_of(text) == address


def test_a_desk_comes_to_the_door_by_tcp(carrying: Carrying) -> None:
    stream = Tcp(*carrying.tcp.getsockname()).dial("db1.example.org", PATIENCE)
    with carrying.answered() as door:
        stream.socket.send(b"hello")
        assert door.recv(100) == b"hello"
        stream.end()
        assert door.recv(100) == b""


def test_an_address_that_nobody_answers_at_is_told_with_the_reason() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(Unreachable, match=f"tcp to 127.0.0.1:{port} cannot be reached: Connection refused"):
        Tcp("127.0.0.1", port).dial("db1.example.org", 1)
    with pytest.raises(Unreachable, match=rf"tcp to \[::1\]:{port} cannot be reached: "):
        Tcp("::1", port).dial("db1.example.org", 1)


def test_a_name_that_leads_nowhere_is_told() -> None:
    for name in ("no-such-host.invalid", f"{'a' * 70}.example.org"):
        with pytest.raises(Unreachable, match=f"{name}, the address of db1.example.org, is not found: "):
            Tcp(name, PORT).dial("db1.example.org", 1)


def test_no_address_is_tried_when_the_time_is_over(carrying: Carrying) -> None:
    """A name may have thousands of addresses, and each would get its own while."""
    with pytest.raises(Unreachable, match="cannot be reached: there is no time left"):
        Tcp(*carrying.tcp.getsockname()).dial("db1.example.org", 0)


def test_an_address_of_a_family_that_this_desk_does_not_have_is_passed_over(
    carrying: Carrying, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As IPv6, where the kernel has none: no file is missing (socket(2), EAFNOSUPPORT)."""
    found = socket.getaddrinfo(*carrying.tcp.getsockname(), type=socket.SOCK_STREAM)
    strange = [(socket.AF_UNSPEC, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 1))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: strange + found)
    stream = Tcp("db1", PORT).dial("db1.example.org", PATIENCE)
    carrying.answered().close()
    stream.end()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: strange)
    with pytest.raises(Unreachable, match="cannot be reached: Address family not supported by protocol"):
        Tcp("db1", PORT).dial("db1.example.org", PATIENCE)


def test_an_address_that_is_silent_is_given_up_in_time() -> None:
    """A queue that is full: the kernel drops what comes, as a firewall does."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        wait_for(lambda: b":%04X" % full.getsockname()[1] in Path("/proc/net/tcp").read_bytes())
        with pytest.raises(Unreachable, match="cannot be reached: "):
            Tcp(*full.getsockname()).dial("db1.example.org", 0.2)
        for one in waiting:
            one.close()
