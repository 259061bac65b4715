# SPDX-License-Identifier: Apache-2.0
"""The examinations for a person who is not root. They check the person's ticket and account, whether the daemon can prove its
identity, and which reviews the person must give. The result also names the checks that only root can do.

Law: the examinations send the daemon only questions that ``jitsudo``, or ``jitd`` without a verb, would also send. They read only
the person's own credential cache.
"""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jitd import extensions
from jitd.facts.sessions import SESSIONS, UTMP, terminals
from jitd_inspection.doctor import daemon, files, kerberos
from jitd_inspection.doctor.finding import Result, bad, count, listed, ok, unknown, weak, word
from jitd_inspection.doctor.host import Host
from jitd_inspection.doctor.people import own_user
from jitd_inspection.doctor.round import Examination
from jitpam.client import RefusedByDaemon, Unreachable, connect
from jitpam.initiator import Initiator, NotAuthenticated, own_host
from jitpam.wire.messages import List

ONLY_ROOT = (
    "settings and policy, the key and the KDC's opinion of it, who may ask and approve, the state and the record, control groups,"
    " systemd, PAM, and what is installed"
)
AS_ROOT = "have root run: jitd doctor"
SOON = 15 * 60  # a ticket should be valid for at least this number of seconds from now
MENDS = {
    "kdc silent": "try again later, and tell the KDC's administrator",
    "configuration": "have /etc/krb5.conf put right",
    "library": "have libgssapi-krb5-2 installed",
}


@dataclass(frozen=True, slots=True)
class Ticket:
    """The person's ticket, valid for ``left`` seconds, or why there is none: the code ``cause`` and the sentence ``why_not``."""

    principal: str = ""
    left: float = 0.0
    cause: str = ""
    why_not: str = ""


def examinations(host: Host) -> list[Examination]:
    return [
        Examination("host.name", lambda: examine_names(host), "this host's name cannot be found out", AS_ROOT),
        Examination("ticket", lambda: examine_ticket(host), "the KDC does not answer", MENDS["kdc silent"]),
        Examination("authentication", lambda: examine_daemon(host), "jitd does not answer", AS_ROOT),
        Examination("reviews.owed", lambda: examine_reviews(host), "jitd does not answer", AS_ROOT),
        Examination("terminals", lambda: examine_terminals(host), "logind's files cannot be read", AS_ROOT),
        Examination("rest", lambda: [unknown("rest", f"only root can look at {ONLY_ROOT}", AS_ROOT)]),
    ]


def examine_names(host: Host) -> Iterator[Result]:
    """Yield the findings about the host and the realm, if the settings can be read."""
    if host.faults:
        yield unknown("settings.whole", f"the settings cannot be read here: {host.faults[0]}", AS_ROOT)
    else:
        yield from kerberos.examine_names(host)


def examine_ticket(host: Host) -> Iterator[Result]:
    found = get_ticket(own_host())
    yield ticket(found)
    if found.principal:
        naming, principal = host.config.naming, found.principal.encode("utf-8", "surrogateescape")
        account, why = naming.account_of(principal), naming.why_no_account(principal)
        yield mapping(found.principal, account, own_user(), str(host.file), why)


def get_ticket(host: str) -> Ticket:
    """Return the person's service ticket for the jitd of ``host``, from the credential cache or else the KDC."""
    try:
        initiator = Initiator(host)
        initiator.obtain_ticket()
    except NotAuthenticated as fault:
        return Ticket(cause=fault.cause, why_not=str(fault))
    try:
        return Ticket(initiator.principal, initiator.expires_at - time.time())
    finally:
        initiator.close()


def examine_daemon(host: Host) -> Iterator[Result]:
    """Yield the findings about the socket that the person's ``jitsudo`` uses, and about a real handshake."""
    named = os.environ.get("JITD_SOCKET")
    path = Path(named or host.config.socket)
    yield files.above("socket.directory", files.see_above(path))
    yield files.socket("socket.mode", files.see(path), "unset JITD_SOCKET" if named else "systemctl enable --now jitd.service")
    answered, principal = daemon.ask(path, with_ticket=True)
    yield mutual(principal, answered.why_not)
    if not answered.why_not and not host.faults:
        yield daemon.answer(answered, host.config.host, "systemctl restart jitd.service")


