# SPDX-License-Identifier: Apache-2.0
"""What a host's writer of grants may do at a real kadmind, and what it may not: on its services, on others, on itself.

After each refusal the whole database is as it was.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from tests.krb5.realm import Realm
from tests.marks import full

HOST = "lab.example.test"
WRITER, OTHER_WRITER = f"jitd-kdc/{HOST}", "jitd-kdc/other.example.test"
NAMED, BY_DEFAULT, FOREIGN, UNGATED = "postgres/db1.example.test", f"http/{HOST}", "postgres/db2.example.test", f"nfs/{HOST}"
GATED = (NAMED, BY_DEFAULT, FOREIGN, "krbtgt/GATE.TEST", "jitd-canary/kdc.example.test")
KEY = "jit_grant:K7QM2XVD"


def grant(seconds: int = 600, client: str = "alice@GATE.TEST") -> str:
    return f"1 {int(time.time()) + seconds} {client}"


class House:
    """The realm, and what its principals can ask of kadmind."""

    def __init__(self, realm: Realm) -> None:
        self.realm = realm

    def keytab(self, principal: str) -> str:
        return f"{self.realm.where}/{principal.replace('/', '_')}.keytab"

    def ask(self, query: str, who: str = WRITER) -> str:
        """What kadmin says to a query by a principal with a keytab."""
        done = self.realm.attempt("kadmin", "-k", "-t", self.keytab(who), "-p", who, "-q", query)
        return done.stdout

    def dump(self) -> str:
        """The whole database."""
        return self.realm.run("kdb5_util", "dump")


@pytest.fixture(scope="module")
def made(realm: Realm) -> House:
    house = House(realm)
    for service in (NAMED, BY_DEFAULT, FOREIGN, UNGATED, "jitd-canary/kdc.example.test"):
        realm.add_service(service)
    realm.add_person("alice")
    for service in GATED:
        if service.startswith("krbtgt"):
            realm.local(f"setstr {service} jit_approval log", f'setstr {service} jit_granted_by "{HOST}"')
        else:
            realm.gate(service)
    realm.set_string(NAMED, "jit_granted_by", f"bastion.example.test {HOST}")
    realm.set_string("jitd-canary/kdc.example.test", "jit_granted_by", "none")
    for name in (WRITER, OTHER_WRITER, f"jitd/{HOST}", "root/admin"):
        realm.add_service(name)
        realm.local(f"ktadd -norandkey -k {house.keytab(name)} {name}")
    return house


@pytest.fixture
def house(made: House) -> Iterator[House]:
    """Each test ends with the strings of every service as they were."""
    before = [made.realm.strings(service) for service in (*GATED, UNGATED)]
    yield made
    assert [made.realm.strings(service) for service in (*GATED, UNGATED)] == before


def assert_refused(house: House, query: str, who: str = WRITER) -> None:
    """Refused by kadmind, with one line of ours in its log, and nothing has changed."""
    before = house.dump()
    with house.realm.heard("kadmind.log") as lines:
        said = house.ask(query, who)
    assert "Operation requires" in said or "Insufficient authorization" in said, said
    assert [line.partition("(info): ")[2] for line in lines if f"(info): jitd: refused {who}@GATE.TEST to " in line], lines
    assert house.dump() == before


@pytest.mark.parametrize("service", [NAMED, BY_DEFAULT])
def test_a_writer_sets_reads_and_deletes_grants_of_services_that_name_its_host(house: House, service: str) -> None:
    value = grant()
    assert "Attribute set" in house.ask(f'setstr {service} {KEY} "{value}"')
    assert house.realm.strings(service)[KEY] == value
    assert f"{KEY}: {value}" in house.ask(f"getstrs {service}")
    assert f"Principal: {service}@GATE.TEST" in house.ask(f"getprinc {service}")
    assert "removed" in house.ask(f"delstr {service} {KEY}")
    assert KEY not in house.realm.strings(service)


def test_what_a_writer_has_written_the_kdc_gives_and_takes_at_once(house: House) -> None:
    cache = house.realm.login("alice", house.realm.where / "alice")
    assert house.realm.attempt("kvno", NAMED, cache=cache).returncode != 0
    house.ask(f'setstr {NAMED} {KEY} "{grant()}"')
    assert house.realm.attempt("kvno", "--no-store", NAMED, cache=cache).returncode == 0
    house.ask(f"delstr {NAMED} {KEY}")
    assert house.realm.attempt("kvno", "--no-store", NAMED, cache=cache).returncode != 0


@pytest.mark.parametrize(
    "service", [FOREIGN, UNGATED, "krbtgt/GATE.TEST", "jitd-canary/kdc.example.test", "kadmin/admin", WRITER]
)
def test_a_writer_writes_no_grant_elsewhere(house: House, service: str) -> None:
    """THREATS T-07."""
    assert_refused(house, f'setstr {service} {KEY} "{grant()}"')
    assert_refused(house, f"delstr {service} {KEY}")


def test_a_writer_of_another_host_writes_nothing_here(house: House) -> None:
    """THREATS T-07."""
    for service in (NAMED, BY_DEFAULT):
        assert_refused(house, f'setstr {service} {KEY} "{grant()}"', who=OTHER_WRITER)
        house.realm.set_string(service, KEY, grant())
        assert_refused(house, f"delstr {service} {KEY}", who=OTHER_WRITER)
        house.realm.take(service)


@pytest.mark.parametrize(
    "query",
    [
        "setstr {0} jit_approval log", "delstr {0} jit_approval", "setstr {0} jit_granted_by lab.example.test",
        "delstr {0} jit_granted_by", "setstr {0} require_auth x", "delstr {0} require_auth", "setstr {0} jit_grant:k7qm2xvd x",
        'setstr {0} jit_grant:K7QM2XVD "1 99999999999 alice@GATE.TEST"', 'setstr {0} jit_grant:K7QM2XVD "1 1 alice@GATE.TEST"',
        "setstr {0} jit_grant:K7QM2XVD x", 'setstr {0} jit_grant:K7QM2XVD.0 "{1}"', "delstr {0} jit_grant:K7QM2XVDX",
    ],
)  # fmt: skip
def test_a_writer_touches_no_other_string_and_writes_nothing_else_into_a_grant(house: House, query: str) -> None:
    """THREATS T-07."""
    assert_refused(house, query.format(NAMED, grant()))


@pytest.mark.parametrize(
    "query",
    [
        "addprinc -randkey eve", "modprinc +allow_forwardable {0}", "modprinc +requires_preauth {1}", "cpw -pw x {0}",
        "cpw -randkey {1}", "purgekeys {0}", "delprinc -force {0}", "renprinc -force {0} eve", "listprincs", "addpol p",
        "modpol -minlength 1 p", "delpol -force p", "getpol p", "listpols", "ktadd -k /dev/null {0}",
        "ktadd -norandkey -k /dev/null {0}", "getprinc alice", "getprinc krbtgt/GATE.TEST", "getstrs {2}",
        *(
            pytest.param(query, marks=full("every day, a writer tries each of these operations on one or two entries"))
            for query in (
                f"addprinc -randkey postgres/{HOST}", "modprinc -maxlife 1day {0}", "cpw -randkey {0}", "cpw -pw x {1}",
                "purgekeys {1}", "getstrs alice", "getprinc {2}", "getprinc {1}",
            )
        ),
    ],
)  # fmt: skip
def test_a_writer_does_nothing_else_on_anything(house: House, query: str) -> None:
    """THREATS T-07."""
    assert_refused(house, query.format(NAMED, WRITER, FOREIGN))


def test_a_line_of_kadm5_acl_gives_a_writer_no_more(house: House) -> None:
    """THREATS T-07."""
    acl = house.realm.where / "kadm5.acl"
    before = acl.read_text()
    acl.write_text(before + "jitd-kdc/*@GATE.TEST *\n*@GATE.TEST x\n")
    house.realm.stop_one("kadmind")
    house.realm.start_one("kadmind")
    try:
        for query in (
            f"delstr {NAMED} jit_approval",
            f'setstr {FOREIGN} {KEY} "{grant()}"',
            "listprincs",
            f"delprinc -force {NAMED}",
        ):
            assert_refused(house, query)
    finally:
        acl.write_text(before)
        house.realm.stop_one("kadmind")
        house.realm.start_one("kadmind")


def test_everybody_else_may_what_kadm5_acl_says(house: House) -> None:
    assert "Attribute set" in house.ask(f"setstr {NAMED} jit_approval log", who="root/admin")
    assert "Attribute set" in house.ask(f"setstr {NAMED} jit_approval required", who="root/admin")
    for who in (f"jitd/{HOST}",):
        for query in (f'setstr {NAMED} {KEY} "{grant()}"', f"getstrs {NAMED}", "listprincs"):
            before = house.dump()
            assert "Operation requires" in house.ask(query, who=who)
            assert house.dump() == before
        assert f"Principal: {who}" in house.ask(f"getprinc {who}", who=who), "one may read oneself, as before"


def test_of_grants_a_service_has_a_thousand_at_kadmind_too(house: House) -> None:
    """THREATS T-07."""
    house.realm.local(*(f'setstr {NAMED} jit_grant:{number:08} "{grant()}"' for number in range(1000)))
    assert_refused(house, f'setstr {NAMED} {KEY} "{grant()}"')
    assert "removed" in house.ask(f"delstr {NAMED} jit_grant:00000000")
    assert "Attribute set" in house.ask(f'setstr {NAMED} {KEY} "{grant()}"')
    house.realm.take(NAMED)
    house.realm.local(*(f"delstr {NAMED} jit_grant:{number:08}" for number in range(1, 1000)))


def test_without_the_module_a_writer_may_nothing(house: House) -> None:
    """THREATS T-07: missing is open at the KDC. At kadmind it is closed: kadm5.acl names no writer."""
    realm = house.realm
    realm.stop_one("kadmind")
    module, realm.module = realm.module, realm.where / "missing.so"
    try:
        realm.write()
        realm.start_one("kadmind")
        before = house.dump()
        assert "Operation requires" in house.ask(f'setstr {NAMED} {KEY} "{grant()}"')
        assert house.dump() == before
        realm.stop_one("kadmind")
    finally:
        realm.module = module
        realm.write()
        realm.start_one("kadmind")
    assert "Attribute set" in house.ask(f'setstr {NAMED} {KEY} "{grant()}"')
    realm.take(NAMED)
