# SPDX-License-Identifier: Apache-2.0
"""Does the KDC still vouch for somebody? Asked of it by S4U2Self ([MS-SFU] section 3.1.5.1.1) with the daemon's own key.

Law: only a clear no counts as a no. A KDC that is silent, gone, or will not say leaves the ticket as the proof that it is.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from pathlib import Path

import gssapi
from gssapi.raw import acquire_cred_impersonate_name
from gssapi.raw.misc import GSSError

PATIENCE = 2.0
"""Seconds to wait for the KDC's word."""

# RFC 4120 section 7.5.9, as libkrb5 numbers them.
_BASE = -1765328384
_NO = frozenset(
    {
        _BASE + 1,  # KDC_ERR_NAME_EXP: the principal has expired
        _BASE + 6,  # KDC_ERR_C_PRINCIPAL_UNKNOWN
        _BASE + 18,  # KDC_ERR_CLIENT_REVOKED: locked out or disabled
    }
)


class Kdc:
    """Asks on behalf of ``jitd/host@realm``, whose key is in ``keytab``."""

    def __init__(self, keytab: Path, service: str) -> None:
        self._store: dict[bytes | str, bytes | str] = {"client_keytab": f"FILE:{keytab}", "ccache": "MEMORY:jitd"}
        self._service = service
        self._pool = ThreadPoolExecutor(4, "jitd-kdc")

    def is_alive(self, principal: str) -> bool | None:
        """False if the KDC says that ``principal`` may have no tickets any more; None if it gives no clear answer in time."""
        try:
            return self._pool.submit(self._ask, principal).result(PATIENCE)
        except (TooLate, RuntimeError):
            return None

    def _ask(self, principal: str) -> bool | None:
        try:
            own = gssapi.Credentials(
                name=gssapi.Name(self._service, gssapi.NameType.kerberos_principal), usage="initiate", store=self._store
            )
            name = gssapi.Name(principal, gssapi.NameType.kerberos_principal)
            acquire_cred_impersonate_name(own, name, mechs=[gssapi.MechType.kerberos])
        except GSSError as fault:
            minor = fault.min_code - (1 << 32) if fault.min_code >= 1 << 31 else fault.min_code
            return False if minor in _NO else None
        return True

    def close(self) -> None:
        """No more questions; what runs is not waited for."""
        self._pool.shutdown(wait=False, cancel_futures=True)
