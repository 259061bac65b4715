# SPDX-License-Identifier: Apache-2.0
"""Approve, deny, withdraw and expire at the same moment (THREATS A-05): one end, and it is the first that was committed."""

from __future__ import annotations

import threading
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from jitd.core.law import IllegalEvent
from jitd.core.request import Request, RequestState, Verdict
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Conflict, StoreError
from jitd.store.sqlite import SqliteStore
from tests.daemon.racing import run
from tests.scene import asked, moment, permit, person, review, screened, submit, too_late, withdraw
from tests.times import times
from tests.verified import verify
from tests.waiting import PATIENCE

DECISIVE = {
    "approve": (lambda request: review(request, person("bob")), RequestState.APPROVED),
    "approve too": (lambda request: review(request, person("carol")), RequestState.APPROVED),
    "deny": (lambda request: review(request, person("dave"), Verdict.DENY), RequestState.DENIED),
    "withdraw": (withdraw, RequestState.WITHDRAWN),
    "expire": (too_late, RequestState.EXPIRED),
}
"""What ends a request that owes one approval → the end it comes to."""


def opened(path: Path) -> tuple[SqliteStore, Lifecycle]:
    store = SqliteStore(path)
    return store, Lifecycle(store, moment, lambda: "policy-1")


def waiting(path: Path) -> Request:
    """A request in the database at ``path`` that owes one approval."""
    store, lifecycle = opened(path)
    made = asked()
    lifecycle.handle(submit(made))
    lifecycle.handle(screened(made, permit()))
    found = store.request(made.id)
    store.close()
    assert found is not None and found.state is RequestState.PENDING
    return found


@pytest.mark.parametrize("order", list(permutations(DECISIVE)), ids=" < ".join)
def test_the_first_that_is_committed_decides_and_the_others_change_nothing(order: tuple[str, ...], tmp_path: Path) -> None:
    """THREATS A-05."""
    request = waiting(tmp_path / "jitd.db")
    store, lifecycle = opened(tmp_path / "jitd.db")
    make, end = DECISIVE[order[0]]
    lifecycle.handle(make(request))
    after, head = store.request(request.id), store.head()
    assert after is not None and after.state is end
    for late in order[1:]:
        with pytest.raises(IllegalEvent):
            lifecycle.handle(DECISIVE[late][0](request))
        assert (store.request(request.id), store.head()) == (after, head)
    assert (store.grant(request.id) is not None) == (end is RequestState.APPROVED)
    store.close()


@pytest.mark.parametrize("first", DECISIVE)
@pytest.mark.parametrize("second", DECISIVE)
def test_what_was_decided_before_the_other_was_committed_is_a_conflict(
    first: str, second: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS A-05: two doors to one store; the second has looked, and the first commits before it does."""
    path = tmp_path / "jitd.db"
    request = waiting(path)
    store, lifecycle = opened(path)
    other, door = opened(path)
    commit = store.commit

    def late(*parts: Any) -> None:
        door.handle(DECISIVE[first][0](request))
        commit(*parts)

    monkeypatch.setattr(store, "commit", late)
    with pytest.raises(Conflict):
        lifecycle.handle(DECISIVE[second][0](request))
    found = other.request(request.id)
    assert found is not None and found.state is DECISIVE[first][1]
    assert verify(other) == (6 if found.state is RequestState.APPROVED else 3)
    store.close()
    other.close()


def test_at_the_same_moment_over_the_same_database_exactly_one_is_committed(tmp_path: Path) -> None:
    """THREATS A-05: five doors to one store, as no daemon has: the expected version and the chain's number let one through."""
    for round_ in range(times(20)):
        path = tmp_path / f"{round_}.db"
        request = waiting(path)
        start = threading.Barrier(len(DECISIVE))
        done: list[RequestState] = []
        faults: list[BaseException] = []

        def decide(make: Any, end: RequestState) -> None:
            store, lifecycle = opened(path)  # noqa: B023
            try:
                start.wait(PATIENCE)  # noqa: B023
                lifecycle.handle(make(request))  # noqa: B023
                done.append(end)  # noqa: B023
            except (IllegalEvent, Conflict, StoreError):
                pass
            except BaseException as fault:
                faults.append(fault)  # noqa: B023
            finally:
                store.close()

        threads = [threading.Thread(target=decide, args=row) for row in DECISIVE.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * PATIENCE)
        assert not faults
        store = SqliteStore.reading(path)
        found = store.request(request.id)
        assert found is not None and done == [found.state]
        assert verify(store) == (6 if found.state is RequestState.APPROVED else 3)
        store.close()


def test_of_many_deeds_that_overtake_each_other_the_first_decides_a_request_and_ends_its_lease(tmp_path: Path) -> None:
    """THREATS A-05: ``make torture`` has 100,000 of these races."""
    counts = run(tmp_path, times(60), seed=16)
    ends = {"approved", "denied", "withdrawn", "expired", "lease revoked", "lease expired", "conflict"}
    assert ends <= {str(end) for end in counts}, counts
