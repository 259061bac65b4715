# SPDX-License-Identifier: Apache-2.0
"""A ticket that was given, from a real KDC into a cache of its own: what is in it, where it is, and why there is none."""

import ctypes
import os
import stat
import subprocess
import time
import traceback

import pytest

from jitpam import krb5, krb5_caches, ticket
from jitpam.initiator import NotAuthenticated
from jitpam.ticket import NoTicket, TicketCache, seconds_of
from tests.waiting import PATIENCE

SERVICE = "postgres/db1.example.test@EXAMPLE.TEST"
ALICE = "alice@EXAMPLE.TEST"


@pytest.fixture
def service(realm):
    realm.k5.addprinc(SERVICE)
    yield SERVICE
    realm.k5.run_kadminl(f"delprinc -force {SERVICE}")


@pytest.fixture
def given(monkeypatch, tmp_path):
    """A new cache below a runtime directory of our own, which has time to be filled on a busy host too."""
    monkeypatch.setattr(ticket, "FETCH_WITHIN", PATIENCE)
    place = tmp_path / "runtime"
    place.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(place))
    made = TicketCache()
    yield made
    made.destroy()
    assert os.listdir(place) == []


def path_of(cache):
    return os.fsdecode(cache.name.removeprefix(b"FILE:"))


def listed(name):
    """The principal of a cache, and the service of each ticket in it."""
    done = subprocess.run(["klist", "-c", name], capture_output=True, text=True, check=True)
    lines = done.stdout.splitlines()
    principal = next(line.partition(": ")[2] for line in lines if line.startswith("Default principal"))
    return principal, [line.split()[-1] for line in lines if "@" in line and line[:1].isdigit()]


def test_it_is_the_only_ticket_in_a_file_that_nobody_else_may_read(realm, cache, service, given):
    """THREATS T-24."""
    realm.kinit(cache)
    given.fill(service, ALICE)
    assert listed(given.name.decode()) == (ALICE, [SERVICE])
    file, directory = os.stat(path_of(given)), os.stat(os.path.dirname(path_of(given)))
    assert stat.S_IMODE(file.st_mode) == 0o600
    assert stat.S_IMODE(directory.st_mode) == 0o700
    assert os.listdir(os.path.dirname(path_of(given))) == ["krb5cc"]


def test_the_persons_own_cache_is_as_it_was(realm, cache, service, given):
    realm.kinit(cache)
    before = cache.read_bytes()
    given.fill(service, ALICE)
    assert cache.read_bytes() == before


def test_a_ticket_that_the_person_has_already_is_not_used(realm, cache, service, given):
    """It may be older than the grant, and without its end."""
    realm.kinit(cache)
    subprocess.run(["kvno", service], check=True, capture_output=True)
    realm.k5.run_kadminl(f"modprinc -maxlife 300s {service}")
    assert given.fill(service, ALICE) <= time.time() + 301


def test_what_it_returns_is_the_end_of_the_ticket(realm, cache, service, given):
    realm.k5.run_kadminl(f"modprinc -maxlife 300s {service}")
    realm.kinit(cache)
    before = time.time()
    end = given.fill(service, ALICE)
    assert before + 280 < end <= time.time() + 300
    library = ctypes.CDLL("libkrb5.so.3")
    assert library is not None
    done = subprocess.run(["klist", "-c", given.name.decode()], capture_output=True, text=True, check=True, env={"TZ": "UTC"})
    month, day, year = done.stdout.splitlines()[-1].split()[2].split("/")
    assert time.strftime("%y/%m/%d", time.gmtime(end)) == f"{year}/{month}/{day}"
    assert done.stdout.splitlines()[-1].split()[3] == time.strftime("%H:%M:%S", time.gmtime(end))


