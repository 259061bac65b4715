# SPDX-License-Identifier: Apache-2.0
"""The line that is redrawn while a request waits: what it says, and that it fits, whatever names and words have come."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitpam import asking
from jitpam.waiting_line import waiting_line
from jitpam.wire.messages import Progress
from jitpam.wire.shown import cells
from tests.core.house import for_each

REALM = "EXAMPLE.TEST"


def news(**changes: object) -> Progress:
    return Progress(**({"id": "K7QM-2XVD", "state": "pending", "owed": True, "news": [], "until": None} | changes))  # type: ignore[arg-type]


def line(waited: float = 12, left: float | None = None, room: int = 79, **changes: object) -> str:
    return waiting_line(waited, left, news(**changes), REALM, room)


BOB, CAROL = f"bob@{REALM}", f"carol@{REALM}"
FULL: dict[str, object] = {"left": 863, "owes": "1 security", "answered": [BOB], "asked": ["dave", "eve"]}
SAYS: list[tuple[dict[str, object], str]] = [
    ({}, "jitsudo: waiting 00:12"),
    ({"waited": 3725}, "jitsudo: waiting 1:02:05"),
    ({"left": 863.2}, "jitsudo: waiting 00:12; 14 min left"),
    ({"left": 95}, "jitsudo: waiting 00:12; 95 s left"),
    ({"left": -3}, "jitsudo: waiting 00:12; 0 s left"),
    ({"left": 90 * 60, "owes": "1 ops"}, "jitsudo: waiting 00:12 for 1 approval from ops; 90 min left"),
    ({"owes": "2 ops"}, "jitsudo: waiting 00:12 for 2 approvals from ops"),
    ({"owes": "1 ops", "asked": ["bob", "carol"]}, "jitsudo: waiting 00:12 for 1 approval from ops (bob or carol)"),
    (
        {"left": 863, "owes": "1 ops", "asked": ["bob", "carol", "dan"]},
        "jitsudo: waiting 00:12 for 1 approval from ops (bob, carol or dan); 14 min left",
    ),
    (
        {"left": 863, "owes": "1 ops", "asked": ["bob", "carol", "dave"]},
        "jitsudo: waiting 00:12 for 1 approval from ops (bob or 2 more); 14 min left",
    ),
    ({"owes": "1 ops", "asked": []}, "jitsudo: waiting 00:12 for 1 approval from ops (nobody at present)"),
    ({"owes": "1 security", "answered": [BOB]}, "jitsudo: waiting 00:12 for 1 more from security (approved by bob)"),
    # that nobody is left who could approve matters more than who has
    ({"owes": "1 ops", "answered": [BOB], "asked": []}, "jitsudo: waiting 00:12 for 1 more from ops (nobody at present)"),
    ({"owes": "1 ops or 1 managers"}, "jitsudo: waiting 00:12 for 1 ops or 1 managers"),
    (
        {"owes": "1 ops and 1 dba", "answered": [BOB, CAROL], "room": 90},
        "jitsudo: waiting 00:12 for 1 ops and 1 dba (approved by bob and carol)",
    ),
    ({"answered": [BOB]}, "jitsudo: waiting 00:12 (approved by bob)"),
    ({"asked": []}, "jitsudo: waiting 00:12"),
    ({"answered": ["bob@ELSEWHERE.TEST"]}, "jitsudo: waiting 00:12 (approved by bob@ELSEWHERE.TEST)"),
    # a name that is not clear without its realm stays whole (THREATS R-25), and so does an account
    ({"answered": [f"b\x1b[2J@{REALM}"]}, "jitsudo: waiting 00:12 (approved by b\\x1b[2J@EXAMPLE.TEST)"),
    ({"answered": [f"root@{REALM}"]}, "jitsudo: waiting 00:12 (approved by root@EXAMPLE.TEST)"),
    ({"answered": [f"bob@ELSEWHERE.TEST@{REALM}"]}, "jitsudo: waiting 00:12 (approved by bob@ELSEWHERE.TEST@EXAMPLE.TEST)"),
    ({"answered": [f"bob/admin@{REALM}"]}, "jitsudo: waiting 00:12 (approved by bob/admin)"),
    ({"owes": "1 ops", "asked": ["bob", BOB]}, "jitsudo: waiting 00:12 for 1 approval from ops (bob or bob@EXAMPLE.TEST)"),
    # what matters least is left out first
    (FULL | {"room": 79}, "jitsudo: waiting 00:12 for 1 more from security (approved by bob); 14 min left"),
    (FULL | {"room": 77}, "jitsudo: waiting 00:12 for 1 more from security; 14 min left"),
    (FULL | {"room": 59}, "jitsudo: waiting 00:12; 14 min left"),
    (FULL | {"room": 30}, "jitsudo: waiting 00:12"),
    ({"room": 10}, "jitsudo..."),
    ({"room": 0}, ""),
]


@for_each(SAYS)
def test_the_line_says_what_there_is_and_leaves_out_what_matters_least(given: dict[str, object], says: str) -> None:
    assert line(**given) == says  # type: ignore[arg-type]


def test_a_daemon_that_has_said_nothing_leaves_the_time_alone() -> None:
    assert waiting_line(5, None, None, "", 79) == "jitsudo: waiting 00:05"


NAMES = st.lists(st.text(max_size=30), max_size=4)


@given(
    st.integers(0, 10**6), st.none() | st.integers(-9, 10**7), NAMES, st.none() | NAMES, st.text(max_size=40),
    st.text(max_size=9), st.integers(59, 199),
)  # fmt: skip
def test_no_line_is_wider_than_its_terminal_and_none_controls_it(
    waited: int, left: int | None, answered: list[str], asked: list[str] | None, owes: str, realm: str, room: int
) -> None:
    """A name or a rule's words, whatever they are."""
    told = waiting_line(waited, left, news(answered=answered, asked=asked, owes=owes), realm, room)
    assert cells(told) <= room and told.isprintable()
    assert told.startswith("jitsudo: waiting ")


def test_a_terminal_on_which_nothing_is_written_over_gets_a_line_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    """A serial console, and a pipe for which ssh has made a terminal, keep each line."""
    written, now = list[str](), [1000.0]
    monkeypatch.setattr(asking.posix, "isatty", lambda descriptor: True)
    monkeypatch.setattr(asking, "columns", lambda descriptor: None)
    monkeypatch.setattr(asking, "write", written.append)
    monkeypatch.setattr(asking, "_is_foreground", lambda: True)
    monkeypatch.setattr(asking.time, "monotonic", lambda: now[0])
    connection = SimpleNamespace(welcome=SimpleNamespace(principal="alice@EXAMPLE.TEST"))
    wait = asking._Wait(connection, None, [], SimpleNamespace(waits=True, quiet=False), None)  # type: ignore[arg-type]
    wait._waits, wait._waits_since = True, 1000.0
    for waited in (0, 0.5, 59.9, 60.2, 61, 119, 185, 186):
        now[0] = 1000.0 + waited
        wait._draw()
    assert written == [f"jitsudo: waiting {clock}\n" for clock in ("00:00", "01:00", "03:05")]
