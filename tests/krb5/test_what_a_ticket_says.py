# SPDX-License-Identifier: Apache-2.0
"""How somebody authenticated, read by the daemon's acceptor from tickets of real KDCs; and tickets that are none.

Law: each proof is accepted by the daemon's own code with a real keytab; after each refusal a good ticket is still taken.
"""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import gssapi
import pytest

from jitd.core.naming import Naming
from jitd.server.acceptor import Acceptor, NoKey, NotAuthenticated
from tests.attacks.raw import initiator
from tests.krb5.driver import TREE
from tests.krb5.proofs import (
    HOST,
    accepted,
    build_shim,
    comes,
    enroll,
    service,
    token,
    token_at,
    token_with_tgt,
    with_clock,
    with_spake,
)
from tests.krb5.realm import Realm
from tests.waiting import wait_for

YEAR = 365 * 86400
FORWARD, UNCHECKED = 0x40000000 >> 1, 0x20
"""Options of a request to the KDC (RFC 4120 section 5.4.1): a forwarded ticket; do not check the realms on the way."""


@pytest.fixture(scope="module")
def host(realm: Realm) -> Path:
    """The keytab of jitd in GATE.TEST, where alice proves her password by SPAKE and bob proves nothing."""
    with_spake(realm)
    realm.add_person("alice", "+requires_preauth")
    realm.add_person("bob")
    return enroll(realm)


