# SPDX-License-Identifier: Apache-2.0
"""Carries out the daemon's requests for jitd-kdc. Each request is about the entry of one service in the KDC.

Law: a grant is written only after the service's entry was read. The entry must say that the service is gated, and that this host
may grant tickets for the service. If a request is carried out twice, the result is the same as if it had been carried out once.
Each error becomes an answer. The answer is Refused if a repeated request would not help. Otherwise it is Failed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from jitd_gates.messages import Answer, Done, Failed, Give, Grants, Look, OfEntry, Refused, Take
from jitd_gates.strings import (
    APPROVAL,
    GRANT,
    GRANTED_BY,
    LONGEST_GRANT,
    MOST_GRANTS,
    Grant,
    granted_by,
    may_be_granted,
    read_grant,
    write_grant,
)
from jitpam.wire.declared import sentence

KEPT = LONGEST_GRANT
"""Seconds for which a grant that has ended stays in the entry, unless its place is needed. A grant that is to be renewed and is
not there was then deleted by somebody, also after a restart of the daemon, and after kadmind has stood still.
"""
MOST_DELETED = 100  # ended grants that one request deletes, at about 2 ms each, while the daemon waits


class NotThere(Exception):
    """The principal does not exist in the KDC."""


class NotAllowed(Exception):
    """kadmind does not allow jitd-kdc this operation. The text of the exception comes from kadmind."""


class NoRoom(Exception):
    """The principal's entry has no room for another string."""


class Unknown(Exception):
    """It is not known whether kadmind has carried out the operation. The text of the exception gives the reason."""


class Entries(Protocol):
    """The entries of a KDC's database. ``strings`` and ``set_string`` raise NotThere, NotAllowed, NoRoom and Unknown."""

    def strings(self, principal: str) -> Mapping[str, str]:
        """Return the string attributes of ``principal``."""

    def set_string(self, principal: str, name: str, value: str | None) -> None:
        """Set the string attribute ``name`` of ``principal``. If ``value`` is None, delete the attribute."""


def answer(request: OfEntry, entries: Entries, host: str, now: int) -> Answer:
    """Carry out ``request`` for the jitd-kdc of ``host``, and return the answer. ``now`` is in seconds since the epoch. This
    function raises nothing, because every error of ``entries`` becomes an answer.
    """
    service = request.service
    try:
        match request:
            case Give():
                return _give(request, entries, host, now)
            case Take():
                return _take(request, entries)
            case Look():
                return _look(request, entries, now)
    except NotThere:
        return Refused(sentence(f"the KDC has no service {service}"))
    except NotAllowed as fault:
        why = f"kadmind does not let jitd-kdc/{host} use the entry of {service} ({fault}); is it gated, and granted by {host}?"
        return Refused(sentence(why))
    except NoRoom:
        return Refused(sentence(f"the KDC's entry of {service} has no room for another grant: wait until some have ended"))
    except Unknown as fault:
        return Failed(sentence(str(fault)))


def _give(give: Give, entries: Entries, host: str, now: int) -> Answer:
    service = give.service
    if not may_be_granted(service):
        return Refused(sentence(f"tickets for {service} are never granted"))
    if give.end <= now:
        return Refused(sentence(f"the grant {give.id} is over already"))
    if give.end > now + LONGEST_GRANT:
        return Refused(sentence(f"the grant {give.id} would end more than 24 hours ahead"))
    name, value = write_grant(Grant(give.id, give.end, give.client))
    strings = entries.strings(service)
    if APPROVAL not in strings:
        return Refused(sentence(f"{service} is not gated: the KDC gives anybody a ticket for it (jitd kdc gate {service})"))
    hosts = granted_by(service, strings.get(GRANTED_BY))
    if host not in hosts:
        who = ", ".join(hosts) or "nobody"
        return Refused(sentence(f"{service} may be granted by {who}, not by {host} (jit_granted_by)"))
    if give.renews and name not in strings:
        return Refused(sentence(f"the grant {give.id} of {service} is not in the KDC any more: somebody has deleted it there"))
    if strings.get(name) == value:
        return Done()
    before = read_grant(name, strings.get(name, ""))
    if before is not None and before.end > now and before.client != give.client:
        return Refused(sentence(f"the grant {give.id} of {service} stands already, for another client"))
    n_grants = sum(each.startswith(GRANT) for each in strings)
    n_left = n_grants - _sweep(service, strings, entries, now if n_grants >= MOST_GRANTS else now - KEPT)
    if n_left >= MOST_GRANTS and name not in strings:
        return Refused(sentence(f"{service} has {n_left} grants, and the maximum is {MOST_GRANTS}: wait until some have ended"))
    try:
        entries.set_string(service, name, value)
    except NoRoom:
        if not _sweep(service, strings, entries, now):
            raise
        entries.set_string(service, name, value)
    return Done()


def _take(take: Take, entries: Entries) -> Answer:
    name = GRANT + take.id
    try:
        entries.set_string(take.service, name, None)
    except NotThere:
        return Done()
    except NotAllowed:
        if name in entries.strings(take.service):
            raise
    return Done()


def _look(look: Look, entries: Entries, now: int) -> Answer:
    strings = entries.strings(look.service)
    _sweep(look.service, strings, entries, now - KEPT)
    grants = [grant for grant in map(read_grant, strings, strings.values()) if grant is not None and grant.end > now]
    approval = sentence(strings[APPROVAL])[:256] if APPROVAL in strings else ""
    hosts = granted_by(look.service, strings.get(GRANTED_BY)) if APPROVAL in strings else ()
    return Grants(approval, hosts, tuple(sorted(grants, key=lambda grant: grant.id)))


def _sweep(service: str, strings: Mapping[str, str], entries: Entries, until: int) -> int:
    """Delete grants that have ended by ``until``, and stop if kadmind does not allow one. Return how many."""
    ended = [name for name, value in strings.items() if (grant := read_grant(name, value)) is not None and grant.end <= until]
    n_deleted = 0
    for name in ended[:MOST_DELETED]:
        try:
            entries.set_string(service, name, None)
        except NotAllowed:
            break
        n_deleted += 1
    return n_deleted
