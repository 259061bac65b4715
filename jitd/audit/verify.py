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
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from jitd.audit.allowed_signers import NamedKey
from jitd.audit.chain_walk import Row, walk
from jitd.audit.events import FORGOTTEN, SET_ASIDE
from jitd.audit.findings import Finding, Report, Wrong
from jitd.audit.forms import Checkpoint
from jitd.audit.heads import Heads, Signed
from jitd.audit.keys import Keys
from jitd.audit.lives import Doubt, InMemory, Lives, OnDisk, doubt
from jitd.audit.policies import Policies
from jitd.audit.said import Said
from jitd.audit.standing import StandingLists
from jitd.core.chain import GENESIS, Seal, canonical, detail_of

STEP = 1000
"""So many records are read between two reports of the progress."""
MOST_UNSIGNED = 1024
"""Maximum number of records after the last checkpoint. One is due every 64 records, and soon after each other."""
Progress = Callable[[int, int], None]
"""Takes the number of records that were read, and of all."""


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
    def misfiled(self) -> Iterator[tuple[str, str]]: ...
    def misindexed(self) -> Iterator[int]: ...
    def faults(self) -> Iterator[str]: ...
    def committed(self, id: str) -> frozenset[bytes]: ...
    def checkpoints(self) -> Iterator[Checkpoint]: ...
    def policy_document(self, digest: str) -> bytes | None: ...
    def standing(self, digest: str) -> bytes | None: ...


def verify(
    store: Stored,
    report: Report,
    *,
    heads: Heads | None = None,
    given: Iterable[NamedKey] = (),
    progress: Progress | None = None,
) -> Verified:
    """Verify the whole record in ``store``, and what is stored beside it. ``heads`` contains what others know of the chain.
    ``given`` are the keys by which signatures count. Without any, the host's keys are those that the record names.

    Raises StoreError if ``store`` cannot be read.
    """
    return _Verification(store, report, heads or Heads(), Keys(given), progress).run()


def rows_of(store: Stored, after: int = 0) -> Iterator[Row]:
    """Yield the records of ``store`` after record number ``after``, for ``walk``."""
    sha256 = hashlib.sha256
    for number, body, seal in store.records(after):
        yield number, sha256(body or b"").digest(), seal or b"", body or b""  # a damaged row has neither


class _Verification:
    def __init__(self, store: Stored, report: Report, heads: Heads, keys: Keys, progress: Progress | None) -> None:
        self._store = store
        self._report_to = report
        self._heads = heads
        self._keys = keys
        self._progress = progress
        self._n_found = 0
        self._set_aside: set[tuple[str, str]] = set()
        self._lives: Lives | None = Lives(InMemory(), doubt)
        self._said = Said(store.committed, self._bodies, self._report)
        self._policies = Policies(store.policy_document)
        self._standing = StandingLists(store.standing)

    def _report(self, finding: Finding) -> None:
        self._n_found += 1
        self._report_to(finding)

    def run(self) -> Verified:
        for checkpoint in self._store.checkpoints():
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
            for life, id in self._store.misfiled():
                if (life, id) in self._set_aside:
                    continue
                text = f"the columns of {life} {id} differ from its document, so it is not found, or found wrongly"
                self._report(Finding(Wrong.STORE_DIFFERS, 0, text))
            for number in self._store.misindexed():
                where = f"the index of the record is wrong about record {number}" if number else "the index is damaged"
                self._report(Finding(Wrong.STORE_DIFFERS, number, f"{where}, so a search may miss records"))
            for fault in self._store.faults():
                self._report(Finding(Wrong.STORE_DIFFERS, 0, f"the database is damaged: {fault}"))
                break  # SQLite says the same thing in several ways
        self._check_signed(head, signed, is_told=is_told)
        self._policies.end(self._report)
        self._standing.end(self._report)
        return Verified(head, signed)

    def _read_chain(self) -> Seal:
        head, take, said, n = GENESIS, self._heads.take, self._said, self._store.head().number
        for (number, digest, _, body), seal, is_whole in walk(lambda: rows_of(self._store), self._report):
            assert seal is not None  # each row of a database has one
            head = seal
            take(number, seal.digest, digest)
            if is_whole:
                content = self._content(number, body)
                if content is not None:
                    self._take(number, content, body)
                    said.take(number, _object_of(content), body)
                    self._policies.take(number, content.get("policy"))
                    self._standing.take(number, content)
            if self._progress is not None and not number % STEP:
                self._progress(number, n)
        return head

    def _content(self, number: int, body: bytes) -> dict[str, Any] | None:
        try:
            content = _read(body)
            if (_write(content) == body and body.isascii()) or canonical(content) == body:
                return content
        except (ValueError, RecursionError):
            pass
        self._report(Finding(Wrong.NOT_A_RECORD, number, f"record {number} is not a record of jitd in canonical form"))
        return None

    def _take(self, number: int, content: dict[str, Any], body: bytes) -> None:
        if self._lives is not None:
            try:
                self._lives.take(number, content)
            except Doubt:
                self._lives = None
        if "id" in content:
            return
        if content.get("event") == SET_ASIDE:
            self._set_aside.update((life, id) for life, id in detail_of(content).items() if isinstance(id, str))
        elif content.get("event") == FORGOTTEN:
            n_open = None if self._lives is None or self._n_found else self._lives.n_open
            self._said.forget(number, content, n_open)
        elif b'"event":"key.' in body:
            self._keys.take(number, content, self._report)

    def _compare_lives(self) -> list[Finding]:
        """Compare the stored objects with the chain, which is whole. Return what is not as the chain says."""
        if self._lives is not None:
            try:
                self._lives.compare(self._store.documents())
                return []
            except Doubt:
                pass
        found: list[Finding] = []
        lives = Lives(OnDisk(), found.append)
        for number, body, _ in self._store.records():
            lives.take(number, json.loads(body))
        lives.end()
        if found:
            return [min(found, key=lambda finding: finding.number)]  # the others follow from it
        lives.compare(self._store.documents())
        return found

    def _check_signed(self, head: Seal, signed: Signed, *, is_told: bool) -> None:
        since = signed.newest.number if signed.newest is not None else self._keys.first
        if since is not None and head.number - since > MOST_UNSIGNED and not is_told:
            text = f"no checkpoint is there of the records after {since}: they were removed, or the host could not sign"
            self._report(Finding(Wrong.REMOVED, since + 1, text))

    def _bodies(self) -> Iterator[tuple[str, bytes]]:
        for _, body, _ in self._store.records():
            content = json.loads(body)
            if isinstance(content, dict):
                yield _object_of(content), body
        for _, id, document in self._store.documents():
            yield id, document


_read = msgspec.json.Decoder(dict[str, Any]).decode
_write = msgspec.json.Encoder(order="deterministic").encode
"""Nearly always writes what ``canonical`` writes, in a third of the time."""


def _object_of(content: dict[str, Any]) -> str:
    """Return the id of the object that record tells of, or the owner of a note's values."""
    return str(content.get("id", content.get("owner", "")))
