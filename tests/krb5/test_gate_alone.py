# SPDX-License-Identifier: Apache-2.0
"""The gate's decision (contrib/krb5/gate.c), called with requests and entries that no test could get out of a KDC."""

from __future__ import annotations

import time
from dataclasses import replace

import pytest

from tests.krb5.driver import DUP_SKEY, FORWARDABLE, GATED, POLICY, POSTDATED, PROXIABLE, Answer, Driver, Request, Service, hexed

ALICE = "alice@GATE.TEST"
SERVICE = "postgres/db1.example.test@GATE.TEST"
CNAME_IN_ADDL_TKT, REQUEST_ANONYMOUS, IS_POSTDATED, VALIDATE = 0x00020000, 0x00008000, 0x02000000, 0x00000001
RENEW, FORWARDED, PROXY, CANONICALIZE = 0x2, 0x20000000, 0x08000000, 0x00010000
FOR_USER, S4U_X509_USER = 129, 130


def gated(*, seconds: float = 600, client: str = ALICE, mode: str = "required", **more: str) -> Service:
    """A gated service with one grant."""
    grant = f"1 {int(time.time() + seconds)} {client}"
    return Service(
        {"jit_approval": mode, "jit_grant:K7QM2XVD": grant} | {key.replace("_K", ":K"): text for key, text in more.items()}
    )


began: list[float] = []
"""When the test of this moment began."""


@pytest.fixture(autouse=True)
def clock() -> None:
    began[:] = [time.time()]


def is_about(seconds: int, said: Answer) -> bool:
    """Whether it is granted for so many seconds, of which some have passed on a busy host since the grant was written. The clock
    of time(2), which Kerberos reads, is a tick behind Python's.
    """
    return said.is_granted and seconds - 3 - (time.time() - began[0]) <= said.lifetimes[0] <= seconds + 1


def is_refused(driver: Driver, service: Service, request: Request, why: str) -> bool:
    """Whether it is refused for this reason, with no lifetime set, and one line in the log."""
    said = driver.gate(service, request)
    assert said.code == POLICY and said.lifetimes == (0, 0)
    assert said.words[1] == "JIT_APPROVAL", "the client learns nothing of the reason"
    assert said.log == [f"jitd: refused {request.client} a ticket for {SERVICE}: {why}"]
    return True


KINDS = pytest.mark.parametrize("kind", ["as", "tgs"])


@KINDS
def test_a_client_with_a_grant_gets_what_is_left_of_it_and_nobody_else_gets_any(driver: Driver, kind: str) -> None:
    """THREATS T-01 and T-02."""
    service = gated(seconds=600)
    said = driver.gate(service, Request(kind=kind))
    assert said.is_granted and said.log == []
    assert is_about(600, said) and said.lifetimes[1] == said.lifetimes[0]
    for other in ("bob@GATE.TEST", "Alice@GATE.TEST", "alice/admin@GATE.TEST", "alice@OTHER.TEST", "alice@gate.test",
                  "alic@GATE.TEST", "alicee@GATE.TEST", r"alice\@GATE.TEST@GATE.TEST"):  # fmt: skip
        assert is_refused(driver, service, Request(kind=kind, client=other), "no live grant for this client")
    for other in ("malice@GATE.TEST", "x/alice@GATE.TEST", "1 5 alice@GATE.TEST"):
        assert is_refused(driver, gated(client=other), Request(kind=kind), "no live grant for this client")


@KINDS
@pytest.mark.parametrize("seconds", [-86400 * 365, -60, -1, 86400 + 60, 86400 * 365])
def test_a_grant_that_has_ended_or_is_too_far_ahead_permits_nothing(driver: Driver, kind: str, seconds: int) -> None:
    """THREATS T-01."""
    assert is_refused(driver, gated(seconds=seconds), Request(kind=kind), "no live grant for this client")


