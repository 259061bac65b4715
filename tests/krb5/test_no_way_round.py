# SPDX-License-Identifier: Apache-2.0
"""No way round the gate: each way of asking a real KDC, for a gated service and for one that is like it and not gated.

A way gets a ticket of the ungated service, whatever is granted elsewhere. Of the gated one it gets a ticket only with a live
grant for this very client, and that ends with the grant; what cannot be granted gets none with it either.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.krb5 import ways
from tests.krb5.cache import FORWARDABLE, MAY_POSTDATE, POSTDATED, PROXIABLE, Ticket
from tests.krb5.driver import TREE
from tests.krb5.realm import Realm, wait_until
from tests.krb5.ways import GATED, OPEN, Stage, Way
from tests.marks import full

ALICE, BOB = "alice@GATE.TEST", "bob@GATE.TEST"
LONG = 3600
"""Seconds. The lives of tickets are a day, so that a grant always ends first."""

GRANTABLE = [
    ways.tgs, ways.tgs_canonical, ways.as_directly, ways.as_canonical, ways.as_forwardable_proxiable_renewable, ways.as_with_fast,
    ways.tgs_with_fast, ways.forwarded_tgt, ways.forwarded_ticket, ways.proxy,
]  # fmt: skip
"""Ways by which alice, who is granted, gets a ticket in her own name."""
NEVER = [
    ways.renewal, ways.validation, ways.user_to_user, ways.s4u2self, ways.postdated_as, ways.postdated_tgs,
    ways.second_account, ways.as_second_account,
]  # fmt: skip
"""Ways that get nothing although alice is granted."""


@pytest.fixture(scope="module")
def stage(realm: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    where = tmp_path_factory.mktemp("stage")
    ask = where / "ask"
    subprocess.run(["cc", "-Wall", "-Wextra", "-Werror", TREE / "tests/krb5/ask.c", "-o", ask, "-lkrb5"], check=True)
    for person in ("alice", "bob", "alice/admin", "alice-adm", "WELLKNOWN/ANONYMOUS"):
        realm.add_person(person)
    for service in (GATED, OPEN):
        realm.add_service(service)
    one = Stage(realm, where, ask)
    one.prepare()
    realm.gate(GATED)
    yield one


@pytest.fixture
def nothing_granted(stage: Stage) -> Iterator[Stage]:
    """Before and after each test there is no grant, and the gate is as it was made."""
    assert stage.realm.strings(GATED) == {"jit_approval": "required"}
    yield stage
    for key in stage.realm.strings(GATED):
        if key != "jit_approval":
            stage.realm.local(f"delstr {GATED} {key}")
    stage.realm.set_string(GATED, "jit_approval", "required")


def named(way: Way) -> str:
    return way.__name__.strip("_")


def assert_refused(stage: Stage, way: Way) -> None:
    """No ticket, and nothing at the KDC has changed by it."""
    before = stage.realm.local(f"getprinc {GATED}"), stage.realm.strings(GATED)
    assert way(stage, GATED) is None
    assert (stage.realm.local(f"getprinc {GATED}"), stage.realm.strings(GATED)) == before


def assert_within(ticket: Ticket | None, end: float) -> None:
    """A ticket in alice's name that is worth nothing beyond ``end``."""
    assert ticket is not None and ticket.client == ALICE
    assert 0 < ticket.ends_at <= end and ticket.renews_until <= end
    assert not ticket.flags & (FORWARDABLE | PROXIABLE | MAY_POSTDATE | POSTDATED)


@pytest.mark.parametrize("way", [*GRANTABLE, *NEVER], ids=named)
def test_each_way_leads_to_a_service_that_is_not_gated(nothing_granted: Stage, way: Way) -> None:
    """THREATS T-10."""
    assert way(nothing_granted, OPEN) is not None


@pytest.mark.parametrize("way", [*GRANTABLE, *NEVER], ids=named)
def test_no_way_leads_to_a_gated_service_without_a_grant(nothing_granted: Stage, way: Way) -> None:
    """THREATS T-01."""
    assert_refused(nothing_granted, way)


@pytest.mark.parametrize("way", [*GRANTABLE, *NEVER], ids=named)
def test_no_way_leads_there_by_somebody_elses_grant(nothing_granted: Stage, way: Way) -> None:
    """THREATS T-01."""
    nothing_granted.realm.grant(GATED, BOB, LONG)
    nothing_granted.realm.grant(GATED, f"{OPEN}@GATE.TEST", LONG, "K7QM2XVD.2")
    assert_refused(nothing_granted, way)


