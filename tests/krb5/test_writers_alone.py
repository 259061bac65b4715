# SPDX-License-Identifier: Apache-2.0
"""What kadmind's module (contrib/krb5/writers.c) says of each operation, by each kind of client, on each kind of service."""

from __future__ import annotations

import time

import pytest

from tests.krb5.driver import EPERM, NO_ENTRY, NO_HANDLE, Driver, Service

HOST = "lab.example.test"
WRITER = f"jitd-kdc/{HOST}@GATE.TEST"
KEY = "jit_grant:K7QM2XVD"
OPERATIONS = ("addprinc", "modprinc", "cpw", "chrand", "setkey", "purgekeys", "delprinc", "renprinc", "extract", "listprincs",
              "addpol", "modpol", "delpol", "getpol", "listpols", "iprop")  # fmt: skip
READING = ("getprinc", "getstrs")
OURS = Service({"jit_approval": "required", "jit_granted_by": f"bastion.example.test {HOST}"})
BY_DEFAULT = Service({"jit_approval": "required"}, name=f"postgres/{HOST}@GATE.TEST")
UNGATED = Service({"jit_granted_by": HOST})
FOREIGN = Service({"jit_approval": "required", "jit_granted_by": "other.example.test"})
FOREIGN_BY_DEFAULT = Service({"jit_approval": "required"})
NOBODYS = Service({"jit_approval": "required", "jit_granted_by": "none"})


def grant(seconds: float = 600, client: str = "alice@GATE.TEST") -> str:
    return f"1 {int(time.time() + seconds)} {client}"


def set_string(
    driver: Driver, service: Service, client: str = WRITER, key: str = KEY, value: str | None = "grant", **more
) -> int:
    """The code of setting a string; a refusal of a writer is one line in the log."""
    said = driver.auth("setstr", client, service, key=key, value=grant() if value == "grant" else value, **more)
    assert len(said.log) == (said.code == EPERM)
    return said.code


@pytest.mark.parametrize("service", [OURS, BY_DEFAULT, Service({"jit_approval": "log", "jit_granted_by": HOST})])
def test_a_writer_sets_and_deletes_grants_of_services_that_name_its_host(driver: Driver, service: Service) -> None:
    assert set_string(driver, service) == 0
    assert set_string(driver, service, value=None) == 0
    assert set_string(driver, service, key=f"{KEY}.7") == 0
    assert [driver.auth(operation, WRITER, service).code for operation in READING] == [0, 0]


@pytest.mark.parametrize("service", [FOREIGN, FOREIGN_BY_DEFAULT, NOBODYS])
def test_a_writer_does_nothing_on_services_that_do_not_name_its_host(driver: Driver, service: Service) -> None:
    """THREATS T-07."""
    assert set_string(driver, service) == EPERM
    assert set_string(driver, service, value=None) == EPERM
    assert [driver.auth(operation, WRITER, service).code for operation in READING] == [EPERM, EPERM]


def test_a_writer_reads_an_ungated_service_of_its_host_and_writes_nothing_there(driver: Driver) -> None:
    """THREATS T-07."""
    assert set_string(driver, UNGATED) == EPERM
    assert set_string(driver, UNGATED, value=None) == EPERM
    assert [driver.auth(operation, WRITER, UNGATED).code for operation in READING] == [0, 0]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_writer_does_nothing_else_not_on_its_services_nor_on_itself(driver: Driver, operation: str) -> None:
    """THREATS T-07."""
    for service in (OURS, Service({}, name=WRITER), FOREIGN):
        said = driver.auth(operation, WRITER, service)
        assert said.code == EPERM and len(said.log) == 1 and said.log[0].startswith(f"jitd: refused {WRITER} to ")


@pytest.mark.parametrize(
    "key",
    ["jit_approval", "jit_granted_by", "require_auth", "session_enctypes", "pkinit_cert_match", "jit_grant:", "",
     "jit_grant:k7qm2xvd", "jit_grant:K7QM2XVD.0", "jit_grant:K7QM2XVDX", "jit_grant:../K7QM2"],
)  # fmt: skip
def test_a_writer_touches_no_other_string(driver: Driver, key: str) -> None:
    """THREATS T-07."""
    for value in (grant(), "required", None):
        assert set_string(driver, OURS, key=key, value=value) == EPERM


@pytest.mark.parametrize(
    "value",
    ["", "required", "1 5", "abc", "2 {soon} alice@GATE.TEST", "1 {soon} alice", "1 {soon}  ", "1 {soon} alice@A@B",
     "1 {soon} alice@GATE.TEST\n", "1 0{soon} alice@GATE.TEST", "1 {past} alice@GATE.TEST", "1 {far} alice@GATE.TEST",
     "1 99999999999 alice@GATE.TEST", "1 {soon} alice@GATE.TEST/x", r"1 {soon} a\x@GATE.TEST"],
)  # fmt: skip
def test_a_writer_writes_a_grant_of_the_exact_form_within_a_day_or_none(driver: Driver, value: str) -> None:
    """THREATS T-07."""
    now = int(time.time())
    assert set_string(driver, OURS, value=value.format(soon=now + 60, past=now - 1, far=now + 86400 + 60)) == EPERM


