# SPDX-License-Identifier: Apache-2.0
"""The table of rights: an act without a row is no permit, and no row lets a stranger pass.

``tests/daemon/test_who_may_do_what.py`` tries each act by everybody, through the verbs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import pytest

from jitd.core import rights
from jitd.core.authentication import Authentication, Demand
from jitd.core.decision import BreakGlass, Obligations
from jitd.core.law import Role
from jitd.core.lock import Lock, Whom
from jitd.core.owed_review import OwedReview, OwedReviewState
from jitd.core.request import Request, RequestState
from jitd.core.rights import TABLE, Act, Bar, Case, Part, Refused, may, role_in
from jitd.core.subject import BY_PAM, LOCAL, ROOT, Subject
from jitd.core.used_accounts import Use
from tests.core.house import for_each
from tests.scene import START, asked, locked, permit, person

ALICE, BOB, DAVE, EVE = map(person, ("alice", "bob", "dave", "eve"))
OLGA = person("dave", groups=frozenset({"security"}))
AXEL = person("carol", groups=frozenset({"audit"}))
ROOT_HERE = person("eve", principal=ROOT, user="root", person="root", uid=0, ticket_ends_at=None)


class Uses:
    """The live runs ``living``."""

    def __init__(self, *living: Use) -> None:
        self.living = living

    def __call__(self) -> tuple[Use, ...]:
        return self.living

    def today(self, who: Subject) -> Subject:
        return who


@dataclass
class Host:
    """A host on which dave is an operator and axel an auditor. Nobody uses an account that is not theirs."""

    operators: tuple[str, ...] = ("group:security",)
    auditors: tuple[str, ...] = ("group:audit",)
    uses: Uses = Uses()
    placed: tuple[Lock, ...] = ()
    owed: OwedReview | None = None
    operators_by_door: Demand | None = None
    signed: str = ""

    def locks(self) -> Iterator[Lock]:
        return iter(self.placed)

    def owed_review(self, id: str) -> OwedReview | None:
        return self.owed


def waiting(**changes: Any) -> Request:
    obligations: Obligations = replace(permit().obligations, **changes)
    return replace(asked(), state=RequestState.PENDING, obligations=obligations)


def signing(who: Subject, proves: str) -> Subject:
    return replace(who, authentication=Authentication(START, START, (), (), "aes", "aes", ("EXAMPLE.TEST",), signed=proves))


ON_A_REQUEST = frozenset(list(Act)[: list(Act).index(Act.REVIEW)])
"""The acts to a request. ``Act`` lists them first."""


def parts_of(act: Act) -> set[Part]:
    """The parts for which a row asks, also by way of other acts."""
    found: set[Part] = set()
    for step in TABLE[act]:
        found |= parts_of(step) if isinstance(step, Act) else set(step) if isinstance(step, tuple) else set()
    return found


def test_each_act_has_a_row_and_each_row_asks_who_it_is() -> None:
    assert TABLE.keys() == set(Act)
    assert all(parts_of(act) for act in Act)


def test_an_act_without_a_row_is_no_permit(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-11."""
    case = Case(ALICE, Host(), waiting())
    assert may(Act.SEE, case) is None
    monkeypatch.setattr(rights, "TABLE", {act: row for act, row in TABLE.items() if act is not Act.SEE})
    for act in (Act.SEE, Act.READ):
        with pytest.raises(KeyError):
            may(act, case)


def test_an_act_to_a_request_is_not_asked_about_without_one() -> None:
    for act in ON_A_REQUEST:
        with pytest.raises(TypeError):
            may(act, Case(ALICE, Host()))


def test_each_part_and_each_bar_can_be_looked_at() -> None:
    used = {step for row in TABLE.values() for step in row if isinstance(step, Bar)}
    assert used == set(Bar) == rights._BARS.keys()
    assert set().union(*map(parts_of, Act)) == set(Part) == rights._PARTS.keys()


def test_who_may_do_something_to_a_request_may_see_it() -> None:
    """Otherwise a refusal would tell whether it exists."""
    changed: tuple[dict[str, Any], ...] = ({}, {"visible_to": ()}, {"without_kdc": "local"})
    everybody = (ALICE, BOB, DAVE, EVE, AXEL, ROOT_HERE, replace(BOB, principal=BY_PAM + "bob"), replace(ALICE, principal=LOCAL))
    for request in (asked(), *(waiting(**changes) for changes in changed)):
        for who in everybody:
            case = Case(who, Host(), request)
            for act in ON_A_REQUEST:
                assert may(Act.SEE, case) is None or may(act, case) is not None, (act, who.principal)


SHELL_OF_BOB = Uses(Use("BBBB-BBBB.1", ALICE, BOB.uid, BOB.person))
LOCK_ON_BOB, LOCK_ON_ALL = locked(Whom.USER, "bob"), locked(Whom.ALL)
LATE = OwedReview(
    asked().id, ALICE, "glass", BreakGlass("p", (), 60, 1), b"", START, "boot-1", 0.0, 0.0, state=OwedReviewState.OVERDUE
)
REVIEWER, OVERSEERS = (Part.REVIEWER,), (Part.OPERATOR, Part.AUDITOR)


