# SPDX-License-Identifier: Apache-2.0
"""What a kind of question declares, and what the daemon makes of it: how often it is sent, where it waits, which answers are its
own, and which descriptors come with them.
"""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, TypeVar

import pytest

from jitd.beside import packets
from jitd.beside.answering import Answering, Served
from jitd.beside.asking import Client
from jitd.beside.connecting import SocketConnector
from jitd.beside.packets import Kind, Packet
from jitd.beside.questions import Lanes, QuestionKind
from jitd.beside.secret import sealed
from jitd.extensions import EXTENSIONS
from jitd_gates import questions as of_kdc
from jitd_outsiders.outside import questions as of_outside
from jitd_outsiders.programs import questions as of_programs
from jitd_outsiders.terminals import questions as of_terminals
from jitd_things.givers import questions as of_givers
from jitpam.wire.declared import CARRIED, Codec, integer
from tests.beside.children import of_account
from tests.beside.parrot import NAME, PARROT
from tests.descriptors import with_free_descriptors
from tests.lingering import have_closed, lingering, nobody_waits

T = TypeVar("T")
ENOUGH = 30.0
_NUMBER = integer(0, 1_000)


@dataclass(frozen=True, slots=True)
class Double:
    of: Annotated[int, _NUMBER]


@dataclass(frozen=True, slots=True)
class Doubled:
    to: Annotated[int, integer(0, 2_000)]


@dataclass(frozen=True, slots=True)
class Hide:
    of: Annotated[int, _NUMBER]


@dataclass(frozen=True, slots=True)
class Hidden:
    secret: Annotated[int | None, CARRIED] = None


@dataclass(frozen=True, slots=True)
class Failed:
    why: str


QUESTIONS = Codec[Any]("do", {"double": Double, "hide": Hide})
ANSWERS = Codec[Any]("said", {"doubled": Doubled, "hidden": Hidden})


def kind(asks: type, answers: type, **declared: Any) -> QuestionKind[Any, Any]:
    values: dict[str, Any] = {"within": lambda question: ENOUGH} | declared
    return QuestionKind(asks=asks, answers_with=(answers,), questions=QUESTIONS, answers=ANSWERS, failed=Failed, **values)


def played(tmp_path: Path, served: list[Served[Any, Any]], play: Callable[[Client], Awaitable[T]]) -> T:
    """What ``play`` makes of a process that serves these kinds."""

    async def whole() -> T:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(tmp_path / "s"))
            listener.listen()
            serving = asyncio.create_task(Answering(NAME, served, os.getuid()).listen(listener))
            client = Client(of_account(str(os.getuid()), SocketConnector(PARROT, tmp_path / "s")))
            try:
                return await play(client)
            finally:
                client.close()
                serving.cancel()
                await asyncio.wait([serving])

    try:
        return asyncio.run(whole())
    finally:
        have_closed()


async def double(question: Double) -> Doubled:
    return Doubled(2 * question.of)


def test_a_question_is_an_object_at_both_ends(tmp_path: Path) -> None:
    asked = kind(Double, Doubled)
    assert played(tmp_path, [Served(asked, double)], lambda client: client.ask(asked, Double(21))) == Doubled(42)


def test_what_cannot_be_written_is_not_sent(tmp_path: Path) -> None:
    asked, firm = kind(Double, Doubled), kind(Double, Doubled, unsent=str)
    client = Client(SocketConnector(PARROT, tmp_path / "nobody"))
    said = asyncio.run(client.ask(asked, Double(1_001)))
    assert said == Failed(f"this cannot be asked of {NAME}: double: of is not a number from 0 to 1000")
    assert asyncio.run(client.ask(firm, Double(1_001))) == said.why


def test_what_the_process_does_not_know_is_told(tmp_path: Path) -> None:
    asked, other = kind(Double, Doubled), Codec[Any]("do", {"treble": Double})
    newer = QuestionKind[Any, Any](
        asks=Double, answers_with=(Doubled,), questions=other, answers=ANSWERS, failed=Failed, within=lambda question: ENOUGH
    )
    said = played(tmp_path, [Served(asked, double)], lambda client: client.ask(newer, Double(1)))
    assert said == Failed(f"{NAME} cannot read the question (no such message); is it of another version?")


