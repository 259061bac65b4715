# SPDX-License-Identifier: Apache-2.0
"""Finds out who a client is on this host. The name services are queried in a separate group of workers (a lane).

Law: a silent name service delays only people who are unknown to the other name services. The account root waits at most PATIENCE
seconds, because root is always known.
"""

from __future__ import annotations

import asyncio
import time
from datetime import datetime

from jitd.core.subject import Subject
from jitd.deciding.accounts import Accounts, uid_of
from jitd.deciding.subordinates import Subordinates
from jitd.server.acceptor import Proof
from jitd.verbs.refusal import NOT_THEIRS
from jitd.workers import Workers
from jitpam.wire.shown import shown

PATIENCE = 2.0
"""Maximum time, in seconds, that root waits for the look-up of its groups. If root's groups are not known, a rule matches root
only by name (jitd-policy(5), ROOT).
"""


class Identifying:
    """Finds out who clients are. A look-up for a subordinate user id (subuid(5)) is counted for the account that owns this id."""

    def __init__(self, accounts: Accounts, workers: Workers, subordinates: Subordinates) -> None:
        self._accounts = accounts
        self._workers = workers
        self._subordinates = subordinates
        self._of_root: asyncio.Task[Subject] | None = None
        self._since = 0.0

    async def subject(self, uid: int, proof: Proof | None) -> Subject | None:
        """Return the Subject for the account ``uid`` and its ``proof``. A ``proof`` of None means local root. Return None if
        nobody on this host matches.
        """
        if proof is None:
            return await self._root()
        share = self._subordinates.owner_of(uid)
        return await self._workers.names.run(
            share, self._accounts.of_client, uid, proof.principal, proof.ends_at, proof.authentication
        )

    def why_not_theirs(self, proof: Proof | None) -> str:
        """Return the answer to a client whose ticket is not its account's. If the principal in ``proof`` cannot name any account,
        the answer says why. This follows from the settings alone, so that a stranger does not learn which accounts exist.
        """
        why = "" if proof is None else self._accounts.naming.why_no_account(proof.principal)
        return NOT_THEIRS if proof is None or not why else f"{shown(proof.principal)} has no account on this host: {why}"

    async def local(self, uid: int) -> Subject | None:
        """Return the Subject of account ``uid``, without a proof. Return None if there is no such account."""
        if uid == 0:
            return await self._root()
        return await self._workers.names.run(self._subordinates.owner_of(uid), self._accounts.local, uid)

    async def by_pam(self, uid: int, ends_at: datetime) -> Subject | None:
        """Return the Subject of account ``uid``, proved by local PAM until ``ends_at``. Return None if nobody on this host
        matches.
        """
        return await self._workers.names.run(self._subordinates.owner_of(uid), self._accounts.by_pam, uid, ends_at)

    async def again(self, who: Subject) -> Subject | None:
        """Return the current Subject of ``who`` on this host. Return None if the account has expired or does not exist any
        more.
        """
        if who.is_root:
            return await self._root()
        return await self._workers.names.run(who.uid, self._accounts.again, who)

    async def uid_of(self, uid: int, user: str) -> int | None:
        """Return the user id of the account ``user``, or None if there is no such account. The look-up is counted for ``uid``,
        the account of the client that asks.
        """
        return await self._workers.names.run(uid, uid_of, user)

    async def _root(self) -> Subject:
        """Return root. All callers share one look-up. A caller waits at most until PATIENCE seconds after the start of the
        look-up.
        """
        if self._of_root is None or self._of_root.done():
            self._since = time.monotonic()
            self._of_root = asyncio.get_running_loop().create_task(self._workers.names.run(0, self._accounts.root))
            self._of_root.add_done_callback(lambda done: done.cancelled() or done.exception())  # the waiting callers may be gone
        looking = self._of_root
        await asyncio.wait((looking,), timeout=max(0.0, self._since + PATIENCE - time.monotonic()))
        if not looking.done() or isinstance(looking.exception(), TimeoutError):
            return self._accounts.root_alone()
        return looking.result()
