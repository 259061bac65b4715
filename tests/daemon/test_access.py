# SPDX-License-Identifier: Apache-2.0
"""Why somebody may not review a request, and whom it waits for. Law: the reason that is told is the one that holds."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.decision import Approval, Terms
from jitd.core.request import Request, Verdict, transition
from jitd.core.rights import Act
from jitd.core.subject import BY_PAM, LOCAL, ROOT
from jitd.settings.config import Approvals
from jitd.verbs.access import Access
from tests.client.script import row_for, waiting
from tests.scene import asked, moment, permit, person, review, screened

NOT_NAMED = "its rule names neither you nor a group that you are in"
ROOTS = "root may not review; do it from your own account, with a Kerberos ticket"


@pytest.mark.parametrize(
    ("who", "changes", "because"),
    [
        ("bob", {}, ""),
        ("eve", {}, NOT_NAMED),
        ("bob", {"principal": ROOT, "user": "root", "uid": 0}, ROOTS),
        ("bob", {"uid": 0}, ROOTS),
        ("bob", {"principal": LOCAL + "bob", "ticket_ends_at": None}, "you cannot review without a Kerberos ticket: run kinit"),
    ],
    ids=["whom the rule names", "whom it does not name", "root", "another account with uid 0", "who has proved nothing"],
)
def test_who_may_not_review_reads_the_reason(who: str, changes: dict[str, Any], because: str) -> None:
    access = Access(None, None)  # type: ignore[arg-type]  # neither is asked
    assert access.why_not_asked(person(who, **changes), waiting("true")) == because


def owing(*approvals: Approval) -> Request:
    fresh = asked()
    return transition(fresh, screened(fresh, permit(*approvals)), moment())[0]


def reviewed(request: Request, who: str, verdict: Verdict = Verdict.APPROVE) -> Request:
    return transition(request, review(request, person(who), verdict), moment(1))[0]


OPS, SECURITY = Approval(1, ("group:ops",)), Approval(1, ("group:security",))
WAITS_FOR = [
    ("whom the rule names", owing(OPS), "bob carol dave"),
    ("who has not answered yet", reviewed(owing(Approval(2, ("group:ops",))), "bob"), "carol dave"),
    ("whose group still owes", reviewed(owing(OPS, SECURITY), "bob"), "dave"),
    ("two groups, one person in both", reviewed(owing(OPS, SECURITY), "dave"), "bob carol"),
    ("nobody before it is screened", asked(), ""),
    ("nobody after it is approved", reviewed(owing(OPS), "bob"), ""),
    ("nobody after it is denied", reviewed(owing(OPS), "bob", Verdict.DENY), ""),
]


@pytest.mark.parametrize(("request_", "whom"), [row[1:] for row in WAITS_FOR], ids=[row[0] for row in WAITS_FOR])
def test_a_request_waits_for_those_whose_approval_would_bring_it_forward(request_: Request, whom: str) -> None:
    people = ("alice", "bob", "carol", "dave", "eve")
    assert [name for name in people if row_for(request_, name)["awaits_me"]] == whom.split()


def test_by_local_pam_people_end_what_is_their_own_and_nothing_else() -> None:
    access = Access(SimpleNamespace(approvals=Approvals(), operators=frozenset(), auditors=frozenset()), None)  # type: ignore[arg-type]
    owed = owing(OPS)
    assert owed.obligations is not None
    taken = replace(owed, obligations=replace(owed.obligations, without_kdc="local"))
    bob = person("bob", principal=BY_PAM + "bob")
    assert access.may(Act.SEE, bob, taken) and not access.may(Act.END, bob, taken)
    assert access.may(Act.END, person("bob"), taken)
    seen = replace(taken, obligations=replace(owed.obligations, without_kdc="local", terms=Terms(observed=True)))
    assert access.may(Act.END, bob, seen), "who watches can stop it"
    assert not access.may(Act.END, person("erin", principal=BY_PAM + "erin"), seen), "erin may not review it"
    alice = person("alice", principal=BY_PAM + "alice")
    assert access.may(Act.END, alice, replace(taken, requester=alice))
