# SPDX-License-Identifier: Apache-2.0
"""Verifies a record in a database: its chain, the objects, values, policies and checkpoints that are stored beside it, and what
others know of it.

Law: nothing is changed. Each finding is reported when it is found. How much memory a verification takes does not depend on the
length of the record. What a verification cannot find without a head of the chain that was kept elsewhere is in SECURITY.md ("A
chain that was written again").
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from jitd.audit.allowed_signers import NamedKey
from jitd.audit.chain_walk import Row, walk
from jitd.audit.events import FORGOTTEN
from jitd.audit.findings import Flaw, Report, Wrong
from jitd.audit.forms import Checkpoint
from jitd.audit.heads import Heads, Signed
from jitd.audit.keys import Keys
from jitd.audit.lives import Doubt, InMemory, LaterLives, Lives, OnDisk, doubt, stored_grant, sum_of
from jitd.audit.moves import Illegal
from jitd.audit.parts import MARK, MODULUS, ODD, Joined, Part, Reader, Span, object_of, read_content, spans
from jitd.audit.policies import Policies
from jitd.audit.receipted import ISSUED, BadReceipt
from jitd.audit.receipts import AGAIN, Once, Receipts, stated_in
from jitd.audit.said import Said
from jitd.audit.standing import StandingLists
from jitd.core.chain import GENESIS, SET_ASIDE, Seal, detail_of
from jitd.core.instead import NOT_OF_VALUES, sealed_instead
from jitd.core.sought import Sought
from jitd.core.values import Values
from jitd.store import Indexed, Store, StoreError

STEP = 1000  # so many records are read between two reports of the progress
AT_ONCE = 64  # so many objects are read before it is looked whether a part was read
MOST_OF_RECEIPTS = 100  # receipts that are told of
MOST_UNSIGNED = 1024  # records after the last checkpoint. One is due every 64 records, and soon after each other.
Progress = Callable[[int, int], None]  # takes the number of records that were read, and of all


@dataclass(frozen=True, slots=True)
class Verified:
    """The result of a verification. ``head`` is the seal of the last record. ``signed`` says what good signatures prove."""

    head: Seal
    signed: Signed


class Stored(Protocol):
    """What is read of a database. See ``Store``."""

    def head(self) -> Seal: ...
    def records(self, after: int = 0) -> Iterator[tuple[int, bytes, bytes]]: ...
    def documents(self) -> Iterator[tuple[str, str, bytes]]: ...
    def document(self, life: str, id: str) -> bytes | None: ...
    def misfiled(self) -> Iterator[tuple[str, str]]: ...
    def misindexed(self) -> Iterator[int]: ...
    def faults(self) -> Iterator[str]: ...
    def committed(self, id: str) -> frozenset[bytes]: ...
    def said(self, texts: Collection[str] = ()) -> Iterator[Values]: ...
    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]: ...
    def last_checkpoint(self) -> Checkpoint | None: ...
    def find(self, after: int, sought: Sought) -> tuple[list[int], int]: ...
    def objects(self) -> Iterator[tuple[str, str, bytes, str | None]]: ...
    def indexed(self, after: int) -> Indexed: ...
    def is_indexed(self, last: int, names: int) -> bool: ...
    def policy_document(self, digest: str) -> bytes | None: ...
    def standing(self, digest: str) -> bytes | None: ...


class Readers(Protocol):
    """Reads the parts of a record. See ``side_by_side.Processes``."""

    def begin(self, asked: list[Span], key: bytes) -> None: ...
    def is_ready(self) -> bool: ...
    def next(self) -> Part: ...


def verify(
    store: Stored,
    report: Report,
    *,
    heads: Heads | None = None,
    given: Iterable[NamedKey] = (),
    progress: Progress | None = None,
    readers: Readers | None = None,
) -> Verified:
    """Verify the whole record in ``store``, and what is stored beside it. ``heads`` contains what others know of the chain.
    ``given`` are the keys by which signatures count. Without any, the host's keys are those that the record names. ``readers``
    read the parts of the same record, or a later state of it; without any, this process does.

    Raises StoreError if ``store`` cannot be read.
    """
    heads, given = heads or Heads(), tuple(given)
    try:
        return _Whole(store, heads, Keys(given), progress, readers or _Alone(store)).run()
    except (Doubt, StoreError, *ODD):
        heads.drop_own()
    return _Verification(store, report, heads, Keys(given), progress).run()


def rows_of(store: Stored, after: int = 0) -> Iterator[Row]:
    """Yield the records of ``store`` after record number ``after``, for ``walk``."""
    sha256 = hashlib.sha256
    for number, body, seal in store.records(after):
        yield number, sha256(body or b"").digest(), seal or b"", body or b""  # a damaged row has neither


def verify_later(
    store: Store,
    since: int,
    report: Report,
    *,
    heads: Heads,
    given: Iterable[NamedKey] = (),
    progress: Progress | None = None,
) -> tuple[Verified, int]:
    """Verify the records of ``store`` since the time ``since`` (seconds since 1970), from the last checkpoint before them on.
    Nothing that is stored of earlier records alone is looked at. Return the result, and the number of records that were not
    looked at. Raises StoreError.
    """
    head, keys = store.head().number, Keys(given)
    first = next(_found(store, head, Sought(since=since)), head + 1)
    checkpoint = store.checkpoint_before(first)
    after = 0 if checkpoint is None else min(checkpoint.number, head) - 1
    for number in _found(store, after, Sought(event="key.")):
        if (record := store.record(number)) is not None:
            keys.take(number, read_content(record[0]) or {}, report)
    return _Later(store, report, heads, keys, progress, after).run(), after


def _found(store: Store, last: int, sought: Sought) -> Iterator[int]:
    """Yield the numbers of the records up to ``last`` that are ``sought``."""
    n = 0
    while n < last:
        found, n = store.find(n, sought)
        yield from (number for number in found if number <= last)


def _sealed_values(store: Stored) -> Iterator[tuple[str, str]]:
    """Yield the id of each object with a value that has a word which stands for what is not told, and the word."""
    for values in store.said(NOT_OF_VALUES):
        for entry in values:
            if word := sealed_instead(entry.value, NOT_OF_VALUES):
                yield values.id, word


class _Alone:
    """Reads the parts one after the other."""

    def __init__(self, store: Stored) -> None:
        self._store = store

    def begin(self, asked: list[Span], key: bytes) -> None:
        self._asked, self._reader = iter(asked), Reader(self._store, key)

    def is_ready(self) -> bool:
        return True

    def next(self) -> Part:
        return self._reader.read(next(self._asked))


class _Whole:
    """``run`` raises Doubt, StoreError or one of ODD if the record is not whole, or if that cannot be told so."""

    def __init__(self, store: Stored, heads: Heads, keys: Keys, progress: Progress | None, readers: Readers) -> None:
        self._store = store
        self._heads = heads
        self._keys = keys
        self._progress = progress
        self._readers = readers
        self._key = secrets.token_bytes(32)
        self._misfiled: set[tuple[str, str]] = set()
        self._objects = 0

    def run(self) -> Verified:
        head, newest = self._store.head(), self._store.last_checkpoint()
        said = Said(self._store.committed, lambda: (), doubt)
        joined = Joined(self._heads, self._keys, said, self._key)
        asked = spans(head.number, 0 if newest is None else newest.number)
        self._readers.begin(asked, self._key)
        beside = self._read_objects()
        for _ in asked:
            while not self._readers.is_ready() and next(beside, False):
                pass
            joined.add(self._readers.next())
            if self._progress is not None:
                self._progress(joined.head.number, head.number)
        for _ in beside:
            pass
        joined.end()
        if joined.head != head or joined.objects != self._objects or not self._misfiled <= joined.set_aside:
            raise Doubt
        signed = self._compare_heads(head)
        said.end(is_whole=True)
        if next(_sealed_values(self._store), None) is not None:
            raise Doubt
        if not self._store.is_indexed(head.number, joined.names):
            raise Doubt
        _check_signed(head, signed, self._keys, doubt)
        return Verified(head, signed)

    def _read_objects(self) -> Iterator[bool]:
        """Read all stored objects. Yields often, and has read nothing more meanwhile."""
        for n, (life, id, document, misfiled) in enumerate(self._store.objects()):
            if type(id) is not str or type(document) is not bytes:
                raise Doubt
            self._objects += sum_of(self._key, life, id, hashlib.sha256(document).hexdigest())
            if misfiled is not None:
                self._misfiled.add((life, misfiled))
            if not n % AT_ONCE:
                yield True
        self._objects %= MODULUS
        for _ in self._store.faults():
            raise Doubt

    def _compare_heads(self, head: Seal) -> Signed:
        heads = self._heads
        heads.begin()
        if heads.has_copies:
            for number, digest, seal, _ in rows_of(self._store):
                heads.take(number, seal, digest)
        else:
            for number in heads.numbers():
                if number > head.number:
                    break
                found, _, seal = next(self._store.records(number - 1), (0, b"", b""))
                heads.take(number, seal if found == number else None, b"")
        signed = heads.end(head.number, self._keys, doubt, is_told=False, is_older=True)
        if not signed.is_whole:
            raise Doubt
        return signed


class _Verification:
    """Reads the record from its beginning, and reports what is wrong."""

    _start = GENESIS

    def __init__(self, store: Stored, report: Report, heads: Heads, keys: Keys, progress: Progress | None) -> None:
        self._store = store
        self._report_to = report
        self._heads = heads
        self._keys = keys
        self._progress = progress
        self._n_found = 0
        self._set_aside: set[tuple[str, str]] = set()
        self._lives: Lives | None = Lives(InMemory(), doubt, store.document)
        self._said = Said(store.committed, self._bodies, self._report)
        self._policies = Policies(store.policy_document)
        self._standing = StandingLists(store.standing)
        self._receipts, self._once = Receipts(store, read_content), Once()
        self._of_receipts: list[Flaw] = []
        self._begun_at = sys.maxsize  # the first record that began the matter of a receipt

    def _report(self, finding: Flaw) -> None:
        self._n_found += 1
        self._report_to(finding)

    def run(self) -> Verified:
        for checkpoint in self._store.checkpoints(self._start.number):
            self._heads.add_signed(checkpoint)
        self._heads.begin()
        head = self._read_chain()
        differences = self._compare_lives() if not self._n_found else None
        n_chain = self._n_found
        signed = self._heads.end(head.number, self._keys, self._report, is_told=bool(n_chain), is_older=differences == [])
        for finding in differences or ():
            if signed.is_cut and finding.is_of_cut:
                continue  # the heads have told so
            if finding.wrong is Wrong.CUT_TAIL and self._n_found:
                finding = replace(finding, wrong=Wrong.REMOVED)  # the heads tell of other records in their places
            self._report(finding)
        # Where records are missing, the one may be missing that says what was forgotten.
        is_whole = not n_chain and signed.is_whole and all(one.wrong is Wrong.STORE_DIFFERS for one in differences or ())
        is_told = bool(self._n_found)  # without what values are found to be: a damaged one hides nothing else
        self._said.end(is_whole=is_whole)
        if not is_told:  # otherwise an object might be unreadable
            for finding in self._of_receipts:
                self._report(finding)
            for id, word in _sealed_values(self._store):
                what = f"of what was said for {id}, a value is {word}, which nobody can type"
                self._report(Flaw(Wrong.NOT_A_RECORD, 0, what))
            self._examine_tables()
            _check_signed(head, signed, self._keys, self._report)
        self._policies.end(self._report)
        self._standing.end(self._report)
        return Verified(head, signed)

    def _examine_tables(self) -> None:
        for life, id in self._store.misfiled():
            if (life, id) in self._set_aside:
                continue
            text = f"the columns of {life} {id} differ from its document, so it is not found, or found wrongly"
            self._report(Flaw(Wrong.STORE_DIFFERS, 0, text))
        for number in self._store.misindexed():
            where = f"the index of the record is wrong about record {number}" if number else "the index is damaged"
            self._report(Flaw(Wrong.STORE_DIFFERS, number, f"{where}, so a search may miss records"))
        for fault in self._store.faults():
            self._report(Flaw(Wrong.STORE_DIFFERS, 0, f"the database is damaged: {fault}"))
            break  # SQLite says the same thing in several ways

    def _read_chain(self) -> Seal:
        head, take, said, n = self._start, self._heads.take, self._said, self._store.head().number
        after = head.number
        for (number, digest, _, body), seal, is_whole in walk(lambda: rows_of(self._store, after), self._report, head):
            assert seal is not None  # each row of a database has one
            head = seal
            take(number, seal.digest, digest)
            if is_whole:
                content = self._content(number, body)
                if content is not None:
                    self._take(number, content, body)
                    said.take(number, object_of(content), body)
                    self._policies.take(number, content.get("policy"))
                    self._standing.take(number, content)
                    self._check_receipt(number, content, body)
                    if MARK in body and (word := sealed_instead(content)):
                        what = f"record {number} has {word} as it was sealed: no jitd has written it"
                        self._tell_later(Flaw(Wrong.NOT_A_RECORD, number, what))
            if self._progress is not None and not number % STEP:
                self._progress(number - after, n - after)
        return head

    def _check_receipt(self, number: int, content: dict[str, Any], body: bytes) -> None:
        try:
            if (stated := stated_in(content, body)) is not None:
                self._once.take(number, stated)
                self._begun_at = min(self._begun_at, self._receipts.check(number, content))
        except BadReceipt as fault:
            self._tell_receipt(number, str(fault))

    def _tell_receipt(self, number: int, fault: str) -> None:
        self._tell_later(Flaw(Wrong.FORGED, number, f"the receipt of record {number} {fault}"))

    def _tell_later(self, flaw: Flaw) -> None:
        self._of_receipts = self._of_receipts[:MOST_OF_RECEIPTS] + [flaw]

    def _content(self, number: int, body: bytes) -> dict[str, Any] | None:
        content = read_content(body)
        if content is None:
            self._report(Flaw(Wrong.NOT_A_RECORD, number, f"record {number} is not a record of jitd in canonical form"))
        return content

    def _take(self, number: int, content: dict[str, Any], body: bytes) -> None:
        if self._lives is not None:
            try:
                self._lives.take(number, content)
            except Doubt:
                self._lives = None
        if content.get("event") == ISSUED:
            with suppress(Illegal):  # which is found where lives are followed
                if fault := stored_grant(content, self._store.document)[0]:
                    self._tell_later(Flaw(Wrong.STORE_DIFFERS, number, f"record {number} {fault}"))
        if "id" in content:
            return
        if content.get("event") == SET_ASIDE:
            self._set_aside.update((life, id) for life, id in detail_of(content).items() if isinstance(id, str))
        elif content.get("event") == FORGOTTEN:
            n_open = None if self._lives is None or self._n_found else self._lives.n_open
            self._said.forget(number, content, n_open)
        elif b'"event":"key.' in body:
            self._keys.take(number, content, self._report)

    def _compare_lives(self) -> list[Flaw]:
        """Compare the stored objects with the chain, which is whole. Return what is not as the chain says."""
        if self._lives is not None:
            try:
                self._lives.end()
                self._lives.compare(self._store.documents())
                return []
            except Doubt:
                pass
        found: list[Flaw] = []
        lives = Lives(OnDisk(), found.append, self._store.document)
        for number, body, _ in self._store.records():
            lives.take(number, json.loads(body))
        lives.end()
        if found:
            return [min(found, key=lambda finding: finding.number)]  # the others follow from it
        lives.compare(self._store.documents())
        return found

    def _bodies(self) -> Iterator[tuple[str, bytes]]:
        for _, body, _ in self._store.records():
            content = json.loads(body)
            if isinstance(content, dict):
                yield object_of(content), body
        for _, id, document in self._store.documents():
            yield id, document


class _Later(_Verification):
    """Reads what follows record ``after``, and reports what is wrong. The first checkpoint proves where it begins."""

    def __init__(self, store: Store, report: Report, heads: Heads, keys: Keys, progress: Progress | None, after: int) -> None:
        super().__init__(store, report, heads, keys, progress)
        self._documents = store.document
        self._start = next((Seal(number, seal) for number, _, seal in store.records(after - 1)), GENESIS) if after else GENESIS
        self._later: list[Flaw] = []
        self._latest = OnDisk()
        self._lives_later = LaterLives(self._latest, self._later.append, store.document)
        self._lives = None  # how many objects of an owner are open is not known

    def _read_chain(self) -> Seal:
        """Look also for the statements of receipts in earlier records about the same matters, as far as these are there."""
        head = super()._read_chain()
        for number, body, _ in self._store.records(self._begun_at):
            if number > self._start.number:
                break
            stated = stated_in(read_content(body or b"") or {}, body or b"")
            if stated is not None and (again := self._once.number_of(stated)) is not None:
                self._tell_receipt(again, AGAIN.format(number))
        return head

    def _take(self, number: int, content: dict[str, Any], body: bytes) -> None:
        self._lives_later.take(number, content)
        super()._take(number, content, body)

    def _compare_lives(self) -> list[Flaw]:
        self._lives_later.end()
        if not self._later:
            self._latest.compare_told(self._documents, self._later.append)
            return self._later
        return [min(self._later, key=lambda finding: finding.number)]  # the others follow from it

    def _examine_tables(self) -> None:
        pass


def _check_signed(head: Seal, signed: Signed, keys: Keys, report: Report) -> None:
    since = signed.newest.number if signed.newest is not None else keys.first
    if since is not None and head.number - since > MOST_UNSIGNED:
        text = f"no checkpoint is there of the records after {since}: they were removed, or the host could not sign"
        report(Flaw(Wrong.REMOVED, since + 1, text))
