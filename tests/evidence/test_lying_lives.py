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
from jitd.audit.receipts import Receipts
from jitd.core import chain
from jitd.core.decision import Approval
from jitd.core.grant import Expired, Grant, GrantState, Issued, Revoked, Used
from jitd.core.law import CLOCK, DAEMON, MONITOR, Role
from jitd.core.request import RequestState
from jitd.core.run import Ended, Ending, Outcome, Run, Starting
from jitd.lifecycle.integrity import Damaged
from jitd.store import Change, documents
from jitd.store.opening import read_store
from jitd_evidence.pack import verify
from tests import ssh_keys
from tests.daemon.test_verified_in_parts import both
from tests.evidence.packs import ID, Host, wrong, zipped
from tests.evidence.test_receipts_in_packs import receipt, stated
from tests.evidence.year import Life
from tests.scene import START, actor, asked, permit, person, review, screened, submit

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


def begins_a_run(host: Host) -> None:
    """Without a use."""
    run = Run(f"{ID}.3", ID, ID, host.now().at)
    lies(host, Starting(run.id, ALICE, ID, ID, run.starting_at), run)


def one_left(host: Host) -> None:
    """A run was not started, and gave its use back."""
    host.lifecycle.handle(Ended(f"{ID}.2", MONITOR, NOT_STARTED))


def begins_under_another(host: Host) -> None:
    """In one commit with a use of its own."""
    one_left(host)
    uses_again(host)
    at = host.bodies()[-1]["at"]
    run = Run(f"{ID}.3", "N0NE-0000", ID, host.now().at)
    lies(host, Starting(run.id, ALICE, run.grant, ID, run.starting_at), run, lambda body: body.update(at=at))


def uses_late(host: Host) -> None:
    one_left(host)
    host.after += 86400.0
    uses_again(host)


def uses_after_a_boot(host: Host) -> None:
    one_left(host)
    uses_again(host, lambda body: body.update(boot_id="boot-2", boot="1.000000"))


def another_uses(host: Host) -> None:
    one_left(host)
    lies(host, replace(uses(host), by=actor(person("eve"))), next_of(host, left=0))


def uses_what_was_set_aside(host: Host) -> None:
    one_left(host)
    host.lifecycle.note("object.set_aside", "jitd", 0, {"grant": ID, "because": "it is not what was recorded"})
    uses_again(host)


