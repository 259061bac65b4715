# SPDX-License-Identifier: Apache-2.0
"""PostgreSQL and sshd as they are, on a host that knows nothing of jitd: the KDC's answer decides who gets to them."""

from __future__ import annotations

import pytest

from tests.db1.conftest import (
    HOST,
    LOGIN,
    POSTGRES,
    REFUSED,
    USES,
    do,
    grant,
    grants,
    is_refused,
    on_db1,
    psql,
    ssh,
    take,
    works,
)

BOTH = pytest.mark.parametrize("service", USES)


@BOTH
def test_without_a_grant_the_kdc_refuses_and_gives_other_tickets(service: str) -> None:
    is_refused(service, "alice")


@BOTH
def test_with_a_grant_it_works_and_after_the_grant_is_taken_the_kdc_refuses(service: str) -> None:
    grant(service, "alice")
    works(service, "alice")
    works(service, "alice")
    take(service)
    is_refused(service, "alice")


@BOTH
def test_a_grant_that_has_ended_lets_nobody_in(service: str) -> None:
    grant(service, "alice")
    works(service, "alice")
    grant(service, "alice", lasts=-1)
    is_refused(service, "alice")
    assert grants(service), "the grant is still written there"


@BOTH
def test_one_persons_grant_does_not_serve_another(service: str) -> None:
    grant(service, "bob")
    is_refused(service, "alice")
    works(service, "bob")


@pytest.mark.parametrize(("service", "other"), [(POSTGRES, LOGIN), (LOGIN, POSTGRES)])
def test_a_grant_of_one_service_does_not_serve_the_other(service: str, other: str) -> None:
    grant(service, "alice")
    is_refused(other, "alice")
    works(service, "alice")


@BOTH
def test_the_lab_gates_it_as_the_administrators_verb_does(service: str) -> None:
    done = do("jitd", "kdc", "gate", service, "--granted-by", "lab.example.test")
    assert done.returncode == 0 and f"{service}@EXAMPLE.TEST is gated already" in done.stdout + done.stderr, done.stderr


def test_the_kdc_is_set_up_and_each_gate_is_on() -> None:
    done = do("jitd", "kdc", "setup")
    assert done.returncode == 0 and "everything is already set up correctly" in done.stdout + done.stderr, done.stderr
    done = do("jitd", "kdc", "check", *USES)
    assert done.returncode == 0 and done.stdout.count("refused: the gate is on") == 3, done.stdout + done.stderr


# --- what db1 is ---------------------------------------------------------------------------------------------------------


def test_a_ticket_does_not_open_another_persons_account() -> None:
    for service in USES:
        grant(service, "alice")
    for done in (psql("alice", "--username=bob"), ssh("alice", "-l", "bob"), ssh("alice", "-l", "root")):
        assert done.returncode != 0 and done.stdout == "", done.stdout


def test_without_a_ticket_neither_service_takes_anything_else() -> None:
    for service in USES:
        grant(service, "alice")
    for use in (
        ["psql", "--no-psqlrc", "--no-password", "-h", HOST, "shop", "-c", "SELECT 1"],
        ["ssh", "-oBatchMode=yes", "-oPreferredAuthentications=publickey,password,keyboard-interactive", HOST, "id"],
    ):
        done = do("as", "--no-ticket", "alice", *use)
        assert done.returncode != 0 and done.stdout == "", done.stdout
        assert "gssapi" in done.stderr.lower() or "GSS" in done.stderr, done.stderr


def test_it_is_a_host_of_its_own() -> None:
    assert on_db1("hostname") == f"{HOST}\n"
    assert "192.0.2.2/24" in on_db1("ip", "-br", "address", "show", "eth0")
    assert "krb5kdc" not in on_db1("ps", "-e", "-o", "comm=")
    assert on_db1("klist", "-k").count("@") == on_db1("klist", "-k").count(f"{LOGIN}@EXAMPLE.TEST") > 0
    for path in ("/etc/jitd", "/etc/krb5kdc", "/var/lib/krb5kdc", "/var/lib/jitd", "/run/lab", "/run/jitd"):
        assert do("on", "db1", "test", "-e", path).returncode == 1, path


def test_the_kdc_hears_that_host_too_and_gates_there_as_well() -> None:
    ticket = "echo alicealice | kinit -c FILE:/tmp/try alice >/dev/null && kvno -c FILE:/tmp/try"
    assert "kvno = " in on_db1("sh", "-c", f"{ticket} host/lab.example.test")
    refused = do("on", "db1", "sh", "-c", f"{ticket} {LOGIN}")
    assert refused.returncode != 0 and REFUSED in refused.stderr, refused.stderr
    on_db1("rm", "/tmp/try")


def test_on_says_what_is_wrong_with_its_words() -> None:
    for words in ([], ["db1"], ["db2", "true"], ["lab", "true"]):
        done = do("on", *words)
        assert done.returncode == 2 and "usage: on HOST COMMAND ..." in done.stderr
    assert do("on", "db1", "sh", "-c", "exit 7").returncode == 7
