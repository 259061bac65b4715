# SPDX-License-Identifier: Apache-2.0
"""docs/crashes.md: its entries are those that the tests play, one by one."""

from __future__ import annotations

import re

from jitpam import client
from tests.law.tree import TREE
from tests.system.crashpoints import POINTS
from tests.system.diskpoints import PLACES

PAGE = (TREE / "docs/crashes.md").read_text("utf-8")


def entries(heading: str) -> list[tuple[str, str, str]]:
    """Name, how (or nothing) and outcome of each entry below ``heading``: ``- **name** (how): outcome``."""
    section = PAGE.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    listed = re.split(r"\n(?=- )", section.partition("\n\n- ")[2].strip())
    read = [re.fullmatch(r"(?:- )?\*\*(.+?)\*\*(?: \((.+?)\))?: (.+)", " ".join(entry.split())) for entry in listed]
    return [(entry[1], entry[2] or "", entry[3]) if entry else ("", "", "not read") for entry in read]


def test_every_point_where_somebody_is_killed_is_there_with_its_outcome() -> None:
    assert entries("Who is killed, and where") == [(point.name, "", point.outcome) for point in POINTS]


def test_every_place_that_cannot_be_written_is_there_with_its_outcome() -> None:
    assert entries("Which disk fails, and how") == [(place.name, ", ".join(place.ways), place.outcome) for place in PLACES]


def test_no_two_points_have_one_name() -> None:
    names = [each.name for each in (*POINTS, *PLACES)]
    assert len(set(names)) == len(names)


def test_every_place_has_a_test_that_tries_it() -> None:
    played = re.findall(
        r'^@ways\("([^"]+)"(?:, .+)?\)$', (TREE / "tests/system/test_failing_disks.py").read_text("utf-8"), re.MULTILINE
    )
    assert played == [place.name for place in PLACES]


def test_a_client_gives_up_early_enough_to_say_so_within_what_the_page_promises() -> None:
    """Where nobody answers: half a second is left of it to start, and to say so."""
    (promised,) = re.findall(r"every client reports this, with 125, within (\d+) s;", " ".join(PAGE.split()))
    assert float(promised) - 0.5 >= client.HANDSHAKE_WITHIN