def test_a_client_is_written_as_kerberos_writes_it_or_not_at_all(driver: Driver) -> None:
    """THREATS T-07."""
    assert set_string(driver, OURS, value=grant(client=r"odd\/name@GATE.TEST")) == 0
    assert set_string(driver, OURS, value=grant(client=r"alice\\@GATE.TEST")) == 0
    assert set_string(driver, OURS, value=grant(client=r"alice\@OTHER.TEST@GATE.TEST")) == 0
    assert set_string(driver, OURS, value=grant(client="alice@GATE/TEST")) == EPERM


def test_of_grants_a_service_has_a_thousand(driver: Driver) -> None:
    """THREATS T-07."""
    many = {f"jit_grant:{number:08}": grant(60) for number in range(999)}
    assert set_string(driver, Service(OURS.strings | many)) == 0
    full = Service(OURS.strings | many | {"jit_grant:ZZZZZZZZ": grant(60)})
    assert set_string(driver, full) == EPERM
    assert set_string(driver, full, key="jit_grant:ZZZZZZZZ") == 0, "it is there already"
    assert set_string(driver, full, key="jit_grant:ZZZZZZZZ", value=None) == 0


@pytest.mark.parametrize(
    "writer",
    ["jitd-kdc@GATE.TEST", "jitd-kdc/lab.example.test/x@GATE.TEST", "jitd-kdc/LAB.example.test@GATE.TEST",
     "jitd-kdc/none@GATE.TEST", "jitd-kdc/lab.example.test@OTHER.TEST", "jitd-kdc/other.example.test@GATE.TEST",
     "jitd-kdc/@GATE.TEST",
     r"jitd-kdc/lab.example.test\0@GATE.TEST", "jitd-kdc/lab.example.test bastion.example.test@GATE.TEST",
     "jitd-kdc/" + "a." * 150 + "b@GATE.TEST"],
)  # fmt: skip
def test_a_name_that_is_nearly_a_writers_may_do_nothing_at_all(driver: Driver, writer: str) -> None:
    """THREATS T-07 and T-08."""
    for service in (OURS, BY_DEFAULT, NOBODYS):
        assert set_string(driver, service, client=writer) == EPERM
        assert set_string(driver, service, client=writer, value=None) == EPERM
        assert {driver.auth(operation, writer, service).code for operation in (*OPERATIONS, *READING)} == {EPERM}


@pytest.mark.parametrize(
    "name",
    ["krbtgt/GATE.TEST", "krbtgt/OTHER.TEST", "kadmin/admin", "kadmin/changepw", "kiprop/lab.example.test", "K/M",
     "jitd/lab.example.test", "jitd-kdc/lab.example.test", "jitd-canary/lab.example.test", "WELLKNOWN/ANONYMOUS"],
)  # fmt: skip
def test_what_a_realm_stands_on_is_never_granted_even_if_it_is_gated(driver: Driver, name: str) -> None:
    """THREATS T-07."""
    service = Service({"jit_approval": "required", "jit_granted_by": HOST}, name=f"{name}@GATE.TEST")
    assert set_string(driver, service) == EPERM
    assert [driver.auth(operation, WRITER, service).code for operation in READING] == [EPERM, EPERM]


def test_a_service_is_judged_by_its_own_entry(driver: Driver) -> None:
    """THREATS T-07: an alias, or an entry of another realm, is neither written nor read."""
    for target, service in (
        (f"alias/{HOST}@GATE.TEST", OURS),
        ("postgres/db1.example.test@OTHER.TEST", OURS),
        (OURS.name, Service(OURS.strings, name="postgres/db1.example.test@OTHER.TEST")),
        (OURS.name, Service(OURS.strings, name="krbtgt/GATE.TEST@GATE.TEST")),
    ):
        assert set_string(driver, service, target=target) == EPERM
        assert [driver.auth(operation, WRITER, service, target=target).code for operation in READING] == [EPERM, EPERM]


def test_what_does_not_exist_is_neither_granted_nor_in_the_way_of_taking(driver: Driver) -> None:
    assert set_string(driver, OURS, fault=NO_ENTRY) == EPERM
    assert set_string(driver, OURS, fault=NO_ENTRY, value=None) == 0, "kadmind says that there is no such principal"
    assert [driver.auth(operation, WRITER, OURS, fault=NO_ENTRY).code for operation in READING] == [0, 0]


def test_a_database_that_fails_permits_nothing(driver: Driver) -> None:
    """THREATS T-07."""
    for fault in (5, 12, -1780008435):
        assert set_string(driver, OURS, fault=fault) == EPERM
        assert set_string(driver, OURS, fault=fault, value=None) == EPERM
        assert [driver.auth(operation, WRITER, OURS, fault=fault).code for operation in READING] == [EPERM, EPERM]


@pytest.mark.parametrize(
    "client",
    ["root/admin@GATE.TEST", "alice@GATE.TEST", "jitd/lab.example.test@GATE.TEST", "Jitd-kdc/lab.example.test@GATE.TEST",
     "x/jitd-kdc@GATE.TEST", "jitd-kdcx/lab.example.test@GATE.TEST"],
)  # fmt: skip
def test_nobody_else_is_touched_and_kadm5_acl_decides(driver: Driver, client: str) -> None:
    """THREATS T-10."""
    for service in (OURS, UNGATED, Service({}, name="krbtgt/GATE.TEST@GATE.TEST")):
        for key in (KEY, "jit_approval"):
            assert set_string(driver, service, client=client, key=key) == NO_HANDLE
        said = [driver.auth(operation, client, service) for operation in (*OPERATIONS, *READING)]
        assert {one.code for one in said} == {NO_HANDLE} and not any(one.log for one in said)
