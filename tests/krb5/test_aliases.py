# SPDX-License-Identifier: Apache-2.0
"""No way round the gate in a realm with aliases and delegation: its database is a directory (LDAP), because db2 has neither."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.krb5.cache import Ticket, tickets
from tests.krb5.directory import DirectoryRealm

GATED, OPEN, PROXY = "postgres/db1.example.test", "nfs/db1.example.test", "http/www.example.test"
ALIASES = {GATED: "pg/db1.example.test", OPEN: "files/db1.example.test"}
ALICE, AL = "alice@GATE.TEST", "al@GATE.TEST"
HOST = "lab.example.test"
WRITER = f"jitd-kdc/{HOST}"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirectoryRealm]:
    """alice is also al and, as an enterprise name, alice@mail.test; PROXY may act for others towards both services."""
    one = DirectoryRealm("GATE.TEST", tmp_path_factory.mktemp("directory"), "127.0.3.2")
    try:
        one.create()
        one.add_person("alice")
        one.add_person("bob")
        one.add_alias("alice", "al", "alice@mail.test")
        for service in (GATED, OPEN, PROXY, WRITER):
            one.add_service(service)
        for service, alias in ALIASES.items():
            one.add_alias(service, alias)
        one.local(f"modprinc +ok_to_auth_as_delegate {PROXY}", f"ktadd -norandkey -k {one.where}/proxy.keytab {PROXY}",
                  f"ktadd -norandkey -k {one.where}/writer.keytab {WRITER}")  # fmt: skip
        one.change(PROXY, "add: krbAllowedToDelegateTo", f"krbAllowedToDelegateTo: {GATED}", f"krbAllowedToDelegateTo: {OPEN}")
        one.gate(GATED)
        one.set_string(GATED, "jit_granted_by", HOST)
        yield one
    finally:
        one.stop()


@pytest.fixture
def realm(made: DirectoryRealm) -> Iterator[DirectoryRealm]:
    """Each test begins and ends without a grant."""
    yield made
    for key in made.strings(GATED):
        if key.startswith("jit_grant:"):
            made.local(f"delstr {GATED} {key}")


def got(cache: Path, service: str) -> Ticket | None:
    """The ticket of a service in a cache."""
    found = [ticket for ticket in tickets(cache) if ticket.server == f"{service}@GATE.TEST"]
    return found[-1] if found else None


def tgs(realm: DirectoryRealm, cache: Path, service: str, *options: str, who: str = "alice") -> Ticket | None:
    """A ticket by a TGT. Each person's password is alice's."""
    cache.unlink(missing_ok=True)
    realm.run("kinit", *options, "-c", f"FILE:{cache}", who, stdin="alicealice\n")
    realm.attempt("kvno", service, cache=f"FILE:{cache}")
    return got(cache, service)


def as_directly(realm: DirectoryRealm, cache: Path, service: str, *options: str, who: str = "alice") -> Ticket | None:
    """A ticket by an AS request."""
    cache.unlink(missing_ok=True)
    realm.attempt("kinit", *options, "-S", service, "-c", f"FILE:{cache}", who, stdin="alicealice\n")
    return got(cache, service)


def delegated(realm: DirectoryRealm, cache: Path, service: str) -> Ticket | None:
    """A ticket in alice's name that PROXY asks for (S4U2Self, and then S4U2Proxy)."""
    cache.unlink(missing_ok=True)
    keytab = f"{realm.where}/proxy.keytab"
    realm.run("kinit", "-k", "-t", keytab, "-c", f"FILE:{cache}", PROXY)
    realm.attempt("kvno", "-k", keytab, "-U", "alice", "-P", service, cache=f"FILE:{cache}")
    return got(cache, service)


WAYS = pytest.mark.parametrize("way", [tgs, as_directly])


