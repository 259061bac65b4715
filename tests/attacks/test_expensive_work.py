# SPDX-License-Identifier: Apache-2.0
"""Expensive work for strangers (THREATS O-07), told by what the daemon reads and whom it answers, and by no clock.

Law: before authentication no file is looked at, whoever names it; after it no more is read than the limits say.
"""

from __future__ import annotations

import select
import shutil
import time
from pathlib import Path

import pytest

from jitd.workers import Workers
from jitpam.wire import messages
from tests.attacks.raw import Raw, asked, connected, submission, uid_of
from tests.system.conftest import House, house_with
from tests.system.filesystem import Served

RULES = """
[[permit]]
name = "anything"
who = ["group:dba"]
commands = [["/srv/*/said/*"], ["/usr/bin/cat", "**"]]
approvals = [{ need = 1, from = ["group:security"] }]
"""
ASKERS = 40
"""More than there are threads."""
STRANGERS = 3
LITTLE = 8 << 20
"""Bytes: more than all that the daemon reads for twenty questions, and less than it would read for one of these files."""
PATIENCE = 120.0


served = house_with(RULES)


def n_read(house: House) -> int:
    """Bytes that the daemon has read, in whatever thread (proc(5), ``io``)."""
    assert house.process is not None
    return int(Path(f"/proc/{house.process.pid}/io").read_text().partition("rchar: ")[2].split()[0])


def large(house: House, size: int, mode: int) -> Path:
    """A file of ``size`` bytes of nothing."""
    file = house.root / "said/sparse"
    with file.open("wb") as made:
        made.truncate(size)
    file.chmod(mode)
    return file


def refused(raw: Raw) -> str:
    heard = raw.hear(PATIENCE)
    assert isinstance(heard, messages.Refused), heard
    return heard.code


def codes(house: House, *argv: str) -> set[str]:
    """ASKERS ask, all at once, and want to hear only whether an approval is required: with what they are refused."""
    asking = [connected(house, "alice") for _ in range(ASKERS)]
    for raw in asking:
        raw.say(submission(*argv, if_owed=False))
    heard = {refused(raw) for raw in asking}
    for raw in asking:
        raw.close()
    return heard


def test_before_authentication_no_file_is_looked_at(served: House) -> None:
    """THREATS O-07: a command is named in the place of a token, and of a hello."""
    file = large(served, 1 << 30, 0o755)
    before = n_read(served)
    for n in range(STRANGERS):
        with Raw(served, uid_of("eve")) as stranger:
            if n:
                stranger.greet()
            stranger.say(submission(str(file)))
            assert stranger.is_closed(PATIENCE)
    assert n_read(served) - before < LITTLE


def test_of_a_command_that_is_too_large_nothing_is_read(served: House) -> None:
    """THREATS O-07."""
    file = large(served, 1 << 40, 0o755)
    before = n_read(served)
    assert codes(served, str(file)) == {"denied"}
    assert n_read(served) - before < LITTLE


def test_of_an_argument_that_is_too_large_nothing_is_read(served: House) -> None:
    """THREATS O-07: others may change it, so that its content would be bound."""
    file = large(served, 1 << 40, 0o777)
    before = n_read(served)
    assert codes(served, "cat", str(file)) == {"owed"}
    assert n_read(served) - before < LITTLE


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_of_a_device_nothing_is_read(served: House, device: str) -> None:
    """THREATS O-07: a command that leads to one, and an argument that does."""
    link = served.root / "said/device"
    link.symlink_to(device)
    try:
        before = n_read(served)
        assert codes(served, str(link)) == {"unexecutable"}
        assert codes(served, "cat", str(link)) == {"owed"}
        assert n_read(served) - before < LITTLE
    finally:
        link.unlink()


def test_who_asks_for_what_a_silent_server_has_leaves_threads_to_all_others(served: House) -> None:
    """THREATS O-07: more of one account's questions than there are threads wait for what never comes."""
    assert Workers().files.n_threads < ASKERS
    place = Path("/srv/silent")
    place.mkdir()
    server = Served(place / "served", uid_of("alice"), for_all=True)
    waiting = [connected(served, "alice") for _ in range(ASKERS)]
    try:
        server.fall_silent()
        for raw in waiting:
            raw.say(submission("cat", str(server.place / "f"), if_owed=False))
        until = time.monotonic() + PATIENCE
        silent, n_served = list(waiting), 0
        heard: list[messages.Message | None] = []
        while silent and time.monotonic() < until:
            with connected(served, "carol") as carol:
                assert carol.rows(messages.Explain(**asked("true")))
            n_served += 1
            ready, _, _ = select.select([raw.socket for raw in silent], [], [], 0.05)
            for raw in [raw for raw in silent if raw.socket in ready]:
                told = raw.hear(slow=True)
                if not isinstance(told, messages.Slow):
                    silent.remove(raw)
                    heard.append(told)
        assert silent == [] and n_served > 1, "all of them have an answer by now"
        assert {isinstance(told, messages.Refused) and told.code for told in heard} == {"failed"}
    finally:
        server.close()
        for raw in waiting:
            raw.close()
        shutil.rmtree(place)