@pytest.mark.parametrize("number", [2, 50])
def test_of_a_lane_that_waits_in_the_daemon_any_number_may_wait(tmp_path: Path, number: int) -> None:
    """And of another one, the process refuses those that it has no room for."""
    open_now, most = 0, 0

    async def slow(question: Double) -> Doubled:
        nonlocal open_now, most
        open_now += 1
        most = max(most, open_now)
        await asyncio.sleep(0)
        open_now -= 1
        return await double(question)

    def answers(lanes: Lanes, at: Path) -> list[Any]:
        asked = kind(Double, Doubled, lanes=lanes)

        async def play(client: Client) -> list[Any]:
            return await asyncio.gather(*(client.ask(asked, Double(each)) for each in range(number)))

        at.mkdir()
        return played(at, [Served(asked, slow)], play)

    waiting = answers(Lanes(1, 0, wait_in_daemon=True), tmp_path / "daemon")
    assert (waiting, most) == ([Doubled(2 * each) for each in range(number)], 1)
    refused = [each for each in answers(Lanes(1, 0), tmp_path / "process") if isinstance(each, Failed)]
    assert refused and "accepts no more" in refused[0].why


def test_who_waits_in_the_daemon_waits_no_longer_than_the_question_may_take(tmp_path: Path) -> None:
    asked = kind(Double, Doubled, lanes=Lanes(1, wait_in_daemon=True))

    async def never(question: Double) -> Doubled:
        await asyncio.Event().wait()
        raise AssertionError

    async def play(client: Client) -> list[Any]:
        return await asyncio.gather(*(client.ask(asked, Double(each), within=0.2) for each in range(3)))

    assert played(tmp_path, [Served(asked, never)], play) == [Failed(f"{NAME} has not answered within 0.2 s")] * 3


@pytest.mark.parametrize("n_times", [1, 2])
def test_a_question_is_sent_as_often_as_its_kind_says(tmp_path: Path, n_times: int) -> None:
    asked, begun = kind(Double, Doubled, n_times=n_times), 0

    async def breaks(question: Double) -> Doubled:
        nonlocal begun
        begun += 1
        for descriptor in map(int, os.listdir("/proc/self/fd")):
            if os.path.realpath(f"/proc/self/fd/{descriptor}").rpartition("/")[2].startswith("socket:"):
                with socket.socket(fileno=os.dup(descriptor)) as line:  # of this process, which has others, too
                    if line.getsockname() == str(tmp_path / "s") and not _is_listening(line):
                        line.shutdown(socket.SHUT_RDWR)
        return await double(question)

    said = played(tmp_path, [Served(asked, breaks)], lambda client: client.ask(asked, Double(1)))
    assert isinstance(said, Failed) and begun == n_times


