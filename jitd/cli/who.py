# SPDX-License-Identifier: Apache-2.0
"""Lines on a request's page about the person who sends the request.

Law: facts that jitd has checked have one heading, and claims of the client have another heading.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli.answer import quoted
from jitd.cli.authenticated import authenticated
from jitd.cli.instants import told
from jitd.cli.labels import Labelled
from jitd.core.wording import groups, in_quotes
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import NOT_SAID, NOT_SHOWN, UNKNOWN, Listed, Request


def who(row: Request) -> str:
    """Return the account of the person who asks, and the person's principal if it says more than the account. The realm of the
    reader is left out, because it is the same on nearly every line. JSON, mail, the record and the journal keep whole principals.
    """
    principal = without_realm(row.requester, row.realm)
    account = row.requester if row.account in ("", UNKNOWN) else row.account
    return account if principal in (account, f"local:{account}", f"pam:{account}") else f"{account} ({principal})"


def facts(row: Request) -> Iterator[Labelled]:
    """Yield the lines with the facts about the requester that jitd has checked."""
    yield "", ""
    yield "WHO ASKS: jitd has checked this", ""
    yield "requester", f"{row.requester}{_in_ticket(row)}"
    yield "account", f"{row.account} (uid {UNKNOWN if row.uid is None else row.uid})"
    yield from users(row)
    yield "groups", groups(row.groups, len(row.group_ids))
    if row.ticket_ends_at and not row.proved:
        yield "ticket ends", told(row.ticket_ends_at)
    else:
        yield from without_ticket(row)
    yield from authenticated(row.authentication)
    yield from whence(row)


def users(row: Request) -> Iterator[Labelled]:
    """Yield a line for each person who may be the one who asks, because this person uses the account of the requester."""
    for user in row.used_by:
        how = f"in run {user.run}" if user.run else "after a login of their own"
        yield "PERHAPS", f"{user.principal} asks, who may act as {row.account} {how}"


def _in_ticket(row: Request) -> str:
    return f" ({row.spelled} in the ticket)" if row.spelled else ""


def without_ticket(row: Request) -> Iterator[Labelled]:
    """If the person has no Kerberos ticket, yield a line that says so. Otherwise yield nothing."""
    if row.proved:
        yield "ticket", f"NONE: proved {row.proved}"
        return
    if row.ticket_ends_at:
        return
    if row.requester == "root":
        yield "ticket", "none: local root"
    else:
        yield "ticket", f"NONE: {row.service} says who it is, without a Kerberos proof"


def whence(row: Request) -> Iterator[Labelled]:
    """Yield the lines about the host from which the person has logged in, and about the facts that rules have used."""
    point = row.point
    if point:
        yield "from", point.remote_host or "this host"
        if point.authenticated:
            yield "came in by", point.authenticated
    yield from row.facts


def reason(row: Listed, none: str = "none given") -> str:
    """Return the reason in ``row``, in quotes, or ``none``. If the viewer may not see it, return a text that says so."""
    if not row.reason:
        return none
    return NOT_SHOWN if row.narrowed else in_quotes(row.reason)


def claimed(row: Request) -> Iterator[Labelled]:
    """Yield the lines about the client's claims, which nobody has checked."""
    claims = row.claims
    yield "", ""
    yield "WHAT THE REQUESTER SAYS: nobody has checked this", ""
    yield "reason", reason(row)
    if not row.tells("claims"):
        yield "the rest", NOT_SHOWN if row.narrowed else NOT_SAID
        return
    yield "terminal", claims.tty or "none"
    yield "session", "none" if claims.login_session is None else str(claims.login_session)
    yield "started by", " < ".join(map(quoted, claims.parents)) or "unknown"  # the direct parent comes first
