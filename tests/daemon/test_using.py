# SPDX-License-Identifier: Apache-2.0
"""Who may act with a client's account: the runs in which its process is, and the login."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from jitd.core.subject import Subject, User
from jitd.deciding import using
from jitd.deciding.using import MOST_ANCESTORS, TooManyAncestors, Using
from jitd.workers import Workers
from tests.core.house import ALICE, BOB, CAROL, EVE, ROOT

RUN = "K7QM-2XVD.1"
NOBODY = 2**32 - 1
UNIT, DIRECT, SESSION = f"jitd.slice/jitd-run-{RUN}.scope/command", f"srv/jitd-run-{RUN}/command", "user.slice/session-1.scope"


class Processes:
    """A procfs of the test's own."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.add("self", 1, "", NOBODY)

    def add(self, pid: int | str, parent: int, group: str, login: int = NOBODY) -> None:
        place = self.path / str(pid)
        place.mkdir()
        (place / "stat").write_text(f"{pid} (a) b) S {parent} 1 1")
        (place / "cgroup").write_text(f"1:name=systemd:/\n0::/{group}\n")
        (place / "loginuid").write_text(str(login))


@pytest.fixture
def processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Processes:
    monkeypatch.setattr(using, "_PROC", tmp_path)
    return Processes(tmp_path)


def found(
    who: Subject, *, requester: Subject = ALICE, is_login: bool = False, is_live: bool = True, resumed_by: tuple[User, ...] = ()
) -> set[tuple[str, str]]:
    """Who uses the account of ``who``, in process 100, and in which run."""
    run = SimpleNamespace(request="K7QM-2XVD", used_by=resumed_by)
    store = SimpleNamespace(
        has_live_runs=lambda: is_live,
        run=lambda id: run if id == RUN else None,
        request=lambda id: SimpleNamespace(requester=requester),
    )
    accounts = SimpleNamespace(people={}, local=lambda uid: {ALICE.uid: ALICE, CAROL.uid: CAROL, EVE.uid: EVE}.get(uid))
    process = SimpleNamespace(pid=100, refuse_gone=lambda: None)

    async def look() -> Subject:
        return await Using(store, accounts, Workers()).as_used(who, process, is_login=is_login)  # type: ignore[arg-type]

    return {(one.person, one.run) for one in asyncio.run(look()).used_by}


@pytest.mark.parametrize("group", [UNIT, DIRECT, f"{UNIT}/deep/er"])
def test_who_uses_the_account_of_a_client(processes: Processes, group: str) -> None:
    """THREATS A-21: also if logind or a user manager has moved the process."""
    processes.add(100, 50, group)
    processes.add(50, 1, "init.scope")
    assert found(BOB) == {("alice", RUN)}
    (processes.path / "100/cgroup").write_text(f"0::/{SESSION}\n")
    assert found(BOB) == set()
    (processes.path / "50/cgroup").write_text(f"0::/{group}\n")
    assert found(BOB) == {("alice", RUN)}
    assert found(ALICE) == found(BOB, is_live=False) == set()


def test_who_resumed_the_run_of_the_process_uses_its_account_too(processes: Processes) -> None:
    """THREATS A-25: bob has asked for a run as carol, and alice, who used his account, has begun it."""
    processes.add(100, 1, UNIT)
    resumed_by = (User(ALICE.principal, ALICE.uid, ALICE.person, "R0NS-0001"),)
    assert found(CAROL, requester=BOB, resumed_by=resumed_by) == {("bob", RUN), ("alice", RUN)}


def test_a_group_that_is_named_as_a_run_of_nobody_says_nothing(processes: Processes) -> None:
    processes.add(100, 1, "user@4002.service/jitd-run-ZZZZ-ZZZZ.1")
    assert found(BOB) == set()


@pytest.mark.parametrize(
    ("login", "who", "users"),
    [
        (ALICE.uid, BOB, {("alice", "")}),
        (BOB.uid, BOB, set()),
        (NOBODY, BOB, set()),
        (0, BOB, set()),
        (ALICE.uid, ROOT, set()),  # root may act for root, whoever it was before
        (999, BOB, set()),  # no account of a person
    ],
)
def test_who_logged_in_uses_the_account(processes: Processes, login: int, who: Subject, users: set[tuple[str, str]]) -> None:
    """THREATS A-21: sudo, su and doas."""
    processes.add(100, 1, SESSION, login)
    assert found(who) == users
    assert found(who, is_login=True) == set()
    (processes.path / "self/loginuid").write_text(str(login))
    assert found(who) == set(), "everything here has the login of jitd itself"


def test_a_process_of_which_nothing_can_be_said_is_refused(processes: Processes) -> None:
    """THREATS A-21."""
    for pid in range(100, 100 + MOST_ANCESTORS + 1):
        processes.add(pid, pid + 1, SESSION)
    with pytest.raises(TooManyAncestors):
        found(BOB)
    assert found(replace(BOB), is_live=False) == set()
