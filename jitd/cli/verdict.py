# SPDX-License-Identifier: Apache-2.0
"""Functions for the review of one request, which ``jitd deny`` and ``jitd approve`` use. They fetch the request, check whether
it can be approved, and send the review.

Law: an approval contains the fingerprint of the row that the person has seen. If the row shows that the daemon would refuse this
person's review, jitd does not ask the person.
"""

from __future__ import annotations

from jitd.cli.call import NotDone, called_as_reviewer, done_by
from jitpam.client import Connection, NotAuthenticated, RefusedByDaemon, Unanswered, Unreachable
from jitpam.wire.messages import Review, Show, SignedReview
from jitpam.wire.rows import Request


def fetched(daemon: Connection, id: str) -> Request:
    """Ask jitd for the row of the request ``id``, and return this row. Raises NotDone and RefusedByDaemon."""
    for row in list(daemon.ask(Show(id=id))):
        return Request.read(row)
    raise NotDone(f"there is no {id}", "unknown")


def fingerprint_of(row: Request) -> bytes:
    """Return the fingerprint in ``row``. A row without a fingerprint is not a request. For such a row, raises NotDone."""
    try:
        if row.tells("fingerprint"):
            return bytes.fromhex(row.fingerprint)
    except ValueError:
        pass
    raise NotDone(f"{row.id} is not a request", "unknown")


def sent(daemon: Connection, row: Request, verdict: str, comment: str) -> str:
    """Send a review of the request in ``row``, with the fingerprint of this row. ``verdict`` is ``approve`` or ``deny``. Return
    a sentence about the result of the review. An approval is signed if a key that counts is at hand. If the answer is lost on the
    way, ask whether it was done, and send nothing twice.

    Raises NotDone, RefusedByDaemon and Unreachable.
    """
    id = row.id
    done = f"request {id} is {'approved' if verdict == 'approve' else 'denied'}"
    message, by = message_of(daemon, row, verdict, comment)
    try:
        with done_by(daemon):
            return (daemon.do(message) or done) + by
    except Unanswered as fault:
        me, lost = daemon.welcome.principal, fault
    try:
        with called_as_reviewer() as again:
            now = fetched(again, id)
    except (NotDone, NotAuthenticated, RefusedByDaemon, Unreachable):
        raise lost from None
    if _n_of(now, me, verdict) > _n_of(row, me, verdict):
        return f"{done}{by}; its answer was lost on the way, and the host was asked again"
    raise NotDone(f"the answer was lost on the way, and your review of request {id} has not arrived: try again", "failed")


def message_of(daemon: Connection, row: Request, verdict: str, comment: str) -> tuple[Review, str]:
    """Return the message with the review, and, if it is signed, the end of a sentence that says by which key."""
    fingerprint = fingerprint_of(row)
    receipt = None
    if verdict != "deny" and (row.keys or row.signed):
        from jitd.cli.signing import signed  # most approvals need none of it

        receipt = signed(daemon, row, verdict)
    if receipt is None:
        return Review(id=row.id, verdict=verdict, fingerprint=fingerprint, comment=comment), ""
    made = SignedReview(
        id=row.id,
        verdict=verdict,
        fingerprint=fingerprint,
        comment=comment,
        receipt=receipt.statement,
        signature=receipt.signature,
    )
    return made, f"; signed by your key {receipt.key.fingerprint}"


def _n_of(row: Request, principal: str, verdict: str) -> int:
    return sum((one.by, one.verdict) == (principal, verdict) for one in row.reviews)


def must_be_reviewable(row: Request) -> None:
    """Raise NotDone if ``row`` shows that the daemon would refuse the person's review, or that it is too early for one."""
    id = row.id
    if row.mine:
        raise NotDone(f"request {id} is your own: somebody else has to review it", "forbidden")
    must_not_be_barred(row)
    if not row.may_review:
        raise NotDone(f"you may not review request {id}: its rule names neither you nor a group that you are in", "forbidden")
    if row.state == "screening":
        names = " and ".join(row.gatekeepers)
        raise NotDone(f"request {id} cannot be reviewed yet: {names or 'a gatekeeper'} is being asked")


def must_not_be_barred(row: Request) -> None:
    """Raise NotDone if ``row`` says why the person, whom its rule names, may review nothing: because they are locked."""
    if row.barred and not row.may_review:
        raise NotDone(row.barred, "forbidden")