def test_of_several_grants_of_a_client_the_longest_counts_and_others_do_not(driver: Driver) -> None:
    """THREATS T-02."""
    now = int(time.time())
    service = gated(seconds=60, jit_grant_K7QM2XVE=f"1 {now + 500} {ALICE}", jit_grant_K7QM2XVF=f"1 {now + 900} bob@GATE.TEST",
                    jit_grant_K7QM2XVG=f"1 {now + 90000} {ALICE}", jit_grant_K7QM2XVH=f"1 {now - 5} {ALICE}")  # fmt: skip
    assert is_about(500, driver.gate(service, Request()))
    assert is_about(900, driver.gate(service, Request(client="bob@GATE.TEST")))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("jit_grant:K7QM2XVD", "1 {end} "), ("jit_grant:K7QM2XVD", "{end} alice@GATE.TEST"),
        ("jit_grant:K7QM2XVD", "2 {end} alice@GATE.TEST"), ("jit_grant:K7QM2XVD", "1 0{end} alice@GATE.TEST"),
        ("jit_grant:K7QM2XVD", "1 {end} alice"), ("jit_grant:K7QM2XVD", "1 {end} *@GATE.TEST"),
        ("jit_grant:K7QM2XVD", "1 {end} alice@GATE.TEST bob@GATE.TEST"), ("jit_grant:K7QM2XVD", "1 -{end} alice@GATE.TEST"),
        ("jit_grant:k7qm2xvd", "1 {end} alice@GATE.TEST"), ("jit_grant:", "1 {end} alice@GATE.TEST"),
        ("jit_grant:K7QM2XVDX", "1 {end} alice@GATE.TEST"), ("jit_grant", "1 {end} alice@GATE.TEST"),
        ("xjit_grant:K7QM2XVD", "1 {end} alice@GATE.TEST"), ("jit_grant:K7QM2XVD", ""),
        ("jit_grant:K7QM2XVD", "1 123456789012345678901234 alice@GATE.TEST"),
    ],
)  # fmt: skip
def test_a_malformed_string_is_no_grant(driver: Driver, key: str, value: str) -> None:
    """THREATS T-05."""
    service = Service({"jit_approval": "required", key: value.format(end=int(time.time()) + 60)})
    assert is_refused(driver, service, Request(), "no live grant for this client")


@KINDS
@pytest.mark.parametrize(
    ("change", "why"),
    [
        (Request(options=CNAME_IN_ADDL_TKT), "a service asks in somebody else's name (S4U2Proxy)"),
        (Request(padata=FOR_USER), "a service asks in somebody else's name (S4U2Self)"),
        (Request(padata=S4U_X509_USER), "a service asks in somebody else's name (S4U2Self)"),
        (Request(options=IS_POSTDATED), "a postdated ticket"),
        (Request(options=VALIDATE), "a postdated ticket"),
        (Request(options=RENEW), "a ticket is renewed; a new one has to be asked for"),
        (Request(options=REQUEST_ANONYMOUS), "an anonymous client"),
    ],
)
def test_what_cannot_be_granted_is_refused_to_a_client_with_a_grant(driver: Driver, kind: str, change: Request, why: str) -> None:
    """THREATS T-02, T-03 and T-04."""
    assert is_refused(driver, gated(), replace(change, kind=kind), why)


@KINDS
def test_nothing_is_granted_to_nobody(driver: Driver, kind: str) -> None:
    """THREATS T-03."""
    for anonymous in ("WELLKNOWN/ANONYMOUS@GATE.TEST", "WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS"):
        assert is_refused(driver, gated(client=anonymous), Request(client=anonymous, kind=kind), "an anonymous client")
    said = driver.gate(gated(), Request(client=None))
    assert said.code == POLICY and said.log == [f"jitd: refused (no name) a ticket for {SERVICE}: the request names no client"]


@pytest.mark.parametrize("options", [FORWARDED, PROXY, CANONICALIZE])
def test_what_leaves_the_client_as_it_is_needs_the_same_grant(driver: Driver, options: int) -> None:
    assert is_about(60, driver.gate(gated(seconds=60), Request(options=options)))
    assert is_refused(driver, gated(client="bob@GATE.TEST"), Request(options=options), "no live grant for this client")


def test_in_as_the_client_of_the_request_and_its_entry_are_one(driver: Driver) -> None:
    """THREATS T-03."""
    why = "the client asks under another name than that of its entry"
    assert is_refused(driver, gated(), Request(kind="as", entry="bob@GATE.TEST"), why)
    assert is_refused(driver, gated(client="bob@GATE.TEST"), Request(kind="as", entry="bob@GATE.TEST"), why)
    assert is_refused(driver, gated(), Request(kind="as", entry="alice@OTHER.TEST"), why)


@KINDS
@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"attributes": GATED & ~FORWARDABLE}, "the service's entry lacks -allow_forwardable"),
        ({"attributes": GATED & ~PROXIABLE}, "the service's entry lacks -allow_proxiable"),
        ({"attributes": GATED & ~POSTDATED}, "the service's entry lacks -allow_postdated"),
        ({"attributes": GATED & ~DUP_SKEY}, "the service's entry lacks -allow_dup_skey"),
        ({"maxrenewlife": 1}, "the service's entry has a maxrenewlife"),
        ({"maxlife": 0}, "the service's entry has no maxlife"),
        ({"maxlife": -1}, "the service's entry has no maxlife"),
    ],
)
def test_an_entry_without_what_a_gate_needs_is_refused_with_a_grant(driver: Driver, kind: str, change: dict, why: str) -> None:
    """THREATS T-04."""
    assert is_refused(driver, replace(gated(), **change), Request(kind=kind), why)
    assert driver.gate(replace(gated(), attributes=GATED | 0x80), Request(kind=kind)).is_granted, "more flags are no fault"


