# SPDX-License-Identifier: Apache-2.0
"""The policy that is in force while the files have faults: it permits nothing but what root's own rule does."""

from __future__ import annotations

from dataclasses import replace
from dataclasses import replace as changed
from typing import Any

import pytest

from jitd.core.decision import Deny, Permit, Why
from jitd.core.policy import ROOTS, decide, masked_places, no_policy, rules_for
from jitd.core.policy_text import PolicyText
from jitd.core.subject import BY_PAM, LOCAL
from tests.core.house import ALICE, DAVE, EVE, NOON, ROOT, for_each, permit, policy, question

BROKEN = no_policy("permit", "/etc/jitd/policy.d/x.toml:12")
SAID = "the policy is broken at /etc/jitd/policy.d/x.toml:12, and permits nothing; root mends it, then: jitd reload"
NOBODYS = replace(EVE, principal=f"{LOCAL}eve")
BY_PASSWORD = replace(ALICE, principal=f"{BY_PAM}alice")
THING = replace(question().command, argv=(b"role:dba",), path=b"", gives=True)
WAYS: dict[str, dict[str, Any]] = {
    "a command": {},
    "broken glass": {"breaks_glass": True, "reason": "production is down"},
    "sudo's gate": {"service": "sudo"},
    "a login": {"service": "sshd"},
    "a missing file": {"is_missing": True},
    "a file that is not opened yet": {"is_unopened": True},
    "with a reason": {"reason": "INC-1"},
}


@for_each((who, way) for who in (ALICE, DAVE, EVE, NOBODYS, BY_PASSWORD) for way in WAYS)
def test_nobody_but_root_is_permitted_anything(who: Any, way: str) -> None:
    """THREATS O-20."""
    asked = question(who, **WAYS[way])
    for one in (asked, replace(asked, command=THING)):
        assert decide(BROKEN, one, NOON) == Deny(Why.NO_POLICY, SAID, visible_to=())
    assert rules_for(BROKEN, who, one.host, one.service) == ()


def test_root_has_its_own_rule_and_no_more() -> None:
    assert decide(BROKEN, question(ROOT), NOON) == Permit(ROOTS.name, ROOTS.obligations)
    assert isinstance(decide(no_policy("deny", "x"), question(ROOT), NOON), Deny)
    for more in ({"breaks_glass": True, "reason": "x"}, {"is_missing": True}):
        assert isinstance(decide(BROKEN, question(ROOT, **more), NOON), Deny)
    assert isinstance(decide(BROKEN, replace(question(ROOT), command=THING), NOON), Deny)


def test_a_broken_policy_cannot_have_a_rule() -> None:
    """THREATS O-20: by construction, also where a copy is made."""
    with pytest.raises(ValueError, match="no rules"):
        changed(policy(permit()), broken="x")
    with pytest.raises(ValueError, match="no rules"):
        changed(BROKEN, rules=(permit(),))


def test_nothing_after_the_first_word_is_kept_for_people() -> None:
    """THREATS O-20: which words the masks of the files would hide is not known; under rules without masks none is hidden."""
    command = replace(question().command, argv=(b"mysql", b"-psecret", b"--user", b"root"))
    assert masked_places(BROKEN, command) == ((1, 0), (2, 0), (3, 0))
    assert masked_places(policy(permit()), command) == ()
    assert masked_places(BROKEN, THING) == ()


def test_records_name_it_as_the_policy_without_files() -> None:
    assert (BROKEN.digest, BROKEN.text) == (PolicyText(()).digest, PolicyText(()))
