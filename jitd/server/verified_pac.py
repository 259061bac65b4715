# SPDX-License-Identifier: Apache-2.0
"""Gets from an accepted context what the PAC of its ticket says ([MS-PAC]; RFC 6680 names its buffers as attributes of a name).

Law: a buffer is nothing if GSSAPI does not report it as authenticated. If it does, libkrb5 has compared the signature of the PAC
with the daemon's own key, and its name and time with those of the ticket. A PAC that cannot be read is none.
"""

from __future__ import annotations

from gssapi import raw
from gssapi.raw.ext_rfc6680 import get_name_attribute, inquire_name
from gssapi.raw.misc import GSSError

from jitd.core.authentication import Pac
from jitd.server import pac

_LOGON, _UPN, _DELEGATION = b"urn:mspac:logon-info", b"urn:mspac:upn-dns-info", b"urn:mspac:delegation-info"


def is_delegated(name: raw.Name) -> bool:
    """True if the PAC says that a service got the ticket on behalf of the person ([MS-SFU], S4U2Proxy), verified or not."""
    return _DELEGATION in (inquire_name(name, mech_name=False).attrs or ())


def read_pac(name: raw.Name, sids: frozenset[str]) -> Pac | None:
    """Return what the verified PAC of the ticket of ``name`` says about the account and those of its groups that are in ``sids``.
    Return None if there is none that can be read.
    """
    try:
        account = pac.account(_of_pac(name, _LOGON))
        upn = pac.user_principal_name(_of_pac(name, _UPN))
    except (GSSError, pac.BadPac):  # a buffer that is there twice is a GSSError
        return None
    return None if account is None else Pac(account.name, upn, account.sid, account.groups & sids)


def _of_pac(name: raw.Name, buffer: bytes) -> bytes:
    if buffer not in (inquire_name(name, mech_name=False).attrs or ()):
        return b""
    found = get_name_attribute(name, buffer)
    return found.values[0] if found.authenticated and found.complete and len(found.values) == 1 else b""
