# SPDX-License-Identifier: Apache-2.0
"""The string attributes of a service's entry in the KDC's database (kadmin(1), ``set_string``). This module defines the names of
these string attributes and the form of their values.

The KDC's plugin reads the same strings, and decides according to these strings. If this module and the plugin do not agree, the
plugin is right. The fields of Grant and Sighting declare how messages have them (``jitpam.wire.declared``).
Law: if a string does not have exactly the form of a grant, it is not a grant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Annotated

from jitd.kdc.names import PRINCIPAL, components, is_host, is_principal
from jitpam.wire.declared import integer, one_of, sentence_of, text

APPROVAL = "jit_approval"  # the name of the string that gates a service: its value is REQUIRED or LOG
REQUIRED, LOG = "required", "log"
GRANTED_BY = "jit_granted_by"
"""The string with the hosts whose jitd-kdc may write grants: lower-case FQDNs, single spaces between."""
GRANT = "jit_grant:"  # the beginning of the name of a grant's string. The rest of the string's name is the grant's id.
NOBODY = "none"  # the value of GRANTED_BY for a service that is never granted, such as the canary
FORM = "1"  # the first word of the value of a grant's string, which is the version of the format

LONGEST_GRANT = 86_400  # seconds from now to the end of a grant. The KDC ignores a grant with a later end.
MOST_GRANTS = 1_000  # grants that a service's entry contains. Every string with a name that begins with GRANT is counted.

_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{8}(?:\.[1-9][0-9]{0,8})?")
_END = re.compile(r"[1-9][0-9]{0,10}")
NEVER_GATED = frozenset({"krbtgt", "kadmin", "kiprop", "K", "jitd", "jitd-kdc", "WELLKNOWN"})
"""First components of principals that are never gated, because the realm or the gate itself needs tickets for them."""
CANARY = "jitd-canary"  # the first component of gated services for which nobody gets a ticket: jitd asks for them as a test
ON, OFF, SILENT = "on", "off", "silent"  # the state of a gate: jitd requests a ticket that nobody has granted


@dataclass(frozen=True, slots=True)
class Grant:
    """One grant as the KDC stores it. ``end`` is in seconds since 1970. ``client`` is a principal with its realm."""

    id: Annotated[str, GRANT_ID]
    end: Annotated[int, END]
    client: Annotated[str, PRINCIPAL]


@dataclass(frozen=True, slots=True)
class Sighting:
    """The reaction of one KDC to a request for a ticket for one service. ``kdc`` is the KDC's name in krb5.conf. If the name of
    the KDC that answered is not known, ``kdc`` is "KDC of REALM".

    ``state`` is ON (the KDC refused by policy), OFF (the KDC issued a ticket) or SILENT. ``why`` is the reason, worded as the
    last part of a sentence.
    """

    kdc: Annotated[str, SHORT_WORD]
    service: Annotated[str, PRINCIPAL]
    state: Annotated[str, one_of((ON, OFF, SILENT), "a state of a gate")]
    why: Annotated[str, sentence_of()]


def canary(host: str, realm: str) -> str:
    """Return the name of the canary of ``host``. The canary is a gated service for which nobody is ever granted a ticket."""
    return f"{CANARY}/{host}@{realm}"


def is_grant_id(text: str) -> bool:
    """True for 8 characters of Crockford's base32 in upper case, perhaps with a dot and a number of 1 to 9 digits behind."""
    return _ID.fullmatch(text) is not None


def is_end(number: int) -> bool:
    """True if the time ``number``, in seconds since 1970, fits into the form of a grant: 1 to 11 digits."""
    return 0 < number < 10**11


GRANT_ID = text("a grant's id").where(is_grant_id, "a grant's id")
END = integer(1, 10**11 - 1).where(is_end, "a valid time")
SHORT_WORD = text("a short word", r"[ -~]*", most=256)


def may_be_gated(service: str) -> bool:
    """True unless the realm or the gate itself needs tickets for this principal (NEVER_GATED)."""
    return components(service)[0] not in NEVER_GATED


def may_be_granted(service: str) -> bool:
    """True unless this principal is a canary, or one that is never gated."""
    return may_be_gated(service) and components(service)[0] != CANARY


def write_grant(grant: Grant) -> tuple[str, str]:
    """Return the name and the value of the string for ``grant``. Raises ValueError if the form of a field is wrong."""
    if not (is_grant_id(grant.id) and is_end(grant.end) and is_principal(grant.client)):
        raise ValueError(f"this is not a grant: {grant}")
    return GRANT + grant.id, f"{FORM} {grant.end} {grant.client}"


def read_grant(name: str, value: str) -> Grant | None:
    """Return the grant in the string ``name`` with ``value``, or None if either is not of the form."""
    form, _, rest = value.partition(" ")
    end, _, client = rest.partition(" ")
    grant_id = name.removeprefix(GRANT)
    if name == grant_id or form != FORM or not is_grant_id(grant_id) or not _END.fullmatch(end) or not is_principal(client):
        return None
    return Grant(grant_id, int(end), client)


def granted_by(service: str, value: str | None) -> tuple[str, ...]:
    """Return the hosts that may grant tickets for ``service``. ``value`` is the value of the service's string GRANTED_BY.
    ``value`` is None if the service does not have this string.

    Without the string GRANTED_BY, only the host in the service's name may grant tickets. The service's name must then have
    exactly two components, and the host is the second component. If the form of the string GRANTED_BY is wrong, no host may grant
    tickets.
    """
    if value is None:
        parts = components(service)
        return (parts[1],) if len(parts) == 2 and is_host(parts[1]) else ()
    hosts = value.split(" ")
    return tuple(hosts) if all(is_host(host) for host in hosts) else ()
