# SPDX-License-Identifier: Apache-2.0
"""A denial because no rule permits a request says which rule comes closest, and for the hour from when it may permit it: in the
answer and in the record, and nothing that the requester may not know.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from jitd.core.decision import Deny, Permit, Why
from jitd.core.explaining import Near
from jitd.core.keys.hours import read_hours
from jitd.core.policy import Policy
from jitd.core.request import Request, RequestState
from jitd.core.visibility import words_of
from jitd.deciding.explaining import Explainer
from jitd.verbs.explanations import MOST_OF_WANTS, near_rows, told
from tests.daemon.asking import ALICE, AskingHouse, Client, house
from tests.daemon.test_decider import ASKED, NAMED, rule
from tests.scene import moment

__all__ = ["house"]  # a fixture

OFFICE = (read_hours("Mon-Fri 08:00-18:00 UTC", lambda name: UTC),)
LISTS = "jitsudo -l lists what you may ask for"
NIGHT = datetime(2026, 3, 2, 23, tzinfo=UTC)  # a Monday


def explained(house: AskingHouse) -> None:
    accounts: Any = None
    config: Any = house.decider._config
    explainer = Explainer(
        config, lambda: house.policy, accounts, house.decider.lock_on, house.gather, NAMED, house.workers, house.now
    )
    house.requests._explainer = explainer
    house.at = replace(moment(), at=NIGHT)


def denied(house: AskingHouse, **changes: Any) -> str:
    return the_denied(house, **changes).because


def the_denied(house: AskingHouse, **changes: Any) -> Request:
    async def play() -> Request:
        client = Client(house)
        made = await client.submit(**changes)
        found = house.found(made.id)
        assert found.state is RequestState.DENIED and client.refused == [("denied", f"denied: {found.because}")]
        return found

    found: Request = house.run(play())
    return found


def test_the_answer_says_from_when(house: AskingHouse) -> None:
    house.rules(hours=OFFICE)
    explained(house)
    assert denied(house) == "no rule permits this at this hour; rule p may permit it from Tue 2026-03-03 08:00 UTC"


@pytest.mark.parametrize(
    ("changes", "more"),
    [
        ({"hours": None, "run_as": ("postgres",)}, "the closest rule is p (as postgres)"),
        ({"hours": OFFICE, "run_as": ("postgres",)}, "the closest rule is p (as postgres, Mon-Fri 08:00-18:00 UTC)"),
        ({"hours": OFFICE, "who": ("user:bob",)}, LISTS),
        ({"hours": OFFICE, "lasts_for": 60}, "the closest rule is p (Mon-Fri 08:00-18:00 UTC)"),
    ],
    ids=["no hours", "another account, too", "another person's rule", "too long, too"],
)
def test_where_the_hour_is_not_all_the_closest_rule_is_told(house: AskingHouse, changes: dict[str, Any], more: str) -> None:
    """THREATS A-19: of a rule for somebody else, nobody reads the name."""
    house.rules(**changes)
    explained(house)
    assert denied(house, lasts_for=3600) == f"no rule permits this; {more}"


@pytest.mark.parametrize("words", [None, ("user:carol",)])
@pytest.mark.parametrize("changes", [{"run_as": ("postgres",)}, {"hours": OFFICE}], ids=["closest", "at another hour"])
def test_a_rule_that_is_named_hides_what_it_would_hide(house: AskingHouse, changes: dict[str, Any], words: Any) -> None:
    """THREATS A-19: with its name, the denial of a slip tells whoever reads the record or the journal what it is about."""
    house.rules(**({"hours": None} | changes), visible_to=words)
    explained(house)
    found = the_denied(house)
    assert "rule " in found.because and words_of(found) == words


def test_all_rules_that_are_named_must_show_it() -> None:
    """THREATS A-19."""
    some = (Near("a", ("1",), visible_to=("user:x", "user:y")), Near("b", ("2",)), Near("c", ("3",), visible_to=("user:z",)))
    found = told(NO, some, has_ticket=True, may_list=True)
    assert isinstance(found, Deny) and found.visible_to == ("user:x", "user:y"), "c is not named"
    assert told(NO, (), has_ticket=True, may_list=True) == replace(NO, because=f"no; {LISTS}")


def test_a_rule_that_denies_says_what_it_says(house: AskingHouse) -> None:
    house.policy = Policy((rule(verdict="deny", name="d", hours=None, approvals=()), rule(hours=OFFICE)), "permit", "digest")
    explained(house)
    assert denied(house) == "rule d denies it"


def test_where_looking_takes_too_long_it_is_denied_all_the_same(house: AskingHouse, monkeypatch: pytest.MonkeyPatch) -> None:
    house.rules(hours=OFFICE)
    explained(house)

    async def late(*asked: Any) -> Any:
        raise TimeoutError

    monkeypatch.setattr(house.requests._explainer, "closest", late)
    assert denied(house) == "no rule permits this"


NO = Deny(Why.NO_RULE, "no")


def because(*near: Near, may_list: bool = True) -> str:
    found = told(NO, near, has_ticket=True, may_list=may_list)
    assert isinstance(found, Deny)
    return found.because


def test_the_earliest_of_several_is_told_and_another_answer_is_left_alone() -> None:
    late, soon = datetime(2026, 3, 9, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)
    some = (Near("a", ("x",), late, "late"), Near("b", ("y",), soon, "soon"), Near("c", ("z",)))
    assert because(*some) == "no at this hour; rule b may permit it from soon"
    for other in (Deny(Why.RULE, "rule d denies it"), Permit("p", rule().obligations)):
        assert told(other, some, has_ticket=True, may_list=True) is other
    assert [row.opens for row in near_rows(some)] == ["late", "soon", ""]
    assert [row.opens_at for row in near_rows(some)] == ["2026-03-09T00:00:00Z", "2026-03-03T00:00:00Z", None]


def test_a_denial_names_two_rules_at_most_and_is_never_long() -> None:
    long = "x" * (MOST_OF_WANTS + 1)
    assert because(Near("a", ("as bob", "by sudo"))) == "no; the closest rule is a (as bob, by sudo)"
    assert because(Near("a", ("1",)), Near("b", ("2",)), Near("c", ("3",))) == "no; the closest rules are a (1) and b (2)"
    assert because(Near("a", (long,)), Near("b", ("2",))) == "no; the closest rules are a and b (2)"


def test_if_no_rule_comes_close_the_command_that_lists_them_is_named_where_it_does() -> None:
    assert because() == f"no; {LISTS}"
    assert because(may_list=False) == "no"


class Explains:
    """Counts how often it is asked which rules come closest."""

    def __init__(self) -> None:
        self.n = 0

    async def closest(self, *asked: Any) -> tuple[()]:
        self.n += 1
        return ()


@pytest.mark.parametrize(
    ("changes", "asked", "n"),
    [
        ({"approvals": ()}, {}, 0),
        ({}, {"waits": False}, 0),
        ({"verdict": "deny"}, {}, 0),
        ({"who": ("user:bob",)}, {}, 1),
    ],
    ids=["a permit", "a permit that owes an approval", "a rule that denies", "no rule"],
)
def test_which_rules_come_closest_is_looked_for_only_if_no_rule_permits(
    house: AskingHouse, changes: dict[str, Any], asked: dict[str, Any], n: int
) -> None:
    house.rules(**changes)
    explains: Any = Explains()
    house.requests._explainer = explains
    house.run(Client(house).submit(**asked))
    assert explains.n == n
    house.run(house.requests.explain(ALICE, ASKED, "jitsudo"))
    assert explains.n == 2 * n
