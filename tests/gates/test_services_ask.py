# SPDX-License-Identifier: Apache-2.0
"""A service without a person near asks by the keytab of its own principal, and gets several things: real KDC, real gates."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.attacks.raw import kadmin
from tests.gates.test_holdings_alive import SERVICES, services
from tests.system.conftest import House
from tests.waiting import PATIENCE, wait_for

__all__ = ["services"]

PRINCIPAL, ACCOUNT = "backup/lab.example.test@EXAMPLE.TEST", "games"
A, B = (f"service-ticket:{service}" for service in SERVICES)
RULES = f"""
[[permit]]
name = "first"
who = ["principal:{PRINCIPAL}"]
gives = ["{A}"]
grant = {{ lasts = "10m" }}
[[permit]]
name = "second"
who = ["user:{ACCOUNT}"]
gives = ["{B}"]
approvals = [{{ need = 1, from = ["group:ops"] }}]
grant = {{ lasts = "5m" }}
"""


class Service:
    """The account of a service, with a keytab and an empty cache, and no terminal."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.place = house.root / "backup"
        self.place.mkdir(mode=0o700)
        self.keytab, self.cache = self.place / "backup.keytab", self.place / "ccache"
        kadmin("addprinc", "-randkey", PRINCIPAL)
        kadmin("ktadd", "-k", str(self.keytab), PRINCIPAL)
        for path in (self.place, self.keytab):
            shutil.chown(path, ACCOUNT, ACCOUNT)

    def line(self, *words: str) -> list[str]:
        become = [
            "setpriv",
            f"--reuid={ACCOUNT}",
            f"--regid={ACCOUNT}",
            "--init-groups",
            "env",
            "-i",
            f"PATH={os.environ['PATH']}",
        ]
        means = [f"KRB5_CLIENT_KTNAME=FILE:{self.keytab}", f"KRB5CCNAME=FILE:{self.cache}", f"JITD_SOCKET={self.house.socket}"]
        return [*become, *means, *words]

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        line = self.line(*words)
        return subprocess.run(
            line, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=PATIENCE, start_new_session=True
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        pipes: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.Popen(self.line(*words), text=True, start_new_session=True, **pipes)


@pytest.fixture(scope="module")
def backup(services: None) -> Iterator[Service]:
    house = House(RULES, f'[principals]\n"{PRINCIPAL}" = "{ACCOUNT}"')
    house.start()
    yield Service(house)
    kadmin("delprinc", "-force", PRINCIPAL)
    house.verify()
    house.close()


@pytest.fixture(autouse=True)
def nothing_is_held(backup: Service) -> Iterator[None]:
    yield
    wait_for(lambda: not backup.house.kept("holdings"), what="the end of each holding")


def row(text: str) -> dict[str, Any]:
    (line,) = text.splitlines()
    found = json.loads(line)
    assert isinstance(found, dict)
    return found


def test_a_keytab_is_enough_to_ask_and_the_answer_is_one_object(backup: Service) -> None:
    done = backup.run("jitsudo", "--get", A, "--json")
    found = row(done.stdout)
    assert (done.returncode, found["state"]) == (0, "held"), done.stderr
    assert [(one["thing"], one["to"]) for one in found["things"]] == [(A, PRINCIPAL)]
    cache = Path(found["variables"]["KRB5CCNAME"].removeprefix("FILE:"))
    assert stat.S_IMODE(cache.stat().st_mode) == 0o600 and cache.stat().st_uid == pwd.getpwnam(ACCOUNT).pw_uid
    used = backup.run("env", f"KRB5CCNAME=FILE:{cache}", "klist")
    assert SERVICES[0] in used.stdout, used.stderr
    assert backup.house.request_of(found["request"]).requester.principal == PRINCIPAL
    backup.house.ended("revoke", found["request"])


def test_two_things_wait_for_the_approval_of_one_and_one_cache_has_both_tickets(backup: Service) -> None:
    """The shorter of both times holds."""
    command = ["sh", "-c", "klist; exit 7"]
    asking = backup.start("jitsudo", "--get", A, "--get", B, "--", *command)
    wait_for(lambda: backup.house.kept("requests"), what="the request")
    (asked,) = backup.house.kept("requests")
    assert asked.rule == "first and second" and backup.house.kept("holdings") == []
    backup.house.approved(asked.id)
    out, err = asking.communicate(timeout=PATIENCE)
    assert asking.returncode == 7, err
    assert SERVICES[0] in out and SERVICES[1] in out
    first, second = backup.house.kept("holdings", ended=True)[-2:]
    assert first.together == second.together == (first.id, second.id)
    assert (first.until - first.giving_at).total_seconds() <= 300


def test_one_that_the_kdc_does_not_gate_takes_the_other_back_before_the_answer(backup: Service) -> None:
    """THREATS T-23."""
    backup.house.set_policy(RULES.replace(B, "service-ticket:http/nowhere.example.test").replace("approvals", "# approvals"))
    assert backup.house.jitd("reload").returncode == 0
    try:
        done = backup.run("jitsudo", "--get", A, "--get", "service-ticket:http/nowhere.example.test", "--json")
        assert backup.house.kept("holdings") == [], "nothing is held any more when it is told"
        found = row(done.stdout)
        assert done.returncode == found["status"] == 125 and found["state"] == "failed", done.stderr
        assert "http/nowhere.example.test could not be given" in found["because"]
        assert "jit_grant:" not in kadmin("getstrs", SERVICES[0])
    finally:
        backup.house.set_policy(RULES)
        assert backup.house.jitd("reload").returncode == 0


def test_what_no_rule_gives_is_said_in_the_same_form(backup: Service) -> None:
    done = backup.run("jitsudo", "--get", "service-ticket:http/nowhere.example.test", "--json")
    found = row(done.stdout)
    assert done.returncode == found["status"] == 121 and found["code"] == "denied"


def test_without_its_keytab_it_is_nobody(backup: Service) -> None:
    hidden = backup.keytab.with_name("hidden")
    backup.keytab.rename(hidden)
    backup.cache.unlink(missing_ok=True)
    try:
        done = backup.run("jitsudo", "--get", A, "--json")
    finally:
        hidden.rename(backup.keytab)
    found = row(done.stdout)
    assert done.returncode == found["status"] == 119 and found["code"] == "unauthenticated"