@pytest.mark.parametrize("kind", ["FILE", "KEYRING"])
def test_a_ticket_that_ends_later_replaces_the_one_in_the_cache_and_another_does_not(realm, cache, service, monkeypatch, kind):
    """A keyring has room for few. Before there is a new one, the first one stays. In a process of its own, because libkrb5 gives
    it a session keyring, which all that it starts would inherit.
    """
    monkeypatch.setattr(ticket, "FETCH_WITHIN", PATIENCE)
    monkeypatch.setattr(ticket, "AGAIN_WITHIN", PATIENCE)
    realm.kinit(cache)
    if pid := os.fork():
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
        return
    status = 1
    try:
        replace_tickets(realm, service, monkeypatch, kind)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def replace_tickets(realm, service, monkeypatch, kind):
    if kind == "KEYRING":
        monkeypatch.setattr(ticket.krb5, "default_cache", lambda library: b"KEYRING:persistent:0")
    given = TicketCache()
    assert given.name.startswith(kind.encode())
    try:
        realm.k5.run_kadminl(f"modprinc -maxlife 300s {service}")
        first = given.fill(service, ALICE)
        realm.k5.run_kadminl(f"modprinc -maxlife 200s {service}")
        assert given.fill(service, ALICE, first) < first
        assert listed(given.name.decode()) == (ALICE, [SERVICE])
        realm.k5.run_kadminl(f"modprinc -maxlife 600s {service}")
        later = given.fill(service, ALICE, first)
        assert later > first + 200
        assert listed(given.name.decode()) == (ALICE, [SERVICE])
        realm.k5.run_kadminl(f"modprinc -allow_tgs_req {service}")
        with pytest.raises(NoTicket):
            given.fill(service, ALICE, later)
        assert listed(given.name.decode()) == (ALICE, [SERVICE])
    finally:
        realm.k5.run_kadminl(f"modprinc +allow_tgs_req -maxlife 600s {service}")
        given.destroy()


def test_the_tickets_of_another_person_in_the_collection_are_not_touched(realm, tmp_path, service, given, monkeypatch):
    """KRB5CCNAME names a collection, and its primary cache is somebody else's."""
    (tmp_path / "caches").mkdir(mode=0o700)
    monkeypatch.setenv("KRB5_CONFIG", realm.configuration)
    monkeypatch.setenv("KRB5CCNAME", f"DIR:{tmp_path}/caches")
    realm.k5.addprinc("carol", "carolcarol")
    realm.kinit(f"DIR::{tmp_path}/caches/tkt1", who="alice")
    realm.kinit(f"DIR::{tmp_path}/caches/tkt2", who="carol")
    (tmp_path / "caches/primary").write_text("tkt2\n")
    given.fill(service, ALICE)
    assert listed(given.name.decode()) == (ALICE, [SERVICE])


# --- why there is none


def test_a_kdc_that_refuses_is_quoted_and_not_asked_again(realm, cache, given, monkeypatch):
    realm.kinit(cache)
    monkeypatch.setattr(ticket.time, "sleep", lambda _: pytest.fail("it was asked again"))
    with pytest.raises(NoTicket, match="alice@EXAMPLE.TEST no ticket for nobody/db1@EXAMPLE.TEST: Server nobody/db1.* not found"):
        given.fill("nobody/db1@EXAMPLE.TEST", ALICE)
    assert os.listdir(os.path.dirname(path_of(given))) == []


def test_a_refusal_by_policy_is_tried_again_for_a_replica_may_lag(realm, cache, service, given, monkeypatch):
    realm.kinit(cache)
    realm.k5.run_kadminl(f"modprinc -allow_tgs_req {service}")  # refused with KDC_ERR_POLICY or the like until it is allowed
    monkeypatch.setattr(ticket, "LAGS_FOR", 0.0)
    with pytest.raises(NoTicket) as refused:
        given.fill(service, ALICE)
    monkeypatch.setattr(ticket, "LAGS_FOR", PATIENCE)
    code = next(n for n in (-1765328372, -1765328371) if str(refused.value).endswith(said(n)))
    monkeypatch.setattr(ticket, "_POLICY", code)
    slept = []

    def sleep(seconds):
        slept.append(seconds)
        realm.k5.run_kadminl(f"modprinc +allow_tgs_req {service}")

    monkeypatch.setattr(ticket.time, "sleep", sleep)
    given.fill(service, ALICE)
    assert slept == [ticket.AGAIN_EVERY]


def said(code):
    """What libkrb5 calls an error code without more about it."""
    from jitpam.krb5 import Handle

    context = Handle()
    krb5_caches.calls().krb5_init_context(context)
    return krb5_caches.texts().krb5_get_error_message(context, code).decode()


def test_a_silent_kdc_holds_nobody_for_long(realm, cache, service, given, monkeypatch):
    realm.kinit(cache)
    monkeypatch.setattr(ticket, "FETCH_WITHIN", 0.5)
    sockets = realm.silent_kdc()
    try:
        with pytest.raises(NoTicket, match=r"the KDC did not answer within 0\.5 s"):
            given.fill(service, ALICE)
    finally:
        for one in sockets:
            one.close()
        realm.k5.start_kdc()


