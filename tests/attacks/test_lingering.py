# SPDX-License-Identifier: Apache-2.0
"""Descriptors whose close takes as long as their sender likes, thrown at the daemon (THREATS S-21).

Law: whoever closes the last descriptor of these waits for an hour. So a daemon that answers anybody afterwards has closed none.
"""

from __future__ import annotations

import fcntl
import os
import resource
import signal
import socket
import subprocess
import termios
import threading
from array import array
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest

from jitd import releasing
from jitpam.wire import messages
from jitpam.wire.coding import encode
from jitpam.wire.framing import LARGE, frame
from tests.attacks.raw import Raw, connected, ticket_of, uid_of
from tests.attacks.test_floods import HELLO, LIST, READERS, is_back_to, n_descriptors, serve_an_approver
from tests.attacks.test_points import question
from tests.lingering import lingering, release
from tests.system.conftest import House
from tests.times import times
from tests.waiting import PATIENCE, wait_for

MANY = times(1000)
"""Connections of a flood."""
WAITING = 800
"""Connections that wait to be accepted: more than the daemon accepts before it hears a signal."""
FEW = 512
"""Descriptors that a daemon may have here, so that they are soon gone."""


@pytest.fixture(autouse=True)
def nobody_waits_longer() -> Iterator[None]:
    yield
    release()


