# SPDX-License-Identifier: Apache-2.0
"""``jitd requests --watch --run PROGRAM``: what the program is called with, and when."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from jitd.cli.calls import MOST, Calls
from jitd.cli.hosts import in_turn
from jitpam.wire.rows import Request
from tests.client.script import Script, jitd, row_for, waiting
from tests.waiting import wait_for


def row(id: str, **changes: object) -> Request:
    return Request.read({**row_for(waiting("true", id=id)), "host": "db1.example.test", **changes})


class Program:
    """It writes a line with the arguments of each call, and ends when it is let go."""

    def __init__(self, directory: Path, ends: str = "") -> None:
        self.path, self._said, self._go = directory / "it; touch never", directory / "said", directory / "go"
        os.mkfifo(self._go)
        text = f'printf "%s\\n" "$*" >>{self._said}\nuntil read x <{self._go}; do :; done\n{ends}\n'
        self.path.write_text(f"#!/bin/sh\n{text}")
        self.path.chmod(0o755)

    def said(self, n: int) -> list[str]:
        """What it was called with, once that were ``n`` times."""
        return wait_for(lambda: lines if len(lines := self._lines()) >= n else [], what=f"{n} calls")

    def _lines(self) -> list[str]:
        return self._said.read_text().splitlines() if self._said.exists() else []

    def let_go(self) -> None:
        """The next call may begin before this one is closed: then it finds an end and no line, and opens once more."""
        self._go.write_text("\n")


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def test_it_is_called_once_for_all_that_is_new_while_it_ran(program: Program) -> None:
    calls = Calls(str(program.path))
    first, second, third = (row(id) for id in ("AAAA-1111", "BBBB-2222", "CCCC-3333"))
    calls.look([first])
    assert program.said(1) == ["db1.example.test AAAA-1111"]
    calls.look([first, second])
    calls.look([second, third])
    assert len(program.said(1)) == 1, "it still runs"
    program.let_go()
    assert program.said(2)[1:] == ["db1.example.test BBBB-2222 db1.example.test CCCC-3333"]
    program.let_go()
    calls.look([first, second, third])  # a host that was unreachable is there again
    calls.look([row("DDDD-4444")])
    assert program.said(3)[2:] == ["db1.example.test DDDD-4444"]
    program.let_go()


def ids(number: int, first: str) -> list[str]:
    return [f"{first}{at // 1000}00-{at % 1000:03}0" for at in range(number)]


def test_a_host_that_lists_requests_without_end_leaves_room_for_others_in_the_next_call(program: Program) -> None:
    """THREATS F-21."""
    calls = Calls(str(program.path))
    calls.look([row("AAAA-1111")])
    program.said(1)
    for first in "ABC":
        calls.look([row(id, host="evil.example.test") for id in ids(MOST, first)])
    many = [row(id, host="evil.example.test") for id in ids(3 * MOST, "D")]
    calls.look(in_turn([*many, row("BBBB-2222")], {}))
    program.let_go()
    assert "db1.example.test BBBB-2222" in program.said(2)[1]
    calls.look(many)
    program.let_go()
    assert program.said(3)[2].split()[::2] == ["evil.example.test"] * MOST, "what waits no more is not told"
    calls.look([])
    program.let_go()


def test_a_host_that_lists_requests_without_end_has_none_of_others_told_twice(
    program: Program, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS F-21."""
    monkeypatch.setattr("jitd.cli.calls.MOST_KNOWN", 3)
    calls = Calls(str(program.path))
    calls.look([row("AAAA-1111")])
    for n, id in enumerate(["EEEE-1111", "EEEE-2222", "EEEE-3333", "EEEE-4444"], 1):
        program.said(n)
        calls.look([row("AAAA-1111"), row(id, host="evil.example.test")])
        program.let_go()
        assert program.said(n + 1)[n:] == [f"evil.example.test {id}"]
    program.let_go()


def test_only_what_waits_for_the_person_is_told_and_nothing_that_a_requester_wrote(program: Program) -> None:
    """THREATS F-20."""
    calls = Calls(str(program.path))
    calls.look([row("AAAA-1111", mine=True), row("BBBB-2222", state="approved"), row("CCCC-3333", state="screening")])
    for id in ("--config=/x", "-c", "K7QM-2XVD x", "K7QM-2XVD\n", "k7qm-2xvd", ""):
        calls.look([row(id)])
    for host in ("-x", "a b", "DB1", "$(x)", ""):
        calls.look([row("DDDD-4444", host=host)])
    calls.look([row("EEEE-5555", reason="$(touch never)")])
    assert program.said(1) == ["db1.example.test EEEE-5555"]
    program.let_go()


def test_a_program_that_fails_is_told_and_called_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    program = Program(tmp_path, ends="exit 3")
    calls = Calls(str(program.path))
    said = ""

    def failed() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return "failed with status 3; it is called again for the next request" in said

    calls.look([row("AAAA-1111")])
    program.let_go()
    wait_for(failed, what="the word of it")
    calls.look([row("BBBB-2222")])
    assert program.said(2)[1:] == ["db1.example.test BBBB-2222"]
    program.let_go()
    assert not (tmp_path / "never").exists()


def test_a_watched_list_calls_it(program: Program) -> None:
    assert jitd(Script(changes=([row("AAAA-1111").came],)), "requests", "--watch", "--run", str(program.path)) == 130
    assert program.said(1) == ["db1.example.test AAAA-1111"]
    program.let_go()


def test_without_a_watched_list_or_a_program_nothing_is_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    script = Script(changes=([row("AAAA-1111").came],))
    assert jitd(script, "requests", "--run", "/bin/true") == 2 and "--run needs --watch" in capsys.readouterr().err
    assert jitd(script, "requests", "--watch", "--run", str(tmp_path / "none")) == 2
    assert "there is no such program" in capsys.readouterr().err and script.heard == []
    with pytest.raises(click.BadParameter):
        Calls("none of this name")
