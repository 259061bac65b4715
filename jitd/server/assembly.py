# SPDX-License-Identifier: Apache-2.0
"""Builds what a connection needs."""

from __future__ import annotations

from collections.abc import Callable

from jitd.core.policy import takes_local_proofs
from jitd.deciding.assembly import Deciding
from jitd.deciding.ground import Ground
from jitd.deciding.subordinates import Subordinates
from jitd.deciding.using import Using
from jitd.executor import Executor
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.lifecycle.notifier import Notifier
from jitd.lifecycle.perform import Perform
from jitd.lifecycle.waiters import Waiters
from jitd.recording.reserve import is_reached
from jitd.server.acceptor import Acceptor
from jitd.server.complaints import Complaints
from jitd.server.identifying import Identifying
from jitd.server.local_proofs import LocalProofs
from jitd.server.services import LetsIn, Services
from jitd.server.telling import Turns
from jitd.verbs.answers import Answers
from jitd.verbs.assembly import Verbs


def services(
    ground: Ground,
    deciding: Deciding,
    verbs: Verbs,
    *,
    acceptor: Acceptor,
    answers: Answers,
    executor: Executor,
    is_unreachable: Callable[[], bool],
    lifecycle: Lifecycle,
    let_in: LetsIn,
    notices: Notifier,
    perform: Perform,
    waiters: Waiters,
) -> Services:
    """Return the parts of a daemon that talk to clients. ``is_unreachable`` is that of ``LocalProofs``."""
    config, store, workers, now = ground.config, ground.store, ground.workers, ground.now
    subordinates = Subordinates()
    subordinates.read_file()  # so that nobody has many shares before the first look-up, which may never end
    return Services(
        host=config.host,
        trusted_places=config.trusted_places,
        now=now,
        store=store,
        workers=workers,
        acceptor=acceptor,
        identifying=Identifying(deciding.accounts, workers, subordinates),
        account_policy=deciding.account_policy,
        using=Using(store, deciding.accounts, workers),
        local_proofs=LocalProofs(
            are_taken=lambda: takes_local_proofs(ground.rules.policy),
            is_unreachable=is_unreachable,
            check=executor.check_password,
            opened=ground.opened,
            note=lifecycle.note,
            now=now,
        ),
        subordinates=subordinates,
        access=verbs.access,
        lists=verbs.lists,
        answers=answers,
        requests=verbs.requests,
        locks=verbs.locks,
        recordings=verbs.recordings,
        records=verbs.records,
        observers=verbs.observers,
        waiters=waiters,
        roll=verbs.roll,
        turns=Turns(),
        complaints=Complaints(lifecycle.note, now, lambda: not is_reached(config.state)),
        notices=notices,
        holdings=perform.holdings,
        let_in=let_in,
    )
