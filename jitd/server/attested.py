# SPDX-License-Identifier: Apache-2.0
"""Reads from an accepted context how the person got the ticket (RFC 4120 sections 2 and 5.3, RFC 6680, RFC 8129).

Law: this module reads only values that the KDC has encrypted for the daemon's key. An authentication indicator (RFC 8129) is
ignored if GSSAPI does not report it as authenticated. If a value cannot be read, GSSError is raised, and the client is not
authenticated. ``verified_pac`` says the same of a PAC.
"""

from __future__ import annotations

from datetime import UTC, datetime

from gssapi import raw
from gssapi.raw.ext_krb5 import krb5_extract_authtime_from_sec_context, krb5_get_tkt_flags
from gssapi.raw.ext_rfc6680 import get_name_attribute, inquire_name
from gssapi.raw.misc import GSSError

from jitd.core.authentication import Authentication, name_of_encryption, names_of_flags
from jitd.server.apreq import encryption_types
from jitd.server.verified_pac import read_pac

_INDICATORS = b"auth-indicators"
_GSS_S_UNAVAILABLE = 16 << 16  # RFC 2744 section 3.9.1
MOST_INDICATORS = 32  # authentication indicators that jitd keeps for one ticket. A KDC sets only a few indicators.
LONGEST_INDICATOR = 100  # characters of an authentication indicator. A rule cannot contain a longer indicator.


def attested(
    context: raw.SecurityContext,
    name: raw.Name,
    token: bytes,
    service: str,
    looked_at: datetime,
    sids: frozenset[str] = frozenset(),
) -> Authentication:
    """Return how the person got the ticket in ``token``, accepted for ``service`` at ``looked_at`` (aware, UTC) with ``context``
    and ``name``. ``sids`` are those that count: without them, no PAC is read. Raises GSSError.
    """
    ticket, session = encryption_types(token)
    theirs, ours = realm_of(raw.display_name(name, False).name), service.rpartition("@")[2]
    return Authentication(
        at=datetime.fromtimestamp(krb5_extract_authtime_from_sec_context(context), UTC),
        looked_at=looked_at,
        flags=names_of_flags(krb5_get_tkt_flags(context)),
        indicators=_indicators(name),
        ticket_encryption=name_of_encryption(ticket),
        session_encryption=name_of_encryption(session),
        realms=(theirs,) if theirs == ours else (theirs, ours),
        pac=read_pac(name, sids) if sids else None,
    )


def realm_of(principal: bytes) -> str:
    """Return the realm of ``principal``, as GSSAPI displays it, with bytes outside ASCII escaped."""
    return principal.rpartition(b"@")[2].decode("ascii", "backslashreplace")


def _indicators(name: raw.Name) -> tuple[str, ...]:
    """Sorted, without duplicates, and without those that are not plain words, which a rule cannot contain."""
    if _INDICATORS not in (inquire_name(name, mech_name=False).attrs or ()):
        return ()
    try:
        found = get_name_attribute(name, _INDICATORS)
    except GSSError as fault:
        if fault.maj_code == _GSS_S_UNAVAILABLE:
            return ()
        raise
    if not found.authenticated:
        return ()
    words = {value.decode("ascii", "replace") for value in found.values}
    plain = (word for word in words if 0 < len(word) <= LONGEST_INDICATOR and word.isprintable() and word.isascii())
    return tuple(sorted(plain)[:MOST_INDICATORS])
