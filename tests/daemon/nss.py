# SPDX-License-Identifier: Apache-2.0
"""The accounts of a host, without NSS."""

from __future__ import annotations

import pwd
from collections.abc import Collection, Mapping
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.deciding import accounts, directory, groups
from jitd.deciding.directory import Account


def has_accounts(
    monkeypatch: pytest.MonkeyPatch, uids: Mapping[str, int], *, expired: str, in_ops: Collection[str] = ()
) -> set[str]:
    """Have ``uids`` be all accounts. Of a name that is put into the set, no directory tells anything."""
    silent: set[str] = set()

    def getpwnam(name: str) -> Any:
        if name in silent or name not in uids:
            raise KeyError(name)
        return pwd.struct_passwd((name, "x", uids[name], uids[name], "", "/", "/bin/sh"))

    def account(name: str) -> Account | None:
        if name in silent:
            raise OSError("no directory answers")
        return Account(name, uids[name]) if name in uids else None

    def members(named: object, names: object, user: str, gids: object, recent: object) -> tuple[set[str], set[str]]:
        return {"ops"} if user in in_ops else set(), set()

    monkeypatch.setattr(accounts, "pwd", SimpleNamespace(getpwnam=getpwnam, getpwuid=pwd.getpwuid))
    monkeypatch.setattr(directory, "account", account)
    monkeypatch.setattr(accounts, "has_expired", lambda name, at: name == expired)
    monkeypatch.setattr(groups, "ids_of", lambda user, gid: ())
    monkeypatch.setattr(accounts, "_members_of", members)
    return silent
