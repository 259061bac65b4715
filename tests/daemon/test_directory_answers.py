# SPDX-License-Identifier: Apache-2.0
"""Whether there is an account, as the name service says it: yes, no, or nothing. Law: no answer is never taken for a no."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.named_groups import NamedGroups
from jitd.core.naming import Naming
from jitd.deciding import directory, groups
from jitd.deciding.accounts import Accounts
from jitd.deciding.directory import Account, account
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
