# SPDX-License-Identifier: Apache-2.0
"""The daemon and a helper: many questions at once, who is believed, and what a child of the daemon keeps."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import pwd
import signal
import socket
import struct
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import pytest

from jitd.beside import asking, connecting, packets
from jitd.beside.asking import Unanswered, silent
from jitd.beside.connecting import ChildConnector, SocketConnector
from jitd.beside.packets import MAX_BODY, Kind, Packet
from jitd.beside.processes import Helper
from jitd.beside.questions import ONE_LANE, Lanes
from tests.beside.children import OwnChild, of_account
from tests.beside.parrot import BUSY, MUTE, NAME, PARROT, Asks, answering
from tests.unreaped import unreaped
from tests.waiting import is_living, wait_for

T = TypeVar("T")
GOLDEN = Path(__file__).parent / "golden"
ACCOUNT = "nobody"
ENOUGH = 30.0


def child(helper: Helper = PARROT, account: str = ACCOUNT, passed: Callable[[], dict[str, int]] = dict) -> ChildConnector:
    return of_account(account, OwnChild("tests.beside.parrot", helper, passed=passed))


@pytest.fixture(autouse=True)
def nobody_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test begins with no helper that has not answered."""
    monkeypatch.setattr(asking, "_silent", {})


def with_line(connector: ChildConnector | SocketConnector, deed: Callable[[Asks], Awaitable[T]]) -> T:
    async def whole() -> T:
        line = Asks(connector)
        try:
            return await deed(line)
        finally:
            line.close()

    return asyncio.run(whole())


async def one_waits(line: Asks) -> None:
    """Return when the helper works on a question that it will not answer. Raises TimeoutError."""
    async with asyncio.timeout(ENOUGH):
        while await line.ask(b"waiting", ENOUGH) != b"1":
            await asyncio.sleep(0.005)


# --- packets


PACKETS = {
    "question": Packet(1, Kind.QUESTION, b"x"),
    "answer": Packet(2**64 - 1, Kind.ANSWER, b"\0\xff"),
    "drop": Packet(3, Kind.DROP),
    "unanswered": Packet(4, Kind.UNANSWERED, b"it is too much"),
}


@pytest.mark.parametrize("name", PACKETS)
def test_a_packet_has_the_bytes_that_it_has_always_had(name: str) -> None:
    frozen = (GOLDEN / name).read_bytes()
    assert packets.write(PACKETS[name]) == frozen
    assert packets.read(frozen) == PACKETS[name]


def test_every_kind_of_packet_is_frozen() -> None:
    assert {packet.kind for packet in PACKETS.values()} == set(Kind)
    assert {file.name for file in GOLDEN.iterdir()} == PACKETS.keys()


@pytest.mark.parametrize(
    "written",
    [
        b"", b"\0" * 8, b"\0" * 9, b"\0" * 8 + b"\1", b"\0" * 8 + b"\3x", b"\0" * 8 + b"\5x", b"\0" * 8 + b"\4a\nb",
        b"\0" * 8 + b"\4\xff", b"\0" * 8 + b"\4" + b"x" * 1001, b"\0" * 8 + b"\1" + b"x" * (MAX_BODY + 1),
    ],
    ids=lambda written: repr(written)[:50],
)  # fmt: skip
def test_bytes_that_are_not_a_packet_are_a_value_error(written: bytes) -> None:
    with pytest.raises(ValueError):
        packets.read(written)


def test_a_packet_that_could_not_be_read_is_not_written() -> None:
    with pytest.raises(ValueError):
        packets.write(Packet(1, Kind.QUESTION, b"x" * (MAX_BODY + 1)))


# --- questions and answers


def test_many_questions_get_each_its_own_answer() -> None:
    async def deed(line: Asks) -> list[bytes]:
        return await asyncio.gather(*(line.ask(b"say %d" % number, ENOUGH) for number in range(60)))

    assert with_line(child(), deed) == [b"%d" % number for number in range(60)]


def test_the_longest_packets_pass_both_ways_many_at_once() -> None:
    longest = b"say " + b"x" * (MAX_BODY - 4)

    async def deed(line: Asks) -> list[bytes]:
        return await asyncio.gather(*(line.ask(longest, ENOUGH) for _ in range(20)))

    assert with_line(child(), deed) == [longest[4:]] * 20


