# SPDX-License-Identifier: Apache-2.0
"""Stores of requests, grants, runs, holdings, locks, owed reviews and the chain.

Law: one input, one transaction. No store knows what its rows mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

from jitd.core.chain import Seal
from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.core.lock import Lock
from jitd.core.owed_review import OwedReview
from jitd.core.request import Request
from jitd.core.run import Run

Life = Request | Grant | Run | Lock | Holding | OwedReview
T = TypeVar("T", Request, Grant, Run, Lock, Holding, OwedReview)


class Conflict(Exception):
    """An object is not in the version that the change was made for. Nothing was written."""


class StoreError(Exception):
    """The store cannot be read or written. The text is a sentence for the log. Nothing was written."""


@dataclass(frozen=True, slots=True)
class Change:
    """A new version of an object. ``after``, stored as the bytes of ``document``, replaces version ``expected``; 0 for a new
    object.
    """

    after: Life
    expected: int
    document: bytes


@dataclass(frozen=True, slots=True)
class History:
    """How many requests a person has made since some moment, how many of these were denied, and how many runs were started under
    the person's grants since then.
    """

    asked: int
    denied: int
    ran: int


@dataclass(frozen=True, slots=True)
class Told:
    """A told mark: ``address`` was told ``event`` of ``request`` by ``channel``, at ``at`` (aware). The address is an account, or
    empty for the group of the channel. ``is_open``: the address is still to be told how the request ends.
    """

    request: str
    channel: str
    address: str
    event: str
    at: datetime
    is_open: bool = True


class Store(Protocol):
    """What every store can do. Each method is one transaction. All methods raise StoreError if the disk fails."""

    def commit(self, changes: Iterable[Change], records: Iterable[bytes]) -> None:
        """Write all changes and records durably, or none. Raises Conflict if an object is not in the expected version."""

    def request(self, id: str) -> Request | None:
        """Return the request with this id; None if there is none."""

    def grant(self, id: str) -> Grant | None:
        """Return the grant with this id; None if there is none."""

    def run(self, id: str) -> Run | None:
        """Return the run with this id; None if there is none."""

    def lock(self, id: str) -> Lock | None:
        """Return the lock with this id; None if there is none."""

    def holding(self, id: str) -> Holding | None:
        """Return the holding with this id; None if there is none."""

    def owed_review(self, id: str) -> OwedReview | None:
        """Return the review that is owed, or was owed, for the request with this id; None if there is none."""

    def requests(self, *, uid: int | None = None, ended: bool = False) -> Iterator[Request]:
        """Yield the open requests (of one account), oldest first. With ``ended`` also yield requests that have ended."""

    def grants(self, *, uid: int | None = None, ended: bool = False) -> Iterator[Grant]:
        """Yield the live grants (of one account), oldest first. With ``ended`` also yield grants that have ended."""

    def leases(self, uid: int, work: bytes) -> Iterator[Grant]:
        """Yield the live grants of one account for one ``work`` (``core.command.work_of``), oldest first."""

    def runs(self, *, grant: str | None = None, ended: bool = False) -> Iterator[Run]:
        """Yield the live runs (under one grant), oldest first. With ``ended`` also yield runs that have ended."""

    def holdings(self, *, grant: str | None = None, ended: bool = False) -> Iterator[Holding]:
        """Yield the live holdings (under one grant), oldest first. With ``ended`` also yield holdings that have ended."""

    def locks(self, *, ended: bool = False) -> Iterator[Lock]:
        """Yield the active locks, oldest first. With ``ended`` also yield locks that have ended."""

    def owed_reviews(self, *, person: str | None = None, ended: bool = False) -> Iterator[OwedReview]:
        """Yield the reviews that are owed (for one ``Subject.person``), oldest first. With ``ended`` also yield those that were
        given.
        """

    def n_open(self, uid: int | None = None) -> int:
        """Count the open requests (of one account)."""

    def live(self) -> set[tuple[str, str]]:
        """Return life and id of all requests, grants, locks and owed reviews that have not ended."""

    def n_running(self, uid: int) -> int:
        """Count the live runs under live grants of the account ``uid``."""

    def n_unused(self, uid: int) -> int:
        """Count the live grants of one account of which no use was taken."""

    def history(self, person: str, since: datetime, *, beside: str = "") -> History:
        """Count what ``person`` (``Subject.person``) has done since ``since`` (aware), without the request ``beside``. All
        accounts of the person count.
        """

    def lately(self, person: str, most_bytes: int) -> Iterator[Request]:
        """Yield the latest requests of ``person`` (``Subject.person``) that have ended and were not denied, newest first: a few
        hundred at most, and no more than ``most_bytes`` bytes of documents.
        """

    def page(self, life: type[T], after: int, *, ended: bool = False) -> list[tuple[int, T]]:
        """Return place and object of the next open objects after the place ``after``, oldest first. With ``ended`` also return
        objects that have ended. A page has few objects, and fewer if they are large. After the last object a page is empty.
        """

    def place_of(self, run: str) -> int:
        """Return the place of a run among all runs, counted from 1 in the order of the record; 0 if there is no such run."""

    def last_runs(self, grant: str, most: int) -> list[Run]:
        """Return the last ``most`` runs under one grant, ended or not, oldest first."""

    def head(self) -> Seal:
        """Return the last seal of the chain."""

    def records(self, after: int = 0) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield number, body and digest of the records after number ``after``."""

    def newest(self) -> Iterator[bytes]:
        """Yield the bodies of the records, newest first."""

    def documents(self, *, ended: bool = True) -> Iterator[tuple[str, str, bytes]]:
        """Yield life, id and document of every object, for the verifier. Without ``ended`` yield only what is open or live."""

    def misfiled(self) -> Iterator[tuple[str, str]]:
        """Yield life and id of every object whose columns do not agree with its document, for the verifier."""

    def tell(self, marks: Iterable[Told]) -> None:
        """Write all ``marks`` durably, or none. A mark that is not open closes all marks of the same address and request."""

    def told(self, request: str) -> list[Told]:
        """Return the told marks of a request, oldest first."""

    def told_open(self) -> list[str]:
        """Return the ids of the requests that have an open mark."""

    def mute(self, person: str, until: datetime | None) -> None:
        """Note that ``person`` wants to be told nothing before ``until`` (aware); None: wants to be told again."""

    def muted(self) -> dict[str, datetime]:
        """Return who wants to be told nothing, each with the moment until which; it may be over."""

    def close(self) -> None:
        """Close the database."""
