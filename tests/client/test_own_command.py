# SPDX-License-Identifier: Apache-2.0
"""The command of a person who uses a thing, when it cannot be seen what it has begun. Law: no KDC and no daemon are needed."""

import contextlib
import signal

import pytest

from jitpam import own_command
from tests.waiting import handles, status_of, wait_for


@pytest.fixture
def command():
    made = own_command.OwnCommand([b"sh", b"-c", b"trap 'exit 7' HUP; while :; do sleep 0.1; done"])
    made.start({}, set(), [])
    wait_for(lambda: status_of(made.pid)["Name"] == "sh", what="the command")  # until then it has what this process catches
    wait_for(lambda: handles(made.pid, signal.SIGHUP), what="the command's own way to end")
    yield made
    with contextlib.suppress(ChildProcessError):  # it has ended, and its number may be another's by now
        if made.look() is None:
            made.signal(signal.SIGKILL)


@pytest.mark.parametrize("searches", [0, 1])
def test_a_search_that_fails_leaves_nothing_stopped_and_the_command_is_hung_up(command, monkeypatch, searches):
    """``searches`` of them succeed: after the first the command has been stopped."""
    found = [own_command._processes() for _ in range(searches)]

    def fails():
        if found:
            return found.pop()
        raise OSError

    monkeypatch.setattr(own_command, "_processes", fails)
    with pytest.raises(OSError):
        command.hang_up()
    assert wait_for(lambda: command.look(), what="the end of the command") == 7