@pytest.mark.parametrize("size", [0, MAX_BODY + 1])
def test_a_question_without_a_fit_size_is_not_asked(size: int) -> None:
    connector = child()
    with pytest.raises(Unanswered, match=f"{size} bytes"):
        with_line(connector, lambda line: line.ask(b"x" * size, ENOUGH))
    assert connector.pid is None


def test_a_question_that_takes_too_long_is_unanswered_and_its_work_ends() -> None:
    async def deed(line: Asks) -> None:
        await line.ask(b"say x", ENOUGH)
        with pytest.raises(Unanswered, match="has not answered within 0.1 s"):
            await line.ask(b"wait", 0.1)
        assert await line.ask(b"waiting", ENOUGH) == b"0"

    with_line(child(), deed)


def test_a_helper_that_does_not_answer_is_told_of_until_it_says_something() -> None:
    connector = child()

    async def deed(line: Asks) -> None:
        await line.ask(b"say x", ENOUGH)
        assert silent() == []
        assert connector.pid is not None
        os.kill(connector.pid, signal.SIGSTOP)
        with pytest.raises(Unanswered):
            await line.ask(b"say x", 0.1)
        assert silent() == [f"{connector.name}: no answer within 0.1 s"]
        os.kill(connector.pid, signal.SIGCONT)
        assert await line.ask(b"say x", ENOUGH) == b"x"
        assert silent() == []

    with_line(connector, deed)


def test_a_helper_that_answers_others_is_not_silent_although_one_question_takes_too_long() -> None:
    async def deed(line: Asks) -> None:
        await line.ask(b"say x", ENOUGH)
        slow = asyncio.create_task(line.ask(b"wait", 2.0))
        await one_waits(line)
        with pytest.raises(Unanswered):
            await slow
        assert silent() == []

    with_line(child(), deed)


def test_an_asker_who_is_cancelled_ends_the_work() -> None:
    async def deed(line: Asks) -> None:
        asked = asyncio.create_task(line.ask(b"wait", ENOUGH))
        await one_waits(line)
        asked.cancel()
        await asyncio.wait([asked])
        assert await line.ask(b"waiting", ENOUGH) == b"0"

    with_line(child(), deed)


def test_more_questions_than_there_is_room_for_are_refused_and_the_others_go_on() -> None:
    async def deed(line: Asks) -> None:
        most = ONE_LANE.n_at_once + ONE_LANE.n_waiting
        asked = [asyncio.create_task(line.ask(b"wait", ENOUGH)) for _ in range(most)]
        await asyncio.sleep(0)
        with pytest.raises(Unanswered, match=f"has {most} open questions, and accepts no more"):
            await line.ask(b"say x", ENOUGH)
        for each in asked:
            each.cancel()
        await asyncio.wait(asked)
        assert await line.ask(b"say x", ENOUGH) == b"x"

    with_line(child(), deed)


def test_a_lane_that_is_full_holds_up_no_other_lane() -> None:
    """THREATS E-05: each lane has turns and a queue of its own."""

    async def whole() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        async def answer(body: bytes) -> bytes:
            if body.startswith(b"slow"):
                await asyncio.Event().wait()
            return body

        lane_of = bytes.decode
        server = answering(answer, os.getuid(), Lanes(n_at_once=1, n_waiting=1), lane_of)
        following = asyncio.create_task(server.follow(theirs))
        with ours:
            ours.settimeout(ENOUGH)
            for number, body in enumerate((b"slow", b"slow", b"slow", b"quick")):
                ours.send(packets.write(Packet(number, Kind.QUESTION, body)))
            said = [packets.read(await asyncio.to_thread(ours.recv, 1000)) for _ in range(2)]
            reason = f"{NAME} has 2 open questions of slow, and accepts no more".encode()
            assert said == [Packet(2, Kind.UNANSWERED, reason), Packet(3, Kind.ANSWER, b"quick")]
        await following

    asyncio.run(whole())


