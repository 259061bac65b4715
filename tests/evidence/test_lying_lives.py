# SPDX-License-Identifier: Apache-2.0
"""A host that lies about a life seals and signs its lie as any record. Both verifiers tell each lie, and find nothing in what an
honest host records.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from jitd.audit import parts
from jitd.core import chain
from jitd.core.grant import Expired, Grant, GrantState, Issued, Revoked, Used
from jitd.core.law import CLOCK, DAEMON, MONITOR, Role
from jitd.core.run import Ended, Ending, Outcome
from jitd.lifecycle.integrity import Damaged
from jitd.store import Change, documents
from jitd.store.opening import read_store
from jitd_evidence.pack import verify
from tests.daemon.test_verified_in_parts import both
from tests.evidence.packs import ID, Host, wrong, zipped
from tests.evidence.year import Life
from tests.scene import START, actor, asked, permit, person, screened, submit

ALICE = actor(person("alice", principal="alice@EXAMPLE.TEST"))
STARTED, NOT_STARTED = Outcome(Ending.EXITED, 0), Outcome(Ending.NOT_STARTED, 0, "its client was gone")


def lies(host: Host, event: Any, after: Any, told: Callable[[dict[str, Any]], Any] = lambda body: None) -> None:
    """Seal that ``event`` has left ``after``, whatever the tables of the core say. ``told`` may change the record."""
    now, values = host.now(), host.store.values(event.id)
    document = documents.write(after, values)
    made = chain.record(
        event, now, str(after.state), after.version, document, b"", host.digest, values, random=bytes(16)
    )  # fmt: skip
    body = json.loads(made)
    told(body)
    host.store.commit([Change(after, after.version - 1, document)], [chain.canonical(body)], [(values, now.at)])


def granted(host: Host) -> Grant:
    found = host.store.grant(ID)
    assert found is not None
    return found


def next_of(host: Host, **changes: Any) -> Any:
    before = granted(host)
    return replace(before, version=before.version + 1, **changes)


def named(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda body: body.update(event=name)


def uses(host: Host) -> Used:
    return Used(ID, ALICE, ID, permit().obligations.terms)


def issues_again(host: Host) -> None:
    wider = next_of(host, uses=9, left=9)
    lies(host, Issued(ID, DAEMON, wider), wider)


def issues_beside(host: Host) -> None:
    """By an id that begins as that of the request, so a pack of the request has it."""
    wider = replace(granted(host), id=f"{ID}.7", version=1, uses=9, left=9)
    lies(host, Issued(wider.id, DAEMON, wider), wider)


def uses_again(host: Host, told: Callable[[dict[str, Any]], Any] = lambda body: None) -> None:
    lies(host, uses(host), next_of(host, left=0), told)


def gives_back(host: Host) -> None:
    told = {"event": "grant.returned", "detail": {"run": ID, "was_started": False}}
    for _ in range(3):
        lies(host, Revoked(ID, DAEMON, ""), next_of(host), lambda body: body.update(told))


def stored(**changes: Any) -> Callable[[Host], None]:
    """The end of the grant leaves another one than was issued."""
    ended = Revoked(ID, DAEMON, "over")
    return lambda host: lies(host, ended, next_of(host, state=GrantState.REVOKED, **changes))


def told(**members: Any) -> Callable[[Host], None]:
    """A use of which the record has other members."""
    return lambda host: uses_again(host, lambda body: body.update(members))


LATER = START + timedelta(days=1)
LIES: dict[str, tuple[Callable[[Host], None], *tuple[str, ...]]] = {
    "a second issue, of more": (issues_again, "which cannot happen to something 'active'"),
    "a second issue, by the id of a run": (issues_beside, "issues a grant by an id that no request has"),
    "an issue by an unknown name": (told(event="grant.widened"), "'grant.widened', which is not known here"),
    "a use of an unknown life": (told(event="permit.used"), "is not a record of jitd", "or this verify.py does not know"),
    "a use of no object": (
        partial(uses_again, told=lambda body: body.pop("id")), "does not say which", "does not say what it is about",
    ),
    "a use in no version": (told(version="4"), "is not a record of jitd", "does not say what it is about"),
    "a use in no state": (told(state="open"), "and leave it 'open'"),
    "a use by the daemon": (told(role="daemon"), "which no 'daemon' can cause"),
    "a use by nobody's role": (told(role=["requester"]), "can cause"),
    "a use more than were granted": (uses_again, "takes use 3 of a grant with 2"),
    "a use given back that nobody took": (gives_back, "gives back a use that was not taken"),
    "a grant stored with more uses": (stored(uses=9, left=7), "has 7 of 9 uses left, of 2 that were granted"),
    "a grant stored with more left": (stored(left=3), "has 3 of 2 uses left"),
    "a grant stored for longer": (stored(ends_at=LATER), "as its ends_at, where"),
    "a grant stored for later": (stored(begins_at=LATER), "as its begins_at, where None was granted"),
    "a grant stored for eve": (stored(holder=person("eve")), "is of 'eve@EXAMPLE.TEST'"),
}  # fmt: skip
"""What the host does, what ``jitd audit verify`` says of it, and what verify.py says, if it is something else."""


@pytest.fixture
def host(tmp_path: Path) -> Host:
    """Two uses were granted, one was taken when it was issued, and one since."""
    made = Host(tmp_path / "host")
    made.others(1)
    made.live(until="running")
    return made


def found_by_both(host: Host, monkeypatch: pytest.MonkeyPatch) -> tuple[list[str], list[str]]:
    """What ``jitd audit verify`` finds, whether by parts of any size or in its order, and what verify.py finds in a pack."""
    found: list[str] = []
    packed = wrong(zipped(host.pack()), host.public)
    for size in (1, 3, 8192):
        monkeypatch.setattr(parts, "SIZE", size)
        by_parts, _, flaws = both(host.store)
        assert (by_parts is None) is bool(flaws), (size, flaws)
        found = [one.sentence for one in flaws]
    return found, packed


@pytest.mark.parametrize("lie", LIES)
def test_a_move_that_no_life_can_make_is_told_by_both_verifiers(host: Host, monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    """THREATS A-36. It is sealed and signed, and what is stored is what was sealed."""
    does, *said = LIES[lie]
    does(host)
    (found, *_), packed = found_by_both(host, monkeypatch)
    assert said[0] in found and any(said[-1] in one for one in packed), (found, packed)


def revoked(host: Host) -> None:
    host.lifecycle.handle(Revoked(ID, actor(person("dave"), Role.OPERATOR), "enough"))


def never_started(host: Host) -> None:
    """A run whose client was gone gives its use back, and another request of the same person takes it."""
    host.lifecycle.handle(Ended(f"{ID}.2", MONITOR, NOT_STARTED))
    other = replace(asked("LEAS-E000"), rule=granted(host).rule)
    host.lifecycle.handle(submit(other), screened(other, permit()))
    host.lifecycle.handle(replace(uses(host), request=other.id))
    host.lifecycle.handle(Ended(f"{ID}.3", MONITOR, NOT_STARTED), Ended(ID, MONITOR, STARTED))
    host.lifecycle.handle(uses(host))


def issued_and_then_killed(host: Host) -> None:
    """The use of an issued grant is another commit where somebody may wait for it."""
    made = replace(asked("K1ED-0000"), at_once=False)
    host.lifecycle.handle(submit(made), screened(made, permit()))


def narrowed(host: Host) -> None:
    host.lifecycle.handle(Ended(f"{ID}.2", MONITOR, NOT_STARTED))
    host.lifecycle.handle(replace(uses(host), terms=replace(permit().obligations.terms, timeout_for=5)))


def expired(host: Host) -> None:
    host.after += 4000.0
    host.lifecycle.handle(Expired(ID, CLOCK))


def set_aside(host: Host) -> None:
    host.lifecycle.set_aside(Damaged("grant", ID, "it is not what was recorded"))


@pytest.mark.parametrize(
    "does", [lambda host: None, revoked, never_started, issued_and_then_killed, narrowed, expired, set_aside]
)
def test_of_an_honest_host_nothing_is_told(host: Host, monkeypatch: pytest.MonkeyPatch, does: Callable[[Host], None]) -> None:
    does(host)
    assert found_by_both(host, monkeypatch) == ([], [])


def test_a_pack_of_a_later_use_of_a_lease_may_lack_uses_before_one_that_is_given_back(host: Host) -> None:
    never_started(host)
    contents = verify.read_contents(host.pack(), lambda finding: None)
    lacked = [one for one in contents.lines if one.body.get("event") == "grant.used"][:2]
    lacked += [one for one in contents.lines if one.body.get("event") == "grant.returned"][:1]
    found: list[verify.Finding] = []
    verify._follow(contents._replace(lines=[one for one in contents.lines if one not in lacked]), "LEAS-E000", found.append)
    assert found == []


@pytest.mark.parametrize("seed", range(3))
def test_no_life_of_a_year_gives_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    Life(tmp_path, seed, 60).lived()
    with closing(read_store(tmp_path / "jitd.db")) as store:
        for size in (7, 8192):
            monkeypatch.setattr(parts, "SIZE", size)
            by_parts, _, found = both(store)
            assert found == [] and by_parts is not None
