# SPDX-License-Identifier: Apache-2.0
"""Whether there is an account, as the name service says it: yes, no, or nothing. Law: no answer is never taken for a no."""

from __future__ import annotations

import errno
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.named_groups import NamedGroups
from jitd.core.naming import Naming
from jitd.core.rule import Rule
from jitd.core.rule_index import RuleIndex
from jitd.deciding import directory, groups
from jitd.deciding.accounts import LASTS_FOR, OF_THE_DIRECTORY, Accounts
from jitd.deciding.directory import Account, account
from jitd.expressions.compiling import compile_when
from tests.scene import person


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("root", Account("root", 0)),
        ("#0", Account("root", 0)),
        ("nobody-of-that-name", None),
        ("#2147483647", None),
        ("#4294967294", None),
        ("#4294967295", None),
        ("#x", None),
        ("#", None),
        ("#\u0661", None),
        ("a\0b", None),
        ("\ud800", None),
    ],
)
def test_what_this_host_answers(name: str, found: Account | None) -> None:
    assert account(name) == found


@pytest.mark.parametrize("name", ["alice", "#1001"])
@pytest.mark.parametrize("code", [errno.ECONNREFUSED, errno.EAGAIN, errno.EIO, errno.ENOENT, errno.EMFILE])
def test_a_directory_that_does_not_answer_is_not_one_that_knows_nobody(
    monkeypatch: pytest.MonkeyPatch, name: str, code: int
) -> None:
    """THREATS A-15."""
    monkeypatch.setattr(directory, "_libc", SimpleNamespace(getpwnam_r=lambda *given: code, getpwuid_r=lambda *given: code))
    with pytest.raises(OSError) as caught:
        account(name)
    assert caught.value.errno == code


def test_an_entry_that_needs_more_room_gets_it_and_an_interrupted_look_is_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to a bound: an entry without an end is no answer."""
    sizes: list[int] = []
    codes = [errno.ERANGE, errno.EINTR, 0]

    def look(name: Any, entry: Any, room: Any, size: Any, found: Any) -> int:
        sizes.append(size.value)
        return codes.pop(0) if codes else errno.ERANGE

    monkeypatch.setattr(directory, "_libc", SimpleNamespace(getpwnam_r=look))
    assert account("alice") is None
    assert sizes == [4096, 8192, 8192]
    with pytest.raises(OSError):
        account("alice")
    assert sizes[-1] == 1 << 20


def test_groups_that_rules_deny_something_to_since_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS S-02: an error is noted as one, a member is known as one; root is asked about nothing, and nobody twice."""
    denied: set[str] = set()
    asked: list[str] = []

    def look_up(name: str) -> groups.Group | None:
        asked.append(name)
        if name == "silent":
            raise groups.CannotLookUp("it is down")
        return groups.Group(name, 7777, ("alice",) if name == "hers" else ())

    monkeypatch.setattr(groups, "named", look_up)
    monkeypatch.setattr(groups, "ids_of", lambda user, gid: (gid,))
    accounts = Accounts(Naming(), {}, 1000, lambda: NamedGroups(frozenset(denied), frozenset(denied)))
    alice = person("alice")
    assert accounts.sure_of(alice) is alice and not asked
    denied |= {"silent", "hers", "others"}
    sure = accounts.sure_of(alice)
    assert (sure.unsure, sure.groups) == ({"silent"}, alice.groups | {"hers"})
    assert sorted(asked) == ["hers", "others", "silent"]
    root = accounts.root_alone()
    assert accounts.sure_of(root) is root and len(asked) == 3