@pytest.mark.parametrize("way", GRANTABLE, ids=named)
def test_with_a_grant_a_ticket_ends_with_it(nothing_granted: Stage, way: Way) -> None:
    """THREATS T-02."""
    end = int(time.time()) + LONG
    nothing_granted.realm.set_string(GATED, "jit_grant:K7QM2XVD", f"1 {end} {ALICE}")
    assert_within(way(nothing_granted, GATED), end)


@pytest.mark.parametrize("way", NEVER, ids=named)
def test_what_cannot_be_granted_is_refused_with_a_grant(nothing_granted: Stage, way: Way) -> None:
    """THREATS T-02, T-03 and T-04."""
    for client, id in ((ALICE, "K7QM2XVD"), (f"{GATED}@GATE.TEST", "K7QM2XVE"), ("WELLKNOWN/ANONYMOUS@GATE.TEST", "K7QM2XVF")):
        nothing_granted.realm.grant(GATED, client, LONG, id)
    assert_refused(nothing_granted, way)


FIRST = (ways.tgs, ways.as_directly, ways.tgs_with_fast, ways.forwarded_tgt, ways.proxy, ways.renewal, ways.s4u2self)


@pytest.mark.parametrize(
    "way",
    [
        way
        if way in FIRST
        else pytest.param(way, marks=full("every day, each way is tried where nothing was granted, and seven where it was taken"))
        for way in [*GRANTABLE, *NEVER]
    ],
    ids=named,
)
def test_no_way_leads_there_after_the_grant_was_taken(nothing_granted: Stage, way: Way) -> None:
    """THREATS T-01."""
    nothing_granted.realm.grant(GATED, ALICE, LONG)
    nothing_granted.realm.take(GATED)
    assert_refused(nothing_granted, way)


@pytest.mark.parametrize("way", [*GRANTABLE, *NEVER], ids=named)
def test_no_way_leads_there_after_the_end_of_the_grant(nothing_granted: Stage, way: Way) -> None:
    """THREATS T-01."""
    nothing_granted.realm.grant(GATED, ALICE, -1)
    assert_refused(nothing_granted, way)


def test_a_grant_ends_while_the_clock_runs(nothing_granted: Stage) -> None:
    """THREATS T-02: and a TGT that was there before it, and a ticket that was got by it, lead no further."""
    stage = nothing_granted
    tgt = stage.tgt()
    for seconds in (3, 12, 48):  # on a host that is too busy for three, it has ended before it is used
        end = int(time.time()) + seconds
        stage.realm.set_string(GATED, "jit_grant:K7QM2XVD", f"1 {end} {ALICE}")
        ticket = ways.as_directly(stage, GATED)
        if ticket is not None or time.time() < end:
            break
    assert_within(ticket, end)
    wait_until(end)
    assert stage.run(tgt, "kvno", "--no-store", GATED).returncode != 0
    assert_refused(stage, ways.as_directly)


def test_an_anonymous_client_gets_nothing_by_a_password_either(nothing_granted: Stage) -> None:
    """THREATS T-03: its own library would not take the reply, so the KDC's log says whether there was a ticket in it."""
    for client, id in (("WELLKNOWN/ANONYMOUS@GATE.TEST", "K7QM2XVF"), ("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS", "K7QM2XVG")):
        nothing_granted.realm.grant(GATED, client, LONG, id)
    for service, outcome in ((OPEN, "ISSUE"), (GATED, "JIT_APPROVAL")):
        with nothing_granted.realm.heard() as lines:
            password = "WELLKNOWN/ANONYMOUS" * 2
            nothing_granted.run(nothing_granted.new(), "kinit", "-S", service, "WELLKNOWN/ANONYMOUS", stdin=f"{password}\n")
        assert any(f" {outcome}: " in line for line in lines), lines


def test_an_enterprise_name_is_another_name_and_gets_nothing(nothing_granted: Stage) -> None:
    """THREATS T-03: db2 knows no enterprise names, so there is a ticket of neither service."""
    nothing_granted.realm.grant(GATED, ALICE, LONG)
    nothing_granted.realm.grant(GATED, r"alice\@GATE.TEST@GATE.TEST", LONG, "K7QM2XVE")
    assert_refused(nothing_granted, ways.as_enterprise)


