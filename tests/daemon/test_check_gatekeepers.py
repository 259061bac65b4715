# SPDX-License-Identifier: Apache-2.0
"""Whether ``jitd check`` finds out that a gatekeeper cannot be reached, without a question to it."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from jitd.core.keys.hosts import read_host
from jitd.settings.config import Config
from jitd_inspection.checking.gatekeepers import about_gatekeepers
from jitd_inspection.checking.warnings import warnings
from jitd_outsiders.asking.settings import GatekeeperSettings, Program, Reach
from jitd_outsiders.settings import OutsiderSection
from tests.core.house import permit
from tests.outside.server import LOOPBACK, Asked, Authority, Server, serving
from tests.waiting import PATIENCE, wait_for

AUTHORITY = Authority()
ASKED_BY = permit("restart", gatekeepers=("change",))


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    with serving(AUTHORITY.issue("localhost"), tmp_path) as found:
        yield found


def told(by: Reach | Program, seconds: float = 60) -> list[str]:
    found = about_gatekeepers([ASKED_BY], {"change": GatekeeperSettings("change", by)}, seconds)
    return [one.sentence for one in found]


def all_asked(server: Server) -> list[Asked]:
    """What ``server`` was asked when all connections that were opened until now have ended."""
    server.n_so_far()
    wait_for(lambda: len(server.threads) == server.n_connections)
    for thread in server.threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()
    return server.asked


def reach(server: Server, **more: object) -> Reach:
    return replace(Reach(server.url("/jit"), addresses=LOOPBACK, ca=AUTHORITY.pem), **more)  # type: ignore[arg-type]


def test_one_that_can_be_reached_is_no_warning_and_is_asked_nothing(server: Server) -> None:
    assert told(reach(server)) == []
    assert server.n_so_far() == 1 and all_asked(server) == []


def test_one_that_cannot_be_reached_is_named_with_the_reason_and_the_rules(server: Server, tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.touch()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"https://localhost:{closed.getsockname()[1]}/"
        rows: list[tuple[Reach | Program, str]] = [
            (reach(server, url=gone), "Connect call failed"),
            (reach(server, ca=Authority("another").pem), "its certificate is not valid: "),
            (reach(server, url=server.url("/").replace("localhost", "127.0.0.1")), "its certificate is not valid: IP address"),
            (reach(server, addresses=()), "127.0.0.1, not a public address"),
            (reach(server, addresses=("10.0.0.0/8",)), "not in addresses (10.0.0.0/8)"),
            (Reach("http://localhost/v1/data/x", socket="/nowhere.sock"), "No such file or directory"),
            (Program(("/nowhere/run",)), "its program /nowhere/run is missing"),
            (Program((str(text),)), f"its program {text} cannot be executed"),
        ]
        for by, why in rows:
            (sentence,) = told(by)
            assert sentence.startswith("gatekeeper change cannot be reached from here now: "), sentence
            assert why in sentence and sentence.endswith("nothing is permitted by restart"), sentence
    assert all_asked(server) == []


def test_one_that_is_silent_is_given_up_and_holds_up_no_other(server: Server) -> None:
    """A listener that never answers TLS: the kernel accepts for it."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(8)
        found = {
            name: GatekeeperSettings(name, by)
            for name, by in (
                ("silent", reach(server, url=f"https://localhost:{silent.getsockname()[1]}/")),
                ("there", reach(server)),
            )
        }
        for within in (1.0, 5.0, 25.0):  # on a host that is too busy for one second, the other is late as well
            begun = time.monotonic()
            warned = list(about_gatekeepers([permit("p", gatekeepers=("silent", "there"))], found, within))
            assert time.monotonic() - begun < within + 60
            if len(warned) == 1:
                break
        assert [one.sentence.partition(";")[0] for one in warned] == [
            f"gatekeeper silent cannot be reached from here now: no connection within {within:g} s"
        ]


def test_only_gatekeepers_that_rules_about_this_host_name_are_tried(server: Server) -> None:
    settings = Config(
        frozenset({"R"}),
        "h.example.org",
        sections=(OutsiderSection(gatekeepers={"change": GatekeeperSettings("change", reach(server))}),),
    )
    elsewhere = replace(ASKED_BY, hosts=(read_host("web*"),))
    assert "unreachable" not in {one.name for one in warnings([elsewhere, permit("p")], settings, {})}
    assert server.n_so_far() == 0
    gone = replace(
        settings, sections=(OutsiderSection(gatekeepers={"change": GatekeeperSettings("change", Program(("/nowhere/run",)))}),)
    )
    assert "unreachable" in {one.name for one in warnings([ASKED_BY], gone, {})}
