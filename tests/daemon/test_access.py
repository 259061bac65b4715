# SPDX-License-Identifier: Apache-2.0
"""Why somebody may not review a request. Law: the reason that is told is the one that holds."""

from __future__ import annotations

from typing import Any

import pytest

from jitd.core.subject import LOCAL, ROOT
from jitd.verbs.access import Access
from tests.client.script import waiting
from tests.scene import person

NOT_NAMED = "its rule names neither you nor a group that you are in"
ROOTS = "root reviews nothing; do it from your own account, with a Kerberos ticket"


@pytest.mark.parametrize(
    ("who", "changes", "because"),
    [
        ("bob", {}, ""),
        ("eve", {}, NOT_NAMED),
        ("bob", {"principal": ROOT, "user": "root", "uid": 0}, ROOTS),
        ("bob", {"uid": 0}, ROOTS),
        ("bob", {"principal": LOCAL + "bob", "ticket_ends_at": None}, "without a Kerberos ticket you review nothing: kinit"),
    ],
    ids=["whom the rule names", "whom it does not name", "root", "another account with uid 0", "who has proved nothing"],
)
def test_who_may_not_review_reads_the_reason(who: str, changes: dict[str, Any], because: str) -> None:
    access = Access(None, None)  # type: ignore[arg-type]  # neither is asked
    assert access.why_no_review(person(who, **changes), waiting("true")) == because