@for_each(
    [
        ("a reviewer", Act.APPROVE, BOB, Host(), None),
        ("a stranger", Act.APPROVE, EVE, Host(), REVIEWER),
        ("an operator is no reviewer", Act.APPROVE, OLGA, Host(), REVIEWER),
        ("their own", Act.APPROVE, ALICE, Host(), Bar.OWN),
        ("their own, denied", Act.DENY, ALICE, Host(), Bar.OWN_ACCOUNT),
        ("a reviewer who is locked", Act.APPROVE, BOB, Host(placed=(LOCK_ON_BOB,)), Bar.LOCKED),
        ("a lock on somebody else", Act.APPROVE, person("carol"), Host(placed=(LOCK_ON_BOB,)), None),
        ("a reviewer among the locked", Act.DENY, BOB, Host(placed=(LOCK_ON_ALL,)), Bar.LOCKED),
        ("whose account the requester uses", Act.APPROVE, BOB, Host(uses=SHELL_OF_BOB), Bar.OWN),
        ("their approval counts no more", Act.COUNT, BOB, Host(uses=SHELL_OF_BOB), Bar.OWN),
        ("they do not watch it", Act.OBSERVE, BOB, Host(uses=SHELL_OF_BOB), Bar.OWN),
        ("they may deny it", Act.DENY, BOB, Host(uses=SHELL_OF_BOB), None),
        ("an approval counts", Act.COUNT, BOB, Host(), None),
        ("that of a stranger does not", Act.COUNT, EVE, Host(), REVIEWER),
        ("a reviewer reads who was told", Act.READ_NOTICES, BOB, Host(), None),
        ("an operator reads who was told", Act.READ_NOTICES, OLGA, Host(), None),
        ("a requester does not", Act.READ_NOTICES, ALICE, Host(), (Part.REVIEWER, Part.OPERATOR)),
        ("an auditor does not", Act.READ_NOTICES, AXEL, Host(), (Part.REVIEWER, Part.OPERATOR)),
        ("an operator places a lock", Act.LOCK, DAVE, Host(), None),
        ("an operator lifts a lock on all", Act.UNLOCK, DAVE, Host(placed=(LOCK_ON_ALL,)), None),
        ("an operator who is locked", Act.UNLOCK, DAVE, Host(placed=(locked(Whom.USER, "dave"),)), Bar.NAMED_IN_LOCK),
        ("an auditor places no lock", Act.LOCK, AXEL, Host(), (Part.OPERATOR,)),
        ("an auditor reads the record", Act.READ_RECORD, AXEL, Host(), None),
        ("a requester does not", Act.READ_RECORD, ALICE, Host(), OVERSEERS),
        ("root makes a key", Act.MAKE_KEY, ROOT_HERE, Host(), None),
        ("an operator does not", Act.MAKE_KEY, DAVE, Host(), (Part.SUPERUSER,)),
        ("root reviews nothing", Act.REVIEW, ROOT_HERE, Host(), Bar.ROOT),
        ("an overdue review by an operator", Act.GIVE, DAVE, Host(owed=LATE), None),
        ("the same, unsigned where all is signed", Act.GIVE, DAVE, Host(owed=LATE, signed="key"), Bar.UNSIGNED_HERE),
        ("the same, signed", Act.GIVE, signing(DAVE, "key"), Host(owed=LATE, signed="key"), None),
        (
            "the same, with less than all have to prove",
            Act.GIVE,
            signing(DAVE, "key"),
            Host(owed=LATE, signed="pin"),
            Bar.UNSIGNED_HERE,
        ),
        ("an unlock where all is signed", Act.UNLOCK, signing(DAVE, ""), Host(signed="key"), Bar.UNSIGNED_HERE),
        ("the same, signed", Act.UNLOCK, signing(DAVE, "key"), Host(signed="key"), None),
        ("the same by root, who has no key", Act.UNLOCK, ROOT_HERE, Host(signed="key"), Bar.UNSIGNED_HERE),
        ("a lock where all is signed", Act.LOCK, DAVE, Host(signed="pin"), None),
        ("a denial where all is signed", Act.DENY, BOB, Host(signed="pin"), None),
        ("an auditor ends nothing", Act.END, AXEL, Host(), (Part.REQUESTER, Part.STOPPER, Part.OPERATOR)),
    ]
)
def test_a_row_says_what_stops_a_person(about: str, act: Act, who: Subject, host: Host, step: Any) -> None:
    refused = may(act, Case(who, host, waiting() if act in ON_A_REQUEST else None))
    assert (None if refused is None else refused.step) == step, about


def test_what_stops_a_person_in_another_row_is_told_of_that_row() -> None:
    case = Case(AXEL, Host(auditors=("group:audit",)), waiting(visible_to=()))
    assert may(Act.SEE, case) is None
    refused = may(Act.REPLAY, case)
    assert refused is not None and (refused.act, refused.because) == (Act.READ, "")
    assert may(Act.MAKE_KEY, Case(EVE, Host())) == Refused(Act.SEE_KEY, OVERSEERS)


def test_a_person_ends_something_in_the_first_role_that_they_have() -> None:
    both = replace(BOB, groups=BOB.groups | {"security"})
    roles = [role_in(Act.END, Case(who, Host(), waiting())) for who in (ALICE, BOB, both, DAVE, ROOT_HERE)]
    assert roles == [Role.REQUESTER, Role.APPROVER, Role.APPROVER, Role.APPROVER, Role.OPERATOR]
