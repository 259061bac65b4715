# SPDX-License-Identifier: Apache-2.0
"""Asks the KDC whether a principal is still valid. The daemon uses S4U2Self ([MS-SFU] section 3.1.5.1.1), with its own key.

Law: a principal is treated as refused only after a clear refusal. If the KDC is silent, unreachable, or gives no clear answer,
the person's ticket is still accepted. A proof by local PAM is accepted only while no KDC can be reached.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as TooLate
from pathlib import Path

import gssapi
from gssapi.raw import acquire_cred_impersonate_name
from gssapi.raw.misc import GSSError

from jitd.core.subject import BY_PAM

PATIENCE = 2.0
"""Number of seconds to wait for the KDC's answer. The limit is the same for a query about one principal and for a query about
several principals.
"""
KEPT_FOR = 60.0
"""Number of seconds that the answer about an approver is kept. A missing answer is kept for the same time."""

# The error codes of RFC 4120 section 7.5.9, as libkrb5 numbers them.
_BASE = -1765328384
_NO = frozenset(
    {
        _BASE + 1,  # KDC_ERR_NAME_EXP: the principal has expired
        _BASE + 6,  # KDC_ERR_C_PRINCIPAL_UNKNOWN
        _BASE + 18,  # KDC_ERR_CLIENT_REVOKED: locked out or disabled
    }
)


class Kdc:
    """Queries the KDC. The daemon authenticates as the principal ``service``, and ``keytab`` contains the key of this principal.
    ``is_unreachable`` returns True while no KDC answers.
    """

    def __init__(self, keytab: Path, service: str, is_unreachable: Callable[[], bool]) -> None:
        self._is_unreachable = is_unreachable
        self._store: dict[bytes | str, bytes | str] = {"client_keytab": f"FILE:{keytab}", "ccache": "MEMORY:jitd"}
        self._service = service
        self._pool = ThreadPoolExecutor(4, "jitd-kdc")
        self._kept: dict[str, tuple[float, bool | None]] = {}

    def is_alive(self, principal: str) -> bool | None:
        """Return True if the KDC issues a ticket for ``principal``. Return False if the KDC says that ``principal`` gets no
        tickets any more. Return None if the KDC gives no clear answer within PATIENCE seconds.
        """
        # a proof by local PAM is accepted only while no KDC can be reached
        if principal.startswith(BY_PAM):
            return None if self._is_unreachable() else False
        try:
            return self._pool.submit(self._ask, principal).result(PATIENCE)
        except (TooLate, RuntimeError):
            return None

    async def refused(self, principals: Sequence[str]) -> frozenset[str]:
        """Return the members of ``principals`` that the KDC has refused within the last KEPT_FOR seconds. The queries about all
        principals run in parallel. If the KDC does not answer in time about a principal, this principal is not in the result. A
        person who authenticated by local PAM is in the result as soon as a KDC can be reached. If ``principals`` contains such a
        person, the function waits until it knows whether a KDC can be reached.
        """
        now = time.monotonic()
        self._kept = {principal: kept for principal, kept in self._kept.items() if now - kept[0] < KEPT_FOR}
        known = {principal for principal in principals if not principal.startswith(BY_PAM)}
        asked = sorted(known - self._kept.keys())
        if asked:
            asking = {asyncio.ensure_future(self._answer(principal)): principal for principal in asked}
            answered, silent = await asyncio.wait(asking, timeout=PATIENCE)
            for one in silent:
                one.cancel()
            self._kept |= {principal: (now, one.result() if one in answered else None) for one, principal in asking.items()}
        by_pam = frozenset(principals) - known
        over = by_pam if by_pam and not await self._is_outage() else frozenset[str]()
        return over | {principal for principal in known if self._kept.get(principal, (now, None))[1] is False}

    async def _is_outage(self) -> bool:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._is_unreachable)
        except RuntimeError:  # the daemon is stopping
            return False

    async def _answer(self, principal: str) -> bool | None:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._pool, self._ask, principal)
        except RuntimeError:  # the daemon is stopping
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
        """Send no more queries. Do not wait for the queries that have not been answered yet."""
        self._pool.shutdown(wait=False, cancel_futures=True)
