# SPDX-License-Identifier: Apache-2.0
"""Finds out who a client is on this host. The name services are queried in a separate group of workers (a lane).

Law: a silent name service delays only people who are unknown to the other name services. The account root waits at most PATIENCE
seconds, because root is always known.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any

from jitd.core.party import OF_ROOT, STRANGERS, Party
from jitd.core.subject import Identity, Subject, Who
from jitd.deciding.accounts import Accounts, uid_of
from jitd.deciding.groups import CannotLookUp
from jitd.deciding.subordinates import Subordinates
from jitd.server.acceptor import Proof
from jitd.verbs.refusal import NOBODY_BY_DOOR, NOT_THEIRS
from jitd.workers import Workers
from jitpam.wire.shown import shown

SLOW_AFTER = 1.0
"""Seconds after which a client is told that the directory of accounts is slow."""
GREETED_WITHIN = 60.0
"""Maximum time, in seconds, that jitd waits for the directory of accounts before it knows who somebody is. A directory that has
nothing in its cache may take many seconds for a person in hundreds of groups.
"""
UNANSWERED = f"the directory of accounts has not answered within {GREETED_WITHIN:.0f} s, so nothing was done: try again later"
Slow = Callable[[int], None]  # told after SLOW_AFTER how many milliseconds jitd still waits
PATIENCE = 2.0  # seconds that root waits for its groups. Without them, a rule matches root only by name (jitd-policy(5), ROOT)


def greeted_until() -> float:
    """Return when jitd stops waiting for the directory of accounts for who comes now (the loop's clock)."""
    return asyncio.get_running_loop().time() + GREETED_WITHIN


class Identifying:
    """Finds out who clients are. A look-up for a subordinate user id (subuid(5)) is counted for the account that owns this id."""

    def __init__(self, accounts: Accounts, workers: Workers, subordinates: Subordinates) -> None:
        self._accounts = accounts
        self._workers = workers
        self._subordinates = subordinates
        self._of_root: asyncio.Task[Subject] | None = None
        self._since = 0.0

    async def subject(self, uid: int, proof: Proof | None, slow: Slow, until: float | None = None) -> Subject | None:
        """Return the Subject for the account ``uid`` and its ``proof``. A ``proof`` of None means local root. Return None if
        nobody on this host matches. ``slow`` is called if the directory of accounts is slow. ``until`` is the result of
        ``greeted_until``, for a caller with a second look-up; all look-ups for a client end then. Raises TimeoutError.
        """
        if proof is None:
            return await self._root()
        share = self._subordinates.party_of(uid)
        told = proof.principal, proof.ends_at, proof.authentication
        return await self._patiently(slow, until, share, self._accounts.of_client, uid, *told)

    async def by_door(self, proof: Proof, slow: Slow, until: float | None = None) -> Identity | None:
        """Return the person who has given ``proof`` at the door: the Subject of the account to which the principal maps, or the
        Visitor of its line in ``[approvers]``. Return None if there is neither. For ``slow`` and ``until``, see ``subject``.
        Raises TimeoutError.
        """
        told = proof.principal, proof.ends_at, replace(proof.authentication, by_door=True)
        # One share for all of them: many may have a ticket.
        return await self._patiently(slow, until, STRANGERS, self._accounts.of_principal, *told)

    def why_nobody_by_door(self, proof: Proof) -> str:
        """Return the answer to a client whom this host does not know at the door. What it says about SIDs follows from the
        settings and the ticket alone, so a stranger does not learn which accounts exist.
        """
        text, nobody = self._accounts.naming.read(proof.principal), NOBODY_BY_DOOR.format(who=shown(proof.principal))
        if text is None or not self._accounts.sids.groups:
            return nobody
        why = self._accounts.why_not_by_sids(text, proof.ends_at, proof.authentication)
        return f"{nobody}: {shown(why)}" if why else nobody

    def why_not_theirs(self, proof: Proof | None) -> str:
        """Return the answer to a client whose ticket is not its account's. If the principal in ``proof`` cannot name any account,
        the answer says why. This follows from the settings alone, so that a stranger does not learn which accounts exist.
        """
        why = "" if proof is None else self._accounts.naming.why_no_account(proof.principal)
        return NOT_THEIRS if proof is None or not why else f"{shown(proof.principal)} has no account on this host: {why}"

    async def local(self, uid: int, slow: Slow, until: float | None = None) -> Subject | None:
        """Return the Subject of account ``uid``, without a proof. Return None if there is no such account. For ``slow`` and
        ``until``, see ``subject``. Raises TimeoutError.
        """
        if uid == 0:
            return await self._root()
        return await self._patiently(slow, until, self._subordinates.party_of(uid), self._accounts.local, uid)

    async def why_not(self, uid: int) -> str:
        """Return why account ``uid`` may not ask here, for its owner, or an empty text if it may. Raises TimeoutError."""
        return await self._workers.names.run(self._subordinates.party_of(uid), self._accounts.why_not, uid)

    async def by_pam(self, uid: int, ends_at: datetime) -> Subject | None:
        """Return the Subject of ``uid``, proved by local PAM until ``ends_at``, or None if nobody here matches."""
        return await self._workers.names.run(self._subordinates.party_of(uid), self._accounts.by_pam, uid, ends_at)

    async def again(self, who: Who, slow: Slow | None = None) -> Who | None:
        """Return ``who`` with the present data of this host. Return None if the account has expired or does not exist any
        more. If ``slow`` is given, wait as patiently as ``subject``. Raises TimeoutError.
        """
        if who.is_root:
            root = await self._root()
            return root if isinstance(root, type(who)) else None
        if slow is not None:
            return await self._patiently(slow, None, who.party, self._accounts.again, who)
        return await self._workers.names.run(who.party, self._accounts.again, who)

    async def uid_of(self, uid: int, user: str) -> int | None:
        """Return the uid of ``user``, or None without an account. The look-up counts for ``uid``, who asks."""
        return await self._workers.names.run(Party.of_account(uid), uid_of, user)

    async def _patiently(
        self, slow: Slow, until: float | None, share: Party, work: Callable[..., Who | None], *args: Any
    ) -> Who | None:
        left = GREETED_WITHIN if until is None else max(0.0, until - asyncio.get_running_loop().time())
        timer = asyncio.get_running_loop().call_later(SLOW_AFTER, slow, max(0, int((left - SLOW_AFTER) * 1000)))
        try:
            return await self._workers.names.run_within(left, share, work, *args)
        except TimeoutError:
            raise TimeoutError(UNANSWERED) from None
        finally:
            timer.cancel()

    async def _root(self) -> Subject:
        """All callers share one look-up. They wait at most until PATIENCE seconds after its start."""
        if self._of_root is None or self._of_root.done():
            self._since = time.monotonic()
            self._of_root = asyncio.get_running_loop().create_task(self._workers.names.run(OF_ROOT, self._accounts.root))
            self._of_root.add_done_callback(lambda done: done.cancelled() or done.exception())  # the waiting callers may be gone
        looking = self._of_root
        await asyncio.wait((looking,), timeout=max(0.0, self._since + PATIENCE - time.monotonic()))
        if not looking.done() or isinstance(looking.exception(), TimeoutError | CannotLookUp):
            return self._accounts.root_alone()
        return looking.result()
