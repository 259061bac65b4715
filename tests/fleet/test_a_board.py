# SPDX-License-Identifier: Apache-2.0
"""``jitd --hosts … board`` on a terminal of tmux, from a desk, with three real hosts."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.board.test_board import APPROVE, press, sees, text_of, write
from tests.client.desk import Pane
from tests.fleet.stage import NAMES, Fleet
from tests.fleet.test_a_desk import known as known  # a fixture


@pytest.fixture
def pane(tmp_path: Path) -> Iterator[Pane]:
    made = Pane(tmp_path, 80, 30, line=["as", "bob", "jitd"])
    yield made
    made.close()


def row_of(here: Pane, id: str) -> str:
    """The line of the row with this id."""
    return next((line for line in here.screen if id in line), "")


@pytest.mark.usefixtures("known")
def test_three_hosts_are_one_table_and_a_key_acts_on_the_host_of_its_row(three: Fleet, pane: Pane) -> None:
    """THREATS A-08."""
    ids = {name: three.hosts[name].waits() for name in NAMES}
    pane.type("jitd --hosts @all board", "Enter")
    sees(pane, "bob on 3 of 3 hosts")
    for name, id in ids.items():
        sees(pane, id)
        assert f" {name} " in row_of(pane, id), text_of(pane)
    assert " HOST " in text_of(pane) and all(len(line) <= 80 for line in pane.screen)
    first, second, third = sorted(NAMES, key=lambda name: text_of(pane).index(ids[name]))
    press(pane, "Home", f"> {ids[first]}")
    press(pane, "Down", f"> {ids[second]}")
    press(pane, "Enter", APPROVE)
    press(pane, "a", f"{second}.example.test: request {ids[second]} is approved")
    press(pane, "Home", f"> {ids[first]}")
    press(pane, "d", "why")
    write(pane, "no")
    press(pane, "Enter", f"{first}.example.test: request {ids[first]} is denied")
    states = [three.hosts[name].state_of(ids[name]) for name in (first, second, third)]
    assert states == ["denied", "approved", "pending"]


@pytest.mark.usefixtures("known")
def test_a_host_that_goes_away_is_named_and_its_rows_go_and_come_again_with_it(three: Fleet, pane: Pane) -> None:
    ids = {name: three.hosts[name].waits() for name in NAMES}
    pane.type("jitd --hosts @all board; echo status $?", "Enter")
    for id in ids.values():
        sees(pane, id)
    three.hosts["mail3"].stop()
    sees(pane, "NOT LIVE: mail3.example.test")
    sees(pane, "bob on 2 of 3 hosts")
    assert row_of(pane, ids["db1"]) and row_of(pane, ids["mail3"]) == ""
    three.hosts["mail3"].start()
    sees(pane, "bob on 3 of 3 hosts")
    sees(pane, ids["mail3"])
    three.hosts["mail3"].stop()
    sees(pane, "bob on 2 of 3 hosts")
    press(pane, "q", "status 1")
    sees(pane, "jitd: mail3.example.test: ")
    three.hosts["mail3"].start()