LATER = START + timedelta(days=1)
LIES: dict[str, tuple[Callable[[Host], None], *tuple[str, ...]]] = {
    "a second issue, of more": (issues_again, "which cannot happen to something 'active'"),
    "a second issue, by the id of a run": (issues_beside, "jitd gives no such id", "does not say what it is about"),
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
    "a use given back that nobody took": (gives_back, "gives back the use of what has not ended unbegun with it"),
    "a run without a use": (begins_a_run, "of which no use was taken for it"),
    "a run under another grant": (begins_under_another, "begins under a grant of which no use was taken for it"),
    "a use after the end": (uses_late, "s after the grant has ended"),
    "a use after a boot": (uses_after_a_boot, "of a grant that was issued before this boot"),
    "a use by eve": (another_uses, "of a grant of 'alice@EXAMPLE.TEST' by 'eve@EXAMPLE.TEST'"),
    "a use of what was set aside": (
        uses_what_was_set_aside, "had ended already (set aside) with record", "which sets this aside",
    ),
    "a grant stored for a longer boot": (stored(ends_boot=9e9), "on the boot clock, where 1604"),
    "a grant stored with a use left": (stored(left=1), "leaves 0 of 2 uses, and as the grant is stored, it has 1 left"),
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
    """What ``jitd audit verify`` finds, and what verify.py finds in a pack."""
    packed = wrong(zipped(host.pack()), host.public)
    return found_in(host, monkeypatch), packed


def found_in(host: Host, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What ``jitd audit verify`` finds, whether by parts of any size or in its order."""
    found: list[str] = []
    host.signing.sign()
    for size in (1, 3, 8192):
        monkeypatch.setattr(parts, "SIZE", size)
        by_parts, _, flaws = both(host.store)
        assert (by_parts is None) is bool(flaws), (size, flaws)
        found = [one.sentence for one in flaws]
    return found


@pytest.mark.parametrize("lie", LIES)
def test_a_move_that_no_life_can_make_is_told_by_both_verifiers(host: Host, monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    """THREATS A-36. It is sealed and signed, and what is stored is what was sealed."""
    does, *said = LIES[lie]
    does(host)
    (found, *_), packed = found_by_both(host, monkeypatch)
    assert said[0] in found and any(said[-1] in one for one in packed), (found, packed)


def waits(host: Host) -> str:
    made = asked("WA1T-0000")
    host.lifecycle.handle(submit(made), screened(made, permit(Approval(1, ("group:ops",)))))
    return made.id


def is_denied(host: Host) -> str:
    host.denied()
    return "DEN1-ED00"


def is_approved_before(host: Host) -> str:
    """Its grant is issued in a later commit."""
    id = waits(host)
    before = host.store.request(id)
    assert before is not None
    lies(host, review(before, person("bob")), replace(before, state=RequestState.APPROVED, version=before.version + 1))
    return id


@pytest.mark.parametrize("asks", [lambda host: "N0NE-0000", waits, is_denied, is_approved_before])
def test_a_grant_is_issued_with_the_approval_of_its_request(
    host: Host, monkeypatch: pytest.MonkeyPatch, asks: Callable[[Host], str]
) -> None:
    """THREATS A-36. Of a request that nobody made, there is no pack."""
    id = asks(host)
    made = replace(granted(host), id=id, version=1, living=(), begun=0, left=2)
    lies(host, Issued(id, DAEMON, made), made)
    packed = wrong(zipped(host.pack(id)), host.public) if host.store.request(id) is not None else None
    found = found_in(host, monkeypatch)[0]
    said = "issues a grant, and its request was not approved with it"
    assert said in found and (packed is None or any(said in one for one in packed)), (found, packed)


def note(**changes: Any) -> Callable[[Host], bytes]:
    def made(host: Host) -> bytes:
        body = json.loads(chain.note("policy.loaded", "root", 0, host.now(), host.digest, {}, random=bytes(16)))
        return chain.canonical(body | changes)

    return made


def submission(**changes: Any) -> Callable[[Host], bytes]:
    def made(host: Host) -> bytes:
        asks = submit(asked("A0TH-ER00"))
        values = host.store.values(asks.id)
        body = json.loads(chain.record(asks, host.now(), "screening", 1, b"", b"", host.digest, values, random=bytes(16)))
        return chain.canonical(body | changes)

    return made


ODD: dict[str, tuple[Callable[[Host], bytes], str]] = {
    "a lock set aside": (note(event="object.set_aside", detail={"lock": "10CK-0001"}), "sets aside a lock"),
    "a clock that is no number": (note(boot="nan"), "has no time"),
    "a clock without end": (note(boot="inf"), "has no time"),
    "a clock too large": (note(boot=10**400), "has no time"),
    "a version too large": (submission(version=1 << 64), "is not a record of jitd"),
    "no version": (submission(version=0), "is not a record of jitd"),
    "a digest with a space": (submission(document="X " + "0" * 64), "is not a record of jitd"),
    "an id in small letters": (submission(id="k7qm-2xvd"), "is about request k7qm-2xvd: jitd gives no such id"),
    "an id with a letter of no id": (submission(id="K7QM-2XVU"), "jitd gives no such id"),
}


@pytest.mark.parametrize("lie", ODD)
def test_a_record_that_no_jitd_writes_is_a_finding(host: Host, monkeypatch: pytest.MonkeyPatch, lie: str) -> None:
    """THREATS A-36."""
    made, said = ODD[lie]
    host.store.commit([], [made(host)], [])
    assert said in found_in(host, monkeypatch)[0]


def test_a_clock_in_the_first_second_of_1970_is_a_clock(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    host.store.commit([], [note(at="1970-01-01T00:00:00.500000+00:00")(host)], [])
    assert found_in(host, monkeypatch) == []


def test_a_pack_lacks_no_object_that_its_reader_may_see(host: Host) -> None:
    """THREATS A-36. Nor, for a later use of a lease, the record that issued it."""

    def without(files: dict[str, bytes]) -> None:
        files["documents.jsonl"] = b""
        files["index.html"] = verify.page(files, ID)

    (found,) = wrong(zipped(host.pack(change=without)), host.public)
    assert f"request {ID}, of which record" in found
    never_started(host)
    contents = verify.read_contents(host.pack("BEAS-E000"), lambda finding: None)
    lines = [one for one in contents.lines if one.body.get("event") != "grant.issued"]
    told: list[verify.Finding] = []
    verify._follow(contents._replace(lines=lines), "BEAS-E000", told.append)
    assert [one.what for one in told] == [f"the record that issues grant {ID} is missing"]


def test_many_receipts_of_one_request_are_not_each_followed_to_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS A-36: otherwise, as many receipts as a host likes would keep the verifier busy for the square of their number."""
    host, made, n = Host(tmp_path / "host"), asked(ID), 60
    host.lifecycle.handle(submit(made), screened(made, permit(Approval(2, ("group:ops",)))))
    host.signing.sign()
    waiting = host.store.request(ID)
    assert waiting is not None
    key, statement, reviewed = ssh_keys.make(tmp_path, "ed25519"), stated(host), review(waiting, person("bob"))
    for number in range(n):
        sealed = receipt(statement._replace(random=number.to_bytes(16, "big")).text(), key)
        waiting = replace(waiting, version=waiting.version + 1)
        lies(host, reviewed, waiting, lambda body, sealed=sealed: body["detail"].update(receipt=sealed))  # type: ignore[misc]
    n_read, content = 0, Receipts._content

    def counted(receipts: Receipts, number: int) -> dict[str, Any]:
        nonlocal n_read
        n_read += 1
        return content(receipts, number)

    monkeypatch.setattr(Receipts, "_content", counted)
    found_in(host, monkeypatch)
    assert n < n_read < 6 * 4 * n


def revoked(host: Host) -> None:
    host.lifecycle.handle(Revoked(ID, actor(person("dave"), Role.OPERATOR), "enough"))


def never_started(host: Host) -> None:
    """A run whose client was gone gives its use back, and another request of the same person takes it."""
    host.lifecycle.handle(Ended(f"{ID}.2", MONITOR, NOT_STARTED))
    other = replace(asked("BEAS-E000"), rule=granted(host).rule)
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
    verify._follow(contents._replace(lines=[one for one in contents.lines if one not in lacked]), "BEAS-E000", found.append)
    assert found == []


@pytest.mark.parametrize("seed", range(3))
def test_no_life_of_a_year_gives_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    Life(tmp_path, seed, 60).lived()
    with closing(read_store(tmp_path / "jitd.db")) as store:
        for size in (7, 8192):
            monkeypatch.setattr(parts, "SIZE", size)
            by_parts, _, found = both(store)
            assert found == [] and by_parts is not None
