# SPDX-License-Identifier: Apache-2.0
"""Receipts: what an approver is told so that they can sign it, and whether what they have signed is what is to happen now.

Law: a receipt is taken for the review that it comes with, and for no other one. Each field of its statement is compared with what
jitd itself would state at this moment. A statement counts once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC

from jitd.audit import receipt
from jitd.audit.receipt import Sealed, Statement, Terms
from jitd.audit.receipted import has_expired, is_timely
from jitd.audit.sshsig import BadSignature
from jitd.audit.telling import content_of, tell
from jitd.audit.times import recorded_time, signed_time
from jitd.core.chain import GENESIS, event_of
from jitd.core.command import read_id
from jitd.core.decision import Deny, Obligations, narrow
from jitd.core.effects import Moment
from jitd.core.law import name_of_kind
from jitd.core.lock import Lock, Placed
from jitd.core.receipt import Receipt
from jitd.core.request import Request, Verdict, how_often, lasts, timeout_of
from jitd.core.rights import Act
from jitd.core.sought import SUBMITTED, requests_in
from jitd.core.subject import Identity
from jitd.deciding.decider import Decider
from jitd.deciding.ground import Ground
from jitd.deciding.signers import Signers
from jitd.store import Store
from jitd.verbs.access import Access
from jitd.verbs.limits import Pace
from jitd.verbs.records import pieces
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row
from jitpam.wire.shown import reshown, shown

_NO_RANDOM = bytes(receipt.N_RANDOM)  # in the statement that jitd tells, in the place that the signer fills
PLACED = name_of_kind(Placed)
ACTS = dict(zip(receipt.VERDICTS, (Act.APPROVE, Act.DENY, Act.GIVE), strict=True))
"""Maps each verdict that can be signed to what its author does."""


class Receipts:
    """Tells what can be signed, and checks what was signed."""

    def __init__(self, ground: Ground, access: Access, decider: Decider, signers: Signers) -> None:
        self._host = ground.config.host
        self._store = ground.store
        self._opened = ground.opened
        self._workers = ground.workers
        self._policy_digest = ground.policy_digest
        self._now: Callable[[], Moment] = ground.now
        self._access = access
        self._decider = decider
        self._signers = signers
        self._pace = Pace()

    def could(self, who: Identity) -> Identity:
        """Return ``who`` as if they had signed (``Signers.could``)."""
        return self._signers.could(who)

    # --- before somebody signs -----------------------------------------------------------------------------------------

    async def basis(self, who: Identity, typed: str, verdict: str) -> AsyncGenerator[Row, None]:
        """Yield what ``who`` would sign with ``verdict`` about the request ``typed``: the statement, without what the signer
        adds, and the record of the submission, with the seal before it. Of an unlock, ``typed`` is the id of the lock, and
        the record that of its placing. Raises Refusal.
        """
        if not self._pace.may(who.person, self._now().boot):
            raise Refusal("not_done", "too many questions about what to sign: wait a minute")
        if verdict == receipt.UNLOCK:
            async for row in self._basis_of_unlock(who, typed):
                yield row
            return
        act = ACTS.get(verdict)
        if act is None:
            raise Refusal("usage", f"the verdicts that can be signed are {', '.join(ACTS)} and {receipt.UNLOCK}")
        found = self._access.request(act, self._signers.could(who), typed)
        obligations = await self._obligations(found, verdict)
        records = await self._workers.kept.run(who.party, self._records, found.id, SUBMITTED, found)
        said = self._stated(who, found, verdict, obligations, records.begun)._replace(newest=records.newest)
        for row in records.rows(said):
            yield row

    async def _basis_of_unlock(self, who: Identity, typed: str) -> AsyncGenerator[Row, None]:
        self._access.refuse(Act.UNLOCK, self._signers.could(who))
        found = self._store.lock(read_id(typed) or "")
        if found is None:
            raise Refusal("unknown", f"there is no lock {shown(typed)}")
        records = await self._workers.kept.run(who.party, self._records, found.id, PLACED, None)
        said = self._unlocking(who, found, records.begun)._replace(newest=records.newest)
        keys = [key.fingerprint for key in self._signers.keys_of(who.principal)]
        first, *rest = records.rows(said)
        yield {**first, "keys": keys}
        for row in rest:
            yield row

    async def _obligations(self, found: Request, verdict: str) -> Obligations | None:
        """Return what an approval of ``found`` would leave in force now. Raises Refusal if it would deny the request."""
        if verdict != Verdict.APPROVE or found.obligations is None:
            return found.obligations
        decision = (await self._decider.decide_again(found)).decision
        if isinstance(decision, Deny):
            raise Refusal("not_done", f"request {found.id} cannot be approved now: {reshown(decision.because)}")
        return narrow(found.obligations, decision.obligations)

    def _records(self, id: str, event: str, about: Request | None) -> _Records:
        """Return the records that a statement about ``id`` names: that of ``event``, which began it, and the newest one. Raises
        Refusal if the chain does not have them.
        """
        with closing(self._opened()) as store:
            first, last = store.about(id) or (0, 0)
            begun, newest, record = _sealed(store, id, first), _sealed(store, id, last), store.record(first)
            if begun is None or newest is None or record is None or not _begins(record[0], id, event):
                raise Refusal("failed", f"the record does not say how {id} began: nobody can sign anything about it")
            before = store.record(first - 1)
            told = tell(self._host, first, record[0], begun.seal, about, store.values(id))
            return _Records(begun, GENESIS.digest if before is None else before[1], newest, told.line())

    # --- what is signed ------------------------------------------------------------------------------------------------

    def unlocks(self, who: Identity, found: Lock, text: str, signature: str) -> Receipt:
        """Return the receipt with the statement ``text``, if ``who`` has signed with a key that counts that they lift ``found``
        as it is, under the policy of now. Raises Refusal.
        """
        try:
            said = receipt.read_unlock(text)
        except ValueError as fault:
            raise Refusal("usage", f"the receipt {fault}") from None
        is_about = self._is_begin(found.id, PLACED, said.placed) and self._is_of(found.id, said.newest)
        if not is_about or said.newest.number < said.placed.number:
            raise Refusal("not_done", f"the receipt is not about the placing of lock {found.id}: nothing was done")
        if said.matter != self._unlocking(who, found, said.placed).matter:
            raise Refusal("not_done", f"lock {found.id} is not what you have signed any more: jitd locks, and sign it again")
        self._is_timely(said)
        try:
            return self._signers.proved(who, text, signature, signed_time(said.at))
        except BadSignature as fault:
            raise Refusal("forbidden", f"the signature {fault}: lock {found.id} stays as it is") from None

    def _unlocking(self, who: Identity, found: Lock, placed: Sealed) -> receipt.Unlock:
        policy = bytes.fromhex(self._policy_digest())
        at = self._now().at.strftime(receipt.TIME_FORMAT)
        return receipt.Unlock(
            self._host, found.id, str(found.whom), found.name, who.principal, policy, at, _NO_RANDOM, placed, placed
        )

    def proved(self, who: Identity, found: Request, text: str, signature: str) -> Receipt:
        """Return the receipt with the statement ``text``, if ``who`` has signed it with a key that counts, and if it was not used
        before. Whether it states what is to happen, ``must_state`` says. Raises Refusal.
        """
        try:
            said = receipt.read(text)
        except ValueError as fault:
            raise Refusal("usage", f"the receipt {fault}") from None
        if not self._is_begin(found.id, SUBMITTED, said.submitted):
            raise Refusal("not_done", f"the receipt is not about the submission of request {found.id}: nothing was done")
        if said.newest.number < said.submitted.number or not self._is_of(found.id, said.newest):
            raise Refusal("not_done", f"the receipt names a record that is not about request {found.id}: nothing was done")
        if any(review.receipt is not None and review.receipt.statement == text for review in found.reviews):
            raise Refusal("not_done", f"this receipt was used for request {found.id} already: sign it again")
        try:
            made = self._signers.proved(who, text, signature, signed_time(said.at))
        except BadSignature as fault:
            raise Refusal("forbidden", f"the signature {fault}: request {found.id} stays as it is") from None
        for review in found.reviews:
            if review.receipt is not None and review.receipt.key == made.key and review.by.person != who.person:
                raise Refusal("forbidden", f"the key {made.key} has signed the review of another person: use one of your own")
        return made

    def must_state(self, given: Receipt, who: Identity, found: Request, verdict: str, obligations: Obligations | None) -> None:
        """Raise Refusal unless ``given`` states that ``who`` gives ``verdict`` on ``found`` as it is now, with ``obligations``,
        which the review leaves in force, and under the policy of now, and if its key still counts: somebody has decided since
        ``proved``, and the file of keys may have changed meanwhile.
        """
        if self._signers.judged(who, given).authentication != who.signing(given.proves).authentication:
            raise Refusal("forbidden", f"the key {given.key} does not count any more: request {found.id} stays as it is")
        said = receipt.read(given.statement)
        if said.matter != self._stated(who, found, verdict, obligations, said.submitted).matter:
            raise Refusal("not_done", f"request {found.id} is not what you have signed any more: look at it again")
        if verdict == Verdict.APPROVE and has_expired(said, self._now().at):
            raise Refusal("late", f"request {found.id} expired at {said.expires}, by the clock of this host: ask for it again")
        self._is_timely(said)

    def _is_timely(self, said: Statement | receipt.Unlock) -> None:
        """Raise Refusal unless ``said`` has the time of now, as a verification of the record will want it."""
        newest, now = self._store.record(said.newest.number), self._now().at
        try:
            if newest is not None and is_timely(said.at, recorded_time(content_of(newest[0]).get("at")), now):
                return
        except ValueError as fault:
            raise Refusal("failed", f"record {said.newest.number} {fault}: nobody can sign anything about {said.id}") from None
        ours = f"which is {now.strftime(receipt.TIME_FORMAT)} now"
        raise Refusal("not_done", f"{said.at}, which you have signed, is not the time of this host, {ours}: sign it again")

    def _is_of(self, id: str, sealed: Sealed) -> bool:
        return _sealed(self._store, id, sealed.number) == sealed

    def _is_begin(self, id: str, event: str, sealed: Sealed) -> bool:
        record = self._store.record(sealed.number)
        return record is not None and self._is_of(id, sealed) and _begins(record[0], id, event)

    def _stated(
        self, who: Identity, found: Request, verdict: str, obligations: Obligations | None, submitted: Sealed
    ) -> Statement:
        """Return what jitd states at this moment. Raises Refusal if ``found`` has no terms."""
        if obligations is None or found.expires_at is None:
            raise Refusal("not_done", f"nothing about request {found.id} can be signed yet: it is screened")
        starts_at = found.terms.starts_at
        return Statement(
            verdict,
            self._host,
            found.id,
            found.requester.principal,
            who.principal,
            found.rule,
            bytes.fromhex(self._policy_digest()),
            found.expires_at.astimezone(UTC).strftime(receipt.TIME_FORMAT),
            Terms(
                lasts(found, obligations),
                how_often(found, obligations),
                timeout_of(found, obligations),
                "" if starts_at is None else starts_at.astimezone(UTC).strftime(receipt.TIME_FORMAT),
            ),
            self._now().at.strftime(receipt.TIME_FORMAT),
            _NO_RANDOM,
            submitted,
            submitted,
        )


def _written(said: Statement | receipt.Unlock) -> str:
    try:
        return said.text()
    except ValueError:
        raise Refusal("failed", f"{said.id} has a name that no receipt can have: nobody can sign anything about it") from None


@dataclass(frozen=True, slots=True)
class _Records:
    """What ``Receipts._records`` returns. ``before`` is the digest of the seal before the record ``begun``, which is ``line``."""

    begun: Sealed
    before: bytes
    newest: Sealed
    line: str

    def rows(self, said: Statement | receipt.Unlock) -> list[Row]:
        return [{"statement": _written(said), "before": self.before.hex()}, *pieces(self.line)]


def _sealed(store: Store, id: str, number: int) -> Sealed | None:
    """Return the record ``number``, or None if it is not about the request ``id``, its grant or its runs, or the lock ``id``."""
    record = store.record(number)
    if record is None:
        return None
    about = {one.partition(".")[0] for one in requests_in(content_of(record[0]))}
    return Sealed(number, record[1]) if id in about else None


def _begins(body: bytes, id: str, event: str) -> bool:
    content = content_of(body)
    return event_of(content) == event and content.get("id") == id
