# SPDX-License-Identifier: Apache-2.0
"""Whether a lease that was found still answers, and what each use of it costs: nothing is narrowed that is the same."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core import request
from jitd.core.decision import Approval, Deny, Obligations, Permit, Terms, Why
from jitd.core.request import lease_for

ONE = (Approval(1, ("group:ops",)),)
LEASE = "K7QM-2XVD"


def owing(*approvals: Approval) -> Obligations:
    return Obligations(approvals=approvals, expires_for=600, lasts_for=3600, uses=100, terms=Terms())


def test_the_same_approvals_are_answered_by_the_lease_without_a_comparison(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(request, "narrow", None)
    found = Permit("kept", owing(*ONE))
    assert lease_for(replace(found, lease=LEASE), owing(*ONE)) == LEASE
    assert lease_for(found, owing(*ONE)) is None
    assert lease_for(Deny(Why.RULE, "no"), owing(*ONE)) is None


def test_one_approval_more_is_not() -> None:
    found = replace(Permit("kept", owing(*ONE)), lease=LEASE)
    assert lease_for(found, owing(*ONE, Approval(1, ("group:security",)))) is None
    assert lease_for(found, owing(Approval(2, ("group:ops",)))) is None
    assert lease_for(found, owing()) == LEASE
