# SPDX-License-Identifier: Apache-2.0
"""Lines on a request's page about the person who sends the request.

Law: facts that jitd has checked have one heading, and claims of the client have another heading.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli.answer import Row, quoted, words
from jitd.cli.authenticated import authenticated
from jitd.cli.instants import told
from jitd.cli.labels import Line, members
from jitd.core.wording import groups
from jitpam.wire.rows import Request


def facts(row: Row) -> Iterator[Line]:
    """Yield the lines with the facts about the requester that jitd has checked."""
    yield "", ""
    yield "WHO ASKS: jitd has checked this", ""
    yield "requester", f"{words(row, 'requester')}{_in_ticket(row)}"
    yield "account", f"{words(row, 'account')} (uid {words(row, 'uid')})"
    yield from users(row)
    yield "groups", groups([str(group) for group in members(row, "groups")], len(members(row, "group_ids")))
    if row.get("ticket_ends_at") and not row.get("proved"):
        yield "ticket ends", told(row["ticket_ends_at"])
    else:
        yield from without_ticket(row)
    yield from authenticated(Request.read(row).authentication)
    yield from whence(row)


def users(row: Row) -> Iterator[Line]:
    """Yield a line for each person who may be the one who asks, because this person uses the account of the requester."""
    for user in members(row, "used_by"):
        if isinstance(user, dict):
            how = f"in run {words(user, 'run')}" if user.get("run") else "after a login of their own"
            yield "PERHAPS", f"{words(user, 'principal')} asks, who may act as {words(row, 'account')} {how}"


def _in_ticket(row: Row) -> str:
    return f" ({words(row, 'spelled')} in the ticket)" if row.get("spelled") else ""


def without_ticket(row: Row) -> Iterator[Line]:
    """If the person has no Kerberos ticket, yield a line that says so. Otherwise yield nothing."""
    if row.get("proved"):
        yield "ticket", f"NONE: proved {row['proved']}"
        return
    if row.get("ticket_ends_at"):
        return
    if words(row, "requester") == "root":
        yield "ticket", "none: local root"
    else:
        yield "ticket", f"NONE: {words(row, 'service')} says who it is, without a Kerberos proof"


def whence(row: Row) -> Iterator[Line]:
    """Yield the lines about the host from which the person has logged in, and about the facts that rules have used."""
    point = row.get("point")
    if isinstance(point, dict):
        yield "from", words(point, "remote_host", "this host")
        if point.get("authenticated"):
            yield "came in by", words(point, "authenticated")
    for pair in members(row, "facts"):
        if isinstance(pair, list) and len(pair) == 2:
            yield str(pair[0]), str(pair[1])


def claims_of(row: Row) -> Row:
    """Return the claims that the client makes about itself. If there are none, return an empty dictionary."""
    claims = row.get("claims")
    return claims if isinstance(claims, dict) else {}


def reason(row: Row) -> str:
    """Return the requester's reason, in quotes. If the requester gave no reason, or if the viewer may not see it, return a text
    that says so.
    """
    return words(row, "reason", "none given")


def claimed(row: Row) -> Iterator[Line]:
    """Yield the lines about the client's claims, which nobody has checked."""
    claims = claims_of(row)
    yield "", ""
    yield "WHAT THE REQUESTER SAYS: nobody has checked this", ""
    yield "reason", reason(row)
    yield "terminal", words(claims, "tty", "none")
    yield "session", words(claims, "login_session", "none")
    yield "started by", started_by(claims)


def started_by(claims: Row) -> str:
    """Return a text about the parent processes of the client. The direct parent comes first."""
    return " < ".join(quoted(str(parent)) for parent in members(claims, "parents")) or "unknown"