def test_a_question_that_is_dropped_twice_makes_room_once() -> None:
    async def whole() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        let_go = asyncio.Event()

        async def answer(body: bytes) -> bytes:
            try:
                await let_go.wait()
            finally:
                await let_go.wait()
            return body

        server = answering(answer, os.getuid(), Lanes(n_at_once=2, n_waiting=0))
        following = asyncio.create_task(server.follow(theirs))
        with ours:
            ours.settimeout(ENOUGH)
            for packet in (
                *(Packet(number, Kind.QUESTION, b"x") for number in (1, 2)),
                *(Packet(1, Kind.DROP) for _ in range(2)),
                *(Packet(number, Kind.QUESTION, b"x") for number in (3, 4)),
            ):
                ours.send(packets.write(packet))
            said = packets.read(await asyncio.to_thread(ours.recv, 1000))
            assert (said.number, said.kind) == (4, Kind.UNANSWERED)
            let_go.set()
            left = {packets.read(await asyncio.to_thread(ours.recv, 1000)).number for _ in range(2)}
            assert left == {2, 3}
        await following

    asyncio.run(whole())


def test_a_question_of_a_client_that_has_gone_is_not_begun() -> None:
    """THREATS T-27: its client takes it for failed, and may have asked for the opposite on another connection."""
    begun: list[bytes] = []

    async def answer(body: bytes) -> bytes:
        begun.append(body)
        return body

    async def asked(*bodies: bytes, stays: bool) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with ours:
            for number, body in enumerate(bodies):
                ours.send(packets.write(Packet(number, Kind.QUESTION, body)))
            if not stays:
                ours.close()
            following = asyncio.create_task(answering(answer, os.getuid(), Lanes(n_at_once=1)).follow(theirs))
            if stays:
                ours.settimeout(ENOUGH)
                for body in bodies:
                    assert packets.read(await asyncio.to_thread(ours.recv, 1000)).body == body
        await following

    asyncio.run(asked(b"gone", b"gone too", stays=False))
    assert begun == []
    asyncio.run(asked(b"here", stays=True))
    assert begun == [b"here"]


def test_a_refusal_and_a_defect_are_reasons_and_never_answers() -> None:
    async def deed(line: Asks) -> None:
        with pytest.raises(Unanswered, match="^there is no such thing$"):
            await line.ask(b"refuse there is no such thing", ENOUGH)
        with pytest.raises(Unanswered, match="could not work on it; see its log"):
            await line.ask(b"fail", ENOUGH)
        assert await line.ask(b"say x", ENOUGH) == b"x"

    with_line(child(), deed)


# --- the process ends


def test_a_child_that_was_killed_is_started_again() -> None:
    connector = child()

    async def deed(line: Asks) -> None:
        await line.ask(b"say x", ENOUGH)
        before = connector.pid
        assert before
        os.kill(before, signal.SIGKILL)
        assert await line.ask(b"say y", ENOUGH) == b"y"
        assert connector.pid != before and not is_living(before)

    with_line(connector, deed)


def test_a_question_whose_process_is_killed_is_asked_again() -> None:
    connector = child()

    async def deed(line: Asks) -> None:
        await line.ask(b"say x", ENOUGH)
        asked = asyncio.create_task(line.ask(b"wait", ENOUGH))
        await one_waits(line)
        assert connector.pid
        os.kill(connector.pid, signal.SIGKILL)
        await one_waits(line)
        asked.cancel()
        await asyncio.wait([asked])

    with_line(connector, deed)


def test_a_question_that_kills_the_process_twice_is_unanswered_and_the_next_one_is_answered() -> None:
    async def deed(line: Asks) -> None:
        with pytest.raises(Unanswered, match="has ended without an answer"):
            await line.ask(b"die", ENOUGH)
        assert ["has ended without an answer" in one for one in silent()] == [True]
        assert await line.ask(b"say x", ENOUGH) == b"x"

    with_line(child(), deed)


def test_a_process_that_sends_what_is_no_packet_is_not_heard() -> None:
    async def deed(line: Asks) -> None:
        with pytest.raises(Unanswered, match="sent a message that cannot be read"):
            await line.ask(b"garble", ENOUGH)

    with_line(child(), deed)


def test_a_child_ends_when_its_connection_is_closed() -> None:
    connector = child()

    async def deed(line: Asks) -> int:
        await line.ask(b"say x", ENOUGH)
        assert connector.pid
        return connector.pid

    assert not is_living(with_line(connector, deed))


