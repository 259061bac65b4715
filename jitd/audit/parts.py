# SPDX-License-Identifier: Apache-2.0
"""Tells whether a record is whole, part by part, so that several processes can read the parts at the same time.

Law: nothing is named here. Whatever is odd raises Doubt, and then ``audit.verify`` reads the record from its beginning and says
what is wrong. So a doubt costs time alone, and what is taken for whole here must be whole there. A part begins with what the
database says of the record before it, and ``Joined`` requires that the part before has found the same. How much memory this takes
depends on the number of records in a part and on the objects that are open at one time, and not on the length of the record.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec

from jitd.audit.events import FORGOTTEN, STANDING_RECORDED
from jitd.audit.forms import Checkpoint
from jitd.audit.heads import Head, Heads, checked
from jitd.audit.keys import Keys
from jitd.audit.lives import MOST_OPEN, OPEN, Doubt, doubt, stored_grant, sum_of
from jitd.audit.moves import LEGAL, LINKED, Held, Illegal, Link, Step, Together, is_id, link_of, step_of
from jitd.audit.policies import Policies
from jitd.audit.receipted import ISSUED, BadReceipt
from jitd.audit.receipts import Once, Receipts, stated_in
from jitd.audit.said import Commitments, Missing, Said
from jitd.audit.sshsig import BadSignature
from jitd.audit.standing import StandingLists
from jitd.core.chain import GENESIS, SET_ASIDE, Seal, canonical, detail_of, linked
from jitd.core.instead import sealed_instead
from jitd.core.moves import APPROVED, MAY_BE_SET_ASIDE, NOTHING
from jitd.core.sought import Sought, seconds_of
from jitd.store import Indexed

SIZE = 8192  # records of a part
ODD = (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError)  # of members of a damaged record
SUM = 32  # bytes of a sum
MODULUS = 1 << 8 * SUM
Object = tuple[str, str]  # a life cycle and an id
Move = tuple[str, str, str]  # an event, the state after it, and the role of who has caused it


class Stored(Protocol):
    """What is read of a database for a part. See ``Store``."""

    def records(self, after: int = 0) -> Iterator[tuple[int, bytes, bytes]]: ...
    def checkpoints(self, after: int = 0) -> Iterator[Checkpoint]: ...
    def last_checkpoint(self) -> Checkpoint | None: ...
    def find(self, after: int, sought: Sought) -> tuple[list[int], int]: ...
    def committed(self, id: str) -> frozenset[bytes]: ...
    def document(self, life: str, id: str) -> bytes | None: ...
    def policy_document(self, digest: str) -> bytes | None: ...
    def standing(self, digest: str) -> bytes | None: ...
    def indexed(self, after: int) -> Indexed: ...


@dataclass(frozen=True, slots=True)
class Span:
    """The records after ``after``, up to ``last``, and the checkpoints after ``after``, up to ``signed``."""

    after: int
    last: int
    signed: int


def spans(last: int, signed: int) -> list[Span]:
    """Return the parts of a record with ``last`` records. ``signed`` is the number of the newest checkpoint."""
    found = [Span(at, at + SIZE, at + SIZE) for at in range(0, max(last - SIZE, 0), SIZE)]
    return [*found, Span(found[-1].last if found else 0, last, max(signed, last))]


@dataclass(slots=True)
class Mark:
    """A record that concerns others. ``n_open`` is what ``Part.n_open`` was at this record, of the owners that it names.
    ``set_aside`` are the objects that it sets aside and that are not known in this part.
    """

    number: int
    content: dict[str, Any]
    n_open: dict[str, int] = field(default_factory=dict)
    set_aside: list[Object] = field(default_factory=list)


@dataclass(slots=True)
class Part:
    """What the records of a span say. ``before`` is the seal before the first of them, ``head`` that of the last.

    ``boots`` are the boots, each with its first and its last time. ``begun`` are the objects that began here. ``continued`` are
    those that had begun before, with the version and the move of their first record here. ``open`` are those that are open at the
    end, each with its version, its state and the digest of its document. ``held`` are the grants that are issued here, and
    ``steps`` the uses of others that are taken or given back here. ``begins`` has the links of the commit in which the part
    begins. ``ends`` has what the commit in which it ends has caused, and is None if that is the same. ``ended`` is the sum of
    those that ended (``lives.sum_of``). ``n_open`` says by how many the open objects of each owner have become more or fewer.
    ``names`` is as in ``Indexed``. ``stated`` has the number of each record with a receipt, and the digest of its statement.
    """

    before: Seal
    head: Seal
    boots: list[tuple[str, float, float]] = field(default_factory=list)
    begun: set[Object] = field(default_factory=set)
    continued: dict[Object, tuple[int, Move]] = field(default_factory=dict)
    open: dict[Object, tuple[int, str, str]] = field(default_factory=dict)
    held: dict[str, Held] = field(default_factory=dict)
    steps: dict[str, list[Step]] = field(default_factory=dict)
    begins: list[tuple[str, Link]] = field(default_factory=list)
    ends: tuple[str, list[tuple[str, ...]]] | None = None
    ended: bytes = bytes(SUM)
    n_open: dict[str, int] = field(default_factory=dict)
    marks: list[Mark] = field(default_factory=list)
    missing: dict[str, Missing] = field(default_factory=dict)
    heads: list[Head] = field(default_factory=list)
    names: bytes = bytes(SUM)
    stated: list[tuple[int, bytes]] = field(default_factory=list)


class Reader:
    """Reads parts of the record in ``store``. ``key`` is that of the sums."""

    def __init__(self, store: Stored, key: bytes) -> None:
        self._store = store
        self._key = key
        self._commitments = Commitments(store.committed)
        self._policies = Policies(store.policy_document)
        self._standing = StandingLists(store.standing)
        self._receipts = Receipts(store, read_content)

    def read(self, span: Span) -> Part:
        """Read the records of ``span``, and what is stored of them. Raises Doubt or StoreError."""
        try:
            part = self._read(span)
            for checkpoint in self._store.checkpoints(span.after):
                if checkpoint.number > span.signed:
                    break
                part.heads.append(checked(checkpoint))
            return part
        except (*ODD, BadSignature, BadReceipt, Illegal):
            raise Doubt from None

    def _read(self, span: Span) -> Part:
        number, digest = span.after, GENESIS.digest
        if number:
            _, _, digest = next(self._store.records(number - 1), (0, b"", b""))
        part = Part(Seal(number, digest), Seal(number, digest))
        following, indexed, sha256 = _Following(part, self._key), self._store.indexed(number), hashlib.sha256
        missing = self._commitments.missing
        for found, body, seal in self._store.records(number) if span.last > number else ():
            number += 1
            digest = linked(number, digest, sha256(body).digest())
            content = read_content(body)
            if found != number or seal != digest or content is None or not indexed.fits(number, content):
                raise Doubt
            if MARK in body and sealed_instead(content):
                raise Doubt
            held = None
            if (event := content["event"]) == ISSUED:
                fault, held = stored_grant(content, self._store.document)
                if fault:
                    raise Doubt
            following.take(number, content, held)
            if (stated := stated_in(content, body)) is not None:
                part.stated.append((number, stated))
                self._receipts.check(number, content)
            for owner, one in missing(number, object_of(content), body):
                known = part.missing.setdefault(owner, one)
                known.last, known.at = number, min(known.at, one.at)
            self._policies.take(number, content.get("policy"))
            if event == STANDING_RECORDED:
                self._standing.take(number, content)
            if number == span.last:
                break
        self._policies.end(doubt)
        self._standing.end(doubt)
        following.end()
        part.head, part.names = Seal(number, digest), indexed.names.to_bytes(SUM, "big")
        return part


MARK = b"\\u2039"  # begins each word of INSTEAD in the bytes of a record
_decode = msgspec.json.Decoder(dict[str, Any]).decode
_encode = msgspec.json.Encoder(order="deterministic").encode  # nearly always as `canonical`, in a third of the time


def read_content(body: bytes) -> dict[str, Any] | None:
    """Return the content of the record ``body``, or None if it is not in canonical form."""
    try:
        content = _decode(body)
        if (_encode(content) == body and body.isascii()) or canonical(content) == body:
            return content
    except (ValueError, RecursionError):
        pass
    return None


def object_of(content: dict[str, Any]) -> str:
    """Return the id of the object that a record tells of, or the owner of a note's values."""
    return str(content.get("id", content.get("owner", "")))


