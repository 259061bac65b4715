# SPDX-License-Identifier: Apache-2.0
"""What a witness concludes from what it is fed about a host: which checkpoint it may countersign, and whether the host has signed
two records that cannot both be true.

Law: pure. What is read comes from a host that somebody may have taken over. Only what the host's key has signed says something
about the host: digests without a signed checkpoint that they lead to accuse nobody, because anybody can make them. Memory is
bounded, whatever is fed.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field

from jitd.audit.forms import Checkpoint, Digest, Record
from jitd.audit.keys import change_in, may_rotate
from jitd.audit.sshsig import BadSignature, check_signature, fingerprint, signer
from jitd.core.chain import GENESIS, Seal, seal_over

REMEMBERED = 4096  # records between a checkpoint and the one that it is about: a sink writes it once it is signed
MOST_APART = 1 << 20  # digests that are kept as a proof
MOST_CHANGES = 64  # records about a new key that are kept as a proof


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint whose signature is right. ``key`` is the public key (32 bytes) that has signed it."""

    checkpoint: Checkpoint
    key: bytes


@dataclass(frozen=True, slots=True)
class Fork:
    """The proof that a host has signed two records: no chain has both ``first`` and ``second``.

    If both have the same number, they contradict each other by themselves. Otherwise ``second`` is later, and ``digests`` are
    those of the records from ``first`` to ``second`` (32 bytes each). They lead to ``second`` from the seal ``apart`` alone,
    which is another one than the seal of ``first``. ``changes`` are records about new keys among them.
    """

    first: Signed
    second: Signed
    apart: bytes = b""
    digests: bytes = b""
    changes: tuple[Record, ...] = ()


@dataclass(frozen=True, slots=True)
class _Step:
    """A place in the chain: its seal, the digest of its record, and the key that signs checkpoints from here on."""

    seal: Seal
    digest: bytes
    key: bytes


@dataclass(slots=True)
class _Apart:
    """The walk has come to the number of ``known`` by another seal."""

    known: Signed
    seal: bytes
    digests: bytearray = field(default_factory=bytearray)
    changes: list[Record] = field(default_factory=list)


