# SPDX-License-Identifier: Apache-2.0
"""A host whose accounts, groups, locks and mutes a test changes, for tests of who could approve."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.decision import Approval
from jitd.core.lock import Lock
from jitd.core.request import Request, RequestState
from jitd.core.subject import Subject
from jitd.core.used_accounts import Use
from jitd.deciding import accounts, directory, groups, seats
from jitd.deciding.directory import Account
from jitd.deciding.groups import Group
from jitd.deciding.seats import Seating, Seats
from jitd.deciding.signers import Signers
from jitd.settings.config import Config
from jitd.verbs.sentences import unseated
from jitd.workers import Workers
from tests.scene import asked, moment, permit

GROUPS = {"ops": ("bob", "carol", "alice", "gone"), "managers": ("may",), "none": (), "sys": ("daemon",), "mine": ("alice-adm",)}
ACCOUNTS = {"alice": 1001, "alice-adm": 1009, "bob": 1002, "carol": 1003, "may": 1004, "daemon": 2, "prim": 1005, "root": 0}
OPS, BOSS = Approval(1, ("group:ops",)), Approval(1, ("group:managers",), after=300)
CONFIG = Config(frozenset({"EXAMPLE.TEST"}), "db1", people={"alice": frozenset({"alice", "alice-adm"})}, min_uid=1000)


class House:
    """A host whose name service says what the test wants, and whose accounts and groups are ``accounts`` and ``groups``."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.accounts, self.groups = dict(ACCOUNTS), dict(GROUPS)
        self.silent: set[str] = set()
        self.expired: set[str] = set()
        self.locks: list[Lock] = []
        self.uses: list[Use] = []
        self.muted: set[str] = set()
        self.refused: list[str] = []
        self.asked: list[str] = []
        self.closed = ""
        self.signers = Signers()
        self.nsswitch = path / "nsswitch.conf"
        self.workers = Workers()
        self.n_listed = 0
        monkeypatch.setattr(groups, "named", self._group)
        monkeypatch.setattr(directory, "account", self._account)
        monkeypatch.setattr(accounts, "has_expired", lambda name, at: name in self.expired)
        monkeypatch.setattr(seats.pwd, "getpwall", self._all)

    def _group(self, name: str) -> Group | None:
        if name in self.silent:
            raise groups.CannotLookUp("no directory answers")
        return Group(name, 700 + sorted(GROUPS).index(name), self.groups[name]) if name in self.groups else None

    def _account(self, name: str) -> Account | None:
        if name in self.silent:
            raise OSError(errno.EIO, "no directory answers")
        return Account(name, self.accounts[name]) if name in self.accounts else None

    def _all(self) -> list[Any]:
        self.n_listed += 1
        gid = {"prim": 700 + sorted(GROUPS).index("none")}
        return [SimpleNamespace(pw_name=name, pw_gid=gid.get(name, uid)) for name, uid in self.accounts.items()]

    def seating(self, config: Config = CONFIG) -> Seating:
        async def ask(principals: Sequence[str]) -> None:
            self.asked += principals

        async def closed(request: Request) -> str:
            return self.closed

        return Seating(
            config,
            self.workers,
            self.nsswitch,
            uses=Uses(self),  # type: ignore[arg-type]
            muted=lambda: self.muted,
            refused=lambda: self.refused,
            ask=ask,
            closed=closed,
            rules=lambda: self.closed,
            account_files=(self.nsswitch.with_name("passwd"),),
            signers=self.signers,
        )

    def look(self, *approvals: Approval, opened: int = 0) -> Seats:
        return asyncio.run(self.seating().seats(waiting(*approvals, opened=opened)))

    def said(self, *approvals: Approval, after: float = 0.0, opened: int = 0) -> list[str]:
        found = waiting(*approvals, opened=opened)
        ways = [way for approval in approvals for way in approval.ways]
        each = asyncio.run(self.seating().of_each(found, ways))
        return unseated(found, dict(zip(ways, each, strict=True)), moment(after))


class Uses:
    """The locks and the live runs of a House."""

    def __init__(self, house: House) -> None:
        self._house = house

    def __call__(self) -> Iterator[Use]:
        yield from self._house.uses

    def locks(self) -> Iterator[Lock]:
        yield from self._house.locks

    def today(self, who: Subject) -> Subject:
        return who


def waiting(*approvals: Approval, opened: int = 0) -> Request:
    made = asked(obligations=permit(*approvals).obligations, opened=opened, expires_boot=1900.0)
    return replace(made, state=RequestState.PENDING)