class _Following:
    """Follows the clock and the objects of a part from record to record, as ``lives.Lives`` follows those of a whole record."""

    def __init__(self, part: Part, key: bytes) -> None:
        self._part = part
        self._key = key
        self._over: set[Object] = set()  # the objects that have ended here, or were set aside
        self._ended = 0
        self._boot_id: str | None = None
        self._boot = 0.0
        self._first_at: str | None = None
        self._is_first = True
        self._together = Together()

    def end(self) -> None:
        self._part.ends = None if self._is_first else self._together.caused()
        self._part.ended = (self._ended % MODULUS).to_bytes(SUM, "big")

    def take(self, number: int, content: dict[str, Any], held: Held | None) -> None:
        """``held`` is the grant that the record issues."""
        if self._is_first:
            self._first_at = self._first_at or content["at"]
            self._is_first = self._first_at == content["at"]
        self._tick(str(content["boot_id"]), float(content["boot"]))
        if seconds_of(content["at"]) is None:
            raise Doubt
        event, marks = str(content.get("event")), self._part.marks
        if event == SET_ASIDE:
            marks.append(Mark(number, content, set_aside=list(self._set_aside(content))))
        elif "id" in content:
            self._follow(event.partition(".")[0], event, content, held)
        elif event.partition(".")[0] in OPEN:
            raise Doubt
        elif event == FORGOTTEN:
            n_open = self._part.n_open
            marks.append(Mark(number, content, {owner: n_open.get(owner, 0) for owner in detail_of(content)["owners"]}))
        elif event.startswith("key."):
            marks.append(Mark(number, content))

    def _tick(self, boot_id: str, boot: float) -> None:
        boots = self._part.boots
        if boot_id != self._boot_id:
            self._boot_id, first = boot_id, boot
            boots.append((boot_id, boot, boot))
        elif not boot >= self._boot:
            raise Doubt
        else:
            first = boots[-1][1]
        boots[-1] = (boot_id, first, boot)
        self._boot = boot

    def _follow(self, life: str, event: str, content: dict[str, Any], held: Held | None) -> None:
        id, version, document, state = content["id"], content["version"], content["document"], content["state"]
        if type(id) is not str or type(version) is not int or type(document) is not str:
            raise Doubt
        if len(document) != 64:  # otherwise a document and an id might say as much as others (``sum_of``)
            raise Doubt
        part, one, is_open, role = self._part, (life, id), state in OPEN[life], content["role"]
        before = part.open.get(one)
        if before is not None:
            if version != before[0] + 1 or (before[1], event, state, role) not in LEGAL:
                raise Doubt
        elif not is_id(life, id):
            raise Doubt
        elif version == 1:
            if (NOTHING, event, state, role) not in LEGAL:
                raise Doubt
            part.begun.add(one)
        elif one in self._over:
            raise Doubt
        else:
            part.continued[one] = version, (event, state, role)
        if life == "grant":
            self._use(id, content, held)
        if (event in LINKED or state == APPROVED) and (link := link_of(content)) is not None:
            self._link(link, content["at"])
        if is_open:
            part.open[one] = version, state, document
            if before is None and version == 1:
                self._count(id, 1)
            return
        part.open.pop(one, None)
        self._over.add(one)
        self._ended += sum_of(self._key, life, id, document)
        if before is not None or version != 1:
            self._count(id, -1)

    def _use(self, id: str, content: dict[str, Any], issued: Held | None) -> None:
        part = self._part
        if issued is not None:
            part.held[id] = issued
        elif (step := step_of(content)) is None:
            return
        elif (held := part.held.get(id)) is not None:
            held.take(step)
        else:
            part.steps.setdefault(id, []).append(step)

    def _link(self, link: Link, at: str) -> None:
        """What belongs to the commit in which the part begins is left to ``Joined``."""
        if self._is_first:
            self._part.begins.append((at, link))
        elif self._together.take(at, link):
            raise Doubt

    def _count(self, id: str, by: int) -> None:
        owner, n_open = id.partition(".")[0], self._part.n_open
        n_open[owner] = n_open.get(owner, 0) + by

    def _set_aside(self, content: dict[str, Any]) -> Iterator[Object]:
        """End the objects that are known in this part, and yield the others."""
        for life, id in detail_of(content).items():
            if life not in OPEN:
                continue
            if life not in MAY_BE_SET_ASIDE or type(id) is not str or (one := (life, id)) in self._over:
                raise Doubt
            self._over.add(one)
            if (known := self._part.open.pop(one, None)) is None:
                yield one
            else:
                self._ended += sum_of(self._key, life, id, known[2])
                self._count(id, -1)


