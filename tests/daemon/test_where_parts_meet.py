# SPDX-License-Identifier: Apache-2.0
"""What holds where ways to approve, broken glass, ``visible_to``, leases and later grants meet.

Law: real decider, store, lives and verbs. After each refusal nothing has changed; after each test the record verifies.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from jitd.core.subject import ROOT, Subject
from tests.daemon.asking import ALICE, BOB
from tests.daemon.test_break_glass import DAVE, GlassHouse, house
from tests.scene import person

__all__ = ["house"]
SECRET = "MARKED-ARGUMENT"
AUDITOR = person("eve")
THEIR_ROOT = replace(
    person("eve"), principal=ROOT, user="root", person="root", uid=0, groups=frozenset({"root"}), ticket_ends_at=None
)


def oversee(house: GlassHouse) -> None:
    config: Any = house.decider._config
    config.auditors = ("user:eve",)


@pytest.mark.parametrize("viewer", [DAVE, AUDITOR, THEIR_ROOT], ids=["operator", "auditor", "root"])
def test_a_list_of_owed_reviews_shows_no_contents_that_the_rule_keeps(house: GlassHouse, viewer: Subject) -> None:
    """THREATS S-11."""
    oversee(house)
    house.glass(visible_to=())
    id = house.run(house.shattered(argv=(b"/usr/bin/env", SECRET.encode()), reason="MARKED-REASON"))
    (row,) = house.run(house.rows(viewer))
    assert row["narrowed"] and "MARKED" not in json.dumps(row) and row["id"] == id and row["reviewers"]
    for who in (ALICE, BOB):  # who asked, and who has to review it
        (row,) = house.run(house.rows(who))
        assert not row["narrowed"] and row["argv"][1] == SECRET and row["reason"] == "MARKED-REASON"
    house.run(house.give(id, comment="MARKED-COMMENT"))
    (row,) = house.run(house.rows(viewer, ended=True))
    assert "MARKED" not in json.dumps(row) and row["given_by"] == BOB.principal
