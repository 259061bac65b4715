# SPDX-License-Identifier: Apache-2.0
"""systemd's programs show their output in a pager that starts no program, because a run of jitd is in no session of root's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pexpect
import pytest

from tests.booted.conftest import Service
from tests.on_terminal import OnTerminal
from tests.waiting import PATIENCE

POLICY = """
[[permit]]
name = "own-terminal"
who = ["group:dba"]
run_as = ["root"]
commands = [["**"]]
"""
LINES = ("systemctl show nothing.service", "journalctl --no-hostname -n 200", "systemctl list-unit-files")
"""Commands whose output is longer than the screen."""


@contextmanager
def shown(service: Service, *words: str) -> Iterator[pexpect.spawn]:
    """alice's terminal, on which jitsudo runs ``words`` as root."""
    first, *rest = map(str, service.line("alice", "jitsudo", *words))
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(10, 80))
    yield screen
    screen.close()


def left(screen: pexpect.spawn) -> None:
    """Leave less(1), which waits for a key after each answer."""
    screen.expect("RETURN")
    screen.send("\r")
    screen.expect("lines 1-")
    screen.send("q")
    screen.expect(pexpect.EOF)


@pytest.mark.parametrize("line", LINES)
def test_the_pager_of_systemd_starts_no_program_in_a_run(service: Service, line: str) -> None:
    """So ``jitd_commands.programs`` grades these commands as harmless."""
    with service.with_rules(POLICY), shown(service, *line.split()) as screen:
        screen.expect("lines 1-")
        screen.send("!")
        screen.expect("Command not available")
        left(screen)


def test_in_a_session_of_roots_that_a_command_opens_the_pager_starts_programs(service: Service, tmp_path: Path) -> None:
    """So ``jitd_commands.programs`` grades ``su - -c 'systemctl status'`` as more."""
    mark = tmp_path / "mark"
    with service.with_rules(POLICY), shown(service, "su", "-", "-c", LINES[0]) as screen:
        screen.expect("lines 1-")
        screen.send(f"!touch {mark}\r")
        screen.expect("done")
        left(screen)
    assert mark.exists()
