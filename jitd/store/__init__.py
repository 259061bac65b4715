# SPDX-License-Identifier: Apache-2.0
"""Stores of requests, grants, runs, holdings, locks, owed reviews and the chain.
Law: all changes that one input causes are written in one transaction. A store does not interpret the content of its rows.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol, TypeVar

from jitd.audit.forms import Checkpoint
from jitd.core.chain import Seal
from jitd.core.command import RunAs
from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.core.lock import Lock
from jitd.core.owed_review import OwedReview
from jitd.core.policy_text import PolicyText
from jitd.core.request import Request
from jitd.core.run import Run
from jitd.core.sought import Sought
from jitd.core.subject import Identity, Subject
from jitd.core.values import Values

LAST = 2**63 - 1
"""A place after that of every object."""
Life = Request | Grant | Run | Lock | Holding | OwedReview
T = TypeVar("T", Request, Grant, Run, Lock, Holding, OwedReview)
Cell = str | int | float | None
Row = tuple[Cell, ...]  # a row of what a query returns
FAULTS = (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError)
"""What a reader raises if what it reads is damaged."""


class Conflict(Exception):
    """The stored version of an object differs from the version that a change expects. Nothing was written."""


class Indexed(Protocol):
    """Compares the index with records that follow each other. ``names`` is a sum of the rows that they need for names."""

    @property
    def names(self) -> int: ...
    def fits(self, number: int, content: Mapping[str, Any]) -> bool:
        """True if record ``number``, which is the next one, has the row that it must have."""


class StoreError(Exception):
    """The store cannot be read or written. The text of this error is a sentence for the log. Nothing was written."""


class OtherSchema(StoreError):
    """The database has a schema that this jitd does not read. The text says what to do: the database is not damaged."""


class TooSlow(StoreError):
    """A query was given up, because its time was over."""


class Unreadable(StoreError):
    """A lock or an owed review cannot be read: its document is damaged. So nobody knows whom it bars."""


@dataclass(frozen=True, slots=True)
class Damage:
    """What keeps a stored object from being read. ``because`` is a sentence for the log, and ``is_open`` is true if the object is
    found among those that have not ended. ``lacks_values`` is true if only values of it are missing. ``version`` is what the row
    has as its version.
    """

    because: str
    is_open: bool
    lacks_values: bool = False
    version: int = 0


DAMAGED = "was damaged in the database"  # said of an object that was set aside (`Lifecycle.set_aside`)


def permits_nothing(life: str, id: str) -> str:
    """Return the begin of a sentence for somebody who cannot go on, because this object cannot be read any more."""
    return f"{life} {id} {DAMAGED}, and permits nothing"


@dataclass(frozen=True, slots=True)
class Change:
    """A new version ``after``, stored as ``document``, of what has the version ``expected``, or 0 if it is new."""

    after: Life
    expected: int
    document: bytes


@dataclass(frozen=True, slots=True)
class History:
    """A person's counts since a time: requests, denied ones, and runs under their grants."""

    asked: int
    denied: int
    ran: int


@dataclass(frozen=True, slots=True)
class Told:
    """A mark in the store. It says that jitd has sent a notice about the event ``event`` of a request. jitd sent the notice at
    the time ``at`` (aware), through ``channel`` to ``address``. A mark with the event ``asked`` is an exception: it says that a
    requester must get a notice of the decision. ``address`` is an account, or empty for the group of the channel. ``is_open`` is
    true if the address must still get a notice of the end of the request.
    """

    request: str
    channel: str
    address: str
    event: str
    at: datetime
    is_open: bool = True


@dataclass(frozen=True, slots=True)
class Cursor:
    """How far the sink ``sink`` has the record. The sink gets the records after number ``begun``. It has acknowledged the records
    up to ``number``, and the checkpoints up to that of record ``checkpoint``. ``is_used`` is False if the settings do not name
    the sink any more.
    """

    sink: str
    begun: int
    number: int
    checkpoint: int
    is_used: bool = True


class KeepsCursors(Protocol):
    """The part of a store that writes cursors. Any thread may use it, one at a time."""

    def keep_cursor(self, cursor: Cursor) -> None:
        """Write ``cursor`` in the place of the earlier one of its sink. After a power failure, the earlier one may be back."""

    def close(self) -> None:
        """Close the database."""


@dataclass(frozen=True, slots=True)
class LiveCounts:
    """Counts of the objects that have not ended. ``requests`` maps the name of a rule, whether this rule has ``visible_to``, and
    a state to a number. ``others`` maps the name of a table (``grants``) and a state to a number.
    """

    requests: dict[tuple[str, bool, str], int]
    others: dict[str, dict[str, int]]


