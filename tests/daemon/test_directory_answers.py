# SPDX-License-Identifier: Apache-2.0
"""Whether there is an account, as the name service says it: yes, no, or nothing. Law: no answer is never taken for a no."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any

import pytest

from jitd import directory
from jitd.directory import Account, account


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("root", Account("root", 0)),
        ("#0", Account("root", 0)),
        ("nobody-of-that-name", None),
        ("#2147483647", None),
        ("#2147483648", None),
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
