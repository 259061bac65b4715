# SPDX-License-Identifier: Apache-2.0
"""What a real KDC says about people when it is asked in jitd's name (MIT; tests/ad has the table of Active Directory)."""

from __future__ import annotations

import asyncio
import os
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import gssapi
import k5test
import pytest

from jitd.core.authentication import KdcAnswer
from jitd.deciding import kdc_liveness, s4u2self
from jitd.deciding.kdc_liveness import Kdc
from tests.waiting import wait_for

VALID, REFUSED, NO_ANSWER, NOT_ASKED = KdcAnswer.VALID, KdcAnswer.REFUSED, KdcAnswer.NO_ANSWER, KdcAnswer.NOT_ASKED
REALM = "EXAMPLE.TEST"
SERVICE = f"jitd/db1.example.test@{REALM}"
SILENT_PORT = 62050


class Asked:
    """A realm, a keytab of this host, and jitd's questions with it."""

    def __init__(self, directory: Path) -> None:
        self.k5 = k5test.K5Realm(
            realm=REALM,
            portbase=62000,  # the realm of the other tests runs beside this one
            create_user=False,
            create_host=False,
            get_creds=False,
            krb5_conf={
                "libdefaults": {"dns_lookup_kdc": "false"},
                "realms": {
                    "$realm": {"kdc": "127.0.0.1:$port0"},
                    "OTHER.TEST": {"kdc": "127.0.0.1:$port0"},
                    "SILENT.TEST": {"kdc": f"127.0.0.1:{SILENT_PORT}"},
                },
            },
        )
        self.keytab = directory / "keytab"
        self.kdcs: list[Kdc] = []
        self.addprinc("alice")

    def kadmin(self, query: str) -> None:
        subprocess.run(["kadmin.local", "-q", query], env={**os.environ, **self.k5.env}, check=True, capture_output=True)

    def addprinc(self, name: str, *flags: str) -> None:
        self.kadmin(f"addprinc -pw {name}{name} {' '.join(flags)} {name}")

    def addkey(self, principal: str, *flags: str) -> None:
        self.kadmin(f"addprinc -randkey {' '.join(flags)} {principal}")
        self.kadmin(f"ktadd -k {self.keytab} {principal}")

    def kdc(self, service: str = SERVICE) -> Kdc:
        self.kdcs.append(Kdc(self.keytab, service, lambda: False))
        return self.kdcs[-1]

    def answers(self, *names: str) -> dict[str, KdcAnswer]:
        kdc = self.kdc()
        return {name: kdc.answer(name if "@" in name else f"{name}@{REALM}") for name in names}


_numbers = iter(range(10**6))


@pytest.fixture
def asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Asked]:
    made = Asked(tmp_path)
    monkeypatch.setenv("KRB5_CONFIG", made.k5.env["KRB5_CONFIG"])
    monkeypatch.setattr(kdc_liveness, "PATIENCE", 30.0)
    acquire = s4u2self.acquire  # caches in memory outlive a Kdc: each test has its own
    number = next(_numbers)
    monkeypatch.setattr(
        kdc_liveness, "acquire", lambda kt, service, cache, first: acquire(kt, service, f"{cache}-{number}", first)
    )
    yield made
    for kdc in made.kdcs:
        kdc.close()
    made.k5.stop()


def lock_out(asked: Asked, name: str) -> None:
    for _ in range(2):
        subprocess.run(
            ["kinit", "-c", "MEMORY:", name], input=b"wrong\n", env={**os.environ, **asked.k5.env}, capture_output=True
        )


