# SPDX-License-Identifier: Apache-2.0
"""``[pam] requester``: the account stage of a PAM service is asked about the requester, by real modules of PAM."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.monitor.proof_orders import POLICY_WITHIN
from tests.waiting import PATIENCE, wait_for

STACK = Path("/etc/pam.d/jitd-test-account")
ACCESS = Path("/etc/jitd-test-access.conf")
SETTING = '[pam]\nrequester = "jitd-test-account"\n'
LEASE = """
[[permit]]
name = "lab-dba"
who = ["group:dba"]
commands = [["/usr/bin/true"], ["/usr/bin/id", "**"]]
approvals = [{ need = 1, from = ["group:ops"] }]
grant = { lasts = "1h", uses = 100 }
"""


@pytest.fixture(autouse=True)
def stack() -> Iterator[None]:
    account("required pam_access.so accessfile=/etc/jitd-test-access.conf")
    ACCESS.write_text("+ : ALL : ALL\n")
    yield
    STACK.unlink(missing_ok=True)
    ACCESS.unlink(missing_ok=True)


def account(*lines: str) -> None:
    STACK.write_text("".join(f"account {line}\n" for line in lines))


def deny_alice() -> None:
    ACCESS.write_text("- : alice : ALL\n")


UNSET = "the PAM service jitd-test-account is not set up on this host"
DENIED = "the account policy of this host denies your account (jitd-test-account): it may not be used on this host"


def test_whom_pam_denies_their_account_is_denied_before_anybody_is_asked(own_house) -> None:
    """THREATS K-25."""
    house = own_house(config=SETTING).start()
    deny_alice()
    made = house.sudo("alice", "true")
    assert made.returncode == 121 and DENIED in made.stderr, made
    (row,) = house.rows("requests", "--all")
    assert row["state"] == "denied" and house.rows("grants") == []
    for listed in (house.sudo("alice", "-l", "true"), house.sudo("alice", "--get=sudoers:x")):
        assert listed.returncode != 0 and DENIED in listed.stdout + listed.stderr, listed
    assert house.ask("root", "true").end() == 0, "local root is not asked about"


def test_without_the_setting_nothing_is_asked(own_house) -> None:
    house = own_house().start()
    deny_alice()
    made = house.sudo("alice", "--no-wait", "true")
    assert made.returncode == 0, made


def test_each_use_of_a_lease_and_each_approval_is_asked_about(own_house) -> None:
    """THREATS K-25: who was let in this morning may be nobody here now."""
    house = own_house(config=SETTING, policy=LEASE).start()
    waits = house.ask("alice", "--for=1h", "--uses=5", "true")
    assert house.approve(waits.id).returncode == 0 and waits.end() == 0
    assert house.sudo("alice", "true").returncode == 0
    approved = house.sudo("alice", "--no-wait", "id").stdout.strip()
    assert house.approve(approved).returncode == 0
    later = house.sudo("alice", "--no-wait", "id", "-u").stdout.strip()
    deny_alice()
    resumed = house.sudo("alice", f"--resume={approved}")
    assert resumed.returncode == 121 and DENIED in resumed.stderr, resumed
    used = house.sudo("alice", "true")
    assert used.returncode == 121 and DENIED in used.stderr, used
    house.approve(later)
    assert house.show(later)["state"] == "denied"
    ACCESS.write_text("+ : ALL : ALL\n")
    assert house.sudo("alice", "true").returncode == 0
    house.at_rest().verify()


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        (["required pam_deny.so"], "it may not be used on this host"),
        (["required pam_debug.so acct=new_authtok_reqd"], "its password has to be changed first"),
        (["required pam_debug.so acct=acct_expired"], "it has expired"),
        (["required pam_debug.so acct=user_unknown"], "the service does not know it"),
        (["required pam_debug.so acct=authtok_expired"], "its password has expired"),
        (["required pam_debug.so acct=perm_denied"], "it may not be used on this host"),
        (["required pam_debug.so acct=service_err"], "failed with the code 3"),
        (["required pam_debug.so acct=ignore"], "it may not be used on this host"),
        (["required pam_no_such_module.so"], "failed with the code"),
        (["perhaps pam_permit.so"], UNSET),
        (["nonsense"], UNSET),
        ([], UNSET),
        (["required pam_exec.so /bin/false"], "the account policy of"),
        (["required pam_permit.so"], ""),
        (["include common-account"], ""),
        (["sufficient pam_permit.so", "required pam_deny.so"], ""),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_each_answer_of_pam_means(own_house, lines: list[str], said: str) -> None:
    """THREATS K-25: everything but success denies."""
    account(*lines)
    house = own_house(config=SETTING).start()
    made = house.sudo("alice", "--no-wait", "true")
    assert (made.returncode == 0) is (not said) and said in made.stderr, made
    assert made.returncode in (0, 121)


def test_a_service_that_is_not_set_up_denies(own_house) -> None:
    """THREATS K-25: PAM's own default would be the stack ``other``, for each type of which there is no line."""
    STACK.unlink()
    house = own_house(config=SETTING).start()
    told = f"the account policy of your account could not be asked: {UNSET}"
    for text in (None, "# nothing\n", "auth required pam_deny.so\n", "acount required pam_deny.so\n"):
        if text is not None:
            STACK.write_text(text)
        made = house.sudo("alice", "true")
        assert made.returncode == 121 and told in made.stderr, made


SLEEPS = "pam_exec.so /bin/sleep 4711"


def test_a_module_that_does_not_answer_denies_and_holds_up_nobody(own_house) -> None:
    """THREATS K-25: PAM hangs in a process of its own, and that process ends."""
    account("[default=1 success=ignore] pam_succeed_if.so quiet user = alice", f"required {SLEEPS}", "required pam_permit.so")
    house = own_house(config=SETTING).start()
    is_meanwhile = False
    for _ in range(5):  # on a busy host the ten seconds may be over before anybody else has asked
        began = time.monotonic()
        hangs = house.ask("alice", "true")
        wait_for(sleepers, what="the module")
        assert "no rule permits" in house.sudo("bob", "true").stderr and house.jitd("requests").returncode == 0
        is_meanwhile = time.monotonic() - began < POLICY_WITHIN
        assert hangs.end(PATIENCE) == 121 and "PAM did not answer within 10 seconds" in hangs.err, hangs.err
        for pid in sleepers():  # pam_exec's own child
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: not sleepers(), what="the end of the module")
        if is_meanwhile:
            break
    assert is_meanwhile, "others are answered before it"


def sleepers() -> list[int]:
    found = []
    for place in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if place.read_bytes() == b"/bin/sleep\x004711\0":
                found.append(int(place.parent.name))
        except OSError:
            continue
    return found
