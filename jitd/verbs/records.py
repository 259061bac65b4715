# SPDX-License-Identifier: Apache-2.0
"""Shows the record to operators and auditors: those records that somebody looks for, new ones as they come, and exports that
prove themselves.

Law: nothing is read on the event loop. A row has only what its reader may see (``audit.telling``). An index of the store only
proposes records; each record is compared with what is sought. An export trusts no index, and is recorded before its first line
is sent.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from heapq import merge
from itertools import islice

from jitd.audit.events import topic_of
from jitd.audit.forms import Checkpoint, Countersignature, Digest, is_name
from jitd.audit.telling import AS_ITS_REQUESTER, DAMAGED, EVERYTHING, WITHOUT_CONTENTS, Sight, content_of, tell
from jitd.core.chain import event_of
from jitd.core.command import read_id
from jitd.core.naming import Naming
from jitd.core.request import Request
from jitd.core.rights import Act
from jitd.core.sought import Sought, requests_in, traits_of
from jitd.core.subject import BY_PAM, LOCAL, ROOT, Identity, Subject
from jitd.core.values import Values, id_in
from jitd.core.visibility import words_of
from jitd.deciding.ground import Ground
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Store
from jitd.verbs.access import Access
from jitd.verbs.feed import A_CHARACTER, A_ROW, Feed
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row
from jitpam.wire.messages import Audit, Export
from jitpam.wire.shown import shown

PIECE = 24 * 1024  # characters of text in one row. Escaped as JSON, this fits into a small frame
AT_ONCE_BYTES = 256 * 1024  # when one step has read this number of bytes from the chain, this step reads no more records
SCANNED = 2000  # maximum number of records that one step of an export reads
ASKED_AGAIN_EVERY = 10.0  # seconds between two checks whether a person who follows the record may still read it
TRIED_AGAIN_AFTER = 1.0  # seconds until a follower is read for again, if the workers had no time
SIGNED_WITHIN = 3.0  # seconds that an export waits for its last record's signature, due within a second
LOOK_EVERY = 0.1
_TIME = "%Y-%m-%dT%H:%M:%SZ"


class Found:
    """One record. ``content`` is its body as an object, or empty if the body cannot be read. ``asked`` are the requests that it
    is about, as they are stored now, and ``requester`` is who made the first of them.
    """

    __slots__ = ("_host", "_lines", "_store", "_values", "asked", "body", "content", "number", "requester", "seal")

    def __init__(self, host: str, store: Store, number: int, body: bytes, seal: bytes) -> None:
        self.content = content_of(body)
        self.number, self.body, self.seal = number, body, seal
        self.requester = ""
        self.asked: tuple[Request | None, ...] = ()
        self._host = host
        self._store = store
        self._values: Values | None = None
        self._lines: dict[Sight, str] = {}
        if about := traits_of(self.content).about:
            first = store.request(about)  # the request itself, so that an index that was spoilt says nothing wrong
            self.requester = store.requester(about) if first is None else first.requester.principal
        if topic_of(event_of(self.content)).is_of_request:
            ids = dict.fromkeys(id.partition(".")[0] for id in requests_in(self.content))
            self.asked = tuple(store.request(id) for id in ids)

    def is_sought(self, sought: Sought) -> bool:
        rules = [one.rule for one in self.asked if one is not None]
        return sought.takes(self.content, (self.requester,), rules)

    def sight(self, of: Callable[[Request], Sight]) -> Sight:
        """Return what a reader may see of this record, who sees as ``of`` says of a request. Of a request that is missing, nobody
        knows who may see the contents.
        """
        seen = [WITHOUT_CONTENTS if one is None else of(one) for one in self.asked]
        names = next((one.names for one in seen if one.names is not None), None)
        return Sight(names, frozenset().union(*(one.without for one in seen)))

    def line(self, sight: Sight) -> str:
        """Return the record as a reader with ``sight`` sees it. Of one that cannot be read, only the digest is told. Many
        followers see the same. The store must be open the first time.
        """
        if sight not in self._lines:
            about, owner = next(iter(self.asked), None), id_in(self.content)
            if self._values is None and owner is not None:
                self._values = self._store.values(owner)
            try:
                record = tell(self._host, self.number, self.body, self.seal, about, self._values, sight)
                self._lines[sight] = record.line()
            except DAMAGED:
                self._lines[sight] = Digest(self._host, self.number, _sha256(self.body)).line()
        return self._lines[sight]


def sight_of(access: Access, who: Identity, store: Store | None = None) -> Callable[[Request], Sight]:
    """Return what says how much of a request ``who`` may see in the record: no more than ``show`` tells them. For ``store`` see
    ``Access.may``.
    """

    def of(asked: Request) -> Sight:
        if not access.may(Act.READ, who, asked, store=store):
            return WITHOUT_CONTENTS
        is_all = asked.command.is_told or access.may(Act.READ_BEYOND, who, asked, store=store)
        return EVERYTHING if is_all else AS_ITS_REQUESTER

    return of


class HostNames:
    """The names of this host in its records. It is called ``now`` at last: another name is signed before anybody is served."""

    def __init__(self, now: str) -> None:
        self._now = now
        self._near = (0, 0, now)  # the records from the first number to the second are of this host

    def at(self, store: Store, number: int) -> str:
        """Return the host of record ``number``, which the next checkpoint names."""
        first, last, host = self._near
        if not first <= number <= last:
            signed = next(store.checkpoints(number - 1), None)
            if signed is None:
                return self._now
            host = signed.host if is_name(signed.host) else self._now  # a damaged one, which a verification finds
            self._near = number, signed.number, host
        return host


class Records:
    """``countersigned`` returns what witnesses have signed of this host."""

    def __init__(
        self,
        ground: Ground,
        access: Access,
        lifecycle: Lifecycle,
        countersigned: Callable[[], Iterable[Countersignature]] = lambda: (),
    ) -> None:
        self._countersigned = countersigned
        self._names = HostNames(ground.config.host)
        self._naming = ground.config.naming
        self._access = access
        self._store = ground.store
        self._opened = ground.opened
        self._workers = ground.workers
        self._lifecycle = lifecycle
        self.feed: Feed[Found] = Feed(ground.store, ground.opened, ground.workers, self._new)

    def _new(self, store: Store, number: int, body: bytes, seal: bytes) -> Found:
        """Read a record for all followers, and make its line as most of them see it."""
        found = Found(self._names.at(store, number), store, number, body, seal)
        found.line(found.sight(lambda asked: EVERYTHING if words_of(asked) is None else WITHOUT_CONTENTS))
        return found

    # --- what is sought ------------------------------------------------------------------------------------------------

    def _sought(self, asked: Audit | Export) -> Sought:
        """Raises Refusal."""
        since, until = moment_in(asked.since), moment_in(asked.until)
        typed = asked.id if isinstance(asked, Audit) else None
        id = None if typed is None else read_id(typed)
        if typed is not None and id is None:
            raise Refusal("usage", f"{shown(typed)} is not an id: an id has two groups of four letters and digits")
        event = asked.event if isinstance(asked, Audit) else None
        return Sought(since, until, None if asked.who is None else principals_in(self._naming, asked.who), asked.rule, event, id)

    # --- show ----------------------------------------------------------------------------------------------------------

    async def show(
        self, who: Identity, asked: Audit, again: Callable[[], Awaitable[Identity]] | None
    ) -> AsyncGenerator[Row, None]:
        """Yield the records that ``asked`` selects. ``again`` returns the reader as of now: who reads slowly does not read on for
        longer than they may. Raises Refusal.
        """
        self._access.refuse(Act.READ_RECORD, who)
        sought, after, is_end, asked_at = self._sought(asked), asked.after, False, time.monotonic()
        while not is_end:
            if again is not None and time.monotonic() - asked_at > ASKED_AGAIN_EVERY:
                asked_at, who = time.monotonic(), await again()
                self._access.refuse(Act.READ_RECORD, who)
            text, after, is_end, _ = await self._workers.kept.run(
                who.party, self._page, self._access.of_now(), who, sought, after
            )
            for row in pieces(text):
                yield row

    async def follow(self, who: Identity, asked: Audit, again: Callable[[], Awaitable[Identity]]) -> AsyncGenerator[Row, None]:
        """Yield the records that ``asked`` selects, then each new one. ``again`` returns the reader as of now. Raises Refusal."""
        self._access.refuse(Act.READ_RECORD, who)
        sought, after = self._sought(asked), asked.after
        if sought.until is not None:
            raise Refusal("usage", "new records are after any time that has passed: follow the record without until")
        if after > (newest := self._store.head().number):
            raise Refusal("not_done", f"there is no record {after}: the newest one is {newest}, so the record was set back")
        asked_at = time.monotonic()
        with self.feed.joined():
            is_new = True  # until it has got what there is, it reads as any reader does
            while True:
                if (new := self.feed.after(after, AT_ONCE_BYTES)) is None:  # they are older than what is kept for followers
                    try:
                        text, after, is_end, took = await self._workers.kept.run(
                            who.party, self._page, self._access.of_now(), who, sought, after
                        )
                    except TimeoutError:  # too many read at once: a follower can wait
                        await asyncio.sleep(TRIED_AGAIN_AFTER)
                        continue
                    if not is_new:
                        await self.feed.wait_until_turn(took)
                    is_new = is_new and not is_end
                else:
                    shown = sight_of(self._access, who)
                    text = _text(found.line(found.sight(shown)) for _, found in new if found.is_sought(sought))
                    after, is_new = new[-1][0] if new else after, False
                del new  # while the reader reads, only what it reads is kept
                for row in pieces(text):
                    if not is_new:
                        await self.feed.wait_until_turn(A_ROW + A_CHARACTER * len(row["text"]))
                    yield row
                await self.feed.wait_until_after(after, ASKED_AGAIN_EVERY)
                if time.monotonic() - asked_at > ASKED_AGAIN_EVERY:
                    asked_at = time.monotonic()
                    who = await again()
                    self._access.refuse(Act.READ_RECORD, who)

    def _page(self, access: Callable[[Store], Access], who: Identity, sought: Sought, after: int) -> tuple[str, int, bool, float]:
        """Return lines with the next records, the last one's number, whether none follows, and the seconds it took."""
        began = time.thread_time()
        lines: list[str] = []
        n_bytes = 0
        with closing(self._opened()) as store:
            shown = sight_of(access(store), who)
            numbers, upto = store.find(after, sought)
            for number in numbers:
                if (record := store.record(number)) is None:
                    continue
                found = Found(self._names.at(store, number), store, number, *record)
                if found.is_sought(sought):
                    lines.append(found.line(found.sight(shown)))
                n_bytes += len(found.body)
                if n_bytes > AT_ONCE_BYTES:
                    upto = number
                    break
            return _text(lines), upto, upto >= store.head().number, time.thread_time() - began

    # --- export --------------------------------------------------------------------------------------------------------

    async def export(self, who: Subject, asked: Export) -> AsyncGenerator[Row, None]:
        """Yield the records that ``asked`` selects, with all that proves them. Raises Refusal."""
        self._access.refuse(Act.EXPORT, who)
        sought, newest = self._sought(asked), self._store.head().number
        n, first, last = 0, 0, 0
        for start in range(1, newest + 1, SCANNED):
            stop = min(start + SCANNED - 1, newest)
            numbers = await self._workers.kept.run(who.party, self._matching, sought, start, stop)
            if numbers:
                n, first, last = n + len(numbers), first or numbers[0], numbers[-1]
        words = {"since": asked.since, "until": asked.until, "who": asked.who, "rule": asked.rule}
        self._lifecycle.note("record.exported", who.principal, who.uid, {**words, "n": n, "first": first, "last": last})
        if not n:
            return
        begins, ends = await self._workers.kept.run(who.party, self._signed_around, first, last)
        until = time.monotonic() + SIGNED_WITHIN
        while ends is None and time.monotonic() < until:
            await asyncio.sleep(LOOK_EVERY)
            begins, ends = await self._workers.kept.run(who.party, self._signed_around, first, last)
        if begins is not None:
            yield {"text": f"{begins.line()}\n"}
        at, end = 0 if begins is None else begins.number, newest if ends is None else ends.number
        while at < end:
            text, at = await self._workers.kept.run(
                who.party, self._exported, self._access.of_now(), who, sought, at + 1, end, newest
            )
            for row in pieces(text):
                yield row

    def _matching(self, sought: Sought, start: int, stop: int) -> list[int]:
        with closing(self._opened()) as store:
            some = islice(store.records(start - 1), stop - start + 1)
            return [
                number for number, *rest in some if Found(self._names.at(store, number), store, number, *rest).is_sought(sought)
            ]

    def _signed_around(self, first: int, last: int) -> tuple[Checkpoint | None, Checkpoint | None]:
        """Return the last checkpoint before record ``first``, and the first one at record ``last`` or after it."""
        begins = None
        with closing(self._opened()) as store:
            for one in store.checkpoints():
                if one.number >= last:
                    return begins, one
                if one.number < first:
                    begins = one
        return begins, None

    def _exported(
        self, access: Callable[[Store], Access], who: Identity, sought: Sought, start: int, end: int, newest: int
    ) -> tuple[str, int]:
        """Return the lines from ``start`` on, and the number of the last of them. None after ``newest`` is shown."""
        lines: list[str] = []
        number, n_chars = start - 1, 0
        with closing(self._opened()) as store:
            shown = sight_of(access(store), who)
            signed = _Signed(store.checkpoints(start - 1), self._countersigned(), start)
            for number, body, seal in islice(store.records(start - 1), min(SCANNED, end - start + 1)):
                found = Found(self._names.at(store, number), store, number, body, seal)
                is_shown = number <= newest and found.is_sought(sought)
                line = (
                    found.line(found.sight(shown))
                    if is_shown
                    else Digest(self._names.at(store, number), number, _sha256(body)).line()
                )
                lines += [line, *(one.line() for one in signed.of(number))]
                n_chars += len(line)
                if n_chars > AT_ONCE_BYTES:
                    break
        return _text(lines), number


