# SPDX-License-Identifier: Apache-2.0
"""Receipts: what an approver is told so that they can sign it, and whether what they have signed is what is to happen now.

Law: a receipt is taken for the review that it comes with, and for no other one. Each field of its statement is compared with what
jitd itself would state at this moment. A statement counts once.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import closing
from datetime import UTC

from jitd.audit import receipt
from jitd.audit.receipt import Sealed, Statement, Terms
from jitd.audit.sshsig import BadSignature
from jitd.audit.telling import content_of, tell
from jitd.core.chain import GENESIS, event_of
from jitd.core.decision import Deny, Obligations, narrow
from jitd.core.effects import Moment
from jitd.core.receipt import Receipt
from jitd.core.request import Request, Verdict, how_often, lasts
from jitd.core.rights import Act
from jitd.core.sought import SUBMITTED, Sought, requests_in
from jitd.core.subject import Identity
from jitd.deciding.decider import Decider
from jitd.deciding.ground import Ground
from jitd.deciding.signers import Signers
from jitd.store import Store
from jitd.verbs.access import Access
from jitd.verbs.records import pieces
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row
from jitpam.wire.shown import reshown

_NO_CLOCK, _NO_RANDOM = "1970-01-01T00:00:00Z", bytes(receipt.N_RANDOM)
"""What stands in the statement that jitd tells, in the places that the signer fills."""
ACTS = {receipt.VERDICTS[0]: Act.APPROVE, receipt.VERDICTS[1]: Act.GIVE}
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

    def could(self, who: Identity) -> Identity:
        """Return ``who`` as if they had signed (``Signers.could``)."""
        return self._signers.could(who)

    # --- before somebody signs -----------------------------------------------------------------------------------------

    async def basis(self, who: Identity, typed: str, verdict: str) -> AsyncGenerator[Row, None]:
        """Yield what ``who`` would sign with ``verdict`` about the request ``typed``: the statement, without what the signer
        adds, and the record of the submission, with the seal before it. Raises Refusal.
        """
        act = ACTS.get(verdict)
        if act is None:
            raise Refusal("usage", f"the verdicts that can be signed are {' and '.join(ACTS)}")
        found = self._access.request(act, self._signers.could(who), typed)
        obligations = await self._obligations(found, verdict)
        submitted, before, newest, line = await self._workers.kept.run(who.party, self._records, found)
        said = self._stated(who, found, verdict, obligations, submitted)._replace(newest=newest)
        yield {"statement": _written(said), "before": before.hex()}
        for row in pieces(line):
            yield row

    async def _obligations(self, found: Request, verdict: str) -> Obligations | None:
        """Return what an approval of ``found`` would leave in force now. Raises Refusal if it would deny the request."""
        if verdict != Verdict.APPROVE or found.obligations is None:
            return found.obligations
        decision = (await self._decider.decide_again(found)).decision
        if isinstance(decision, Deny):
            raise Refusal("not_done", f"request {found.id} cannot be approved now: {reshown(decision.because)}")
        return narrow(found.obligations, decision.obligations)

    def _records(self, found: Request) -> tuple[Sealed, bytes, Sealed, str]:
        """Return the record of the submission, the digest of the seal before it, the newest record about ``found``, and the
        first one as a line. Raises Refusal if the chain does not have them.
        """
        with closing(self._opened()) as store:
            after, head, numbers = 0, store.head().number, list[int]()
            while after < head:
                some, after = store.find(after, Sought(id=found.id))
                numbers += some
            sealed = [Sealed(number, seal) for number in sorted(numbers) if (seal := self._seal(store, found, number))]
            submitted = next((one for one in sealed if self._is_submission(store, found, one.number)), None)
            record = None if submitted is None else store.record(submitted.number)
            if submitted is None or record is None:
                raise Refusal("failed", f"the record has no submission of request {found.id}: nobody can sign anything about it")
            before = store.record(submitted.number - 1)
            told = tell(self._host, submitted.number, record[0], submitted.seal, found, store.values(found.id))
            return submitted, GENESIS.digest if before is None else before[1], sealed[-1], told.line()

    @staticmethod
    def _seal(store: Store, found: Request, number: int) -> bytes | None:
        """Return the seal of record ``number``, or None if it is not about ``found``, its grant or its runs."""
        record = store.record(number)
        if record is None:
            return None
        about = {id.partition(".")[0] for id in requests_in(content_of(record[0]))}
        return record[1] if found.id in about else None

    @staticmethod
    def _is_submission(store: Store, found: Request, number: int) -> bool:
        record = store.record(number)
        content = {} if record is None else content_of(record[0])
        return event_of(content) == SUBMITTED and content.get("id") == found.id

    # --- what is signed ------------------------------------------------------------------------------------------------

    def proved(self, who: Identity, found: Request, text: str, signature: str) -> Receipt:
        """Return the receipt with the statement ``text``, if ``who`` has signed it with a key that counts, and if it was not used
        before. Whether it states what is to happen, ``must_state`` says. Raises Refusal.
        """
        try:
            said = receipt.read(text)
        except ValueError as fault:
            raise Refusal("usage", f"the receipt {fault}") from None
        if not self._is_submission(self._store, found, said.submitted.number) or not self._is_of(found, said.submitted):
            raise Refusal("not_done", f"the receipt is not about the submission of request {found.id}: nothing was done")
        if said.newest.number < said.submitted.number or not self._is_of(found, said.newest):
            raise Refusal("not_done", f"the receipt names a record that is not about request {found.id}: nothing was done")
        if any(review.receipt is not None and review.receipt.statement == text for review in found.reviews):
            raise Refusal("not_done", f"this receipt was used for request {found.id} already: sign it again")
        try:
            made = self._signers.proved(who, text, signature)
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

    def _is_of(self, found: Request, sealed: Sealed) -> bool:
        return self._seal(self._store, found, sealed.number) == sealed.seal

    def _stated(
        self, who: Identity, found: Request, verdict: str, obligations: Obligations | None, submitted: Sealed
    ) -> Statement:
        """Return what jitd states at this moment. Raises Refusal if ``found`` has no terms."""
        if obligations is None or found.expires_at is None:
            raise Refusal("not_done", f"nothing about request {found.id} can be signed yet: it is screened")
        limits = [one for one in (obligations.terms.timeout_for, found.terms.timeout_for) if one is not None]
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
                min(limits, default=None),
                "" if starts_at is None else starts_at.astimezone(UTC).strftime(receipt.TIME_FORMAT),
            ),
            _NO_CLOCK,
            _NO_RANDOM,
            submitted,
            submitted,
        )


def _written(said: Statement) -> str:
    try:
        return said.text()
    except ValueError:
        raise Refusal(
            "failed", f"request {said.id} has a name that no receipt can have: nobody can sign anything about it"
        ) from None
