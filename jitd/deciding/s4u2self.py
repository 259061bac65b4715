# SPDX-License-Identifier: Apache-2.0
"""Asks the KDC about a person: a ticket to this host on behalf of the person (S4U2Self), requested with this host's own key.

Law: the host first gets a ticket for itself. A failure of this step is never an answer about a person. An error of the KDC is
an answer about a person only if the same question about the host itself gets a ticket.
Sources: [MS-SFU] sections 2.2.1 and 3.1.5.1.1; RFC 4120 section 7.5.9 (the error codes, which libkrb5 numbers from BASE).
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import gssapi
from gssapi.raw import acquire_cred_impersonate_name
from gssapi.raw.misc import GSSError

from jitd.kdc.keytab import clients

KRB5 = gssapi.MechType.kerberos
BASE = -1765328384
C_PRINCIPAL_UNKNOWN = BASE + 6
REFUSALS = frozenset(
    {
        BASE + 1,  # KDC_ERR_NAME_EXP: the account has expired
        C_PRINCIPAL_UNKNOWN,  # there is no such account
        BASE + 12,  # KDC_ERR_POLICY: Samba's answer for a disabled account
        BASE + 18,  # KDC_ERR_CLIENT_REVOKED: the account is disabled or locked
    }
)
"""The errors with which a KDC refuses a person tickets, if it says them about this person alone (docs/adr/0075)."""
ISSUED = BASE + 16
"""KDC_ERR_PADATA_TYPE_NOSUPP. If a host asks about itself, KDCs issue an ordinary ticket. libkrb5 misses the confirmation of
S4U2Self in it, and returns this code.
"""
KDC_UNREACH, REALM_CANT_RESOLVE = BASE + 156, BASE + 220
AWAY = frozenset({KDC_UNREACH, REALM_CANT_RESOLVE})  # libkrb5's codes if no KDC answers, or no name server

MAY_NOT = frozenset(
    {
        BASE + 6,  # KDC_ERR_C_PRINCIPAL_UNKNOWN: a domain knows a service as a server only
        BASE + 7,  # KDC_ERR_S_PRINCIPAL_UNKNOWN
        BASE + 12,  # KDC_ERR_POLICY
        BASE + 13,  # KDC_ERR_BADOPTION: the KDC has no S4U2Self
        BASE + 18,  # KDC_ERR_CLIENT_REVOKED: this host is disabled
        BASE + 24,  # KDC_ERR_PREAUTH_FAILED: this host has another key
    }
)
"""The errors with which a KDC says that this host may not ask, and says the same a moment later. Others may pass."""
OTHER_KEY = frozenset({BASE + 24, BASE + 31})  # KDC_ERR_PREAUTH_FAILED, or without pre-authentication KRB_AP_ERR_BAD_INTEGRITY


class NoCredentials(Exception):
    """This host gets no ticket for itself. ``code`` is libkrb5's code, or 1. The text of the exception is libkrb5's."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def acquire(keytab: Path, service: str, cache: str, preferred: str = "") -> tuple[str, gssapi.Credentials]:
    """Get a ticket-granting ticket with a key in ``keytab``, unless the credential cache ``cache`` holds a valid one. Return the
    principal that has the ticket, and its credentials. The principal is ``service`` or an account in the same
    keytab (``keytab.clients``). ``preferred`` is asked for first. Raises NoCredentials.

    libkrb5 renews the ticket in the cache after half of its life. Callers must not acquire the same cache at the same time.
    """
    try:
        names = clients(keytab.read_bytes(), service)
    except (OSError, ValueError) as fault:
        raise NoCredentials(1, f"{keytab}: {getattr(fault, 'strerror', None) or fault}") from None
    failures: list[NoCredentials] = []
    for name in sorted(names, key=lambda name: name != preferred):
        store: dict[bytes | str, bytes | str] = {"client_keytab": f"FILE:{keytab}", "ccache": f"{cache}-{names.index(name)}"}
        try:
            # With other mechanisms than krb5, the KDC is not asked before the credentials are used.
            own = gssapi.Credentials(name=_name(name), usage="initiate", mechs=[KRB5], store=store)
            if own.lifetime:
                return name, own
            failure = NoCredentials(BASE + 32, "the ticket has expired")
        except GSSError as fault:
            failure = NoCredentials(code_of(fault), sentence_of(fault))
        if failure.code in AWAY:
            raise failure
        failures.append(failure)
    # That a domain does not know the service as a client says less than what it says of the account.
    failures.sort(key=lambda failure: failure.code == C_PRINCIPAL_UNKNOWN)
    raise failures[0] if failures else NoCredentials(1, f"{keytab} has no key of {service}")


def question(own: gssapi.Credentials, principal: str) -> int:
    """Request a ticket to the owner of ``own`` on behalf of ``principal``. Return libkrb5's code, and 0 for a ticket. Blocks."""
    try:
        acquire_cred_impersonate_name(own, _name(principal), mechs=[KRB5])
    except GSSError as fault:
        return code_of(fault)
    return 0


def about_itself(own: gssapi.Credentials, client: str) -> int:
    """Ask the same question about ``client``, the owner of ``own``. Return libkrb5's code, and 0 for a ticket. Blocks."""
    code = question(own, client)
    return 0 if code == ISSUED else code


def code_of(fault: GSSError) -> int:
    """Return libkrb5's code for the fault. Return 1 if GSSAPI gives no code."""
    code = int(fault.min_code)
    return (code - (1 << 32) if code >= 1 << 31 else code) or 1


def sentence_of(fault: GSSError) -> str:
    """Return a sentence about libkrb5's code of the fault, or GSSAPI's own if there is none."""
    get: Callable[..., list[str]] = fault.get_all_statuses
    said = get(fault.min_code, False) if fault.min_code else get(fault.maj_code, True)
    return ": ".join(part.decode() if isinstance(part, bytes) else part for part in said)


def _name(principal: str) -> gssapi.Name:
    return gssapi.Name(principal, gssapi.NameType.kerberos_principal)