def pass_on(to: socket.socket, data: bytes, *passed: socket.socket, flags: int = 0) -> None:
    """Send ``data`` with the only descriptors of ``passed``. A daemon that has hung up is no fault here."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array("i", [one.fileno() for one in passed]))]
    with suppress(BrokenPipeError, ConnectionResetError):
        to.sendmsg([data], rights, flags)
    for one in passed:
        let_go(one)


def let_go(one: socket.socket) -> None:
    """Close ``one``, and return when this process has its descriptor no more: the kernel takes it away before it closes what was
    open. If the daemon has closed its own by then, ours was the last, and the thread waits in its place.
    """
    number, inode = one.fileno(), os.fstat(one.fileno()).st_ino
    threading.Thread(target=one.close, daemon=True).start()
    wait_for(lambda: not _is_open(number, inode), what="the end of our own descriptor")


def _is_open(number: int, inode: int) -> bool:
    """False also where another thread has been given this number for something else."""
    try:
        return os.fstat(number).st_ino == inode
    except OSError:
        return False


def nested(depth: int = 3) -> socket.socket:
    """A socket with one in its queue, which has one in its queue, …, which has a lingering one."""
    made = lingering()
    for _ in range(depth):
        one, other = socket.socketpair()
        pass_on(one, b"x", made)
        one.close()
        made = other
    return made


def serve(house: House) -> None:
    """The daemon answers somebody else."""
    with connected(house, "alice") as alice:
        alice.rows(LIST)


def with_first_byte(raw: Raw) -> None:
    pass_on(raw.socket, frame(HELLO), lingering())


def with_later_byte(raw: Raw) -> None:
    raw.send(frame(HELLO)[:7])
    pass_on(raw.socket, frame(HELLO)[7:], lingering())


def with_first_and_later_byte(raw: Raw) -> None:
    pass_on(raw.socket, frame(HELLO)[:1], lingering())
    pass_on(raw.socket, frame(HELLO)[1:], lingering())


def behind_a_frame(raw: Raw) -> None:
    raw.send(frame(HELLO))
    pass_on(raw.socket, b"\0", lingering())


def out_of_band(raw: Raw) -> None:
    pass_on(raw.socket, b"x", lingering(), flags=socket.MSG_OOB)
    raw.send(frame(HELLO))


def out_of_band_behind_a_frame(raw: Raw) -> None:
    raw.send(frame(HELLO))
    pass_on(raw.socket, b"x", lingering(), flags=socket.MSG_OOB)
    raw.send(b"\0\0")


def many(raw: Raw) -> None:
    pass_on(raw.socket, b"\0", *(lingering() for _ in range(20)))


def one_in_another(raw: Raw) -> None:
    pass_on(raw.socket, b"\0", nested())


def through_itself(raw: Raw) -> None:
    pass_on(raw.socket, b"\0", lingering(), raw.socket.dup())


def after_an_answer(raw: Raw) -> None:
    raw.greet()
    pass_on(raw.socket, b"\0", lingering())


def behind_nonsense(raw: Raw) -> None:
    raw.send(b"\xff" * 9)
    pass_on(raw.socket, b"\0", lingering())


def behind_much(raw: Raw) -> None:
    raw.socket.setblocking(False)
    raw.socket.send(b"\xff" * 100_000)
    pass_on(raw.socket, b"\0", lingering())


def as_somebody(raw: Raw) -> None:
    raw.sign_in(ticket_of("eve"))
    pass_on(raw.socket, b"\0", lingering())


def while_it_waits(raw: Raw) -> None:
    raw.sign_in(ticket_of("eve"))
    raw.say(LIST)
    pass_on(raw.socket, b"\0", lingering())


WAYS = (
    with_first_byte, with_later_byte, with_first_and_later_byte, behind_a_frame, out_of_band, out_of_band_behind_a_frame, many,
    one_in_another, through_itself, after_an_answer, behind_nonsense, behind_much, as_somebody, while_it_waits,
)  # fmt: skip


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
@pytest.mark.parametrize("hangs_up", [True, False], ids=["hangs up", "stays"])
def test_a_descriptor_that_takes_long_to_close_stops_nobody(house: House, way: Callable[[Raw], None], hangs_up: bool) -> None:
    """THREATS S-21."""
    serve(house)
    before = n_descriptors(house)
    raw = Raw(house, uid_of("eve"))
    way(raw)
    if hangs_up:
        raw.close()
    else:
        assert raw.is_closed()
    serve(house)
    raw.close()
    wait_for(lambda: is_back_to(house, before), what="the end of what was sent")


@pytest.mark.parametrize("way", [with_first_byte, out_of_band, behind_much], ids=lambda way: way.__name__)
def test_what_was_sent_before_the_daemon_has_accepted_stops_nobody(house: House, way: Callable[[Raw], None]) -> None:
    """THREATS S-21: from clients that have gone by then, too."""
    serve(house)
    house.process.send_signal(signal.SIGSTOP)
    try:
        with Raw(house, uid_of("eve")) as raw:
            way(raw)
    finally:
        house.process.send_signal(signal.SIGCONT)
    serve(house)


def test_a_client_that_is_refused_for_too_many_connections_stops_nobody(own_house: Callable[..., House]) -> None:
    """THREATS S-21."""
    house = own_house(config="[limits]\nconnections_per_uid = 2\n").start()
    with ExitStack() as stack:
        for _ in range(2):
            stack.enter_context(connected(house, "eve"))
        for way in (with_first_byte, out_of_band, behind_much):
            house.process.send_signal(signal.SIGSTOP)
            try:
                raw = stack.enter_context(Raw(house, uid_of("eve")))
                way(raw)
            finally:
                house.process.send_signal(signal.SIGCONT)
            assert raw.is_refused(), "it is told all the same"
        serve(house)


def test_what_waits_unread_when_a_request_is_withdrawn_stops_nobody(house: House) -> None:
    """THREATS S-21: while a client waits, the daemon may read nothing of it for long."""
    with connected(house, "alice") as alice:
        id = alice.submit("echo", "waits")
        pass_on(alice.socket, b"\0", lingering())
    serve(house)
    wait_for(lambda: not house.request_of(id).is_open, what="the end of the request")


def test_what_root_sends_too_much_of_stops_nobody(house: House) -> None:
    """THREATS S-21: what a gate of root's passes on may be somebody else's."""
    with connected(house, "root") as raw:
        house.process.send_signal(signal.SIGSTOP)  # so that ours are closed first
        pass_on(raw.socket, b"\0", lingering(), lingering(), lingering(), lingering())
        house.process.send_signal(signal.SIGCONT)
        assert raw.is_closed()
    serve(house)


def test_the_working_directory_that_a_gate_passes_stops_nobody(house: House) -> None:
    """THREATS S-21: its person has chosen it."""
    with connected(house, "root") as raw:
        root, users = (os.open(path, os.O_PATH | os.O_CLOEXEC) for path in ("/proc/self/root", "/proc/self/ns/user"))
        passed = lingering()
        raw.send_descriptors(frame(encode(question("alice", "/usr/bin/id"))), [root, passed.fileno(), users])
        for descriptor in (root, users):
            os.close(descriptor)
        passed.close()
        assert isinstance(raw.hear(), messages.Challenge)
    serve(house)


def test_a_daemon_that_is_stopped_ends_whatever_nobody_has_read(own_house: Callable[..., House]) -> None:
    """THREATS S-21: and the next one begins. For the fifth large frame of a person there is no room, so it is not read."""
    house = own_house().start()
    with ExitStack() as stack:
        for _ in range(5):
            raw = stack.enter_context(connected(house, "alice"))
            raw.send(LARGE.to_bytes(4, "big"))
            wait_for(partial(_all_read, raw.socket), what="the look at the length")
        pass_on(raw.socket, b"\0", lingering())
        house.process.send_signal(signal.SIGTERM)
        house.process.wait(PATIENCE)
    house.start()
    serve(house)


def test_a_daemon_that_is_stopped_ends_whatever_nobody_has_accepted(own_house: Callable[..., House]) -> None:
    """THREATS S-21: and the next one begins."""
    house = own_house().start()
    house.process.send_signal(signal.SIGSTOP)
    with ExitStack() as stack:
        for number in range(WAITING):
            with_first_byte(stack.enter_context(Raw(house, 20000 + number)))
        house.process.send_signal(signal.SIGTERM)
        house.process.send_signal(signal.SIGCONT)
        house.process.wait(PATIENCE)
    house.start()
    serve(house)


def _all_read(connection: socket.socket) -> bool:
    left = array("i", [0])
    fcntl.ioctl(connection, termios.TIOCOUTQ, left)
    return left[0] == 0


def test_an_approver_is_served_while_thousands_send_what_takes_long_to_close(house: House) -> None:
    """THREATS S-21: and there is nothing left of it when it is over."""
    serve_an_approver(house)
    before = n_descriptors(house)
    is_over = threading.Event()

    def flood() -> None:
        for number in range(MANY):
            raw = Raw(house, 20000 + number % 50)
            WAYS[number % 6](raw)
            raw.close()
        is_over.set()

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        while not is_over.is_set():
            serve(house)
        serve_an_approver(house)
    finally:
        flooding.join()
    wait_for(lambda: is_back_to(house, before + READERS), what="the end of what was sent")
    wait_for(lambda: not _releasing(house), what="the end of the processes that close it")


@contextmanager
def house_with(stand_in: Path) -> Iterator[House]:
    """A house with few descriptors, whose daemon finds this in place of the program that its children execute."""
    begin = stand_in.with_name("begin")
    begin.write_text(
        f'#!/bin/sh\nexec unshare --mount sh -c \'mount --bind {stand_in} {releasing.PROGRAM} && exec jitd "$@"\' jitd "$@"\n'
    )
    begin.chmod(0o755)
    house = House(starts_by=str(begin)).start()
    try:
        resource.prlimit(house.process.pid, resource.RLIMIT_NOFILE, (FEW, FEW))
        serve(house)
        yield house
    finally:
        for child in _releasing(house):
            os.kill(int(child), signal.SIGKILL)
        house.close()


def send_much(house: House) -> None:
    with open(os.devnull, "rb") as harmless:
        for number in range(FEW):  # whoever is not accepted fits into the backlog
            with Raw(house, 20000 + number % 50) as raw:
                raw.send_descriptors(b"\0", [harmless.fileno()])


def test_children_that_never_end_take_no_descriptors_from_others(tmp_path: Path) -> None:
    """THREATS S-21: a file can be slow for ever, although its process has ended."""
    stand_in = tmp_path / "never-ends"
    stand_in.write_text("#!/bin/sh\nexec sleep 3600\n")
    stand_in.chmod(0o755)
    with house_with(stand_in) as house:
        for number in range(releasing.MOST_CHILDREN):
            with Raw(house, uid_of("eve")) as raw:
                raw.send_descriptors(b"\0", [0])
            wait_for(lambda number=number: len(_releasing(house)) > number, what="one more child")
        send_much(house)
        serve(house)
        assert n_descriptors(house) < FEW // 2


def test_if_no_child_can_be_started_the_daemon_keeps_descriptors_for_its_own(tmp_path: Path) -> None:
    """THREATS S-21: and goes on when one can be. It needs some itself, to start a child."""
    stand_in = tmp_path / "cannot-start"
    stand_in.touch(0o644)
    with house_with(stand_in) as house:
        send_much(house)
        wait_for(lambda: "takes too long to close" in house.log_file.read_text(), what="the end of accepting")
        assert n_descriptors(house) < FEW // 2
        subprocess.run(["nsenter", "--mount", f"--target={house.process.pid}", "umount", releasing.PROGRAM], check=True)
        wait_for(lambda: n_descriptors(house) < FEW // 16, what="the end of what was sent")
        serve(house)


def _releasing(house: House) -> list[str]:
    """The children of the daemon that close what was sent."""
    pid, found = house.process.pid, []
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split():
        with suppress(OSError):  # it has ended meanwhile
            if Path(f"/proc/{child}/comm").read_text("ascii") in ("cat\n", "sh\n", "sleep\n"):
                found.append(child)
    return found
