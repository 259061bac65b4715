# SPDX-License-Identifier: Apache-2.0
"""The parts of the daemon that a connection uses. The daemon creates them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from jitd.core.effects import Moment
from jitd.core.run import Process
from jitd.deciding.account_policy import AccountPolicy
from jitd.deciding.subordinates import Subordinates
from jitd.deciding.using import Using
from jitd.lifecycle.notifier import Notifier
from jitd.lifecycle.waiters import Waiters
from jitd.server.acceptor import Acceptor
from jitd.server.complaints import Complaints
from jitd.server.identifying import Identifying
from jitd.server.local_proofs import LocalProofs
from jitd.server.telling import Turns
from jitd.store import Store
from jitd.verbs.access import Access
from jitd.verbs.answers import Answers
from jitd.verbs.lists import Lists
from jitd.verbs.locks import Locks
from jitd.verbs.observers import Observers
from jitd.verbs.recordings import Recordings
from jitd.verbs.records import Records
from jitd.verbs.requests import Requests
from jitd.verbs.roll import Roll
from jitd.workers import Workers


class KeepsHoldings(Protocol):
    """What people do with the holding that their client waits with."""

    def let_go(self, id: str) -> None:
        """Take back the holding, because its client has disconnected."""

    def keep(self, id: str) -> None:
        """Record that the person keeps the holding. Raises IllegalEvent or StoreError."""


class LetsIn(Protocol):
    """The notes of what was let in at a gate."""

    def add(self, uid: int, process: Process) -> None:
        """Note that a sudo, which the account with this uid has started, is let in. Raises OSError."""


@dataclass(frozen=True, slots=True)
class Services:
    """The parts of a running daemon that talk to clients."""

    host: str
    trusted_places: tuple[bytes, ...]
    now: Callable[[], Moment]
    store: Store
    workers: Workers
    acceptor: Acceptor
    identifying: Identifying
    account_policy: AccountPolicy
    using: Using
    local_proofs: LocalProofs
    subordinates: Subordinates
    access: Access
    lists: Lists
    answers: Answers
    requests: Requests
    locks: Locks
    recordings: Recordings
    records: Records
    observers: Observers
    waiters: Waiters
    roll: Roll
    turns: Turns
    complaints: Complaints
    notices: Notifier
    holdings: KeepsHoldings
    let_in: LetsIn
