# SPDX-License-Identifier: Apache-2.0
"""A narrower line of ``jitd audit report``, written into the rule by root: what was used stays permitted, and the rest ends."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from jitd_evidence.report.narrower import ENOUGH
from tests.system.conftest import House
from tests.waiting import wait_for

RULE = """
[[permit]]
name = "prints"
who = ["group:dba", "group:ops"]
{run_as}
{commands}
"""
WIDE = 'commands = [["/usr/bin/printf", "**"], ["/usr/bin/id", "**"]]'


def figures(house: House) -> dict[str, list[list[Any]]]:
    asked = int(time.time())
    wait_for(lambda: int(time.time()) > asked, what="the next second: a report is about what was asked for before its own")
    done = house.jitd("audit", "report", "--json", "--rule=prints")
    assert done.returncode == 0, done.stderr
    return {one["name"]: one["rows"] for section in json.loads(done.stdout)["sections"] for one in section["figures"]}


def test_a_line_that_a_report_proposes_permits_what_was_used_and_nothing_else(own_house: Callable[..., House]) -> None:
    house = own_house(RULE.format(run_as='run_as = ["*"]', commands=WIDE))
    house.start()
    words = ("printf", "%s", "Grüße, *")
    for _ in range(ENOUGH - 1):
        assert house.sudo("alice", *words).returncode == 0
    found = figures(house)
    assert found["never-varied"] == []
    assert found["not-compared"] == [["prints", ENOUGH - 1, f"fewer than {ENOUGH} uses are too few"]]
    assert house.sudo("alice", *words).returncode == 0
    found = figures(house)
    lines = {row[3].partition(" = ")[0]: row[3] for row in found["never-varied"]}
    assert lines["commands"] == 'commands = [["/usr/bin/printf", "%s", "Grüße, ?"]]'
    assert lines["run_as"] == 'run_as = ["root:root"]'
    assert found["not-compared"] == []
    assert "alice" not in [row[1] for row in found["never-asked"]]
    assert "bob" in [row[1] for row in found["never-asked"]]
    house.set_policy(RULE.format(run_as=lines["run_as"], commands=lines["commands"]))
    house.reload()
    assert house.sudo("alice", *words).returncode == 0
    for others in (("id",), ("printf", "%s", "Grüße, **"), ("printf", "%s"), ("printf", "%d", "Grüße, *")):
        assert house.sudo("alice", *others).returncode != 0, others