@pytest.mark.parametrize(
    "name",
    ["Postgres/db1.example.test", "postgres/DB1.example.test", "POSTGRES/DB1.EXAMPLE.TEST", "postgres/db1.example.test/x",
     "postgres/db1", "postgres", "postgres/db1.example.test.", "/postgres/db1.example.test", r"postgres\/db1.example.test"],
)  # fmt: skip
def test_a_name_in_another_case_or_with_more_components_is_no_service(nothing_granted: Stage, name: str) -> None:
    """THREATS T-03."""
    nothing_granted.realm.grant(GATED, ALICE, LONG)
    assert ways.tgs(nothing_granted, name) is None
    assert ways.as_directly(nothing_granted, name) is None


def test_a_grant_of_one_service_is_none_of_another(nothing_granted: Stage) -> None:
    """THREATS T-01."""
    nothing_granted.realm.grant(OPEN, ALICE, LONG)
    try:
        assert_refused(nothing_granted, ways.tgs)
        assert_refused(nothing_granted, ways.as_directly)
    finally:
        nothing_granted.realm.take(OPEN)


@pytest.mark.parametrize(
    ("spoil", "mend"),
    [
        ("+allow_forwardable", "-allow_forwardable"), ("+allow_proxiable", "-allow_proxiable"),
        ("+allow_postdated", "-allow_postdated"), ("+allow_dup_skey", "-allow_dup_skey"),
        ('-maxrenewlife "1 day"', "-maxrenewlife 0"), ("-maxlife 0", '-maxlife "8 hours"'),
    ],
)  # fmt: skip
def test_a_gated_entry_without_what_it_needs_is_refused_with_a_grant(nothing_granted: Stage, spoil: str, mend: str) -> None:
    """THREATS T-04."""
    realm = nothing_granted.realm
    realm.grant(GATED, ALICE, LONG)
    realm.local(f"modprinc {spoil} {GATED}")
    try:
        with realm.heard() as lines:
            assert_refused(nothing_granted, ways.tgs)
            assert_refused(nothing_granted, ways.as_directly)
        assert any("the service's entry" in line for line in lines)
    finally:
        realm.local(f"modprinc {mend} {GATED}")
    assert ways.tgs(nothing_granted, GATED) is not None


def test_a_refusal_is_one_plain_line_of_the_log_and_the_client_learns_no_reason(nothing_granted: Stage) -> None:
    """THREATS T-09."""
    with nothing_granted.realm.heard() as lines:
        done = nothing_granted.run(nothing_granted.tgt(), "kvno", GATED)
    assert "KDC policy rejects request" in done.stdout and "grant" not in done.stdout
    ours = {line.partition("(info): ")[2] for line in lines if "jitd:" in line}
    assert ours == {f"jitd: refused {ALICE} a ticket for {GATED}@GATE.TEST: no live grant for this client"}


def test_log_issues_everything_and_says_what_it_would_refuse(nothing_granted: Stage) -> None:
    nothing_granted.realm.set_string(GATED, "jit_approval", "log")
    with nothing_granted.realm.heard() as lines:
        ticket = ways.tgs(nothing_granted, GATED)
    assert ticket is not None and ticket.ends_at > time.time() + LONG
    assert f"jitd: would refuse {ALICE} a ticket for {GATED}@GATE.TEST: no live grant for this client" in "\n".join(lines)


@pytest.mark.parametrize("mode", ["yes", "Required", "off", "required,log"])
def test_a_mode_that_is_not_known_is_required(nothing_granted: Stage, mode: str) -> None:
    """THREATS T-05."""
    nothing_granted.realm.set_string(GATED, "jit_approval", mode)
    assert_refused(nothing_granted, ways.tgs)
    with nothing_granted.realm.heard() as lines:
        nothing_granted.realm.grant(GATED, ALICE, LONG)
        assert ways.tgs(nothing_granted, GATED) is not None
    assert any("neither required nor log" in line for line in lines)


def test_a_module_that_is_missing_is_an_open_gate_and_says_nothing(nothing_granted: Stage, tmp_path: Path) -> None:
    """MIT krb5 starts without it. That is why a KDC is asked for a ticket of a canary service."""
    realm = nothing_granted.realm
    realm.stop_one("krb5kdc")
    module, realm.module = realm.module, tmp_path / "missing.so"
    try:
        realm.write()
        with realm.heard() as lines:
            realm.start_one("krb5kdc")
            assert ways.tgs(nothing_granted, GATED) is not None
        assert not any("jitd" in line or "missing.so" in line for line in lines)
        realm.stop_one("krb5kdc")
    finally:
        realm.module = module
        realm.write()
    with realm.heard() as lines:
        realm.start_one("krb5kdc")
    assert any(line.endswith("jitd: the gate is loaded") for line in lines)
    assert_refused(nothing_granted, ways.tgs)
