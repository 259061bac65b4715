# SPDX-License-Identifier: Apache-2.0
"""Reviews that are owed, on real terminals: ``jitd`` alone names them, and ``jitd review`` shows all of it before it asks.

Law: nothing is sent before the word was typed below the request.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.client.desk import Desk, Row, Typist
from tests.client.script import row_for, waiting

ID = "AAAA-1111"
ASKING = f"have you reviewed {ID}? type yes: "


def broken(**changes: Any) -> Row:
    """What alice did when she broke glass; bob looks at it."""
    owed = {"id": ID, "state": "owed", "requester": "alice@EXAMPLE.TEST", "argv": ["true"], "may_give": True, "mine": False,
            "reviewers": "group:ops", "due_at": "2026-03-03T09:00:00Z", **changes}  # fmt: skip
    glass = {"instead_of": "restart", "skips": "1 approval from group:ops", "review_for": 86400, "open": 5}
    return row_for(waiting("true", id=ID)) | {"state": "approved", "break_glass": glass, "owed_review": owed}


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    made.rows = [broken()]
    return made


def test_jitd_alone_names_a_review_that_waits_for_me(desk: Desk, sit: Callable[..., Typist]) -> None:
    me = sit()
    said = me.until(f"jitd review {ID}")
    assert me.status() == 0
    assert "a review is owed for request" in said and "nothing waits" not in me.seen.decode()
    desk.rows = [broken(mine=True, may_give=False)]
    me = sit()
    assert "nothing waits for you" in me.until("group:ops has to give it")
    assert me.status() == 0 and desk.sent == []


@pytest.mark.parametrize(("typed", "sent"), [(b"yes\n", ["reviewed"]), (b"y\n", [])])
def test_all_that_was_done_is_read_on_a_small_screen_before_the_word_is_asked_for(
    desk: Desk, sit: Callable[..., Typist], typed: bytes, sent: list[str]
) -> None:
    me = sit("review", ID, size=(20, 80))
    first = me.until("space reads on")
    assert f"request {ID}" in first and ASKING not in first
    me.read_until("c continue")
    assert me.is_quiet() and ASKING not in me.seen.decode()
    me.type(b"c")
    me.until(ASKING)
    assert desk.sent == []
    me.type(typed)
    assert me.status() == (0 if sent else 1)
    assert [verdict for verdict, *_ in desk.sent] == sent
