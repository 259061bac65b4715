# SPDX-License-Identifier: Apache-2.0
"""Who is shown the contents of a request, and what is left of a row without them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.decision import Obligations, narrow
from jitd.core.request import Request
from jitd.core.subject import LOCAL
from jitd.core.visibility import HIDDEN, SHOWN, WITHIN, names_reader, shown_elsewhere, without_contents, words_of
from tests.scene import asked, permit, person

AUDIT = ("group:audit",)
AXEL, EVE = replace(person("carol"), groups=frozenset({"audit"})), person("eve")


def under(words: tuple[str, ...] | None) -> Request:
    return replace(asked(), obligations=replace(permit().obligations, visible_to=words))


@pytest.mark.parametrize(
    ("request_", "viewer", "is_named"),
    [
        (under(None), EVE, True),
        (under(AUDIT), EVE, False),
        (under(()), AXEL, False),
        (under(AUDIT), AXEL, True),
        (under(()), person("root", uid=0, principal="root", user="root"), False),
        (under(AUDIT), person("alice", principal=LOCAL + "alice", ticket_ends_at=None), False),
        (asked(), EVE, True),
        (replace(asked(), visible_to=AUDIT), EVE, False),
        (replace(asked(), visible_to=AUDIT), AXEL, True),
        (replace(under(None), visible_to=AUDIT), EVE, True),
    ],
)
def test_the_readers_are_those_whom_the_rule_names_or_everybody_if_it_sets_no_limit(
    request_: Request, viewer: Any, is_named: bool
) -> None:
    assert names_reader(request_, viewer) is is_named


def test_a_notice_that_leaves_the_host_shows_the_id_alone_if_the_rule_narrows_anything() -> None:
    for shows in ("id", "rule", "command"):
        assert shown_elsewhere(under(None), shows) == shows
        assert shown_elsewhere(under(AUDIT), shows) == shown_elsewhere(under(()), shows) == "id"


WORDS = st.none() | st.lists(st.sampled_from(["group:a", "group:b", "group:c"]), unique=True).map(tuple)


@given(WORDS, WORDS)
def test_a_change_of_policy_shows_a_waiting_request_to_nobody_more(old: Any, new: Any) -> None:
    def by(words: Any) -> Obligations:
        return replace(permit().obligations, visible_to=words)

    found = narrow(by(old), by(new)).visible_to
    for words in (old, new):
        assert words is None or (found is not None and set(found) <= set(words))
    assert found is not None or old is new is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just("SECRET"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["because", "argv", "new", "mark"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(sorted({"argv", "reason", "because", "comment", "new", "mark"} | WITHIN)), JSON))
def test_what_is_not_listed_is_withheld_whatever_it_holds(row: dict[str, Any]) -> None:
    """A text among rows is an id."""
    for name in WITHIN & row.keys():
        value = row[name]
        row[name] = [one for one in value if one != "SECRET"] if isinstance(value, list) else None if value == "SECRET" else value
    found = without_contents(row)
    assert found.keys() == row.keys()
    assert "SECRET" not in json.dumps(found)


def test_a_row_without_contents_has_the_types_that_screens_read() -> None:
    found = without_contents(
        {
            "id": "K7QM-2XVD", "argv": ["a", "b"], "reason": "why", "because": "", "operands": [{"path": "x"}],
            "variables": [["A", "b"]], "reviews": [{"by": "bob", "comment": "fine"}], "outcome": None, "runs": ["K7QM-2XVD.2"],
            "gatekeepers": ["change", ["opa", "deny", "no ticket CHG-1", "mark"]], "last_approved": {"argv": ["x"]},
        }
    )  # fmt: skip
    assert found == {
        "id": "K7QM-2XVD", "argv": [HIDDEN], "reason": HIDDEN, "because": "", "operands": [], "variables": [[HIDDEN, HIDDEN]],
        "reviews": [{"by": "bob", "comment": HIDDEN}], "outcome": None, "runs": ["K7QM-2XVD.2"],
        "gatekeepers": ["change", ["opa", "deny"]], "last_approved": None,
    }  # fmt: skip
    assert not SHOWN & {"argv", "reason", "because", "comment", "operands", "variables", "options", "doubt", "ended_because"}


def test_a_request_that_was_denied_at_once_keeps_the_words_of_its_rule() -> None:
    assert words_of(replace(asked(), visible_to=AUDIT)) == AUDIT
    assert words_of(replace(under(()), visible_to=AUDIT)) == ()


def test_inside_of_a_row_are_rows_by_these_names_alone() -> None:
    assert {
        "detail", "grant", "holdings", "outcome", "owed_review", "passed", "reviews", "runs", "unrenewed", "untaken"
    } == WITHIN  # fmt: skip
    for name in WITHIN:
        assert without_contents({name: {"id": "x", "because": "SECRET"}}) == {name: {"id": "x", "because": HIDDEN}}
        assert without_contents({name: [{"id": "x"}, "A0A0-A0A0", 7]}) == {name: [{"id": "x"}, "A0A0-A0A0", None]}


def test_each_name_that_is_shown_is_one_word() -> None:
    assert all(name.isidentifier() for name in SHOWN)
    assert {"id", "mine", "owed", "awaits_me", "left", "watchers", "event", "was_started", "streams", "chdir"} <= SHOWN


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("", ""),
        ("SECRET", HIDDEN),
        ([], []),
        (["SECRET", "SECRET"], [HIDDEN]),
        ([["SECRET", "SECRET"]], [[HIDDEN, HIDDEN]]),
        ([["SECRET"], 7], []),
        ([7], []),
        (7, None),
        (True, None),
        ({"SECRET": 1}, None),
        (None, None),
    ],
)
def test_of_what_is_withheld_it_is_shown_whether_it_is_empty(value: Any, shown: Any) -> None:
    assert without_contents({"because": value}) == {"because": shown}
    assert without_contents({"argv": value}) == {"argv": [HIDDEN]}


def test_of_gatekeepers_the_name_and_the_word_are_shown() -> None:
    rows = [["risk", "pass", "SECRET"], "asked"]
    assert without_contents({"gatekeepers": rows}) == {"gatekeepers": [["risk", "pass"], "asked"]}
    assert without_contents({"gatekeepers": "SECRET"}) == {"gatekeepers": HIDDEN}


def test_what_a_command_gives_is_told_to_nobody_who_may_not_read_its_arguments() -> None:
    found = [{"grade": "gives", "what": "vim can start a shell", "path": "/etc/passwd", "matters": "the accounts"}]
    row = {"grade": "gives", "findings": found, "detail": {"grade": "gives", "findings": found}}
    hidden = {"grade": HIDDEN, "findings": []}
    assert without_contents(row) == {**hidden, "detail": hidden}
