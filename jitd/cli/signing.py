# SPDX-License-Identifier: Apache-2.0
"""Makes the receipt of an approval: asks jitd what there is to sign, compares it with what the person was shown, and lets a key
in the person's ssh-agent sign it.

Law: nothing is signed before the person has said yes, and nothing that differs from what they were shown. What cannot be signed
is sent without a receipt only if the rule demands none.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime

from jitd.audit import forms, receipt
from jitd.audit.forms import Record
from jitd.audit.receipt import Statement
from jitd.cli.agent import AgentFault, agent_keys, agent_sign
from jitd.cli.answer import printable, say
from jitd.cli.as_recorded import UNNAMED, difference
from jitd.cli.not_done import NotDone
from jitd.core.ssh_keys import PublicKey
from jitpam.client import Connection
from jitpam.wire.messages import Basis
from jitpam.wire.rows import IN_HARDWARE, Request, ToSign


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
    found, because = _keys(row)
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


def _keys(row: Request) -> tuple[list[PublicKey], str]:
    """Return the keys in the person's ssh-agent that would do for ``row``, or why there is none."""
    if not row.keys:
        return [], "this host knows no key of yours that counts now: ask its administrators"
    try:
        found = [key for key, _ in agent_keys() if key.fingerprint in row.keys]
    except AgentFault as fault:
        return [], str(fault)
    if row.signed in IN_HARDWARE:
        found = [key for key in found if key.is_in_hardware]
    return found, "your ssh-agent has none of the keys that count: ssh-add"


def _statement(daemon: Connection, row: Request, verdict: str) -> str | None:
    """Return the statement to be signed, or None if nobody can sign it, and the rule demands no signature."""
    try:
        said, before, line = _read(*map(ToSign.read, daemon.ask(Basis(id=row.id, verdict=verdict))))
        welcome = daemon.welcome
        differs = difference(row, line, before, said, host=welcome.host, approver=welcome.principal)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as fault:
        differs = f"something that cannot be read ({printable(str(fault))})"
    if not differs and said.verdict != verdict:
        differs = "the verdict"
    if differs == UNNAMED and not row.signed:
        return None
    if differs:
        what = f"what {row.id} was recorded as differs from what you were shown: {differs}"
        raise NotDone(f"{what}. Nothing was signed, and nothing was sent; look at it again, and tell the host's administrators")
    return said._replace(at=datetime.now(UTC).strftime(receipt.TIME_FORMAT), random=secrets.token_bytes(receipt.N_RANDOM)).text()


def _read(first: ToSign, *rest: ToSign) -> tuple[Statement, bytes, Record]:
    line = forms.read("".join(one.text for one in rest))
    if not isinstance(line, Record):
        raise ValueError("no record")
    return receipt.read(first.statement), bytes.fromhex(first.before), line
