# SPDX-License-Identifier: Apache-2.0
"""Asks PAM whether the requester's account may be used on this host (``[pam] requester`` of jitd.toml), as enforcement points do
by themselves: HBAC rules of FreeIPA, logon rights of Active Directory, expired passwords, pam_access. Another process asks
(``monitor.proving``). An error denies. People who come by the door are asked about as well, because no login has asked
(ADR 0072).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from weakref import WeakValueDictionary

from jitd.core.decision import Deny, Why
from jitd.core.made_account import Behind, itself
from jitd.core.party import Party
from jitd.core.subject import Identity, Subject

SUCCESS = 0
_MEANINGS = {
    6: "it may not be used on this host",
    7: "it may not be used on this host now",
    10: "the service does not know it",
    12: "its password has to be changed first",
    13: "it has expired",
    27: "its password has expired",
}
"""Codes of pam_acct_mgmt(3): PERM_DENIED, AUTH_ERR, USER_UNKNOWN, NEW_AUTHTOK_REQD, ACCT_EXPIRED, AUTHTOK_EXPIRED."""
WITHIN = 12.0  # seconds within which there must be an answer. PAM itself has ten of them (`proof_orders.POLICY_WITHIN`).
MOST_AT_ONCE = 32  # processes that ask PAM at the same time


class AccountPolicy:
    """Asks the account stage of the PAM service ``service``. If ``service`` is empty, nothing is asked and nothing is denied.
    ``code_of`` is ``Executor.account_code``. About a made account, PAM knows nothing that the domain says of its holder. So PAM
    is asked about the holder's own account (``behind``), too.
    """

    def __init__(self, service: str, code_of: Callable[[str, str], Awaitable[int]], behind: Behind = itself) -> None:
        self._service = service
        self._code_of = code_of
        self._behind = behind
        self._turns: WeakValueDictionary[Party, asyncio.Lock] = WeakValueDictionary()
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

    async def denial(self, who: Subject) -> Deny | None:
        """Return the denial for ``who``, or None if the account may be used. Local root is not asked about. A person waits for
        their own earlier questions first, so nobody takes the room of others.
        """
        if not self._service or who.is_root:
            return None
        turn = self._turns.setdefault(who.party, asyncio.Lock())
        try:
            async with asyncio.timeout(WITHIN), turn, self._room:
                for account in dict.fromkeys((self._behind(who.user), who.user)):
                    code = await self._code_of(account, self._service)
                    if code != SUCCESS:
                        return self._denied(code, "your account" if account == who.user else f"your own account {account}")
        except TimeoutError:  # it is an OSError, too
            return self._error(f"PAM did not answer within {WITHIN:g} seconds")
        except OSError as fault:
            return self._error(fault.strerror or str(fault) or "too many questions to PAM are open")
        return None

    async def denial_by_door(self, who: Identity) -> Deny | None:
        """Return the denial for ``who`` if they have come by the door as an account of this host. Who approves on the host has
        logged in there, so PAM was asked about them. A person without an account has none that PAM could know.
        """
        if not isinstance(who, Subject) or not who.is_by_door:
            return None
        return await self.denial(who)

    def _denied(self, code: int, account: str) -> Deny:
        if code not in _MEANINGS:
            return self._error(f"the account stage of {self._service} failed with the code {code}")
        return Deny(Why.ACCOUNT, f"the account policy of this host denies {account} ({self._service}): {_MEANINGS[code]}")

    def _error(self, why: str) -> Deny:
        return Deny(Why.ERROR, f"the account policy of your account could not be asked: {why}")