def _is_listening(line: socket.socket) -> bool:
    return bool(line.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def test_an_answer_to_another_question_is_not_taken(tmp_path: Path) -> None:
    """THREATS T-24."""
    asked = kind(Double, Doubled)

    async def errs(question: Double) -> Hidden:
        return Hidden(sealed(b"x"))

    before = len(os.listdir("/proc/self/fd"))
    said = played(tmp_path, [Served(asked, errs)], lambda client: client.ask(asked, Double(1)))
    assert isinstance(said, Failed) and "the answer belongs to another question" in said.why
    assert len(os.listdir("/proc/self/fd")) == before, "its descriptor is closed"


def _with_a_pipe() -> int:
    reading, writing = os.pipe()
    os.close(writing)
    return reading


@pytest.mark.parametrize(
    ("made", "because"),
    [
        (lambda: sealed(b"swordfish"), ""),
        (lambda: None, "the answer came without its secret"),
        (lambda: os.memfd_create("open"), "is not sealed"),
        (_with_a_pipe, "is not a memfd"),
    ],
    ids=["sealed", "none", "not sealed", "a pipe"],
)
def test_a_descriptor_is_taken_only_if_it_is_sealed(tmp_path: Path, made: Callable[[], int | None], because: str) -> None:
    """THREATS T-24."""
    asked = kind(Hide, Hidden, must_carry=(Hidden,))

    async def hide(question: Hide) -> Hidden:
        return Hidden(made())

    async def play(client: Client) -> Any:
        said = await client.ask(asked, Hide(1))
        if isinstance(said, Hidden) and said.secret is not None:
            with os.fdopen(said.secret, "rb") as secret:
                return secret.read()
        return said

    before = len(os.listdir("/proc/self/fd"))
    said = played(tmp_path, [Served(asked, hide)], play)
    assert (because in said.why) if because else (said == b"swordfish")
    assert len(os.listdir("/proc/self/fd")) == before, "nothing stays open, here or there"


def sent_with(tmp_path: Path, codec: Codec[Any], made: Callable[[], list[int]], *, is_read: bool = True) -> Any:
    """What the daemon makes of an answer that comes with the descriptors of ``made``, which are closed here. Unless ``is_read``,
    the daemon closes its connection before it has read the answer.
    """
    asked = QuestionKind[Any, Any](
        asks=Double, answers_with=(Doubled,), questions=QUESTIONS, answers=codec, failed=Failed, within=lambda question: ENOUGH
    )

    async def play() -> Any:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(tmp_path / "s"))
            listener.listen()
            client = Client(of_account(str(os.getuid()), SocketConnector(PARROT, tmp_path / "s")))
            asking = asyncio.create_task(client.ask(asked, Double(1)))
            line, _ = await asyncio.to_thread(listener.accept)
            with line:
                number = packets.read(await asyncio.to_thread(line.recv, packets.MAX_PACKET)).number
                sent = made()
                socket.send_fds(line, [packets.write(Packet(number, Kind.ANSWER, codec.write(Doubled(2))))], sent)
                for descriptor in sent:
                    os.close(descriptor)
                if not is_read:
                    client.close()
                said = await asking
            client.close()
            return said

    return asyncio.run(play())


def test_a_secret_for_which_no_further_file_can_be_opened_is_not_taken_for_unexpected_data() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with ours, theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        secret = sealed(b"x")
        socket.send_fds(theirs, [packets.write(Packet(1, Kind.ANSWER, b"x"))], [secret])
        os.close(secret)
        with with_free_descriptors(0), pytest.raises(ValueError, match="^no further file can be opened for what came with it$"):
            packets.receive(ours, carries=True)
        _, _, carried = packets.receive(ours, carries=True)
        assert carried is not None, "it has stayed"
        os.close(carried)