def test_to_which_group_a_name_leads_is_known_for_a_second_and_who_is_in_it_is_asked_each_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One start looks up its person some four times. THREATS E-09."""
    asked: list[str] = []
    ids, clock = [7777], [100.0]

    def look_up(name: str) -> groups.Group | None:
        asked.append(name)
        if name == "silent":
            raise groups.CannotLookUp("it is down")
        return None if name == "absent" else groups.Group(name, 7777, ())

    monkeypatch.setattr(groups, "named", look_up)
    monkeypatch.setattr(groups, "ids_of", lambda user, gid: tuple(ids))
    monkeypatch.setattr("jitd.deciding.accounts.time", SimpleNamespace(monotonic=lambda: clock[0]))
    named = NamedGroups(frozenset({"ops", "denied", "absent", "silent"}), frozenset({"denied"}))
    accounts = Accounts(Naming(), {}, 0, lambda: named)
    first, again = accounts.root(), accounts.root()
    assert first.groups == again.groups == {"ops", "denied"}
    assert sorted(asked) == sorted([*named.names, *named.names - {"ops"}]), "a deny, an error and what is missing are never kept"
    ids[:] = [1]
    assert accounts.root().groups == frozenset() and asked.count("ops") == 1
    clock[0] += LASTS_FOR
    accounts.root()
    assert asked.count("ops") == 2


@pytest.mark.parametrize("n_rules", [10, 300, 1500])
def test_a_start_asks_once_for_each_group_that_only_permits_name(monkeypatch: pytest.MonkeyPatch, n_rules: int) -> None:
    """However often it looks up its person. What a deny names is asked for each time. THREATS E-09."""
    asked: list[str] = []

    def look_up(name: str) -> groups.Group | None:
        asked.append(name)
        return groups.Group(name, 100_000 + int(name[1:]), ())

    monkeypatch.setattr(groups, "named", look_up)
    monkeypatch.setattr(groups, "ids_of", lambda user, gid: (100_001,))
    monkeypatch.setattr("jitd.deciding.accounts.time", SimpleNamespace(monotonic=lambda: 100.0))
    names = frozenset(f"g{number}" for number in range(n_rules))
    accounts = Accounts(Naming(), {}, 0, lambda: NamedGroups(names, frozenset({"g0"})))
    for _ in range(4):
        assert accounts.root().groups == {"g1"}
    assert sorted(asked) == sorted([*names, "g0", "g0", "g0"])


FREE = 'subject.groups.exists(name, name == "contractors")'
PERMIT = Rule("permit", "p", who=("group:contractors",), approvals=())
BY_ID = {1000: groups.Group("alice", 1000, ()), 70000: groups.Group("contractors", 70000, ())}


@pytest.mark.parametrize("when", [FREE, 'subject.groups.exists(name, name.startsWith("contract"))', "size(subject.groups) > 1"])
@pytest.mark.parametrize("named_too", [True, False], ids=["a permit names the group, too", "nothing else names it"])
@pytest.mark.parametrize("gids", [(1000, 70000), (1000,)], ids=["the ids of all groups", "the ids of local groups alone"])
@pytest.mark.parametrize("by_name", ["down", "errs", "absent", "up"])
def test_an_expression_about_all_groups_has_all_of_them_or_fails(
    monkeypatch: pytest.MonkeyPatch, when: str, named_too: bool, gids: tuple[int, ...], by_name: str
) -> None:
    """THREATS S-02: a deny by such an expression never passes over somebody because a part of their groups is missing."""

    def look_up(name: str) -> groups.Group | None:
        if by_name == "down" or (by_name == "errs" and name == "contractors"):
            raise groups.CannotLookUp("it is down")
        return groups.Group(name, 70000, ("alice",)) if name == "contractors" and by_name == "up" else None

    monkeypatch.setattr(groups, "named", look_up)
    monkeypatch.setattr(groups, "numbered", BY_ID.__getitem__)
    rules = [Rule("deny", "d", when=compile_when(when)), *([PERMIT] if named_too else [])]
    accounts = Accounts(Naming(), {}, 1000, lambda: RuleIndex(rules).groups)
    sure = accounts.sure_of(replace(person("alice"), groups=frozenset(), gids=frozenset(gids)))
    knows_name = named_too or when == FREE
    if by_name == "down":
        assert OF_THE_DIRECTORY in sure.unsure
    elif knows_name and (by_name == "errs" or (by_name == "absent" and 70000 in gids)):
        assert sure.unsure == {"contractors"}, "if absent, the directory contradicts itself"
    else:
        hers = {"contractors"} if 70000 in gids or (by_name == "up" and knows_name) else set()
        assert (sure.groups, sure.unsure) == ({"alice", *hers}, frozenset())


def test_without_such_an_expression_a_permit_may_name_a_group_that_cannot_be_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def look_up(name: str) -> groups.Group | None:
        asked.append(name)
        raise groups.CannotLookUp("it is down")

    monkeypatch.setattr(groups, "named", look_up)
    rules = [PERMIT, Rule("deny", "d", when=compile_when('"root" == subject.user'))]
    sure = Accounts(Naming(), {}, 1000, lambda: RuleIndex(rules).groups).sure_of(person("alice"))
    assert not sure.unsure and asked == ["contractors"]