def test_a_child_that_the_kernel_does_not_end_keeps_the_daemon_from_nothing_and_no_other_is_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """THREATS E-05: whoever asks is told why there is no answer."""
    monkeypatch.setattr(connecting, "SECONDS_TO_END", 0.1)
    connector = child()

    async def deed(line: Asks) -> None:
        await line.ask(b"say x", ENOUGH)
        before = connector.pid
        assert before
        with unreaped(before):
            os.kill(before, signal.SIGKILL)
            with pytest.raises(Unanswered, match=f"the kernel has not ended its process {before}, which was killed"):
                await line.ask(b"say y", ENOUGH)
            assert connector.pid == before
        assert await line.ask(b"say z", ENOUGH) == b"z"
        assert connector.pid != before

    with_line(connector, deed)


def test_the_daemon_ends_although_the_kernel_does_not_end_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connecting, "SECONDS_TO_END", 0.1)
    connector = child()
    with ExitStack() as kept:

        async def deed(line: Asks) -> int:
            await line.ask(b"say x", ENOUGH)
            assert connector.pid
            kept.enter_context(unreaped(connector.pid))
            return connector.pid

        pid = with_line(connector, deed)
        assert os.waitpid(pid, os.WNOHANG) == (0, 0)
    assert os.waitpid(pid, 0)[0] == pid


def test_a_child_ends_although_one_of_its_threads_is_blocked() -> None:
    """A silent name server blocks one for as long as libc likes."""
    connector = child(BUSY)

    async def deed(line: Asks) -> None:
        asked = asyncio.create_task(line.ask(b"block", ENOUGH))
        await line.ask(b"say x", ENOUGH)
        assert connector.pid
        while len(os.listdir(f"/proc/{connector.pid}/task")) < 2:
            await line.ask(b"say x", ENOUGH)
        os.kill(connector.pid, signal.SIGTERM)
        wait_for(lambda: not is_living(connector.pid or 0), what="its end")
        asked.cancel()
        await asyncio.wait([asked])

    with_line(connector, deed)


# --- who is believed


def test_a_child_of_a_helper_that_fails_says_why() -> None:
    text = "import os; from jitd.beside.child import Child; os.waitpid(Child(lambda line: [][0]).pid, 0)"
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, check=True)
    assert done.stderr.endswith("IndexError: list index out of range\n")


def test_an_answer_of_another_account_is_not_believed(tmp_path: Path) -> None:
    """THREATS U-03."""

    async def whole() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(tmp_path / "s"))
            listener.listen()
            asked: list[bytes] = []

            async def answer(body: bytes) -> bytes:
                asked.append(body)
                return body

            serving = asyncio.create_task(answering(answer).listen(listener))
            line = Asks(of_account(ACCOUNT, SocketConnector(PARROT, tmp_path / "s")))
            own = Asks(of_account(str(os.getuid()), SocketConnector(PARROT, tmp_path / "s")))
            with pytest.raises(Unanswered, match=f"uid {os.getuid()}, not from the account {ACCOUNT}"):
                await line.ask(b"x", ENOUGH)
            assert await own.ask(b"y", ENOUGH) == b"y"
            for each in (line, own):
                each.close()
            serving.cancel()
            await asyncio.wait([serving])

    asyncio.run(whole())


def test_an_account_that_is_not_there_is_told() -> None:
    connector = child(account="no-such-account")
    with pytest.raises(Unanswered, match="no account no-such-account: contrib/install makes it"):
        with_line(connector, lambda line: line.ask(b"say x", ENOUGH))
    assert connector.pid is None


def test_a_client_that_is_not_root_is_not_heard(capfd: pytest.CaptureFixture[str]) -> None:
    """THREATS U-03."""

    async def whole() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        async def answer(body: bytes) -> bytes:
            raise AssertionError("nobody is asked")

        with ours:
            ours.send(packets.write(Packet(1, Kind.QUESTION, b"x")))
            await answering(answer, os.getuid() + 1).follow(theirs)
            with pytest.raises(ConnectionResetError):  # the question was not read
                ours.recv(100)

    asyncio.run(whole())
    assert f"a client with uid {os.getuid()} was refused" in capfd.readouterr().err