class _Signed:
    """What is signed of the records from ``start`` on. Take it in the order of the records."""

    def __init__(self, checkpoints: Iterator[Checkpoint], countersigned: Iterable[Countersignature], start: int) -> None:
        later = sorted((one for one in countersigned if one.number >= start), key=lambda one: one.number)
        self._rest: Iterator[Checkpoint | Countersignature] = merge(checkpoints, later, key=lambda one: one.number)
        self._next = next(self._rest, None)

    def of(self, number: int) -> Iterator[Checkpoint | Countersignature]:
        while self._next is not None and self._next.number <= number:
            yield self._next
            self._next = next(self._rest, None)


def _sha256(body: bytes) -> bytes:
    return hashlib.sha256(body).digest()


def _text(lines: Iterable[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def pieces(text: str) -> Iterator[Row]:
    """Yield ``text`` as rows."""
    for start in range(0, len(text), PIECE):
        yield {"text": text[start : start + PIECE]}


def principals_in(naming: Naming, word: str) -> frozenset[str]:
    """Return the principals that ``word``, which somebody typed, stands for: itself, or those of an account."""
    if "@" in word or word.startswith((LOCAL, BY_PAM)):
        return frozenset([naming.canonical(word)])
    account = naming.known_account(word)
    own = {ROOT} if word == ROOT else set()
    return frozenset({*naming.principals_of(account), LOCAL + account, BY_PAM + account, *own})


def moment_in(at: str | None) -> int | None:
    """Return ``at`` (RFC 3339, UTC) in seconds since 1970. Raises Refusal."""
    if at is None:
        return None
    try:
        return int(datetime.strptime(at, _TIME).replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise Refusal("usage", "a time is written as in RFC 3339, in UTC: 2026-11-23T21:00:00Z") from None
