# SPDX-License-Identifier: Apache-2.0
"""The string attributes of a service's entry in the KDC (kadmin(1), ``set_string``): their names and the form of their values.

The KDC's plugin reads the same strings and decides by them. If the plugin and this module differ, the plugin is right.
Law: pure. A string that does not have exactly the form of a grant is not a grant.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

APPROVAL = "jit_approval"
"""The name of the string that gates a service. Its value is REQUIRED or LOG. A service without this string is not gated."""
REQUIRED, LOG = "required", "log"
GRANTED_BY = "jit_granted_by"
"""The name of the string with the hosts whose jitd-kdc may write grants: FQDNs in lower case, separated by single spaces."""
GRANT = "jit_grant:"
"""How the name of a grant's string begins. The grant's id follows."""
NOBODY = "none"
"""The value of GRANTED_BY for a service that is never granted, such as the canary."""
FORM = "1"
"""The first word of a grant's string: the version of its form."""

LONGEST_GRANT = 86_400
"""Most seconds from now to a grant's end. A grant with a later end is void."""
MOST_GRANTS = 1_000
"""Most strings of a service whose names begin with GRANT."""
LONGEST_NAME = 1_024
"""Most bytes of a principal's name in UTF-8, with its realm."""

_ID = re.compile(r"[0-9A-HJKMNP-TV-Z]{8}(?:\.[1-9][0-9]{0,8})?")
_END = re.compile(r"[1-9][0-9]{0,10}")
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_LETTERS = r"(?:[^@\\\x00-\x1f\x7f]|\\[\\/@ntb0])+"
_NAME = re.compile(f"{_LETTERS}@{_LETTERS}")
_COMPONENT = re.compile(r"(?:[^@/\\]|\\.)*")
NEVER_GATED = frozenset({"krbtgt", "kadmin", "kiprop", "K", "jitd", "jitd-kdc", "WELLKNOWN"})
"""First components of principals that are never gated: those that the realm needs, and those that the gate itself needs."""
CANARY = "jitd-canary"
"""First component of the services that are gated, and for which tickets are never granted. jitd asks for them as a test."""
ON, OFF, SILENT = "on", "off", "silent"
"""What a gate is known to be after a KDC was asked for a ticket that nobody has granted."""


@dataclass(frozen=True, slots=True)
class Grant:
    """A grant as the KDC keeps it. ``end`` is in seconds since the epoch; ``client`` a principal with its realm."""

    id: str
    end: int
    client: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """What one KDC did when it was asked for one service's ticket. ``kdc`` is the KDC's name in krb5.conf, or
    "KDC of REALM" if no single KDC is known by name.

    ``state`` is ON (refused by policy), OFF (a ticket came back) or SILENT. ``why`` is the end of a sentence.
    """

    kdc: str
    service: str
    state: str
    why: str


def canary(host: str, realm: str) -> str:
    """Return the canary of ``host``: the name of a service that is gated and never granted."""
    return f"{CANARY}/{host}@{realm}"


def is_grant_id(text: str) -> bool:
    """True for 8 letters of Crockford's base32 in upper case, and perhaps a dot and a number of 1 to 9 digits."""
    return _ID.fullmatch(text) is not None


def is_end(number: int) -> bool:
    """True if the form of a grant has room for the instant ``number``: seconds since the epoch, with 1 to 11 digits."""
    return 0 < number < 10**11


def is_host(text: str) -> bool:
    """True for a host's name in lower case, with a domain, at most 253 characters long."""
    return len(text) <= 253 and _HOST.fullmatch(text) is not None


def is_principal(text: str) -> bool:
    """True for a name that krb5_unparse_name(3) can have written: with a realm, without a control character."""
    try:
        size = len(text.encode("utf-8"))
    except UnicodeEncodeError:
        return False
    return size <= LONGEST_NAME and _NAME.fullmatch(text) is not None


def components(principal: str) -> list[str]:
    """Return the components of a principal's name as they are written, without the realm."""
    found, at = [], 0
    while True:
        match = _COMPONENT.match(principal, at)
        assert match is not None  # it matches the empty string
        found.append(match[0])
        at = match.end() + 1
        if principal[match.end() : at] != "/":
            return found


def may_be_gated(service: str) -> bool:
    """True unless the realm, or the gate itself, needs ungated tickets for this principal (NEVER_GATED)."""
    return components(service)[0] not in NEVER_GATED


def may_be_granted(service: str) -> bool:
    """True if tickets for this principal may be granted: for all but the principals that are never gated, and the canaries."""
    return may_be_gated(service) and components(service)[0] != CANARY


def write_grant(grant: Grant) -> tuple[str, str]:
    """Return the name and the value of the string for ``grant``. Raises ValueError if a field does not have its form."""
    if not (is_grant_id(grant.id) and is_end(grant.end) and is_principal(grant.client)):
        raise ValueError(f"not a grant: {grant}")
    return GRANT + grant.id, f"{FORM} {grant.end} {grant.client}"


def read_grant(name: str, value: str) -> Grant | None:
    """Return the grant in the string with this ``name`` and ``value``; None if one of them does not have its form."""
    form, _, rest = value.partition(" ")
    end, _, client = rest.partition(" ")
    grant_id = name.removeprefix(GRANT)
    if name == grant_id or form != FORM or not is_grant_id(grant_id) or not _END.fullmatch(end) or not is_principal(client):
        return None
    return Grant(grant_id, int(end), client)


def granted_by(service: str, value: str | None) -> tuple[str, ...]:
    """Return the hosts that may grant tickets for ``service``. ``value`` is that of its string GRANTED_BY, None if it has none.

    Without the string, the only host is the one in the service's name: the second of two components. A string that does not have
    the form names no host.
    """
    if value is None:
        parts = components(service)
        return (parts[1],) if len(parts) == 2 and is_host(parts[1]) else ()
    hosts = value.split(" ")
    return tuple(hosts) if all(is_host(host) for host in hosts) else ()
