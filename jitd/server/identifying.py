# SPDX-License-Identifier: Apache-2.0
"""Who somebody is here, asked of the name services in a lane of their own.

Law: a silent name service keeps people waiting that it alone knows, and never root: root is known without any.
"""

from __future__ import annotations

import asyncio
import time

from jitd.core.subject import Subject
from jitd.deciding.accounts import Accounts, uid_of
from jitd.deciding.subordinates import Subordinates
from jitd.server.acceptor import Proof
from jitd.workers import Workers

PATIENCE = 2.0
"""Seconds that root waits for its own groups. Without them a rule holds for root by name alone (jitd-policy(5), ROOT)."""


class Identifying:
    """Asks for everybody. A subordinate uid has its owner's share of the lane."""

    def __init__(self, accounts: Accounts, workers: Workers, subordinates: Subordinates) -> None:
        self._accounts = accounts
        self._workers = workers
        self._subordinates = subordinates
        self._of_root: asyncio.Task[Subject] | None = None
        self._since = 0.0

    async def subject(self, uid: int, proof: Proof | None) -> Subject | None:
        """Who the proof (None: local root), which came from the account ``uid``, is here."""
        if proof is None:
            return await self._root()
        share = self._subordinates.owner_of(uid)
        return await self._workers.names.run(share, self._accounts.subject, proof.principal, proof.ends_at)

    async def local(self, uid: int) -> Subject | None:
        """Who the account ``uid`` is, known by nothing else."""
        if uid == 0:
            return await self._root()
        return await self._workers.names.run(self._subordinates.owner_of(uid), self._accounts.local, uid)

    async def again(self, who: Subject) -> Subject | None:
        """``who`` as they are here now; None if the account is gone or has expired."""
        if who.is_root:
            return await self._root()
        return await self._workers.names.run(who.uid, self._accounts.again, who)

    async def uid_of(self, uid: int, user: str) -> int | None:
        """The number of the account ``user``, for which ``uid`` asks; None if there is none."""
        return await self._workers.names.run(uid, uid_of, user)

    async def _root(self) -> Subject:
        """All who ask within a moment wait for one look. While it goes on for longer nobody waits for it."""
        if self._of_root is None or self._of_root.done():
            self._since = time.monotonic()
            self._of_root = asyncio.get_running_loop().create_task(self._workers.names.run(0, self._accounts.root))
            self._of_root.add_done_callback(lambda done: done.cancelled() or done.exception())  # who waited may be gone
        looking = self._of_root
        await asyncio.wait((looking,), timeout=max(0.0, self._since + PATIENCE - time.monotonic()))
        if not looking.done() or isinstance(looking.exception(), TimeoutError):
            return self._accounts.root_alone()
        return looking.result()
