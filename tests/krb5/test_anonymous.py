# SPDX-License-Identifier: Apache-2.0
"""Anonymous clients by PKINIT (RFC 8062): a realm that knows them gives them tickets, and a gated service gives them none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.core.naming import Naming
from jitd.server.acceptor import NotAuthenticated
from tests.krb5.cache import tickets
from tests.krb5.proofs import accepted, comes, enroll, token
from tests.krb5.realm import Realm

GATED, OPEN = "postgres/db1.example.test", "http/db1.example.test"
NOBODY = ("WELLKNOWN/ANONYMOUS@GATE.TEST", "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS")
CERTIFICATE = """\
[kdc]
basicConstraints = CA:FALSE
extendedKeyUsage = 1.3.6.1.5.2.3.5
subjectAltName = otherName:1.3.6.1.5.2.2;SEQUENCE:principal
[principal]
realm = EXP:0,GeneralString:GATE.TEST
name = EXP:1,SEQUENCE:name
[name]
type = EXP:0,INTEGER:1
parts = EXP:1,SEQUENCE:parts
[parts]
first = GeneralString:krbtgt
second = GeneralString:GATE.TEST
"""
"""What makes a certificate one of a KDC (RFC 4556, section 3.2.4)."""


@pytest.fixture(scope="module")
def known(realm: Realm) -> Iterator[Realm]:
    """GATE.TEST with PKINIT, and anonymous clients."""
    where = realm.where
    (where / "kdc.ext").write_text(CERTIFICATE)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    realm.run(
        "openssl", "req", "-x509", *key, "-days", "2", "-subj", "/CN=ca", "-keyout", f"{where}/ca.key", "-out", f"{where}/ca.pem"
    )
    realm.run("openssl", "req", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=kdc", "-keyout", f"{where}/kdc.key",
              "-out", f"{where}/kdc.csr")  # fmt: skip
    realm.run("openssl", "x509", "-req", "-in", f"{where}/kdc.csr", "-CA", f"{where}/ca.pem", "-CAkey", f"{where}/ca.key",
              "-CAcreateserial", "-days", "2", "-extfile", f"{where}/kdc.ext", "-extensions", "kdc",
              "-out", f"{where}/kdc.pem")  # fmt: skip
    realm.for_realm = (
        f"        pkinit_identity = FILE:{where}/kdc.pem,{where}/kdc.key\n        pkinit_anchors = FILE:{where}/ca.pem\n"
    )
    realm.for_clients = f"[libdefaults]\n    pkinit_anchors = FILE:{where}/ca.pem\n"
    realm.write()
    realm.stop_one("krb5kdc")
    realm.start_one("krb5kdc")
    realm.add_service("WELLKNOWN/ANONYMOUS")
    for service in (GATED, OPEN):
        realm.add_service(service)
    realm.gate(GATED)
    yield realm


def tgs(realm: Realm, cache: Path, service: str) -> bool:
    """Whether an anonymous TGT leads to a ticket of the service."""
    realm.run("kinit", "-n", "-c", f"FILE:{cache}")
    assert tickets(cache)[0].client in NOBODY
    return realm.attempt("kvno", service, cache=f"FILE:{cache}").returncode == 0


def as_directly(realm: Realm, cache: Path, service: str) -> bool:
    """Whether an anonymous AS request gets a ticket of the service."""
    return realm.attempt("kinit", "-n", "-S", service, "-c", f"FILE:{cache}").returncode == 0


@pytest.mark.parametrize("way", [tgs, as_directly])
def test_nobody_gets_what_is_not_gated_and_nothing_that_is(known: Realm, tmp_path: Path, way) -> None:
    """THREATS T-03: also where somebody has granted it to nobody, by whatever name."""
    assert way(known, tmp_path / "open", OPEN)
    assert not way(known, tmp_path / "without", GATED)
    for number, name in enumerate(NOBODY):
        known.grant(GATED, name, id=f"K7QM2XV{number}")
    try:
        with known.heard() as lines:
            assert not way(known, tmp_path / "with", GATED)
        assert any("(info): jitd: refused WELLKNOWN/ANONYMOUS@" in line and "an anonymous client" in line for line in lines), (
            lines
        )
    finally:
        for number in range(len(NOBODY)):
            known.take(GATED, f"K7QM2XV{number}")


def test_nobody_is_let_in_by_a_ticket_that_says_nobody(known: Realm, tmp_path: Path) -> None:
    """THREATS K-16: the KDC gives a ticket for jitd to an anonymous client, and the acceptor takes it from nobody."""
    keytab, cache = enroll(known), f"FILE:{tmp_path}/nobody"
    known.run("kinit", "-n", "-c", cache)
    with pytest.raises(NotAuthenticated, match="anonymous"):
        accepted(keytab, known, token(comes(known, cache), known))
    for name in NOBODY:
        assert Naming(frozenset({"GATE.TEST", "WELLKNOWN:ANONYMOUS"})).account_of(name.encode()) is None
    known.add_person("alice")
    ticket = comes(known, known.login("alice", tmp_path / "alice"))
    assert accepted(keytab, known, token(ticket, known)).principal == b"alice@GATE.TEST"
