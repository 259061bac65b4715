# SPDX-License-Identifier: Apache-2.0
"""Whether there is an account, as the name service says it: yes, no, or nothing. Law: no answer is never taken for a no."""

from __future__ import annotations

import errno
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.named_groups import NamedGroups
from jitd.core.naming import Naming
from jitd.core.rule import Rule
from jitd.core.rule_index import RuleIndex
from jitd.deciding import directory, groups
from jitd.deciding.accounts import LASTS_FOR, MISSED_FOR, OF_THE_DIRECTORY, Accounts
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


class Directory:
    """A directory of groups, with the ids of everybody's groups, and a clock. Its file stands for /etc/group."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
        self.asked: list[str] = []
        self.by_name: dict[str, int] = {}
        self.ids: tuple[int, ...] = ()
        self.now = 100.0
        self.file = file
        monkeypatch.setattr(groups, "named", self._named)
        monkeypatch.setattr(groups, "ids_of", lambda user, gid: self.ids)
        monkeypatch.setattr("jitd.deciding.accounts.time", SimpleNamespace(monotonic=lambda: self.now))
        monkeypatch.setattr("jitd.deciding.accounts._GROUP", str(file))

    def _named(self, name: str) -> groups.Group | None:
        self.asked.append(name)
        if name == "silent":
            raise groups.CannotLookUp("it is down")
        return groups.Group(name, self.by_name[name], ()) if name in self.by_name else None

    def groups_of_root(self, accounts: Accounts) -> tuple[frozenset[str], list[str]]:
        """The groups of root, and the names that were asked for meanwhile."""
        self.asked.clear()
        return accounts.root().groups, sorted(self.asked)


@pytest.fixture
def by_files(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Directory:
    return Directory(monkeypatch, tmp_path / "group")


def permits(*names: str, denied: str = "") -> Accounts:
    """Accounts where permits name the groups ``names``, and a deny the group ``denied``."""
    certain = frozenset({denied} if denied else ())
    return Accounts(Naming(), {}, 0, lambda: NamedGroups(frozenset(names) | certain, certain))


def test_a_name_that_leads_to_a_persons_group_is_known_for_a_second_and_any_other_for_longer(by_files: Directory) -> None:
    """Who is in a group, what a deny names and what could not be looked up is asked for each time. THREATS E-09."""
    by_files.by_name, by_files.ids = {"ops": 7777, "others": 8888, "denied": 7777}, (7777,)
    accounts = permits("ops", "others", "absent", "silent", denied="denied")
    everything = ["absent", "denied", "ops", "others", "silent"]
    assert by_files.groups_of_root(accounts) == ({"ops", "denied"}, everything)
    assert by_files.groups_of_root(accounts) == ({"ops", "denied"}, ["denied", "silent"])
    by_files.now += LASTS_FOR
    assert by_files.groups_of_root(accounts) == ({"ops", "denied"}, ["denied", "ops", "silent"])
    by_files.ids = (8888,)
    assert by_files.groups_of_root(accounts) == ({"others"}, ["denied", "others", "silent"]), "an old answer permits nothing"
    by_files.ids = ()
    assert by_files.groups_of_root(accounts) == (frozenset(), ["denied", "silent"])
    by_files.now += MISSED_FOR
    assert by_files.groups_of_root(accounts) == (frozenset(), everything)


def test_a_permit_for_a_removed_group_ends_within_a_second_whoever_has_its_id(by_files: Directory) -> None:
    """THREATS E-09."""
    by_files.by_name, by_files.ids = {"ops": 7777}, (7777,)
    accounts = permits("ops")
    assert by_files.groups_of_root(accounts) == ({"ops"}, ["ops"])
    by_files.by_name = {"guests": 7777}
    by_files.now += LASTS_FOR
    assert by_files.groups_of_root(accounts) == (frozenset(), ["ops"])


def test_a_group_that_is_made_in_the_file_of_this_host_counts_at_once(by_files: Directory) -> None:
    by_files.ids = (7777,)
    accounts = permits("ops", "others")
    assert by_files.groups_of_root(accounts) == (frozenset(), ["ops", "others"])
    by_files.by_name = {"ops": 7777}
    assert by_files.groups_of_root(accounts) == (frozenset(), [])
    by_files.file.write_text("ops:x:7777:\n")
    assert by_files.groups_of_root(accounts) == ({"ops"}, ["ops", "others"])
    by_files.by_name = {"ops": 7777, "others": 7777}
    by_files.file.write_text("ops:x:7777:\nothers:x:7777:\n")
    assert by_files.groups_of_root(accounts) == ({"ops", "others"}, ["ops", "others"])


@pytest.mark.parametrize("are_there", [True, False], ids=["of which there is each", "of which there is none"])
@pytest.mark.parametrize("n_rules", [10, 300, 1500])
def test_a_start_asks_once_for_each_group_that_only_permits_name(by_files: Directory, n_rules: int, are_there: bool) -> None:
    """However often it looks up its person. What a deny names is asked for each time. THREATS E-09."""
    names = [f"g{number}" for number in range(n_rules)]
    by_files.by_name, by_files.ids = {name: 100_000 + at for at, name in enumerate(names) if are_there}, (100_001,)
    accounts = permits(*names, denied="g0")
    hers = frozenset({"g1"} if are_there else ())
    assert by_files.groups_of_root(accounts) == (hers, sorted(names))
    for _ in range(3):
        assert by_files.groups_of_root(accounts) == (hers, ["g0"])


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