def test_a_socket_that_is_not_there_is_told(tmp_path: Path) -> None:
    connector = of_account(ACCOUNT, SocketConnector(PARROT, tmp_path / "s"))
    with pytest.raises(Unanswered, match=f"cannot be reached .*: systemctl enable --now {PARROT.unit}.socket"):
        with_line(connector, lambda line: line.ask(b"x", ENOUGH))
    assert ["it cannot be reached" in one for one in silent()] == [True]


@pytest.mark.parametrize("packet", [b"x", struct.pack("!QB", 1, 2) + b"x", b"\0" * 200_000], ids=["short", "kind", "long"])
def test_a_client_that_sends_no_question_is_disconnected(packet: bytes) -> None:
    async def whole() -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

        async def answer(body: bytes) -> bytes:
            raise AssertionError("nobody is asked")

        with ours:
            ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 400_000)
            ours.send(packet)
            await answering(answer).follow(theirs)
            ours.settimeout(ENOUGH)
            assert ours.recv(100) == b""

    asyncio.run(whole())


# --- what a child keeps


def test_a_child_has_its_own_account_and_no_right_beside() -> None:
    before = os.getgroups()
    os.setgroups([4711])
    try:
        said = with_line(child(), lambda line: line.ask(b"status", ENOUGH)).decode()
    finally:
        os.setgroups(before)
    status = {name: value.strip() for name, _, value in (line.partition(":") for line in said.splitlines())}
    account = pwd.getpwnam(ACCOUNT)
    assert set(status["Uid"].split()) == {str(account.pw_uid)} and set(status["Gid"].split()) == {str(account.pw_gid)}
    assert status["Groups"] == "" and status["NoNewPrivs"] == "1"
    assert {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")} == {"0" * 16}


def test_a_child_is_not_dumpable() -> None:
    connector = child()

    async def deed(line: Asks) -> int:
        await line.ask(b"say x", ENOUGH)
        return os.stat(f"/proc/{connector.pid}/mem").st_uid

    assert with_line(connector, deed) == 0, "its memory is root's alone to read"


def test_a_child_has_an_empty_environment_and_only_the_descriptors_that_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KRB5_CONFIG", "/nonexistent")
    other = os.open("/etc/passwd", os.O_RDONLY)
    try:
        os.set_inheritable(other, True)
        world = json.loads(with_line(child(), lambda line: line.ask(b"world", ENOUGH)))
    finally:
        os.close(other)
    assert world["environment"].keys() <= {"LC_CTYPE", "LANG"} and world["cwd"] == "/"
    assert len(world["fds"]) == 8, "0 to 2, the connection, the loop's three, and the one that listdir has open"


def test_a_child_without_network_has_none() -> None:
    world = json.loads(with_line(child(MUTE), lambda line: line.ask(b"world", ENOUGH)))
    assert world["links"] == ["lo"]


def test_a_descriptor_is_passed_by_name_at_each_start(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("swordfish")
    secret.chmod(0o600)
    connector = child(passed=lambda: {"risk=key": os.open(secret, os.O_RDONLY | os.O_CLOEXEC)})

    async def deed(line: Asks) -> None:
        gc.collect()  # what earlier tests have left open would be closed in between
        before = len(os.listdir("/proc/self/fd"))
        assert await line.ask(b"secret risk=key", ENOUGH) == b"swordfish"
        assert connector.pid
        os.kill(connector.pid, signal.SIGKILL)
        wait_for(lambda: not is_living(connector.pid or 0), what="its end")
        assert await line.ask(b"secret risk=key", ENOUGH) == b"swordfish"
        assert len(os.listdir("/proc/self/fd")) == before + 1, "the connection; no secret stays open here"

    with_line(connector, deed)


@pytest.mark.parametrize(("account", "why"), [("root", "has root's rights"), ("no-such-account", "no account no-such-account")])
def test_a_child_that_cannot_be_its_account_does_not_start(account: str, why: str, capfd: pytest.CaptureFixture[str]) -> None:
    async def whole() -> bytes:
        connector = child(account=account)
        line = await connector.open()
        with line:
            line.setblocking(True)
            said = line.recv(1)
        connector.close()
        return said

    assert asyncio.run(whole()) == b""
    assert why in capfd.readouterr().err