class Walk:
    """Follows the chain of one host through one feed. ``keys`` are the keys that have signed for this host so far, in order. The
    first is the one that the witness's administrator has named. ``head`` is the newest checkpoint that was countersigned, and
    ``kept(number)`` returns an older one, or None. ``earlier`` is the newest one under a key that the administrator had named
    before, and ``earlier_keys`` are the keys of that time. What they have signed is passed over.

    ``accepted`` is the newest checkpoint to which the digests lead from the head. ``newest`` is the highest number of a
    checkpoint of the host that the feed had. ``goes_on`` is true if the digests have led to ``earlier``. ``fault`` is the end of
    a sentence about the first thing that was wrong, or empty.
    """

    def __init__(
        self,
        keys: Sequence[bytes],
        head: Signed | None,
        kept: Callable[[int], Signed | None],
        earlier: Signed | None = None,
        earlier_keys: Collection[bytes] = (),
    ) -> None:
        self.head = head
        self.earlier = earlier
        self.goes_on = False
        self.accepted: Signed | None = None
        self.newest = 0
        self.fault = ""
        self.fork: Fork | None = None
        self._keys = list(keys)
        self._made_by: dict[bytes, int] = {}
        self._earlier_keys = frozenset(earlier_keys) - frozenset(keys)
        self._kept = kept
        start = GENESIS if head is None else _seal_of(head)
        self._at = _Step(start, b"", keys[0] if head is None else head.key)
        self._steps: deque[_Step] = deque((self._at,), REMEMBERED)
        self._apart: _Apart | None = None

    def take(self, line: Digest | Record | Checkpoint) -> None:
        """Take the next line about this host."""
        if self.fork is not None:
            return
        if isinstance(line, Checkpoint):
            self._judge(line)
        else:
            self._go_on(line)

    @property
    def n_unsigned(self) -> int:
        """The number of records at the end of the feed for which there is no checkpoint."""
        return max(0, self._at.seal.number - self._last)

    # --- digests ---------------------------------------------------------------------------------------------------------

    def _go_on(self, line: Digest | Record) -> None:
        digest = hashlib.sha256(line.sealed).digest() if isinstance(line, Record) and line.sealed else line.digest
        if line.number != self._at.seal.number + 1 and not self._returns(line.number, digest):
            return
        key = self._at.key
        if isinstance(line, Record) and (new := _new_key(line, key)) is not None:
            self._made_by.setdefault(new, self._age(key))
            key = new
        seal = seal_over(self._at.seal, digest)
        known = self._known(line.number) if self._apart is None else None
        if known is not None and known.checkpoint.seal == seal.digest:
            key = known.key  # a feed may have left out the record about this key
        self._at = _Step(seal, digest, key)
        self._steps.append(self._at)
        if self.earlier is not None and seal == _seal_of(self.earlier):
            self.goes_on = True
        if self._apart is not None:
            self._keep_apart(self._apart, digest, line if key != self._steps[-2].key else None)
        elif known is not None and known.checkpoint.seal != seal.digest:
            self._apart = _Apart(known, seal.digest)

    def _returns(self, number: int, digest: bytes) -> bool:
        """Go to the place before record ``number``, which does not come next. Return False if the record has nothing new, or if
        the place is not known. A sink that was interrupted repeats records, and a feed may begin before the head.
        """
        if (step := self._step(number)) is not None and step.digest == digest:
            return False
        before = self._place(number - 1)
        if before is None:
            if number > self._at.seal.number:
                missing = self._at.seal.number + 1
                self._complain(f"record {missing} is missing before record {number}")
            return False
        self._at = before
        self._steps = deque((before,), REMEMBERED)
        self._apart = None
        return True

    def _place(self, number: int) -> _Step | None:
        if (step := self._step(number)) is not None:
            return step
        if number == 0:
            return _Step(GENESIS, b"", self._keys[0])
        known = self._known(number)
        return None if known is None else _Step(_seal_of(known), b"", known.key)

    def _step(self, number: int) -> _Step | None:
        index = number - self._steps[0].seal.number
        return self._steps[index] if 0 <= index < len(self._steps) else None

    def _keep_apart(self, apart: _Apart, digest: bytes, change: Digest | Record | None) -> None:
        apart.digests += digest
        if isinstance(change, Record):
            apart.changes.append(change)
        if len(apart.digests) > 32 * MOST_APART or len(apart.changes) > MOST_CHANGES:
            self._complain(f"its records differ from those of checkpoint {apart.known.checkpoint.number}, and are too many")
            self._apart = None

    # --- checkpoints -----------------------------------------------------------------------------------------------------

    def _judge(self, checkpoint: Checkpoint) -> None:
        number = checkpoint.number
        known, step = self._known(number), self._step(number)
        key = self._signer(checkpoint, step)
        if key is None:
            return
        self.newest = max(self.newest, number)
        found = Signed(checkpoint, key)
        if known is not None:
            if known.checkpoint.seal != checkpoint.seal:
                self._convict(Fork(known, found))
        elif step is None:
            if number > self._at.seal.number:
                self._complain(f"the digests of the records up to checkpoint {number} are missing")
        elif step.seal.digest != checkpoint.seal:
            self._complain(f"the digests do not lead to checkpoint {number}")
        elif (apart := self._apart) is not None and number > apart.known.checkpoint.number:
            n = 32 * (number - apart.known.checkpoint.number)
            self._convict(Fork(apart.known, found, apart.seal, bytes(apart.digests[:n]), tuple(apart.changes)))
        elif number > self._last:
            if key == step.key:
                self.accepted = found
                self._keys += [key] if key not in self._keys else []
            else:
                self._complain(f"checkpoint {number} is signed by a key of the host that was replaced")

    def _signer(self, checkpoint: Checkpoint, step: _Step | None) -> bytes | None:
        """Return the key that has signed ``checkpoint``, if it is a key of this host."""
        try:
            key = signer(checkpoint.signature)
            if key not in self._keys and (step is None or key != step.key):
                if key not in self._earlier_keys:
                    self._complain(f"checkpoint {checkpoint.number} is signed by another key, {fingerprint(key)}")
                return None
            check_signature(key, Checkpoint.NAMESPACE, checkpoint.signed.encode("ascii"), checkpoint.signature)
        except BadSignature as fault:
            self._complain(f"checkpoint {checkpoint.number}: the signature {fault}")
            return None
        return key

    def _convict(self, fork: Fork) -> None:
        """Who has got a replaced key can sign with it for ever: that proves nothing against what a newer key has signed."""
        if self._age(fork.second.key) < self._age(fork.first.key):
            self._complain(f"checkpoint {fork.second.checkpoint.number} is signed by a key of the host that was replaced")
        else:
            self.fork = fork

    def _age(self, key: bytes) -> int:
        """Return how many keys of the host came before ``key``. A key of another past is as old as the key that has signed it."""
        return self._keys.index(key) if key in self._keys else self._made_by.get(key, -1)

    def _known(self, number: int) -> Signed | None:
        for one in (self.accepted, self.head):
            if one is not None and one.checkpoint.number == number:
                return one
        return self._kept(number) if number < self._last else None

    @property
    def _last(self) -> int:
        last = self.accepted or self.head
        return 0 if last is None else last.checkpoint.number

    def _complain(self, sentence: str) -> None:
        self.fault = self.fault or sentence


def _seal_of(signed: Signed) -> Seal:
    return Seal(signed.checkpoint.number, signed.checkpoint.seal)


def _new_key(record: Record, key: bytes) -> bytes | None:
    """Return the key that signs from ``record`` on, if this record says so, and both ``key`` and the new one have signed that."""
    if not may_rotate(record.sealed):
        return None
    try:
        content = json.loads(record.sealed)
        change = change_in(record.number, content)
    except (ValueError, AttributeError, RecursionError):
        return None
    is_of_host = change is not None and content["detail"]["host"] == record.host
    return change.public if change is not None and change.is_proved and is_of_host and change.before == key else None