class Joined:
    """Joins the parts of a record, in their order, whose ``heads``, ``keys`` and ``said`` these are."""

    def __init__(self, heads: Heads, keys: Keys, said: Said, key: bytes) -> None:
        self._heads = heads
        self._keys = keys
        self._said = said
        self._key = key
        self._once = Once()
        self._boots: set[str] = set()
        self._boot: tuple[str, float] = ("", 0.0)
        self._open: dict[Object, tuple[int, str, str]] = {}
        self._held: dict[str, Held] = {}  # the open grants
        self._together = Together()
        self._ended = 0
        self._n_open: dict[str, int] = {}
        self.head = GENESIS
        self.names = 0
        self.set_aside: set[Object] = set()

    @property
    def objects(self) -> int:
        """The sum of all objects, as their last records left them."""
        still = sum(sum_of(self._key, *one, document) for one, (_, _, document) in self._open.items())
        return (self._ended + still) % MODULUS

    def add(self, part: Part) -> None:
        """Add the part that follows. Raises Doubt."""
        if part.before != self.head:
            raise Doubt
        self.head = part.head
        for boot in part.boots:
            self._tick(*boot)
        for mark in part.marks:
            self._mark(mark)
        if not part.begun.isdisjoint(self._open):
            raise Doubt
        for one, (version, move) in part.continued.items():
            before = self._open.pop(one, None)
            if before is None or version != before[0] + 1 or (before[1], *move) not in LEGAL:
                raise Doubt
        self._open |= part.open
        try:
            self._use(part)
        except Illegal:
            raise Doubt from None
        if any(self._together.take(*one) for one in part.begins):
            raise Doubt
        if part.ends is not None:
            self._together = Together(*part.ends)
        if len(self._open) > MOST_OPEN:
            raise Doubt
        self._ended += int.from_bytes(part.ended, "big")
        for owner, by in part.n_open.items():
            self._count(owner, by)
        for owner, missing in part.missing.items():
            self._said.miss(owner, missing)
        for head in part.heads:
            self._heads.add(head)
        for number, stated in part.stated:
            try:
                self._once.take(number, stated)
            except BadReceipt:
                raise Doubt from None
        self.names = (self.names + int.from_bytes(part.names, "big")) % MODULUS

    def _use(self, part: Part) -> None:
        """Raises Illegal."""
        self._held |= part.held
        for id, steps in part.steps.items():
            for step in steps:
                self._held[id].take(step)
        for id in [id for id in self._held if ("grant", id) not in self._open]:
            held = self._held.pop(id)
            if ("grant", id) not in self.set_aside:
                held.end()

    def end(self) -> None:
        """Compare what is stored of the open grants. Raises Doubt."""
        try:
            for held in self._held.values():
                held.end()
        except Illegal:
            raise Doubt from None

    def _tick(self, boot_id: str, first: float, last: float) -> None:
        """Take note of a boot, or of more of the same boot."""
        before, until = self._boot
        if not math.isfinite(first + last):  # nan and inf last until the end of their boot
            raise Doubt
        if boot_id == before and self._boots:
            if not first >= until:
                raise Doubt
        elif boot_id in self._boots:
            raise Doubt
        self._boots.add(boot_id)
        self._boot = boot_id, last

    def _mark(self, mark: Mark) -> None:
        for life, id in mark.set_aside:
            if (before := self._open.pop((life, id), None)) is None:
                raise Doubt
            self._ended += sum_of(self._key, life, id, before[2])
            self._count(id.partition(".")[0], -1)
        content = mark.content
        if "id" in content:
            return
        if content["event"] == SET_ASIDE:
            self.set_aside.update((life, id) for life, id in detail_of(content).items() if isinstance(id, str))
        elif content["event"] == FORGOTTEN:
            n_open = {owner: n for owner, by in mark.n_open.items() if (n := self._n_open.get(owner, 0) + by)}
            self._said.forget(mark.number, content, n_open)
        else:
            self._keys.take(mark.number, content, doubt)

    def _count(self, owner: str, by: int) -> None:
        if n := self._n_open.get(owner, 0) + by:
            self._n_open[owner] = n
        else:
            self._n_open.pop(owner, None)
