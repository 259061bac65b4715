# SPDX-License-Identifier: Apache-2.0
"""jitd-givers as a child of the daemon: one child a deed, no network, nothing left of a deed, a secret that nobody reads on its
way.

Law: the process is the product's own. Kinds of the tests' own are put into it by a module of the tests'.
"""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

from jitd.beside.connecting import ChildConnector
from jitd.beside.processes import GIVERS
from jitd.beside.secret import sealed
from jitd.settings.giver_words import digest_of, lets_of
from jitd_things.givers import process
from jitd_things.givers.client import GiversLine
from jitd_things.givers.kind import Failed, Given, Order, Refused, Seen, State
from jitd_things.givers.messages import ANSWERS, Answer, Give, Look, Question, Take
from jitd_things.givers.sudoers import Sudoers
from tests.beside.children import OwnChild, of_account
from tests.in_flight import FEW, MAY_SEND, in_flight
from tests.waiting import PATIENCE, is_living, wait_for

T = TypeVar("T")
TREE = Path(__file__).resolve().parents[2]
LINES = ("ALL=(root) /usr/bin/id",)
APPROVED = digest_of(lets_of(Sudoers("logs", lines=LINES)))


@pytest.fixture
def settings(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "jitd.toml"
    file.write_text('[givers.logs]\nkind = "sudoers"\nlines = ["ALL=(root) /usr/bin/id"]\n')
    yield file


def order(settings: Path, name: str = "logs", approved: str = APPROVED) -> Order:
    """``brought`` tells the kind of the tests' own where it writes down what it sees."""
    return Order("WNC0-D702", name, "nobody", 65534, 1_800_000_000, str(settings.parent / "seen"), approved)


def with_givers(settings: Path, deed: Callable[[GiversLine, ChildConnector], Awaitable[T]]) -> T:
    async def whole() -> T:
        connector = OwnChild("tests.givers.strange", GIVERS, {"settings": settings})
        line = GiversLine(connector)
        try:
            return await deed(line, connector)
        finally:
            line.close()

    return asyncio.run(whole())


def ask(settings: Path, question: Question) -> Answer:
    return with_givers(settings, lambda line, connector: line.ask(question))


def seen(settings: Path) -> dict[str, str]:
    lines = (settings.parent / "seen").read_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def test_a_deed_is_done_by_a_child_that_is_root_and_has_no_network(settings: Path) -> None:
    assert ask(settings, Look("sudoers", order(settings))) == Seen(State.STANDS)
    found = seen(settings)
    assert found["uid"] == "0" and found["routes"] == "" and found["environment"] in ("", "LANG")
    assert found["core"] == "0" and found["dumpable"] == "0" and found["descriptors"] == "0 1 2 3"
    assert found["pid"] != found["parent"] and found["session"] == found["pid"]


def test_a_deed_that_hangs_is_killed_with_what_it_has_started_and_the_next_one_is_done(settings: Path) -> None:
    async def play(line: GiversLine, connector: ChildConnector) -> tuple[Answer, Answer]:
        hanging = await line.ask(Take("sudoers", order(settings)))
        return hanging, await line.ask(Look("sudoers", order(settings)))

    hung, after = with_givers(settings, play)
    assert isinstance(hung, Failed) and "was killed" in hung.why
    assert after == Seen(State.STANDS)
    left = [int(word) for word in (settings.parent / "left").read_text().split()]
    assert left and not any(map(is_living, left))


def test_a_deed_ends_with_jitd_givers(settings: Path) -> None:
    async def play(line: GiversLine, connector: ChildConnector) -> Answer:
        asking = asyncio.create_task(line.ask(Take("sudoers", order(settings))))
        while not (settings.parent / "left").exists():
            await asyncio.sleep(0.01)
        assert connector.pid is not None
        os.kill(connector.pid, signal.SIGKILL)
        return await asking

    assert isinstance(with_givers(settings, play), Failed)
    deed = int((settings.parent / "left").read_text().split()[0])
    wait_for(lambda: not is_living(deed), what="the end of the deed")


def test_a_secret_comes_sealed_and_only_its_descriptor_passes(settings: Path) -> None:
    answer = ask(settings, Give("sudoers", order(settings)))
    assert isinstance(answer, Given) and answer.secret is not None
    try:
        assert os.read(answer.secret, 100) == b"planted-secret"
        with pytest.raises(OSError):
            os.write(answer.secret, b"x")
    finally:
        os.close(answer.secret)


def test_a_secret_that_nobody_waits_for_is_closed_and_the_deed_is_waited_for(
    settings: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS T-24."""

    def give(question: Question, settings: Path, line: socket.socket) -> None:
        socket.send_fds(line, [ANSWERS.write(Given())], [sealed(b"planted-secret")])

    def secrets() -> set[int]:
        files = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]
        return {file.stat().st_ino for file in files if os.path.lexists(file) and "memfd:jitd-secret" in os.readlink(file)}

    before = secrets()  # of other tests

    async def play() -> None:
        answered, may_end = asyncio.Event(), asyncio.Event()

        class Deeds(process.Deeds):
            async def _end(self, pid: int) -> None:
                answered.set()
                await may_end.wait()
                os.waitpid(pid, 0)

        giving = asyncio.create_task(Deeds(settings).answer(Give("sudoers", order(settings))))
        await answered.wait()
        assert len(secrets() - before) == 1
        giving.cancel()
        for _ in range(10):
            await asyncio.sleep(0)
        assert not giving.done(), "the next deed of this giver would begin beside this one"
        may_end.set()
        with pytest.raises(asyncio.CancelledError):
            await giving

    monkeypatch.setattr(process, "do_deed", give)
    asyncio.run(play())
    assert not secrets() - before


@pytest.mark.parametrize("way", ["from the deed", "from jitd-givers"])
def test_a_secret_that_the_kernel_does_not_let_pass_is_a_failure_that_says_why(settings: Path, way: str) -> None:
    """THREATS S-22. The kernel refuses to send descriptors if too many of root's wait to be received, on the whole host."""
    if way == "from jitd-givers":
        (settings.parent / MAY_SEND).touch()

    async def play(line: GiversLine, connector: ChildConnector) -> tuple[Answer, Answer, Answer]:
        before = await line.ask(Look("sudoers", order(settings)))
        assert connector.pid is not None
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.prlimit(connector.pid, resource.RLIMIT_NOFILE, (FEW, most))
        with in_flight():
            failed = await line.ask(Give("sudoers", order(settings)), PATIENCE)
            return before, failed, await line.ask(Look("sudoers", order(settings)))

    before, failed, after = with_givers(settings, play)
    assert isinstance(failed, Failed)
    assert "too many descriptors" in failed.why and "LimitNOFILE=" in failed.why
    assert before == after == Seen(State.STANDS), "what needs no descriptor is answered as ever"


def test_what_jitd_toml_no_longer_says_is_not_given_and_is_not_called_taken(settings: Path) -> None:
    settings.write_text("")
    assert isinstance(ask(settings, Give("sudoers", order(settings))), Refused)
    answer = ask(settings, Take("sudoers", order(settings)))
    assert isinstance(answer, Failed) and "[givers.logs]" in answer.why


@pytest.mark.parametrize("fault", ['[givers.wheel]\nkind = "group"\n', "[notify.x\n"])
def test_a_fault_elsewhere_in_jitd_toml_stops_giving_and_not_taking_back(settings: Path, fault: str) -> None:
    """THREATS Q-10. Taking needs the giver's own table alone. Giving needs a file without a fault."""
    with settings.open("a") as file:
        file.write(fault)
    refused = ask(settings, Give("sudoers", order(settings)))
    assert isinstance(refused, Refused) and str(settings) in refused.why
    assert not (settings.parent / "seen").exists(), "the kind was never asked"
    assert ask(settings, Look("sudoers", order(settings))) == Seen(State.STANDS)
    hung = ask(settings, Take("sudoers", order(settings)))  # the tests' own kind was asked, and hangs
    assert isinstance(hung, Failed) and "was killed" in hung.why


@pytest.mark.parametrize("line", ["ALL=(ALL) ALL", "ALL=(root) /usr/bin/id -u"])
def test_what_was_changed_after_the_approval_is_not_given(settings: Path, line: str) -> None:
    """THREATS Q-10."""
    settings.write_text(f'[givers.logs]\nkind = "sudoers"\nlines = ["{line}"]\n')
    answer = ask(settings, Give("sudoers", order(settings)))
    assert isinstance(answer, Refused) and "differs from what was approved" in answer.why
    assert not (settings.parent / "seen").exists(), "the kind was never asked"


def test_settings_that_another_could_write_are_not_read(settings: Path) -> None:
    """THREATS Q-10."""
    settings.chmod(0o666)
    answer = ask(settings, Give("sudoers", order(settings)))
    assert isinstance(answer, Refused) and str(settings) in answer.why
    assert isinstance(ask(settings, Take("sudoers", order(settings))), Failed)


def test_who_is_not_root_is_not_heard(settings: Path) -> None:
    """THREATS Q-09. What answers must be root, too: a false jitd-givers is not believed."""

    async def play(line: GiversLine, connector: ChildConnector) -> Answer:
        return await line.ask(Look("sudoers", order(settings)))

    async def whole() -> Answer:
        connector = of_account("65534", OwnChild("tests.givers.strange", GIVERS, {"settings": settings}))
        line = GiversLine(connector)
        try:
            return await play(line, connector)
        finally:
            line.close()

    answer = asyncio.run(whole())
    assert isinstance(answer, Failed) and "not from the account" in answer.why