ENDED: dict[str, tuple[Callable[[Asked], object], KdcAnswer]] = {
    "is in order": (lambda asked: None, VALID),
    "is disabled": (lambda asked: asked.kadmin("modprinc -allow_tix bob"), REFUSED),
    "has expired": (lambda asked: asked.kadmin("modprinc -expire yesterday bob"), REFUSED),
    "is locked": (lambda asked: lock_out(asked, "bob"), REFUSED),
    "is deleted": (lambda asked: asked.kadmin("delprinc -force bob"), REFUSED),
    "must change the password": (lambda asked: asked.kadmin("modprinc +needchange bob"), VALID),
    "has an old password": (lambda asked: asked.kadmin("modprinc -pwexpire yesterday bob"), VALID),
}


@pytest.fixture
def bob(asked: Asked) -> None:
    asked.kadmin("addpol -maxfailure 2 -lockoutduration 3600 strict")
    asked.addprinc("bob", "-policy", "strict", "+requires_preauth")


@pytest.mark.parametrize("how", ENDED)
def test_a_kdc_refuses_an_account_that_gets_no_tickets_any_more(asked: Asked, bob: None, how: str) -> None:
    """THREATS A-13."""
    asked.addkey(SERVICE)
    end, said = ENDED[how]
    kdc = asked.kdc()
    assert kdc.answer(f"bob@{REALM}") is VALID, "the question before must not answer the one after"
    end(asked)
    assert kdc.answer(f"bob@{REALM}") is said
    assert kdc.answer(f"alice@{REALM}") is VALID


def test_another_realm_gives_no_answer(asked: Asked) -> None:
    asked.addkey(SERVICE)
    assert asked.answers("alice@OTHER.TEST", "alice@LOST.TEST") == {"alice@OTHER.TEST": NO_ANSWER, "alice@LOST.TEST": NO_ANSWER}


