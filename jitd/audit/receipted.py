# SPDX-License-Identifier: Apache-2.0
"""Checks what stands in a record as signed by its author: the signature, that the statement is about this record, and that the
records that it countersigns are those of the chain (PROTOCOL.md, "Receipts").

Law: pure, for Python 3.9 and later. Part of verify.py, so it imports nothing of jitd but other parts. Whose key
it is, is asked elsewhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from jitd.audit.receipt import NAMESPACE, TIME_FORMAT, Sealed, Statement, Unlock, read, read_unlock, word
from jitd.audit.ssh_signatures import BadSignature, Checked
from jitd.audit.sshsig import check_by_any
from jitd.audit.times import recorded_time, signed_time

REVIEWED = {"request.reviewed": ("approve", "deny"), "owed_review.reviewed": ("reviewed",)}
"""The events of reviews that may have a receipt, and the verdicts in it. So may LIFTED."""
LIFTED = "lock.lifted"
ASIDE = 120  # seconds between the clock of a signer and that of the host, at most


class BadReceipt(Exception):
    """The text follows "the receipt of record N"."""


class Told(NamedTuple):
    """A record as its reader may see it: its number, its host (None if it is not known), its members, and the words that may
    stand for one that is hidden.
    """

    number: int
    host: str | None
    body: Mapping[str, Any]
    hidden: tuple[str, ...] = ()

    def says(self, **expected: Any) -> bool:
        """True if the record has these members, as far as its reader may see them."""
        return all(self.body.get(name) == said or self.body.get(name) in self.hidden for name, said in expected.items())

    def detail(self, name: str) -> Any:
        detail = self.body.get("detail")
        return detail.get(name) if isinstance(detail, dict) else None

    def is_about(self, id: str) -> bool:
        """True if this is about the request or the lock ``id``, its grant, its runs or its holdings."""
        said = (self.body.get("id"), self.detail("request"))
        return any(isinstance(one, str) and (one.partition(".")[0] == id or one in self.hidden) for one in said)


def check_receipt(record: Told) -> tuple[Statement | Unlock, Checked]:
    """Return what its author has signed, and by which key. Raises BadReceipt."""
    said = record.detail("receipt")
    if not isinstance(said, dict) or set(said) != {"statement", "signature", "key", "proves"}:
        raise BadReceipt("does not have exactly the members of its form")
    if not all(isinstance(one, str) for one in said.values()):
        raise BadReceipt("has a member that cannot be read")
    text, event = said["statement"], str(record.body.get("event"))
    statement: Statement | Unlock
    try:
        statement = read_unlock(text) if event == LIFTED else read(text)
    except ValueError as fault:
        raise BadReceipt(f"has a statement that {fault}") from None
    try:
        by = check_by_any(NAMESPACE, text.encode("ascii"), said["signature"])
    except BadSignature as fault:
        raise BadReceipt(f"has a signature that {fault}") from None
    if (said["key"], said["proves"]) != (by.key.fingerprint, by.level):
        raise BadReceipt(f"says more or less than its signature, which is by {by.key.fingerprint} and proves {by.level!r}")
    if not record.says(policy=statement.policy.hex()):
        raise BadReceipt("names another policy than its record")
    is_here = record.host is None or record.host == statement.host
    if isinstance(statement, Unlock):
        if not record.says(id=statement.id, actor=statement.operator) or not is_here:
            raise BadReceipt("is one for another lock, another person or another host")
        return statement, by
    verdict, verdicts = statement.verdict, REVIEWED.get(event, ())
    if not record.says(id=statement.id, actor=statement.approver) or verdict not in verdicts or not is_here:
        raise BadReceipt("is one for another review, another person or another host")
    if len(verdicts) > 1 and record.detail("verdict") != verdict:
        raise BadReceipt(f"has the verdict {verdict}, and the record tells of none")
    if verdict == "approve" and has_expired(statement, _time_of(record)):
        raise BadReceipt(f"is one for a request that had expired at {statement.expires}")
    return statement, by


def countersigns(record: Told, statement: Statement | Unlock) -> tuple[Sealed, Sealed]:
    """Return the two records that the statement in ``record`` countersigns. Raises BadReceipt."""
    begun = statement.placed if isinstance(statement, Unlock) else statement.submitted
    if not begun.number <= statement.newest.number < record.number:
        raise BadReceipt("countersigns records that do not come before it in this order")
    return begun, statement.newest


def check_sealed(statement: Statement | Unlock, sealed: Sealed, is_other: bool, about: Told | None) -> None:
    """``is_other`` says that the chain has another seal there, and ``about`` is the record, if it is known. Raises BadReceipt."""
    if is_other or (about is not None and not about.is_about(statement.id)):
        what = "the record was changed, or the receipt is of another past or another request"
        raise BadReceipt(f"countersigns record {sealed.number}, which is another one here: {what}")


def is_timely(at: str, newest: datetime, own: datetime) -> bool:
    """True if ``at``, the time of a statement, is between that of the ``newest`` record that its signer was told of and that of
    its ``own`` record, or at most ASIDE seconds beside. The later record may have the earlier time: clocks are set back.
    """
    said = signed_time(at)
    return (min(newest, own) - said).total_seconds() <= ASIDE and (said - max(newest, own)).total_seconds() <= ASIDE


def check_time(record: Told, statement: Statement | Unlock, newest: Told) -> None:
    """``newest`` is the newest record that the statement in ``record`` countersigns. Raises BadReceipt."""
    if not is_timely(statement.at, _time_of(newest), _time_of(record)):
        raise BadReceipt(f"has a time that is not between that of record {newest.number} and that of its own: {statement.at}")


def has_expired(statement: Statement, now: datetime) -> bool:
    """True if the request of ``statement`` had expired at ``now``, by the same clock, which may have been set since."""
    return (now - signed_time(statement.expires)).total_seconds() > ASIDE


def _time_of(record: Told) -> datetime:
    try:
        return recorded_time(record.body.get("at"))
    except ValueError as fault:
        raise BadReceipt(f"depends on record {record.number}, which {fault}") from None


def check_begun(statement: Statement | Unlock, first: Told) -> None:
    """``first`` is the record that the statement takes for the beginning of its matter. Raises BadReceipt."""
    if isinstance(statement, Unlock):
        is_its = first.says(event="lock.placed", id=statement.id)
        if not is_its or (first.detail("whom"), first.detail("name")) != (statement.whom, statement.name):
            raise BadReceipt(f"countersigns record {first.number} as the placing of another lock")
    elif not first.says(event="request.submitted", id=statement.id, actor=statement.requester):
        raise BadReceipt(f"countersigns record {first.number} as the submission of another request")


SCREENED, ISSUED = "request.screened", "grant.issued"


def check_screened(statement: Statement, first: Told) -> None:
    """``first`` is the record of the first screening of what the statement approves: by its rule. Raises BadReceipt."""
    rule = first.detail("rule")
    if rule != statement.rule and rule not in first.hidden:
        raise BadReceipt(f"names the rule {word(statement.rule)}, and record {first.number} another one")


def check_issued(statement: Statement, issued: Told) -> None:
    """``issued`` is the record of the grant of what the statement approves. It may be less than what was signed, because a later
    approval may have left less in force. Raises BadReceipt.
    """
    signed, uses, timeout_for = statement.terms, issued.detail("uses"), issued.detail("timeout_for")
    begins_at, ends_at = issued.detail("begins_at"), issued.detail("ends_at")
    exceeded = f"is exceeded by record {issued.number}, which grants"
    try:
        begins = None if begins_at is None else recorded_time(begins_at)
        lasts_for = (recorded_time(ends_at) - (begins or _time_of(issued))).total_seconds()
    except ValueError as fault:
        raise BadReceipt(f"depends on record {issued.number}, which {fault}") from None
    if ("" if begins is None else begins.strftime(TIME_FORMAT)) != signed.starts_at:
        raise BadReceipt(f"{exceeded} it from another time, where {signed.starts_at or 'no later start'} was signed")
    if lasts_for > signed.lasts_for:
        raise BadReceipt(f"{exceeded} {lasts_for:g} s, where {signed.lasts_for} s were signed")
    if type(uses) is not int or uses > signed.uses:
        raise BadReceipt(f"{exceeded} uses: {uses}, where {signed.uses} were signed")
    if signed.timeout_for is not None and (type(timeout_for) is not int or timeout_for > signed.timeout_for):
        length = "any length" if timeout_for is None else f"{timeout_for} s"
        raise BadReceipt(f"{exceeded} runs of {length}, where {signed.timeout_for} s were signed")
