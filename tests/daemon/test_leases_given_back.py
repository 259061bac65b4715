# SPDX-License-Identifier: Apache-2.0
"""Who gives a lease back, where its holder has proved in another way than now who they are: a real store, and the real verbs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from jitd.core.grant import GrantState
from jitd.core.law import Origin
from jitd.core.request import Verdict
from jitd.core.subject import Subject
from jitd.verbs.rows import grant_row
from tests.daemon.asking import ALICE, BOB, Client
from tests.daemon.test_who_sees_what import Seen


class Lent(Seen):
    """A daemon whose one rule takes a local password."""

    def rules(self, **changes: Any) -> None:
        super().rules(**{"without_kdc": "local", "gatekeepers": (), **changes})


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lent]:
    made = Lent(tmp_path, monkeypatch)
    made.visible_to = None
    yield made
    made.workers.close()
    made.store.close()


def by_pam(house: Lent) -> Subject:
    """alice, who has proved by her local password who she is."""
    return replace(ALICE, principal="pam:alice", ticket_ends_at=house.now().at + timedelta(hours=1))


@pytest.mark.parametrize(
    ("holder", "giver", "is_theirs"),
    [
        ("pam", "pam", True),
        ("pam", "ticket", True),
        ("ticket", "ticket", True),
        ("ticket", "pam", False),
        ("ticket", "another ticket", False),
        ("pam", "bob", False),
    ],
)
def test_who_gives_a_lease_back(house: Lent, holder: str, giver: str, is_theirs: bool) -> None:
    people = {"pam": by_pam(house), "ticket": ALICE, "another ticket": replace(ALICE, principal="a2@EXAMPLE.TEST"), "bob": BOB}

    async def scene() -> None:
        house.rules()
        asked = await Client(house, people[holder]).submit(reason="REASON", uses=5)
        await house.reviews.review(BOB, asked.id, Verdict.APPROVE, asked.fingerprint, "", Origin(1002, "", None))
        grant = house.store.grant(asked.id)
        assert grant is not None and grant.is_lease and grant.is_live
        assert grant_row(grant, people[giver], is_own=is_theirs).mine is is_theirs
        assert house.ends.give_back(people[giver], [grant.id], None) == int(is_theirs)
        after = house.store.grant(asked.id)
        assert after is not None and after.state is (GrantState.REVOKED if is_theirs else GrantState.ACTIVE)

    house.run(scene())