def test_an_expired_ticket_says_kinit(realm, cache, service, given):
    realm.kinit(cache, "-l", "1s")
    time.sleep(2.1)
    with pytest.raises(NotAuthenticated, match="has expired: kinit"):
        given.fill(service, ALICE)


@pytest.mark.parametrize("has_cache", [False, True], ids=["no cache", "another person's"])
def test_without_a_ticket_of_that_person_it_says_kinit(realm, cache, service, given, has_cache):
    if has_cache:
        realm.kinit(cache)
    with pytest.raises(NotAuthenticated, match="no ticket of carol@EXAMPLE.TEST: kinit"):
        given.fill(service, "carol@EXAMPLE.TEST")


def test_a_cache_without_a_granting_ticket_says_kinit(realm, cache, service, given):
    realm.kinit(cache, "-S", service)
    with pytest.raises(NotAuthenticated, match="no ticket of alice"):
        given.fill(service, ALICE)


# --- where it is


def modes(place, mode):
    place.mkdir(mode=mode)
    place.chmod(mode)
    return place


def test_a_runtime_directory_that_is_not_ours_alone_is_not_used(tmp_path, monkeypatch):
    ours = modes(tmp_path / "ours", 0o700)
    foreign = modes(tmp_path / "foreign", 0o700)
    os.chown(foreign, 4002, 4002)
    (tmp_path / "link").symlink_to(ours)
    (tmp_path / "file").write_text("")
    (tmp_path / "file").chmod(0o700)
    odd = [modes(tmp_path / "open", 0o755), modes(tmp_path / "group", 0o770), foreign, tmp_path / "link", tmp_path / "file"]
    for place in [*map(str, odd), str(tmp_path / "missing"), "relative", "", str(tmp_path / "\udcff")]:
        monkeypatch.setenv("XDG_RUNTIME_DIR", place)
        made = TicketCache()
        assert made.name.startswith(b"FILE:/tmp/jitsudo-"), place
        assert stat.S_IMODE(os.stat(os.path.dirname(path_of(made))).st_mode) == 0o700
        made.destroy()
        assert not os.path.exists(os.path.dirname(path_of(made)))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(ours))
    made = TicketCache()
    assert made.name.startswith(f"FILE:{ours}/jitsudo-".encode())
    made.destroy()


def test_the_umask_does_not_matter(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(modes(tmp_path / "ours", 0o700)))
    before = os.umask(0o777)
    try:
        made = TicketCache()
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(os.path.dirname(path_of(made))).st_mode) == 0o700
    made.destroy()


def test_the_structures_are_as_long_as_the_compiler_makes_them(tmp_path):
    """A wrong type would crash a person's process, and raise nothing."""
    source = tmp_path / "size.c"
    source.write_text(
        "#include <krb5.h>\n#include <stddef.h>\n#include <stdio.h>\n"
        'int main(void) { printf("%zu %zu %zu %zu ", sizeof(krb5_creds), offsetof(krb5_creds, server),\n'
        "offsetof(krb5_creds, times.endtime), offsetof(krb5_creds, authdata));\n"
        'printf("%zu %zu %zu %d\\n", sizeof(krb5_principal_data), offsetof(krb5_principal_data, length),\n'
        "offsetof(krb5_principal_data, type), KRB5_NT_SRV_HST); return 0; }\n"
    )
    subprocess.run(["gcc", "-o", tmp_path / "size", source], check=True)
    sizes = [int(word) for word in subprocess.run([tmp_path / "size"], capture_output=True, check=True).stdout.split()]
    fields, named = krb5_caches.Credential, krb5.Principal
    of_credentials = [ctypes.sizeof(fields), fields.server.offset, fields.ends_at.offset, fields.authorization.offset]
    of_principals = [ctypes.sizeof(named), named.n_components.offset, named.type.offset, krb5.OF_A_HOST]
    assert sizes == [*of_credentials, *of_principals]


@pytest.mark.parametrize(("text", "seconds"), [("2026-11-22T02:40:00Z", 1795315200), ("1970-01-01T00:00:01Z", 1)])
def test_an_instant_is_so_many_seconds(text, seconds):
    assert seconds_of(text) == seconds
