# SPDX-License-Identifier: Apache-2.0
"""Requests, grants, runs, holdings, locks and the chain, kept. Law: one input, one transaction; no store knows what its rows
mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Protocol, TypeVar

from jitd.core.chain import Seal
from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.core.lock import Lock
from jitd.core.request import Request
from jitd.core.run import Run

Life = Request | Grant | Run | Lock | Holding
T = TypeVar("T", Request, Grant, Run, Lock, Holding)


class Conflict(Exception):
    """An object is not in the version that the change was made for. Nothing was written."""


class StoreError(Exception):
    """The store cannot be read or written: a sentence for the log. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Change:
    """``after`` and its ``document`` (bytes, as stored) in place of version ``expected``; 0 for a new object."""

    after: Life
    expected: int
    document: bytes


class Store(Protocol):
    """What every store does. Each method is one transaction; all raise StoreError when the medium fails."""

    def commit(self, changes: Iterable[Change], records: Iterable[bytes]) -> None:
        """Write all of it durably, or none. Raises Conflict if a version is not the expected one."""

    def request(self, id: str) -> Request | None:
        """The request of that id."""

    def grant(self, id: str) -> Grant | None:
        """The grant of that id."""

    def run(self, id: str) -> Run | None:
        """The run of that id."""

    def lock(self, id: str) -> Lock | None:
        """The lock of that id."""

    def holding(self, id: str) -> Holding | None:
        """The holding of that id."""

    def requests(self, *, uid: int | None = None, ended: bool = False) -> Iterator[Request]:
        """The open requests (of one account), oldest first; with ``ended`` the others too."""

    def grants(self, *, uid: int | None = None, ended: bool = False) -> Iterator[Grant]:
        """The live grants (of one account), oldest first; with ``ended`` the others too."""

    def leases(self, uid: int, work: bytes) -> Iterator[Grant]:
        """The live grants of one account for one ``work`` (``core.command.work_of``), oldest first."""

    def runs(self, *, grant: str | None = None, ended: bool = False) -> Iterator[Run]:
        """The live runs (under one grant), oldest first; with ``ended`` the others too."""

    def holdings(self, *, grant: str | None = None, ended: bool = False) -> Iterator[Holding]:
        """The live holdings (under one grant), oldest first; with ``ended`` the others too."""

    def locks(self, *, ended: bool = False) -> Iterator[Lock]:
        """The active locks, oldest first; with ``ended`` the others too."""

    def n_open(self, uid: int | None = None) -> int:
        """How many requests are open (of one account)."""

    def live(self) -> set[tuple[str, str]]:
        """All requests, grants and locks that have not ended: (life, id)."""

    def n_running(self, uid: int) -> int:
        """How many runs live under live grants of the account ``uid``."""

    def n_unused(self, uid: int) -> int:
        """How many live grants of one account there are of which no use is taken."""

    def page(self, life: type[T], after: int, *, ended: bool = False) -> list[tuple[int, T]]:
        """(place, object) of the next open ones after the place ``after``, oldest first; with ``ended`` of all. Few, and not
        more than a few of them if they are large; empty at the end.
        """

    def place_of(self, run: str) -> int:
        """The place of a run among all runs, from 1 on, in the order in which the record has them; 0 if there is no such run."""

    def last_runs(self, grant: str, most: int) -> list[Run]:
        """The last ``most`` runs under one grant, ended or not, oldest first."""

    def head(self) -> Seal:
        """The chain's last seal."""

    def records(self, after: int = 0) -> Iterator[tuple[int, bytes, bytes]]:
        """(number, body, digest) of the records after number ``after``."""

    def newest(self) -> Iterator[bytes]:
        """The bodies of the records, newest first."""

    def documents(self, *, ended: bool = True) -> Iterator[tuple[str, str, bytes]]:
        """(life, id, document) of every object, for the verifier; without ``ended`` of those that are open or live."""

    def misfiled(self) -> Iterator[tuple[str, str]]:
        """(life, id) of every object that is not found by what its document says of it, for the verifier."""

    def close(self) -> None:
        """Let go of the medium."""
