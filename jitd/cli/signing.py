# SPDX-License-Identifier: Apache-2.0
"""Makes the receipt of an approval, or of the lifting of a lock: asks jitd what there is to sign, compares it with what the
person was shown, and lets a key in the person's ssh-agent sign it.

Law: nothing is signed before the person has said yes, and nothing that differs from what they were shown. What cannot be signed
is sent without a receipt only if the rule demands none.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from jitd.audit import forms, receipt
from jitd.audit.forms import Record
from jitd.audit.receipt import Statement
from jitd.audit.times import signed_time
from jitd.cli.agent import AgentFault, agent_keys, agent_sign
from jitd.cli.answer import printable, say
from jitd.cli.as_recorded import (
    OFFERED,
    UNNAMED,
    aged,
    compared_with,
    difference,
    difference_of_lock,
    found_since,
    unrecorded,
)
from jitd.cli.findings import sentence
from jitd.cli.instants import span
from jitd.cli.not_done import NotDone
from jitd.core.ssh_keys import PublicKey
from jitpam.client import Connection
from jitpam.wire.messages import Basis, List, SignedUnlock, Unlock
from jitpam.wire.principals import realm_of
from jitpam.wire.rows import IN_HARDWARE, Lock, Request, ToSign

_NOTHING_DONE = ". Nothing was signed, and nothing was sent; look at it again"
_TELL = ", and tell the host's administrators"
OWN_CLOCK = 60  # seconds between this machine and the host; a verification allows twice as much
_UNREADABLE = (ValueError, TypeError, KeyError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class Signed:
    """A statement, its signature in OpenSSH's form, and the key."""

    statement: str
    signature: str
    key: PublicKey


def signed(daemon: Connection, row: Request, verdict: str) -> Signed | None:
    """Return the receipt for ``verdict`` on the request in ``row``, or None if the rule demands none, and no key is at hand.
    Raises NotDone, RefusedByDaemon and Unreachable.
    """
    found, because = _keys(row.keys, row.signed)
    if not found:
        if not row.signed:
            return None
        keys = f" (keys that would do: {printable(', '.join(row.keys))})" if row.keys else ""
        raise NotDone(f"request {row.id} takes only signed approvals: {because}{keys}", "forbidden")
    if (text := _statement(daemon, row, verdict)) is None:
        return None
    try:
        signature = agent_sign(found[0], receipt.NAMESPACE, text.encode("ascii"), say=say)
    except AgentFault as fault:
        raise NotDone(f"{fault}. Nothing was sent: request {row.id} stays as it is") from None
    return Signed(text, signature, found[0])


def of_unlock(daemon: Connection, message: Unlock) -> Unlock:
    """Return ``message``, or, if the host wants the lifting of the lock that it names signed, the same with a receipt. Raises
    NotDone, RefusedByDaemon and Unreachable.
    """
    if message.id is None:
        return message  # the daemon says by which ids to name them
    of_now = list(map(Lock.read, daemon.ask(List(what="locks", ended=False))))
    row = next((one for one in of_now if one.id == message.id), None)
    if row is None or not row.signed:
        return message
    welcome = daemon.welcome
    keys: tuple[str, ...] = ()
    try:
        first, *rest = map(ToSign.read, daemon.ask(Basis(id=row.id, verdict=receipt.UNLOCK)))
        keys, said = first.keys, receipt.read_unlock(first.statement)
        differs = difference_of_lock(
            row, _line(rest), bytes.fromhex(first.before), said, host=welcome.host, operator=welcome.principal
        )
    except _UNREADABLE as fault:
        differs = f"something that cannot be read ({printable(str(fault))})"
    if differs:
        raise NotDone(f"what the host says of lock {row.id} differs from its record: {differs}{_NOTHING_DONE}{_TELL}")
    found, because = _keys(keys, row.signed)
    if not found:
        those = f" (keys that would do: {printable(', '.join(keys))})" if keys else ""
        raise NotDone(f"lock {row.id} is lifted only by who signs it: {because}{those}", "forbidden")
    on = "everybody" if row.whom == "all" else f"{row.whom} {row.name}"
    say(f"lock {row.id} on {on}, placed by {row.placed_by}: sign that you lift it")
    text = said._replace(at=_at(said.at, said.host), random=secrets.token_bytes(receipt.N_RANDOM)).text()
    try:
        signature = agent_sign(found[0], receipt.NAMESPACE, text.encode("ascii"), say=say)
    except AgentFault as fault:
        raise NotDone(f"{fault}. Nothing was sent: lock {row.id} stays as it is") from None
    return SignedUnlock(id=message.id, whom=None, name=None, reason=message.reason, receipt=text, signature=signature)


