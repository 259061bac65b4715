# SPDX-License-Identifier: Apache-2.0
"""Whom it counts for. Law: two people are never one party, and nobody's number is taken for want of one."""

from __future__ import annotations

from itertools import combinations

import pytest

from jitd.core.party import HOUSE, OF_ROOT, UNSEEN, Party
from tests.core.house import ROOT, subject
from tests.table import each_row

PARTIES = {
    "uid=0": OF_ROOT,
    "uid=1000": Party.of_account(1000),
    "uid=65534": Party.of_account(65534),
    "uid=4294967295": Party.of_account(2**32 - 1),
    "principal=bob@TRUSTED.TEST": Party.of_principal("bob@TRUSTED.TEST"),
    "principal=1000": Party.of_principal("1000"),
    "principal=eve@TRUSTED.TEST": Party.of_principal("eve@TRUSTED.TEST"),
    "principal=jitd": Party.of_principal("jitd"),
    "principal=unseen": Party.of_principal("unseen"),
    "process=jitd": HOUSE,
    "process=unseen": UNSEEN,
}


@each_row(("one", "other"), list(combinations(PARTIES.values(), 2)), ids=map(" ".join, combinations(PARTIES, 2)))
def test_no_two_of_them_are_one(one: Party, other: Party) -> None:
    """THREATS K-29: neither a number nor a name of one kind is that of another."""
    assert one != other and str(one) != str(other) and len({one, other}) == 2


@pytest.mark.parametrize(("word", "party"), PARTIES.items(), ids=PARTIES)
def test_each_is_itself_and_has_its_name_in_the_log(word: str, party: Party) -> None:
    assert party == Party(party.kind, party.key) and hash(party) == hash(Party(party.kind, party.key))
    assert str(party) == word == "=".join(map(str, *party.told().items()))


def test_the_limits_do_not_apply_to_root_alone() -> None:
    assert [word for word, party in PARTIES.items() if party.is_root] == ["uid=0"]
    assert not Party.of_principal("0").is_root and not Party.of_principal("root@TRUSTED.TEST").is_root


def test_who_has_an_account_counts_as_the_account_however_they_proved_it() -> None:
    alice = subject("alice", 4001)
    assert {alice.party, subject("alice", 4001, principal="local:alice").party} == {Party.of_account(4001)}
    assert ROOT.party == OF_ROOT