@WAYS
def test_an_alias_of_a_service_is_gated_as_the_service_is(realm: DirectoryRealm, tmp_path: Path, way) -> None:
    """THREATS T-01: the strings are those of the entry, whatever name leads to it."""
    cache = tmp_path / "cache"
    assert way(realm, cache, ALIASES[OPEN]) is not None
    assert way(realm, cache, ALIASES[GATED]) is None
    realm.grant(GATED, "bob@GATE.TEST")
    assert way(realm, cache, ALIASES[GATED]) is None
    end = int(time.time()) + 600
    realm.set_string(GATED, "jit_grant:K7QM2XVE", f"1 {end} {ALICE}")
    ticket = way(realm, cache, ALIASES[GATED])
    assert ticket is not None and ticket.client == ALICE and ticket.ends_at <= end
    realm.take(GATED, "K7QM2XVE")
    assert way(realm, cache, ALIASES[GATED]) is None


@pytest.mark.parametrize("who", ["al", "alice@mail.test"])
@pytest.mark.parametrize("canonical", [[], ["-C"]], ids=["as-asked", "canonical"])
def test_in_as_another_name_of_a_client_gets_nothing(realm: DirectoryRealm, tmp_path: Path, who: str, canonical: list) -> None:
    """THREATS T-03: not by a grant of the one name, nor of the other."""
    cache = tmp_path / "cache"
    options = [*canonical, *(["-E"] if "@" in who else [])]
    assert as_directly(realm, cache, OPEN, *options, who=who) is not None
    for number, client in enumerate((ALICE, AL, r"alice\@mail.test@GATE.TEST", "alice@mail.test")):
        realm.grant(GATED, client, id=f"K7QM2XV{number}")
    with realm.heard() as lines:
        assert as_directly(realm, cache, GATED, *options, who=who) is None
    assert any("the client asks under another name than that of its entry" in line for line in lines)


def test_a_tgt_counts_under_the_name_that_it_bears(realm: DirectoryRealm, tmp_path: Path) -> None:
    """THREATS T-03: al is alice only where the KDC itself has said so."""
    cache = tmp_path / "cache"
    realm.grant(GATED, ALICE)
    assert tgs(realm, cache, GATED, who="al") is None
    for options, who in ((["-C"], "al"), (["-E", "-C"], "alice@mail.test")):
        ticket = tgs(realm, cache, GATED, *options, who=who)
        assert ticket is not None and ticket.client == ALICE
    realm.take(GATED)
    realm.grant(GATED, AL)
    assert tgs(realm, cache, GATED) is None and tgs(realm, cache, GATED, "-C", who="al") is None


def test_a_service_that_may_delegate_gets_nothing_in_anybodys_name(realm: DirectoryRealm, tmp_path: Path) -> None:
    """THREATS T-03: S4U2Proxy; neither by the grant of the person, nor by one of its own."""
    cache = tmp_path / "cache"
    ticket = delegated(realm, cache, OPEN)
    assert ticket is not None and ticket.client == ALICE, "it may, where nothing is gated"
    assert delegated(realm, cache, GATED) is None
    realm.grant(GATED, ALICE)
    realm.grant(GATED, f"{PROXY}@GATE.TEST", id="K7QM2XVE")
    with realm.heard() as lines:
        assert delegated(realm, cache, GATED) is None
    assert any("S4U2Proxy" in line and "jitd: refused" in line for line in lines), lines


def test_a_writer_writes_under_the_services_own_name_alone(realm: DirectoryRealm) -> None:
    """THREATS T-07: an alias could name another host."""
    value = f"1 {int(time.time()) + 60} {ALICE}"
    before = realm.strings(GATED)

    def ask(query: str) -> str:
        return realm.attempt("kadmin", "-k", "-t", f"{realm.where}/writer.keytab", "-p", WRITER, "-q", query).stdout

    for query in (f'setstr {ALIASES[GATED]} jit_grant:K7QM2XVD "{value}"', f"getstrs {ALIASES[GATED]}"):
        assert "Operation requires" in ask(query)
        assert realm.strings(GATED) == before
    assert "Attribute set" in ask(f'setstr {GATED} jit_grant:K7QM2XVD "{value}"')
    assert realm.strings(GATED) == before | {"jit_grant:K7QM2XVD": value}