def test_a_realm_whose_kdc_is_silent_leaves_jitds_own_realm_its_answers(
    asked: Asked, bob: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS A-13: libkrb5 waits longer for it than jitd does. Its own people's tickets are accepted."""
    asked.addkey(SERVICE)
    asked.kadmin(f"addprinc -randkey krbtgt/SILENT.TEST@{REALM}")
    kdc = asked.kdc()
    assert kdc.answer(f"bob@{REALM}") is VALID
    asked.kadmin("modprinc -allow_tix bob")
    with socket.socket(type=socket.SOCK_DGRAM) as by_udp, socket.socket() as by_tcp:
        by_udp.bind(("127.0.0.1", SILENT_PORT))
        by_tcp.bind(("127.0.0.1", SILENT_PORT))
        by_tcp.listen()
        monkeypatch.setattr(kdc_liveness, "PATIENCE", 0.2)
        for _ in range(20):
            assert kdc.answer("alice@SILENT.TEST") is NO_ANSWER
        monkeypatch.setattr(kdc_liveness, "PATIENCE", 15.0)
        assert kdc.answer(f"bob@{REALM}") is REFUSED
        assert asyncio.run(kdc.refused([f"alice@{REALM}", f"bob@{REALM}"])) == {f"bob@{REALM}"}


# --- jitd's own failures -------------------------------------------------------------------------------------------------


def without_key(asked: Asked) -> None:
    asked.keytab.unlink()


def with_another_key(asked: Asked) -> None:
    asked.keytab.unlink()
    asked.addkey("host/db1.example.test")


def with_an_old_key(asked: Asked) -> None:
    asked.kadmin(f"cpw -randkey {SERVICE}")


OWN: dict[str, Callable[[Asked], object]] = {
    "as in Active Directory, where a service is no client": lambda asked: asked.kadmin(f"delprinc -force {SERVICE}"),
    "is disabled": lambda asked: asked.kadmin(f"modprinc -allow_tix {SERVICE}"),
    "has expired": lambda asked: asked.kadmin(f"modprinc -expire yesterday {SERVICE}"),
    "has no keytab": without_key,
    "has another key": with_another_key,
    "has an old key": with_an_old_key,
}
"""What can become of ``jitd/host``."""


@pytest.mark.parametrize("how", OWN)
def test_a_failure_of_jitds_own_is_no_answer_about_anybody(asked: Asked, bob: None, how: str) -> None:
    """THREATS A-13: not even about one whom the KDC would refuse."""
    asked.addkey(SERVICE)
    asked.kadmin("modprinc -allow_tix bob")
    OWN[how](asked)
    assert asked.answers("alice", "bob", "nobody") == dict.fromkeys(("alice", "bob", "nobody"), NOT_ASKED)


@pytest.mark.parametrize("how", ["is disabled", "has expired", "as in Active Directory, where a service is no client"])
def test_nor_is_one_while_jitd_has_a_ticket_from_before(asked: Asked, bob: None, how: str) -> None:
    """THREATS A-13: then it is the question about the person that fails."""
    asked.addkey(SERVICE)
    kdc = asked.kdc()
    assert kdc.answer(f"bob@{REALM}") is VALID
    OWN[how](asked)
    assert kdc.answer(f"bob@{REALM}") is NOT_ASKED
    assert kdc.answer(f"nobody@{REALM}") is NOT_ASKED


def test_a_silent_kdc_gives_no_answer(asked: Asked) -> None:
    asked.addkey(SERVICE)
    asked.k5.stop_kdc()
    assert asked.answers("alice") == {"alice": NO_ANSWER}
    asked.k5.start_kdc()
    assert asked.answers("alice") == {"alice": VALID}, "a failure leaves nothing behind"


@pytest.mark.parametrize("how", ["as in Active Directory, where a service is no client", "is disabled", "has an old key"])
@pytest.mark.parametrize("account", [f"DB1$@{REALM}", f"svc-jitd-db1@{REALM}"])
def test_where_jitd_is_no_client_an_account_of_the_same_keytab_asks(asked: Asked, bob: None, how: str, account: str) -> None:
    asked.addkey(account)
    asked.addkey(SERVICE)
    asked.kadmin("modprinc -allow_tix bob")
    OWN[how](asked)
    assert asked.answers("alice", "bob", "nobody") == {"alice": VALID, "bob": REFUSED, "nobody": REFUSED}


def test_a_service_that_wants_an_indicator_asks_all_the_same(asked: Asked, bob: None) -> None:
    """Older KDCs refuse its questions, and the same question about itself."""
    asked.addkey(SERVICE)
    asked.kadmin(f"setstr {SERVICE} require_auth otp")
    asked.kadmin("modprinc -allow_tix bob")
    assert asked.answers("alice", "bob") == {"alice": VALID, "bob": REFUSED}


@pytest.mark.parametrize(
    ("about_itself", "said"),
    [(0, REFUSED), (s4u2self.ISSUED, REFUSED), (s4u2self.BASE + 12, NOT_ASKED), (s4u2self.BASE + 18, NOT_ASKED)],
)
@pytest.mark.parametrize("code", sorted(s4u2self.REFUSALS))
def test_a_no_counts_only_if_the_same_question_about_jitd_gets_a_ticket(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, code: int, about_itself: int, said: KdcAnswer
) -> None:
    """THREATS A-13: a policy of the KDC, or a host that is disabled itself, says nothing about a person."""
    asked.addkey(SERVICE)
    of_alice = f"alice@{REALM}"

    def question(own: object, principal: str) -> int:
        return {of_alice: code, SERVICE: about_itself}[principal]

    monkeypatch.setattr(kdc_liveness, "question", question)
    monkeypatch.setattr(s4u2self, "question", question)
    assert asked.answers("alice") == {"alice": said}


# --- a host that may not ask ---------------------------------------------------------------------------------------------


class Counted:
    """jitd's questions to the KDC, counted, at the times of the test."""

    def __init__(self, asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
        self.n, self.at = 0, 1000.0
        for name in ("question", "acquire"):
            monkeypatch.setattr(kdc_liveness, name, self._counting(getattr(kdc_liveness, name)))
        monkeypatch.setattr(s4u2self, "question", kdc_liveness.question)
        monkeypatch.setattr(kdc_liveness.time, "monotonic", lambda: self.at)
        self.kdc = asked.kdc()

    def _counting(self, what: Callable[..., object]) -> Callable[..., object]:
        def counted(*words: object) -> object:
            self.n += 1
            return what(*words)

        return counted

    def answer(self, name: str) -> tuple[KdcAnswer, bool]:
        """What the KDC says about ``name``, and whether it was asked at all."""
        before = self.n
        return self.kdc.answer(f"{name}@{REALM}"), self.n > before


@pytest.mark.parametrize("how", ["is disabled", "as in Active Directory, where a service is no client"])
def test_a_host_that_may_not_ask_asks_once_in_a_minute_and_not_about_each_person(
    asked: Asked, bob: None, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """THREATS K-28."""
    asked.addkey(SERVICE)
    asked.kadmin("modprinc -allow_tix bob")
    OWN[how](asked)
    counted = Counted(asked, monkeypatch)
    assert counted.answer("alice") == (NOT_ASKED, True)
    counted.at += kdc_liveness.KEPT_FOR + 1
    assert [counted.answer(name) for name in ("alice", "bob", "alice")] == [(NOT_ASKED, False)] * 3
    counted.at += kdc_liveness.MAY_NOT_FOR
    assert counted.answer("bob") == (NOT_ASKED, True)


@pytest.mark.parametrize("how", ["a minute later", "with another keytab", "after a reload"])
def test_a_host_that_may_ask_again_asks(asked: Asked, bob: None, monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    """THREATS K-28."""
    asked.addkey(SERVICE)
    asked.kadmin("modprinc -allow_tix bob")
    asked.kadmin(f"modprinc -allow_tix {SERVICE}")
    counted = Counted(asked, monkeypatch)
    assert counted.answer("bob") == (NOT_ASKED, True)
    asked.kadmin(f"modprinc +allow_tix {SERVICE}")
    assert counted.answer("bob") == (NOT_ASKED, False)
    match how:
        case "a minute later":
            counted.at += kdc_liveness.MAY_NOT_FOR
        case "with another keytab":
            asked.kadmin(f"ktadd -k {asked.keytab} {SERVICE}")
        case _:
            counted.kdc.forget()
    assert counted.answer("bob") == (REFUSED, True)


def test_that_no_kdc_answers_is_not_remembered_as_a_no(asked: Asked, bob: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS K-28: nobody makes a host stop asking by holding up its questions."""
    asked.addkey(SERVICE)
    asked.kadmin("modprinc -allow_tix bob")
    counted = Counted(asked, monkeypatch)
    asked.k5.stop_kdc()
    assert counted.answer("bob") == (NO_ANSWER, True)
    asked.k5.start_kdc()
    assert counted.answer("bob") == (REFUSED, True)


@pytest.mark.parametrize("code", [s4u2self.BASE + 29, s4u2self.BASE + 37, 1, *sorted(s4u2self.AWAY)])
def test_an_error_that_may_pass_is_not_remembered(asked: Asked, bob: None, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    """THREATS K-28: the KDC dies between the question about bob and the one about this host."""
    asked.addkey(SERVICE)
    asked.kadmin("modprinc -allow_tix bob")
    kdc, of_itself = asked.kdc(), kdc_liveness.about_itself
    monkeypatch.setattr(kdc_liveness, "about_itself", lambda own, client: code)
    assert kdc.answer(f"bob@{REALM}") is NOT_ASKED
    monkeypatch.setattr(kdc_liveness, "about_itself", of_itself)
    assert kdc.answer(f"bob@{REALM}") is REFUSED


# --- the ticket that jitd keeps for itself -------------------------------------------------------------------------------


def has_expired(own: gssapi.Credentials) -> bool:
    try:
        return own.lifetime == 0
    except gssapi.exceptions.ExpiredCredentialsError:
        return True


def test_jitds_own_ticket_is_renewed_at_its_end(asked: Asked) -> None:
    asked.addkey(SERVICE, '-maxlife "3 seconds"')
    kdc = asked.kdc()
    assert kdc.answer(f"alice@{REALM}") is VALID
    _, _, own = kdc._own()
    wait_for(lambda: has_expired(own))
    assert kdc.answer(f"alice@{REALM}") is VALID


def test_a_ticket_that_a_new_kdc_rejects_is_replaced(asked: Asked) -> None:
    asked.addkey(SERVICE)
    kdc = asked.kdc()
    assert kdc.answer(f"alice@{REALM}") is VALID
    asked.kadmin(f"cpw -randkey krbtgt/{REALM}")
    asked.k5.stop_kdc()
    asked.k5.start_kdc()
    assert kdc.answer(f"alice@{REALM}") is VALID


# --- what jitd says of its key and of the KDCs ---------------------------------------------------------------------------


@pytest.mark.parametrize("flags", ["", "+requires_preauth"])
def test_a_newer_key_at_the_kdc_is_found_within_a_minute_and_until_the_keytab_has_it(
    flags: str, asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.addkey(SERVICE, *flags.split())
    kdc = asked.kdc()
    assert kdc.answer(f"alice@{REALM}") is VALID
    monkeypatch.setattr(kdc_liveness, "KEY_ASKED_EVERY", 0.0)
    assert kdc.why_other_key() == "", "it has the same key"
    asked.kadmin(f"cpw -randkey {SERVICE}")
    monkeypatch.setattr(kdc_liveness, "KEY_ASKED_EVERY", 60.0)
    assert kdc.why_other_key() == "", "the KDC was asked a moment ago"
    monkeypatch.setattr(kdc_liveness, "KEY_ASKED_EVERY", 0.0)
    for _ in range(2):
        assert f"the KDC's key of {SERVICE} is not in {asked.keytab}" in kdc.why_other_key()
    assert not list(Path(tempfile.gettempdir()).glob("jitd-key-*")), "no ticket stays"
    monkeypatch.setattr(kdc_liveness, "KEY_ASKED_EVERY", 60.0)
    asked.kadmin(f"ktadd -k {asked.keytab} {SERVICE}")
    assert kdc.why_other_key() == "", "the keytab is another one, so the KDC is asked at once"


def test_a_kdc_that_is_down_changes_nothing_of_what_is_known_of_the_key(asked: Asked, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kdc_liveness, "KEY_ASKED_EVERY", 0.0)
    asked.addkey(SERVICE)
    kdc = asked.kdc()
    asked.k5.stop_kdc()
    assert kdc.why_other_key() == ""
    asked.k5.start_kdc()
    asked.kadmin(f"cpw -randkey {SERVICE}")
    known = kdc.why_other_key()
    assert known
    asked.k5.stop_kdc()
    assert kdc.why_other_key() == known
    asked.k5.start_kdc()


def test_a_kdc_that_does_not_answer_is_told_of_until_it_answers_or_nobody_asks_any_more(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.addkey(SERVICE)
    kdc = asked.kdc()
    assert kdc.answer(f"alice@{REALM}") is VALID and kdc.why_silent() == ""
    asked.k5.stop_kdc()
    assert kdc.answer(f"alice@{REALM}") is KdcAnswer.NO_ANSWER
    assert kdc.why_silent().endswith(f"no answer from the KDC of {REALM}")
    asked.k5.start_kdc()
    assert kdc.answer(f"alice@{REALM}") is VALID and kdc.why_silent() == ""
    asked.k5.stop_kdc()
    assert kdc.answer(f"alice@{REALM}") is KdcAnswer.NO_ANSWER and kdc.why_silent()
    monkeypatch.setattr(kdc_liveness, "SILENT_FOR", 0.0)
    assert kdc.why_silent() == ""
    asked.k5.start_kdc()