@KINDS
@pytest.mark.parametrize(
    "request_",
    [Request(), Request(options=0xFFFFFFFF), Request(padata=FOR_USER), Request(client="WELLKNOWN/ANONYMOUS@GATE.TEST")],
)
def test_a_service_that_is_not_gated_is_not_touched(driver: Driver, kind: str, request_: Request) -> None:
    """THREATS T-10."""
    odd = {"require_auth": "x", "jit_grant:K7QM2XVD": f"1 {int(time.time()) - 9} {ALICE}", "jit_granted_by": "none"}
    for service in (Service({}, attributes=0, maxlife=0, maxrenewlife=9), Service(odd, attributes=0)):
        said = driver.gate(service, replace(request_, kind=kind))
        assert said.is_granted and said.lifetimes == (0, 0) and said.log == []


def test_log_issues_as_if_there_were_no_gate_and_says_what_it_would_refuse(driver: Driver) -> None:
    for service, request, why in (
        (gated(mode="log"), Request(client="bob@GATE.TEST"), "no live grant for this client"),
        (gated(mode="log"), Request(padata=FOR_USER), "a service asks in somebody else's name (S4U2Self)"),
        (replace(gated(mode="log"), attributes=0), Request(), "the service's entry lacks -allow_forwardable"),
    ):
        said = driver.gate(service, request)
        assert said.is_granted and said.lifetimes == (0, 0)
        assert said.log == [f"jitd: would refuse {request.client} a ticket for {SERVICE}: {why}"]
    said = driver.gate(gated(mode="log"), Request())
    assert said.is_granted and said.lifetimes == (0, 0) and said.log == []


@pytest.mark.parametrize("mode", ["", "Required", "required ", "off", "no", "LOG"])
def test_a_mode_that_is_not_known_gates_and_is_logged(driver: Driver, mode: str) -> None:
    """THREATS T-05."""
    odd = f"jitd: {SERVICE} has a jit_approval that is neither required nor log: treated as required"
    refused = driver.gate(gated(mode=mode), Request(client="bob@GATE.TEST"))
    assert refused.code == POLICY
    assert refused.log == [odd, f"jitd: refused bob@GATE.TEST a ticket for {SERVICE}: no live grant for this client"]
    granted = driver.gate(gated(mode=mode, seconds=60), Request())
    assert is_about(60, granted) and granted.log == [odd]


def test_a_line_of_the_log_is_one_line_whatever_a_name_holds(driver: Driver) -> None:
    """THREATS T-09."""
    said = driver.gate(gated(), Request(client="eve\x1b[31m\r%n%sé\\nx@GATE.TEST"))
    assert said.log == [
        rf"jitd: refused eve\x1b[31m\x0d%n%s\xc3\xa9\nx@GATE.TEST a ticket for {SERVICE}: no live grant for this client"
    ]
    for length in range(280, 310):
        said = driver.gate(gated(), Request(client="e" * length + "\x01\x01@GATE.TEST"))
        (line,) = said.log
        assert len(line) < 420 and line.startswith("jitd: refused eee") and line.endswith("no live grant for this client")


def test_the_client_reads_the_same_whatever_the_reason_is(driver: Driver) -> None:
    """THREATS T-09: whether somebody else is granted, or how the service is set up, is nobody's business."""
    refused = [Request(client="bob@GATE.TEST"), Request(padata=FOR_USER), Request(options=IS_POSTDATED), Request(client=None)]
    assert {tuple(driver.gate(gated(), request).words) for request in refused} == {(str(POLICY), "JIT_APPROVAL", "0", "0")}


def test_a_thousand_strings_are_read_and_the_one_that_matters_is_found(driver: Driver) -> None:
    now = int(time.time())
    many = {f"jit_grant:{number:08}": f"1 {now + 3600} user{number}@GATE.TEST" for number in range(1000)}
    service = Service({"jit_approval": "required"} | many)
    assert driver.gate(service, Request(client="user999@GATE.TEST")).is_granted
    assert is_refused(driver, service, Request(client="user1000@GATE.TEST"), "no live grant for this client")


def test_another_version_of_the_interface_is_not_answered(driver: Driver) -> None:
    assert driver.ask("versions", hexed("")).words == ["refused", "refused"]