@pytest.mark.parametrize("codec", [ANSWERS, Codec[Any]("said", {"doubled": Doubled})], ids=["some carry", "none carries"])
def test_no_descriptor_is_taken_from_a_process_whose_answers_declare_none(tmp_path: Path, codec: Codec[Any]) -> None:
    """THREATS T-24."""
    before = len(os.listdir("/proc/self/fd"))
    because = "doubled came with a descriptor" if codec.carries else "carries unexpected data"
    said = sent_with(tmp_path, codec, lambda: [sealed(b"x")])
    assert isinstance(said, Failed) and because in said.why
    have_closed()
    assert len(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("codec", [ANSWERS, Codec[Any]("said", {"doubled": Doubled})], ids=["one carries", "none carries"])
@pytest.mark.parametrize("n_carried", [1, 2, 3])
@pytest.mark.parametrize("is_read", [True, False], ids=["read", "unread"])
def test_a_process_that_sends_what_takes_long_to_close_stops_nobody(
    tmp_path: Path, codec: Codec[Any], n_carried: int, is_read: bool
) -> None:
    """THREATS S-21. The one who closes the last of these descriptors waits for an hour."""
    with nobody_waits():
        before = len(os.listdir("/proc/self/fd"))
        said = sent_with(tmp_path, codec, lambda: [lingering().detach() for _ in range(n_carried)], is_read=is_read)
        assert isinstance(said, Failed)
        have_closed()
        assert len(os.listdir("/proc/self/fd")) == before + n_carried, "the other ends alone are left"


def test_a_process_that_sends_without_end_lets_the_daemon_do_other_things_in_between(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS E-04."""
    monkeypatch.setattr("jitd.beside.asking.MOST_IN_A_ROW", 2)  # a new network namespace has room for ten packets
    unasked = packets.write(Packet(2**63, Kind.ANSWER, b"x"))

    def fill(line: socket.socket) -> int:
        n_sent = 0
        with suppress(BlockingIOError):
            while True:
                line.send(unasked, socket.MSG_DONTWAIT)
                n_sent += 1
        return n_sent

    async def play() -> None:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
            listener.bind(str(tmp_path / "s"))
            listener.listen()
            client = Client(of_account(str(os.getuid()), SocketConnector(PARROT, tmp_path / "s")))
            asking = asyncio.create_task(client.ask(kind(Double, Doubled), Double(1)))
            line, _ = await asyncio.to_thread(listener.accept)
            with line:
                number = packets.read(await asyncio.to_thread(line.recv, packets.MAX_PACKET)).number
                n_before = fill(line)
                while not (n_again := fill(line)):  # until the daemon has taken some
                    await asyncio.sleep(0)
                assert n_again < n_before / 2, "the daemon took all of them in one turn"
                await asyncio.to_thread(line.send, packets.write(Packet(number, Kind.ANSWER, ANSWERS.write(Doubled(2)))))
                assert await asking == Doubled(2)
            client.close()

    asyncio.run(play())


def test_an_answer_that_cannot_be_sent_is_a_reason(tmp_path: Path) -> None:
    asked = kind(Double, Doubled)

    async def errs(question: Double) -> Doubled:
        return Doubled(-1)

    said = played(tmp_path, [Served(asked, errs)], lambda client: client.ask(asked, Double(1)))
    assert said == Failed("its answer cannot be sent: doubled: to is not a number from 0 to 2000")


# --- what is declared


def declared(room: str) -> list[QuestionKind[Any, Any]]:
    """All kinds of questions that ``questions`` of a room declares, alone or in a table."""
    found: list[QuestionKind[Any, Any]] = []
    for value in vars(import_module(f"{room}.questions")).values():
        found += [each for each in (value.values() if isinstance(value, dict) else [value]) if isinstance(each, QuestionKind)]
    return found


ROOMS = {
    room: ", ".join(f"jitd-{name}" for name, its in one.helpers.items() if its == room)
    for one in EXTENSIONS.values()
    for room in one.helpers.values()
}
ALL = {processes: declared(room) for room, processes in ROOMS.items()}
LANES = {
    of_kdc.ENTRIES: "entries",
    of_kdc.TRIALS: "trials",
    of_outside.LANE: "one",
    of_givers.KINDS[of_givers.Give].lanes: "one a giver",
    of_terminals.TELL.lanes: "one",
    of_programs.RUN.lanes: "one a program of a name",
}


def test_the_page_of_processes_has_every_question_with_what_it_declares() -> None:
    page = (Path(__file__).parents[2] / "docs" / "processes.md").read_text("utf-8")
    for process, kinds in ALL.items():
        assert kinds, f"{process} is asked something"
        for each in kinds:
            rest = "the daemon" if each.lanes.wait_in_daemon else f"{each.lanes.n_waiting} in the process"
            times = {1: "once", 2: "twice"}[each.n_times]
            row = f"| `{each.asks.__name__}` | {process} | {times} | {LANES[each.lanes]} | {each.lanes.n_at_once} | {rest} |"
            assert f"\n{row}\n" in page, row
    assert page.count(" in the process |\n") + page.count(" | the daemon |\n") == sum(map(len, ALL.values()))


def test_what_gives_and_takes_is_asked_once_and_what_may_be_repeated_twice() -> None:
    """What jitd-givers and a server with leases do is not the same if it is done twice."""
    once = [*of_givers.KINDS.values(), *of_outside.LEASES.values()]
    twice = [*of_kdc.KINDS.values(), of_outside.FETCH, of_outside.POST, of_outside.DELIVER, of_programs.RUN, of_terminals.TELL]
    assert {each.n_times for each in once} == {1} and {each.n_times for each in twice} == {2}


def test_orders_to_the_kdc_wait_in_the_daemon_one_behind_another_and_trials_beside_them() -> None:
    lanes = {asks.__name__: each.lanes for asks, each in of_kdc.KINDS.items()}
    assert {lane.n_at_once for lane in lanes.values()} == {1} and all(lane.wait_in_daemon for lane in lanes.values())
    assert lanes["Give"] is lanes["Take"] is lanes["Look"] is not lanes["Try"]
