# SPDX-License-Identifier: Apache-2.0
"""A client of another realm: it comes with a ticket of its own KDC, and is granted under its whole name or not at all."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.krb5.cache import tickets
from tests.krb5.realm import Realm

GATED, OPEN = "postgres/db1.example.test", "http/db1.example.test"
THERE = "carol@OTHER.TEST"


@pytest.fixture(scope="module")
def other(realm: Realm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    """OTHER.TEST, whose people may come to GATE.TEST: both have the keys of krbtgt between them."""
    one = Realm("OTHER.TEST", tmp_path_factory.mktemp("other"), "127.0.1.2")
    one.others.append(realm)
    realm.others.append(one)
    realm.write()
    one.create()
    try:
        for name in ("krbtgt/GATE.TEST@OTHER.TEST", "krbtgt/OTHER.TEST@GATE.TEST"):
            for side in (realm, one):
                side.local(f"addprinc -pw between {name}")
        for person in ("carol", "alice"):
            one.add_person(person)
        realm.add_person("alice")
        for service in (GATED, OPEN):
            realm.add_service(service)
        realm.gate(GATED)
        yield one
    finally:
        one.stop()


@pytest.fixture
def asked(realm: Realm, other: Realm) -> Iterator[Realm]:
    """GATE.TEST before and after without a grant."""
    yield realm
    for key in realm.strings(GATED):
        if key.startswith("jit_grant:"):
            realm.local(f"delstr {GATED} {key}")


def comes(other: Realm, person: str, service: str) -> tuple[bool, str]:
    """Whether a person of OTHER.TEST gets a ticket of a service of GATE.TEST, and what kvno says."""
    cache = other.login(person, other.where / f"{person}.cache")
    done = other.attempt("kvno", f"{service}@GATE.TEST", cache=cache)
    return done.returncode == 0, done.stdout


def test_a_foreign_client_gets_what_is_not_gated_and_nothing_that_is(asked: Realm, other: Realm) -> None:
    """THREATS T-06."""
    assert comes(other, "carol", OPEN)[0]
    with asked.heard() as lines:
        came, said = comes(other, "carol", GATED)
    assert not came and "KDC policy rejects request" in said
    assert any(f"jitd: refused {THERE} a ticket for {GATED}@GATE.TEST: no live grant for this client" in line for line in lines)


def test_a_foreign_client_is_granted_under_its_whole_name(asked: Realm, other: Realm) -> None:
    """THREATS T-06."""
    end = int(time.time()) + 600
    asked.set_string(GATED, "jit_grant:K7QM2XVD", f"1 {end} {THERE}")
    assert comes(other, "carol", GATED)[0]
    (ticket,) = [one for one in tickets(other.where / "carol.cache") if one.server.startswith(GATED)]
    assert ticket.client == THERE and time.time() < ticket.ends_at <= end
    assert not comes(other, "alice", GATED)[0]
    asked.take(GATED)
    assert not comes(other, "carol", GATED)[0]


def test_a_namesake_of_another_realm_is_somebody_else(asked: Realm, other: Realm) -> None:
    """THREATS T-06."""
    asked.grant(GATED, "alice@GATE.TEST")
    asked.grant(GATED, "carol@GATE.TEST", id="K7QM2XVE")
    assert not comes(other, "alice", GATED)[0]
    assert not comes(other, "carol", GATED)[0]
    cache = asked.login("alice", asked.where / "alice")
    assert asked.attempt("kvno", GATED, cache=cache).returncode == 0
    asked.take(GATED)
    asked.grant(GATED, "alice@OTHER.TEST")
    cache = asked.login("alice", asked.where / "alice")
    assert asked.attempt("kvno", GATED, cache=cache).returncode != 0


def test_a_grant_that_has_ended_is_none_for_a_foreign_client_either(asked: Realm, other: Realm) -> None:
    asked.grant(GATED, THERE, -1)
    assert not comes(other, "carol", GATED)[0]


def test_a_tgt_for_another_realm_is_not_gated_by_a_service_of_ours(asked: Realm, other: Realm) -> None:
    cache = asked.login("alice", asked.where / "alice")
    assert asked.attempt("kvno", "krbtgt/OTHER.TEST@GATE.TEST", cache=cache).returncode == 0