class Store(Protocol):
    """The methods of every store. Each method of a store is one transaction. Every method raises StoreError if the disk fails.

    An object that cannot be read does not exist for any method but ``documents``, ``document``, ``misfiled`` and ``damage_of``,
    as if it had been set aside (ADR 0140). There is one exception, because what does not exist bars nobody: a list of locks or
    owed reviews has all of them, or raises Unreadable.
    """

    found_damaged: Callable[[str, str], None]  # life cycle and id of what could not be read, in the thread that wanted it

    def commit(
        self,
        changes: Iterable[Change],
        records: Iterable[bytes],
        said: Iterable[tuple[Values, datetime]] = (),
        forgotten: Iterable[str] = (),
        policy: PolicyText | None = None,
        set_aside: Iterable[tuple[str, str]] = (),
    ) -> None:
        """Write all changes and records durably. Also write what was added to the values ``said``, each with the time at which it
        was said (aware), forget the values of the owners ``forgotten``, and keep the text of the ``policy`` that the records
        name. ``set_aside`` contains life cycles and ids of requests, grants and runs that have not ended: their rows stay as
        they are, but from now on, no method but ``documents`` and ``misfiled`` finds these objects. If writing one of them
        fails, write none of them.
        Raises Conflict if an object does not have the expected version, if an object of a forgotten owner has not ended, or if
        an object to set aside is not there.
        """

    @property
    def groups_named(self) -> frozenset[str]:
        """The names of all groups that stored requests name (``core.named_groups.named_by``). A store that was opened for reading
        only does not know them. Unlike the methods, the property may be read by any thread.
        """

    def damage_of(self, life: str, id: str) -> Damage | None:
        """Return why this object cannot be read, or that it was set aside. Return None if neither is so."""

    def request(self, id: str) -> Request | None:
        """Return the request with this id. Return None if there is none."""

    def grant(self, id: str) -> Grant | None:
        """Return the grant with this id. Return None if there is none."""

    def run(self, id: str) -> Run | None:
        """Return the run with this id. Return None if there is none."""

    def lock(self, id: str) -> Lock | None:
        """Return the lock with this id. Return None if there is none."""

    def holding(self, id: str) -> Holding | None:
        """Return the holding with this id. Return None if there is none."""

    def owed_review(self, id: str) -> OwedReview | None:
        """Return the review that is or was owed for the request with this id. Return None if there is none."""

    def requests(self, *, uid: int | None = None, ended: bool = False) -> Iterator[Request]:
        """Yield the open requests, oldest first, of the account ``uid`` if given, and the ``ended`` ones, too, if true."""

    def grants(self, *, uid: int | None = None, ended: bool = False) -> Iterator[Grant]:
        """Yield the live grants, oldest first, of the account ``uid`` if given, and the ``ended`` ones, too, if true."""

    def leases(self, uid: int, work: bytes) -> Iterator[Grant]:
        """Yield the live grants of the account ``uid`` for ``work`` (see ``core.command.work_of``), oldest first."""

    def acting(self) -> Mapping[str, tuple[Subject, RunAs]]:
        """Map each live run of an account other than root's to who asked for it, and as whom it runs. Asked at each request and
        review, so it is kept in memory.
        """

    def runs(self, *, grant: str | None = None, ended: bool = False) -> Iterator[Run]:
        """Yield the live runs, oldest first, under ``grant`` if given, and the ``ended`` ones, too, if true."""

    def has_live_runs(self) -> bool:
        """True if a run has not ended. Asked at each request and review."""

    def holdings(self, *, grant: str | None = None, ended: bool = False) -> Iterator[Holding]:
        """Yield the live holdings, oldest first, under ``grant`` if given, and the ``ended`` ones, too, if true."""

    def locks(self, *, ended: bool = False) -> Iterator[Lock]:
        """Yield the active locks, oldest first. If ``ended`` is true, also yield locks that have ended."""

    def owed_reviews(self, *, person: str | None = None) -> Iterator[OwedReview]:
        """Yield the reviews that are owed, oldest first, for the requests of ``person`` (``Subject.person``) if given."""

    def n_open(self, person: str | None = None) -> int:
        """Count the open requests, of the accounts of ``person`` (``Subject.person``) if given."""

    def live(self) -> set[tuple[str, str]]:
        """Return the life cycle and the id of every request, grant, lock and owed review that has not ended."""

    def live_counts(self) -> LiveCounts:
        """Count the requests, grants, runs, holdings, locks and owed reviews that have not ended."""

    def n_running(self, person: str) -> int:
        """Count the live runs and holdings under the live grants of ``person`` (``Subject.person``)."""

    def n_unused(self, person: str) -> int:
        """Count the live grants of ``person`` (``Subject.person``) that still have all their uses."""

    def history(self, person: str, since: datetime, *, beside: str = "") -> History:
        """Count the actions of ``person`` (``Subject.person``) since the time ``since`` (aware). The actions under all accounts
        of the person are counted. The request with the id ``beside`` is not counted.
        """

    def n_denied(self, person: str, since: datetime, until: datetime) -> int:
        """Count the denied requests that ``person`` (``Subject.person``) made from ``since`` to ``until`` (aware)."""

    def lately(self, person: str, most_bytes: int) -> Iterator[Request]:
        """Yield the latest requests of ``person`` (``Subject.person``) that have ended and were not denied, newest first. At
        most a few hundred requests are returned. Together, their documents and values have at most ``most_bytes`` bytes.
        """

    def requesters(self) -> Iterator[tuple[str, tuple[Subject, *tuple[Identity, ...]]]]:
        """Yield the id of each open request, oldest first, with its requester and those who reviewed it. Nothing else of a
        request is read, because others can make their requests large.
        """

    def holders(self) -> Iterator[tuple[int, str, tuple[Subject, Subject, *tuple[Identity, ...]]]]:
        """Yield the place (see ``page``) and the id of each live grant, oldest first, with its holder and the people of its
        request, as ``requesters`` has them. Nothing else of a grant is read.
        """

    def page(self, life: type[T], after: int, *, ended: bool = False, is_down: bool = False) -> list[tuple[int, T]]:
        """Return the open objects after the place ``after``, oldest first, each with its place, also ended ones if ``ended``, and
        downwards if ``is_down`` (LAST: from the newest). Number and size of a page are limited. It is empty if none follows.
        """

    def place_of(self, life: type[Life], id: str) -> int:
        """Return the place of an object among all of its ``life``, from 1 in the order of storing, or 0 without it."""

    def last_runs(self, grant: str, most: int) -> list[Run]:
        """Return at most ``most`` of the latest runs under one grant, oldest first. Runs that have ended are included."""

    def head(self) -> Seal:
        """Return the newest seal of the chain."""

    def records(self, after: int = 0) -> Iterator[tuple[int, bytes, bytes]]:
        """Yield the records of the chain after record number ``after``. For each record, yield its number, body and digest."""

    def record(self, number: int) -> tuple[bytes, bytes] | None:
        """Return the body and the seal of record ``number``. Return None if there is none."""

    def find(self, after: int, sought: Sought) -> tuple[list[int], int]:
        """Search the chain after record ``after``. Return numbers of records, in ascending order, that may be what is ``sought``,
        and the number of the record up to which the search has come: up to there, no other record is. If this is the number of
        the newest record, the search is over.
        """

    def about(self, id: str) -> tuple[int, int] | None:
        """Return the numbers of the first and of the newest record about the request or lock ``id``, and what follows from it, as
        the index proposes them: the reader compares them (``record``). None if it proposes none.
        """

    def requester(self, id: str) -> str:
        """Return the principal who made the request with this id, by the chain alone. Return an empty text if there is none."""

    def misindexed(self) -> Iterator[int]:
        """Yield each record that an index finds wrongly, or misses, for the verifier. Reads the whole chain and its indexes."""

    def indexed(self, after: int) -> Indexed:
        """Return what compares the index with the records after record ``after``, one after the other."""

    def is_indexed(self, last: int, names: int) -> bool:
        """True if the index has no rows but those of the records up to ``last``, of whose names ``names`` is the sum
        (``Indexed.names``). The rows of the records themselves are compared by ``indexed``.
        """

    def values(self, id: str) -> Values:
        """Return the values of ``id`` and of its owner, to which callers may add. Nothing is stored before the commit."""

    def committed(self, id: str) -> frozenset[bytes]:
        """Return the commitments to the values that are stored of the object ``id``, without those of its owner, each in 64
        hexadecimal digits. The verifier uses this.
        """

    def said(self, texts: Collection[str] = ()) -> Iterator[Values]:
        """Yield the values of each object, without those of its owner. With ``texts``, only of those objects of which one has
        such a text, or may have it.
        """

    def due(self, before: datetime, most: int, now: datetime) -> list[tuple[str, int]]:
        """Return at most ``most`` owners whose objects have all ended, and whose last value was said before ``before`` (aware).
        For each owner, also return the number of its values. ``now`` is the present time (aware). A value that seems to have been
        said after ``now`` counts from the next record with a time that has come.
        """

    def jumps(self, after: int, by: int) -> tuple[list[tuple[int, int]], int]:
        """Look in the chain after record ``after`` for jumps of the wall clock: records whose time is more than ``by`` seconds
        after or before that of the record before. Return the number of each, with the seconds, and the number of the record up to
        which the search has come.
        """

    def drain(self) -> bool:
        """Write the write-ahead log into the database, and empty it: it contains values that were forgotten. Return False if
        somebody reads the database now, and the log is not empty.
        """

    def newest(self) -> Iterator[bytes]:
        """Yield the bodies of all records of the chain, newest first."""

    def keep_checkpoint(self, checkpoint: Checkpoint) -> None:
        """Write a signed head durably. Raises StoreError also if its number has a checkpoint."""

    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]:
        """Yield the checkpoints of heads after record number ``after``, in their order."""

    def checkpoint_before(self, number: int) -> Checkpoint | None:
        """Return the checkpoint of the newest head before record ``number`` that was signed. Return None if there is none."""

    def last_checkpoint(self) -> Checkpoint | None:
        """Return the checkpoint of the newest head that was signed. Return None if there is none."""

    def documents(self, *, ended: bool = True) -> Iterator[tuple[str, str, bytes]]:
        """Yield the life, id and document of every object, for the verifier, and only of open ones if not ``ended``."""

    def document(self, life: str, id: str) -> bytes | None:
        """Return the document of the object ``id`` in the life cycle ``life`` (``owed_review``). Return None if there is none."""

    def misfiled(self) -> Iterator[tuple[str, str]]:
        """Yield the life cycle and the id of every object whose columns differ from its document. The verifier uses this."""

    def objects(self) -> Iterator[tuple[str, str, bytes, str | None]]:
        """Yield what ``documents`` yields, and the id that ``misfiled`` would yield of the object, or None."""

    def faults(self) -> Iterator[str]:
        """Yield what is damaged in the tables of the objects, or in the indexes by which open objects are found. Then an open
        object might not be found, or be found twice, or an object that has ended might be found as an open one. This reads all
        objects.
        """

    def keep_texts(self, request: str, texts: Iterable[bytes]) -> None:
        """Write the texts of scripts durably, until ``request`` and all others that have the same text are forgotten. A text that
        is there already is not written again.
        """

    def text(self, digest: bytes) -> bytes | None:
        """Return the text with the SHA-256 ``digest``. Return None if there is none, or if it was changed in the database."""

    def policy_text(self, digest: str) -> PolicyText | None:
        """Return the policy with the SHA-256 ``digest`` (64 hexadecimal digits), which a record names. Return None if there is
        none, or if it was changed in the database. Every policy that was in force is there.
        """

    def policy_document(self, digest: str) -> bytes | None:
        """Return what is stored as the policy with this digest, whatever it is, for the verifier. Return None if nothing is."""

    def keep_standing(self, document: bytes) -> str:
        """Write a list of standing privileges as durably as the chain. Return its SHA-256 (64 hexadecimal digits)."""

    def standing(self, digest: str) -> bytes | None:
        """Return what is stored as the list of standing privileges with this digest. Return None if nothing is."""

    def tell(self, marks: Iterable[Told]) -> None:
        """Write all ``marks`` durably. If writing one of them fails, write none of them. For each of ``marks`` that is not open
        (``is_open``), also close the stored marks with the same request, channel and address.
        """

    def told(self, request: str) -> list[Told]:
        """Return the marks (``Told``) of a request, oldest first."""

    def told_open(self) -> list[str]:
        """Return the ids of the requests that have a mark with ``is_open``."""

    def mute(self, person: str, until: datetime | None) -> None:
        """Store that ``person`` wants no notices before ``until`` (aware), or wants them again if that is None."""

    def muted(self) -> dict[str, datetime]:
        """Map each person who has muted their notices to the end of the mute. The end of a mute may be in the past."""

    def cursors(self) -> dict[str, Cursor]:
        """Map the name of each sink that the settings have ever named to its cursor."""

    def keep_cursor(self, cursor: Cursor) -> None:
        """Write ``cursor`` durably in the place of the earlier one of its sink."""

    def ask(self, sql: str, parameters: Mapping[str, Cell], *, until: float) -> list[Row]:
        """Return the rows of the query ``sql``, which may name ``parameters``. The store was opened for reading only. The query
        can make temporary tables, which last until ``rest``, and change nothing else. Raises TooSlow if it has no result
        before ``until`` (on the clock ``time.monotonic``).
        """

    def renew(self) -> None:
        """After ``rest``, show the database as it is at this moment. Any thread may use the store from then on."""

    def rest(self) -> None:
        """In a store for reading: give up its moment until ``renew``. Otherwise the write-ahead log is kept, and grows."""

    def close(self) -> None:
        """Close the database."""
