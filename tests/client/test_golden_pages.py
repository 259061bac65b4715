# SPDX-License-Identifier: Apache-2.0
"""The page of an approver, request by request, as it stands on terminals of 40, 80 and 120 columns.

The files are written by ``JITD_GOLDEN=write``, and read by a person before they are committed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.cli import instants
from jitd.cli.brief import brief
from jitpam.wire.shown import cells
from tests.client.requests_to_read import NOW, every, ordinary
from tests.unshown import without_styles

GOLDEN = Path(__file__).parent / "golden" / "pages"
WIDTHS = (40, 80, 120)
REQUESTS = every()
MOST_LINES = 12
"""Lines of an ordinary request at 80 columns, without the line of keys."""


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reader looks one minute after the request was made, in Central Europe."""
    monkeypatch.setattr(instants.time, "time", NOW.timestamp)
    monkeypatch.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def page_of(name: str, width: int) -> list[str]:
    return without_styles(brief(REQUESTS[name], width))


@pytest.mark.parametrize("name", REQUESTS)
def test_the_page_is_the_one_that_was_read(name: str) -> None:
    text = "".join(
        f"{f'-- {width} columns ':-<{width}}\n" + "".join(f"{line}\n" for line in page_of(name, width)) for width in WIDTHS
    )
    file = GOLDEN / f"{name}.txt"
    if os.environ.get("JITD_GOLDEN") == "write":
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, "utf-8")
    assert file.read_text("utf-8") == text


def test_every_golden_page_is_of_a_request() -> None:
    assert {file.stem for file in GOLDEN.iterdir()} == REQUESTS.keys()


@pytest.mark.parametrize("name", ordinary())
def test_an_ordinary_request_takes_twelve_lines(name: str) -> None:
    assert len(page_of(name, 80)) <= MOST_LINES


@pytest.mark.parametrize("name", REQUESTS)
def test_no_line_is_wider_than_the_terminal(name: str) -> None:
    for width in (40, 41, 57, 80, 120, 300):
        assert [line for line in page_of(name, width) if cells(line) > width or not line.isprintable()] == []


def test_no_two_requests_have_one_page() -> None:
    pages = ["\n".join(page_of(name, 80)) for name in REQUESTS]
    assert len(set(pages)) == len(pages)


def test_the_page_of_a_given_group_says_what_it_gives_and_what_stays() -> None:
    """THREATS R-26"""
    lines = page_of("group-of-root", 120)
    assert "DANGER    gives root: a member of the group docker starts containers that have the whole host" in lines
    assert "stays     not ended with the run: files it makes, connections it hands on, daemons" in lines
    assert not [line for line in page_of("harmless", 120) if line.startswith("stays")]