def examine_reviews(host: Host) -> Iterator[Result]:
    """Yield the finding about reviews that the person may give, and about missing reviews of the person's own actions. Yield
    nothing if jitd does not answer, because another finding reports this fault.
    """
    os.environ.setdefault("JITD_SOCKET", str(host.config.socket))
    try:
        connection = connect()
    except (Unreachable, RefusedByDaemon, NotAuthenticated):
        return
    try:
        rows = list(connection.ask(List(what="reviews", ended=False)))
    except (Unreachable, RefusedByDaemon):
        return
    finally:
        connection.close()
    yield reviews([str(row["id"]) for row in rows if row.get("may_give")], [row for row in rows if row.get("mine")])


def examine_terminals(host: Host, sessions: Path = SESSIONS, utmp: Path = UTMP) -> Iterator[Result]:
    """Yield the finding about the person's terminals, if ``[notify]`` tells people there of requests. Raises OSError."""
    if not extensions.is_used("outsiders"):
        return
    from jitd_outsiders.notifying.terminals import TerminalsSettings
    from jitd_outsiders.settings import OutsiderSection

    notify = host.config.of(OutsiderSection).notify
    if any(isinstance(notify.channels.get(name), TerminalsSettings) for name in notify.default):
        found = [files.see(f"/dev/{line}") for line in sorted(terminals(own_user(), os.getuid(), sessions, utmp))]
        yield messages([seen for seen in found if seen.uid == os.getuid() and stat.S_ISCHR(seen.mode)])


# --- conclusions -------------------------------------------------------------------------------------------------------


def ticket(found: Ticket) -> Result:
    """Report whether there is a ticket for this host, and how long the ticket is valid."""
    if found.why_not:
        mend = MENDS.get(found.cause, "")
        return bad("ticket", found.why_not, mend, command="" if mend else "kinit")
    if found.left < SOON:
        return weak("ticket", f"the ticket of {found.principal} ends in {max(0, found.left) / 60:.0f} minutes", command="kinit")
    return ok("ticket", f"{found.principal} has a ticket for jitd here, for {found.left / 3600:.1f} h")


def mapping(principal: str, account: str | None, user: str, settings: str, why: str = "") -> Result:
    """Check that ``principal`` belongs to the account ``user``. ``account`` is the account to which jitd maps the principal, or
    None if jitd maps the principal to no account. ``why`` is the reason (``Naming.why_no_account``).
    """
    if account == user:
        return ok("principal", f"{principal} is {user} here")
    belongs = f"belongs to no account ({why})" if account is None else f"belongs to the account {account}"
    mend = f'kinit as {user}; or have it named in [principals] of {settings}: "{principal}" = "{user}"'
    return bad("principal", f"{principal} {belongs} here, and you are {user}", mend)


def mutual(principal: str, why_not: str) -> Result:
    """Report whether the daemon and this person have authenticated each other."""
    if why_not:
        said = f"jitd and you could not prove yourselves to each other: {why_not}"
        mend = "correct the faults of the ticket first, see above; if this stays, have root run: jitd doctor"
        return bad("authentication", said, mend)
    return ok("authentication", f"jitd has proved itself, and knows you as {principal}")


def messages(own: Sequence[files.Seen]) -> Result:
    """Report which of the person's ``own`` terminals take no messages of jitd's (mesg(1))."""
    if closed := [word(seen.path) for seen in own if not seen.mode & stat.S_IWGRP]:
        said = f"jitd tells people of requests on their terminals, and yours take no messages (mesg n): {listed(closed)}"
        return weak("terminals", said, command=f"chmod g+w {' '.join(closed)}")
    return ok("terminals", f"jitd can tell you of requests on {count(len(own), 'terminal')}")


def reviews(to_give: Sequence[str], own: Sequence[Mapping[str, Any]]) -> Result:
    """Report the break-glass actions that the person must review (ids in ``to_give``), and their ``own`` without a review."""
    check = "reviews.owed"
    if to_give:
        said = f"{count(len(to_give), 'review')} of broken glass that you may give: {listed(list(to_give))}"
        return weak(check, said, command=f"jitd review {to_give[0]}")
    late = next((row for row in own if row.get("state") == "overdue"), None)
    if late is not None:
        said = f"the review of your request {late['id']} is overdue: until it is given you cannot break glass"
        return weak(check, said, f"ask {late['reviewers']} for it, or an operator: jitd review {late['id']}")
    if own:
        return ok(check, f"{count(len(own), 'review')} of broken glass owed for what you did, and none overdue")
    return ok(check, "no review of broken glass waits for you")
