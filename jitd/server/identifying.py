# SPDX-License-Identifier: Apache-2.0
"""Finds out who a client is on this host. The name services are asked by workers of their own (a lane).

Law: a name service that does not answer delays only people whom no other one knows. It never delays root, who is always known.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from jitd.core.subject import Subject
from jitd.deciding.accounts import Accounts, uid_of
from jitd.deciding.subordinates import Subordinates
from jitd.server.acceptor import Proof
from jitd.workers import Workers

PATIENCE = 2.0
"""Seconds that root waits for its groups. Without them a rule matches root only by name (jitd-policy(5), ROOT)."""


class Identifying:
    """Finds out who clients are. A subordinate user id uses its owner's share of the lane."""

    def __init__(self, accounts: Accounts, workers: Workers, subordinates: Subordinates) -> None:
        self._accounts = accounts
        self._workers = workers
        self._subordinates = subordinates
        self._of_root: asyncio.Task[Subject] | None = None
        self._since = 0.0

    async def subject(self, uid: int, proof: Proof | None) -> Subject | None:
        """Return who has given ``proof`` (None: local root) from account ``uid``; None if nobody on this host."""
        if proof is None:
            return await self._root()
        share = self._subordinates.owner_of(uid)
        return await self._workers.names.run(share, self._accounts.subject, proof.principal, proof.ends_at, proof.authentication)

    async def local(self, uid: int) -> Subject | None:
        """Return who account ``uid`` is, without a proof; None if there is no such account."""
        if uid == 0:
            return await self._root()
        return await self._workers.names.run(self._subordinates.owner_of(uid), self._accounts.local, uid)

    async def by_pam(self, uid: int, ends_at: datetime) -> Subject | None:
        """Return who account ``uid`` is if it proves by local PAM who it is, until ``ends_at``; None if nobody on this host."""
        return await self._workers.names.run(self._subordinates.owner_of(uid), self._accounts.by_pam, uid, ends_at)

    async def again(self, who: Subject) -> Subject | None:
        """Return ``who`` as they are on this host now; None if the account does not exist any more or has expired."""
        if who.is_root:
            return await self._root()
        return await self._workers.names.run(who.uid, self._accounts.again, who)

    async def uid_of(self, uid: int, user: str) -> int | None:
        """Return the user id of account ``user``; None if there is none. Account ``uid`` asks, and its share is used."""
        return await self._workers.names.run(uid, uid_of, user)

    async def _root(self) -> Subject:
        """Return root. All callers share one look-up, and wait for it together, for PATIENCE seconds after its start at most."""
        if self._of_root is None or self._of_root.done():
            self._since = time.monotonic()
            self._of_root = asyncio.get_running_loop().create_task(self._workers.names.run(0, self._accounts.root))
            self._of_root.add_done_callback(lambda done: done.cancelled() or done.exception())  # those who waited may be gone
        looking = self._of_root
        await asyncio.wait((looking,), timeout=max(0.0, self._since + PATIENCE - time.monotonic()))
        if not looking.done() or isinstance(looking.exception(), TimeoutError):
            return self._accounts.root_alone()
        return looking.result()
