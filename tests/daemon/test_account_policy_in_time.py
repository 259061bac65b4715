# SPDX-License-Identifier: Apache-2.0
"""PAM does not answer in time: a denial, in words that say so."""

from __future__ import annotations

import asyncio

import pytest

from jitd.core.subject import Subject
from jitd.deciding import account_policy
from jitd.deciding.account_policy import AccountPolicy


async def _silence(account: str, service: str) -> int:
    await asyncio.sleep(60)
    return account_policy.SUCCESS


def test_no_answer_in_time_is_a_denial_that_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_policy, "WITHIN", 0.05)
    who = Subject("alice@EXAMPLE.ORG", "alice", 1000, 1000, frozenset(), "alice", None)
    denial = asyncio.run(AccountPolicy("jitd-account", _silence).denial(who))
    assert denial is not None and "PAM did not answer within" in denial.because