@pytest.fixture(scope="module")
def ask(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program ask.c."""
    made = tmp_path_factory.mktemp("ask") / "ask"
    subprocess.run(["cc", "-o", str(made), str(TREE / "tests/krb5/ask.c"), "-lkrb5"], check=True)
    return made


@pytest.fixture(scope="module")
def shim(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_shim(tmp_path_factory.mktemp("shim") / "skew.so")


@pytest.fixture
def wrong_clock(realm: Realm, shim: Path) -> Iterator[Path]:
    """The shim, for a realm whose clock is right again afterwards."""
    yield shim
    with_clock(realm, shim, 0)


def is_taken(realm: Realm, host: Path, where: Path) -> bool:
    """Whether a good ticket is taken."""
    ticket = comes(realm, realm.login("alice", where / "good"))
    return accepted(host, realm, token(ticket, realm)).principal == b"alice@GATE.TEST"


# --- what is read ------------------------------------------------------------------------------------------------------


def test_an_indicator_and_the_time_of_the_password_are_in_the_proof(realm: Realm, host: Path, tmp_path: Path) -> None:
    """THREATS K-13."""
    before = datetime.now(UTC)
    cache = realm.login("alice", tmp_path / "alice")
    given = accepted(host, realm, token(comes(realm, cache), realm)).authentication
    assert given.indicators == ("spake",)
    assert int(before.timestamp()) <= given.at.timestamp() <= time.time() and given.at.tzinfo is UTC
    assert before <= given.looked_at <= datetime.now(UTC)
    assert given.is_preauthenticated and "initial" not in given.flags and not given.is_forwarded and not given.is_by_hardware
    assert given.ticket_encryption == given.session_encryption == "aes256-cts-hmac-sha1-96"
    assert given.realms == ("GATE.TEST",)


def test_without_a_proof_to_the_kdc_there_is_no_indicator(realm: Realm, host: Path, tmp_path: Path) -> None:
    """THREATS K-13."""
    given = accepted(host, realm, token(comes(realm, realm.login("bob", tmp_path / "bob")), realm)).authentication
    assert given.indicators == () and not given.is_preauthenticated


def test_a_ticket_that_was_got_by_the_password_itself_is_an_initial_one(realm: Realm, host: Path, tmp_path: Path) -> None:
    cache = realm.login("alice", tmp_path / "alice", "-S", service(realm))
    ticket = gssapi.Credentials(usage="initiate", store={"ccache": cache})
    given = accepted(host, realm, token(ticket, realm)).authentication
    assert "initial" in given.flags and given.indicators == ("spake",)


def test_a_renewed_ticket_keeps_the_time_of_the_password(realm: Realm, host: Path, tmp_path: Path, wrong_clock: Path) -> None:
    """THREATS K-20: renewing makes no ticket younger."""
    with_clock(realm, wrong_clock, -7200)
    cache = realm.login("alice", tmp_path / "alice", "-r", "7d", "-l", "8h")
    with_clock(realm, wrong_clock, 0)
    realm.run("kinit", "-R", cache=cache)
    given = accepted(host, realm, token(comes(realm, cache), realm)).authentication
    assert 7200 <= given.age_at(given.looked_at) <= 7260


def test_a_forwarded_tgt_makes_forwarded_tickets(realm: Realm, host: Path, ask: Path, tmp_path: Path) -> None:
    """THREATS K-20."""
    cache, tgs = realm.login("alice", tmp_path / "alice", "-f"), "krbtgt/GATE.TEST@GATE.TEST"
    there = f"FILE:{tmp_path}/there"
    realm.run(str(ask), f"{FORWARD:x}", tgs, there, tgs, cache=cache)
    given = accepted(host, realm, token(comes(realm, there), realm)).authentication
    assert given.is_forwarded and given.indicators == ("spake",)


# --- the clock ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-270, 290])  # time that passes on a busy host is added to the first
def test_a_clock_that_differs_by_less_than_five_minutes_is_no_hindrance(
    realm: Realm, host: Path, tmp_path: Path, shim: Path, seconds: int
) -> None:
    """THREATS K-17."""
    cache = realm.login("alice", tmp_path / "alice")
    comes(realm, cache)
    assert accepted(host, realm, token_at(cache, realm, shim, seconds)).principal == b"alice@GATE.TEST"


@pytest.mark.parametrize("seconds", [-310, 330, -7000])  # and it is taken from the second
def test_a_client_whose_clock_differs_by_more_is_told_to_set_it(
    realm: Realm, host: Path, tmp_path: Path, wrong_clock: Path, seconds: int
) -> None:
    """THREATS K-17: and the skew that is allowed gets no wider. The ticket is old, or a slow client would not use it."""
    with_clock(realm, wrong_clock, -7200)
    cache = realm.login("alice", tmp_path / "alice")
    comes(realm, cache)
    with_clock(realm, wrong_clock, 0)
    with pytest.raises(NotAuthenticated, match="clocks of this host and the KDC are more than five minutes apart: set the time"):
        accepted(host, realm, token_at(cache, realm, wrong_clock, seconds))
    assert is_taken(realm, host, tmp_path)


@pytest.mark.parametrize("seconds", [-YEAR, YEAR])
def test_a_kdc_that_is_a_year_off_lets_nobody_in(
    realm: Realm, host: Path, tmp_path: Path, wrong_clock: Path, seconds: int
) -> None:
    """THREATS K-17."""
    with_clock(realm, wrong_clock, seconds)
    cache = realm.login("alice", tmp_path / "alice")
    comes(realm, cache)
    offered = token_at(cache, realm, wrong_clock, seconds)
    with_clock(realm, wrong_clock, 0)
    with pytest.raises(NotAuthenticated, match="more than five minutes apart|has expired|is not valid yet"):
        accepted(host, realm, offered)
    assert is_taken(realm, host, tmp_path)


# --- other realms ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def other(realm: Realm, host: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Realm]:
    """OTHER.TEST, with an alice of its own, whose people may come to GATE.TEST."""
    one = Realm("OTHER.TEST", tmp_path_factory.mktemp("other"), "127.0.1.3")
    one.others.append(realm)
    realm.others.append(one)
    realm.write()
    one.create()
    try:
        for name in ("krbtgt/GATE.TEST@OTHER.TEST", "krbtgt/OTHER.TEST@GATE.TEST"):
            for side in (realm, one):
                side.local(f"addprinc -pw between {name}")
        one.add_person("alice")
        yield one
    finally:
        one.stop()


def test_a_namesake_of_another_realm_is_known_by_her_whole_name(realm: Realm, host: Path, other: Realm, tmp_path: Path) -> None:
    """THREATS K-07: her path was checked by the KDC, she is proved, and she has no account here."""
    ticket = comes(other, other.login("alice", tmp_path / "there"), realm)
    proof = accepted(host, realm, token(ticket, realm))
    assert proof.principal == b"alice@OTHER.TEST"
    assert proof.authentication.realms == ("OTHER.TEST", "GATE.TEST") and proof.authentication.is_path_checked
    assert Naming(frozenset({"GATE.TEST"})).account_of(proof.principal) is None


def test_a_foreign_ticket_whose_way_no_kdc_has_checked_is_refused(
    realm: Realm, host: Path, other: Realm, ask: Path, tmp_path: Path
) -> None:
    """THREATS K-07: a client may ask its KDC not to check, and a KDC may be set to let that pass."""
    plain = realm.for_realm
    realm.for_realm = plain + "        reject_bad_transit = false\n"
    realm.write()
    realm.stop_one("krb5kdc")
    realm.start_one("krb5kdc")
    try:
        cache, between = other.login("alice", tmp_path / "there"), "krbtgt/GATE.TEST@OTHER.TEST"
        other.run("kvno", between, cache=cache)
        unchecked = f"FILE:{tmp_path}/unchecked"
        other.run(str(ask), f"{UNCHECKED:x}", service(realm), unchecked, between, cache=cache)
        ticket = gssapi.Credentials(usage="initiate", store={"ccache": unchecked})
        with pytest.raises(NotAuthenticated, match="no KDC has checked the realms between OTHER.TEST and GATE.TEST"):
            accepted(host, realm, token(ticket, realm))
    finally:
        realm.for_realm = plain
        realm.write()
        realm.stop_one("krb5kdc")
        realm.start_one("krb5kdc")
    assert is_taken(realm, host, tmp_path)


def test_a_rogue_kdc_of_the_same_name_proves_nothing(realm: Realm, host: Path, tmp_path: Path) -> None:
    """THREATS K-11: it knows alice, and jitd by a key of its own; the ticket is like ours in all but that key."""
    rogue = Realm("GATE.TEST", tmp_path / "rogue", "127.0.1.4")
    rogue.create()
    try:
        rogue.add_person("alice")
        enroll(rogue)
        ticket = comes(rogue, rogue.login("alice", tmp_path / "forged"))
        with pytest.raises(NotAuthenticated):
            accepted(host, realm, token(ticket, realm))
    finally:
        rogue.stop()
    assert is_taken(realm, host, tmp_path)


# --- keys --------------------------------------------------------------------------------------------------------------


def test_without_a_key_of_its_own_the_acceptor_takes_no_ticket(
    realm: Realm, host: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS K-11: missing, empty, garbage, another service's, another version's; and no fallback to the library's keytab."""
    monkeypatch.setenv("KRB5_KTNAME", str(host))
    ticket = comes(realm, realm.login("alice", tmp_path / "alice"))
    empty, garbage, others, newer = (tmp_path / name for name in ("empty", "garbage", "others", "newer"))
    empty.write_bytes(b"")
    garbage.write_bytes(b"\x05\x02" + bytes(range(200)))
    realm.local(f"addprinc -randkey host/{HOST}", f"ktadd -k {others} host/{HOST}")
    newer.write_bytes(host.read_bytes())
    realm.run("ktutil", stdin=f"addent -password -p {service(realm)} -k 9 -e aes256-cts\nkey\nwkt {newer}.alone\nquit\n")
    for keytab in (tmp_path / "missing", empty, garbage, others, Path(f"{newer}.alone")):
        with pytest.raises((NoKey, NotAuthenticated)) as refused:
            accepted(keytab, realm, token(ticket, realm))
        assert isinstance(refused.value, NoKey), (keytab, refused.value)
    assert is_taken(realm, host, tmp_path)


def test_keys_are_rolled_under_load_and_a_removed_key_opens_nothing(realm: Realm, host: Path, tmp_path: Path) -> None:
    """THREATS K-19: no proof fails while the keytab is written, and none is taken after the old key was removed."""
    keytab, target = tmp_path / "rolled.keytab", f"jitd/rolled.example.test@{realm.name}"
    realm.local(f"addprinc -randkey {target}", f"ktadd -k {keytab} {target}")
    acceptor = Acceptor(keytab, "rolled.example.test", realm.name)

    def holder(name: str) -> gssapi.Credentials:
        cache = realm.login("alice", tmp_path / name)
        realm.run("kvno", target, cache=cache)
        return gssapi.Credentials(usage="initiate", store={"ccache": cache})

    def proves(ticket: gssapi.Credentials) -> None:
        offered = bytes(initiator(ticket, bytes(32), service=target).step() or b"")
        assert acceptor.accept(offered, bytes(32))[0].principal == b"alice@GATE.TEST"

    old, done, failed, taken = holder("old"), threading.Event(), [], []

    def load() -> None:
        while not done.is_set():
            try:
                proves(old)
                taken.append(1)
            except Exception as fault:
                failed.append(fault)

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for number in range(3):
            before = len(taken)
            realm.local(f"ktadd -k {keytab} {target}")
            proves(holder(f"new{number}"))
            wait_for(lambda before=before: failed or len(taken) > before, what="a proof meanwhile")
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert failed == []
    realm.local(f"ktremove -k {keytab} {target} old")
    with pytest.raises(NoKey, match="has not the key version"):
        proves(old)
    proves(holder("last"))


# --- delegation --------------------------------------------------------------------------------------------------------


def test_credentials_that_are_handed_over_are_neither_kept_nor_used(realm: Realm, host: Path, tmp_path: Path) -> None:
    """THREATS K-15: the proof counts, and no cache comes into being by it."""
    ticket = comes(realm, realm.login("alice", tmp_path / "alice", "-f"))
    with_tgt = token_with_tgt(f"FILE:{tmp_path}/alice", realm)
    assert len(with_tgt) > len(token(ticket, realm)) + 300, "the TGT is in it"

    def caches() -> set[tuple[Path, int]]:
        places = (Path("/tmp"), Path("/var/tmp"), Path("/run"), Path("/run/user/0"))
        return {(file, file.stat().st_mtime_ns) for place in places for file in place.glob("*krb5cc*")}

    before = caches()
    assert accepted(host, realm, with_tgt).principal == b"alice@GATE.TEST"
    assert caches() == before