def _keys(listed: Collection[str], level: str) -> tuple[list[PublicKey], str]:
    """Return the keys in the person's ssh-agent that are ``listed`` and can prove ``level``, or why there is none."""
    if not listed:
        return [], "this host knows no key of yours that counts now: ask its administrators"
    try:
        found = [key for key, _ in agent_keys() if key.fingerprint in listed]
    except AgentFault as fault:
        return [], str(fault)
    if level in IN_HARDWARE:
        found = [key for key in found if key.is_in_hardware]
    return found, "your ssh-agent has none of the keys that count: ssh-add"


def _statement(daemon: Connection, row: Request, verdict: str) -> str | None:
    """Return the statement to be signed, or None if nobody can sign it, and the rule demands no signature."""
    try:
        said, before, line = _read(*map(ToSign.read, daemon.ask(Basis(id=row.id, verdict=verdict))))
        welcome = daemon.welcome
        differs = difference(row, line, before, said, host=welcome.host, approver=welcome.principal)
        of_another_age = "" if differs else aged(row, line)
    except _UNREADABLE as fault:
        differs = f"something that cannot be read ({printable(str(fault))})"
    if not differs and said.verdict != verdict:
        differs = "the verdict"
    if not differs and realm_of(daemon.ticket_of or welcome.principal) != realm_of(welcome.principal):
        differs = "your realm, which the page leaves out"
    if differs == UNNAMED and not row.signed:
        return None
    if differs == OFFERED:
        raise NotDone(f"the rules have changed, and an approval of {row.id} would permit something else by now{_NOTHING_DONE}")
    if differs:
        what = f"what {row.id} was recorded as differs from what you were shown: {differs}"
        raise NotDone(f"{what}{_NOTHING_DONE}{_TELL}")
    beyond = [sentence(one) for one in found_since(row, line)]
    beyond += [f"the text that {one} has, so what the page calls the same may be new" for one in compared_with(row, line)]
    beyond += [f"{one}, which its requester cannot see or read" for one in unrecorded(row, line)]
    beyond += filter(None, [of_another_age])
    if not daemon.ticket_of and realm_of(welcome.principal):  # the page leaves out the realm
        beyond.append(f"that you are {printable(welcome.principal)}, of whom you have shown no ticket")
    for told in beyond:
        say(f"as {welcome.host} says now, and did not record when {row.id} was submitted: {told}")
    return said._replace(at=_at(said.at, said.host), random=secrets.token_bytes(receipt.N_RANDOM)).text()


def _at(told: str, host: str) -> str:
    """Return the time to be signed: that of this machine, or if it is too far from what ``host`` has ``told``, that of the host.
    A verification of the record takes no other, and a wrong clock here keeps nobody from approving.
    """
    own = datetime.now(UTC)
    ahead = (own - signed_time(told)).total_seconds()
    if abs(ahead) <= OWN_CLOCK:
        return own.strftime(receipt.TIME_FORMAT)
    side = f"{span(abs(ahead))} {'ahead of' if ahead > 0 else 'behind'} that of {printable(host)}"
    say(f"your clock is {side}: what you sign has the time there, {told[:10]} {told[11:19]} UTC")
    return told


def _read(first: ToSign, *rest: ToSign) -> tuple[Statement, bytes, Record]:
    return receipt.read(first.statement), bytes.fromhex(first.before), _line(rest)


def _line(told: Iterable[ToSign]) -> Record:
    line = forms.read("".join(one.text for one in told))
    if not isinstance(line, Record):
        raise ValueError("no record")
    return line
