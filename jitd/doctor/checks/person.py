# SPDX-License-Identifier: Apache-2.0
"""What one person needs: a ticket, an account that it is theirs, a daemon that proves itself. Law: pure."""

from __future__ import annotations

from dataclasses import dataclass

from jitd.doctor.checks.finding import Finding, bad, ok, weak

SOON = 15 * 60
"""Seconds that a ticket should still be good for."""


@dataclass(frozen=True, slots=True)
class Ticket:
    """``principal``, and the seconds that the ticket is ``left``; or ``why_not``, ``cause`` being the client's word for it."""

    principal: str = ""
    left: float = 0.0
    cause: str = ""
    why_not: str = ""


MENDS = {
    "kdc silent": "try again later, and tell whoever keeps the KDC",
    "configuration": "have /etc/krb5.conf put right",
    "library": "have libgssapi-krb5-2 installed",
}


def ticket(found: Ticket) -> Finding:
    """Is there a ticket for this host?"""
    if found.why_not:
        mend = MENDS.get(found.cause, "")
        return bad("ticket", found.why_not, mend, command="" if mend else "kinit")
    if found.left < SOON:
        return weak("ticket", f"the ticket of {found.principal} ends in {max(0, found.left) / 60:.0f} minutes", command="kinit")
    return ok("ticket", f"{found.principal} has a ticket for jitd here, for {found.left / 3600:.1f} h")


def mapping(principal: str, account: str | None, user: str, settings: str) -> Finding:
    """Is the principal this account's? ``account`` is what jitd maps it to; None: nobody."""
    if account == user:
        return ok("principal", f"{principal} is {user} here")
    is_whose = "nobody's" if account is None else f"{account}'s"
    return bad("principal", f"{principal} is {is_whose} account here, and this is {user}",
               f'kinit as {user}; or have it named in [principals] of {settings}: "{principal}" = "{user}"')  # fmt: skip


def mutual(principal: str, why_not: str) -> Finding:
    """Did the daemon and this person prove themselves to each other?"""
    if why_not:
        return bad("authentication", f"jitd and you could not prove yourselves to each other: {why_not}",
                   "mend what is said of the ticket first; if it stays so, have root run: jitd doctor")  # fmt: skip
    return ok("authentication", f"jitd has proved itself, and knows you as {principal}")
