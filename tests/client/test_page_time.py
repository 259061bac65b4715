# SPDX-License-Identifier: Apache-2.0
"""What an approver reads about a time that begins later, and about the lease that a request extends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from jitd.cli import page
from jitd.cli.brief import brief
from jitd.core.command import fingerprint
from tests.client.script import row_for, waiting
from tests.scene import START
from tests.unshown import without_styles

LEASE = {"id": "AAAA-AAAA", "state": "active", "uses": 5, "left": 3, "ends_at": "2026-03-02T09:50:00Z"}


def text(extends: Any = None, **changes: Any) -> str:
    return "\n".join(without_styles(page.page(row_for(waiting("true", **changes), extends=extends), None)))


def test_another_beginning_is_another_page_and_another_fingerprint() -> None:
    beginnings = [None, START + timedelta(hours=4), START + timedelta(hours=5)]
    assert len({text(starts_at=one, lasts_for=3600) for one in beginnings}) == 3
    assert "FROM 2026-03-02 13:00:00 UTC ON (asked again then)" in text(starts_at=beginnings[1])
    requests = [waiting("true", starts_at=one) for one in beginnings]
    assert len({fingerprint("", "", "", "", one.command, one.terms.fingerprinted) for one in requests}) == 3


def test_the_lease_that_they_have_already_is_on_the_page() -> None:
    told = "they have lease AAAA-AAAA for the same (active: 3 of 5 uses left, until 2026-03-02 09:50:00 UTC), which stays"
    assert told in " ".join(text(LEASE, lasts_for=3600).split())
    assert "they have lease" not in text(lasts_for=3600)


def test_the_page_of_an_approver_says_from_when_also_for_one_run() -> None:
    lines = without_styles(brief(row_for(waiting("true", starts_at=START + timedelta(hours=4))), None))
    assert any("once, FROM 2026-03-02 13:00:00 UTC ON" in line for line in lines)
    assert not any("FROM" in line for line in without_styles(brief(row_for(waiting("true")), None)))
