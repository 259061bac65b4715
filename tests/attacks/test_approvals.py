# SPDX-License-Identifier: Apache-2.0
"""What an approval is worth when it is used: under other rules, for other requests, when its author has gone; and who is meant by
a name.

Law: beside each attack stands the same use with nothing wrong, which goes on working.
"""

from __future__ import annotations

import itertools
import re
import signal
import subprocess
from collections.abc import Callable, Iterator

import pytest

from jitpam.wire import messages
from tests.attacks.raw import CACHES, Raw, credentials, kadmin, kinit, principal, review, uid_of
from tests.attacks.test_points import login, point, question
from tests.system.conftest import OF_THE_LAB, REALM, House
from tests.waiting import wait_for

TWO = OF_THE_LAB.replace("need = 1", "need = 2")
FIRST = OF_THE_LAB.replace('"lab-dba"', '"first"')
BY_REVIEW = OF_THE_LAB + 'standing = "review"\n'
AT_A_GATE = OF_THE_LAB + 'services = ["sshd"]\n'
ADMIN = f'[principals]\n"alice/admin@{REALM}" = "alice-adm"\n[people]\nalice = ["alice", "alice-adm"]\n'


def leased(house: House, *words: str) -> str:
    """A lease of alice's, approved by bob."""
    id = house.sudo("alice", "--no-wait", "--for", "10m", "--uses", "9", *words).stdout.strip()
    house.approved(id)
    return id


def once(house: House, *words: str) -> str:
    """One use of alice's, approved by bob, that she has not taken."""
    id = house.sudo("alice", "--no-wait", *words).stdout.strip()
    house.approved(id)
    return id


def answers(house: House, *words: str) -> int:
    """What alice gets who would not wait for anybody."""
    return house.sudo("alice", "-n", *words).returncode


@pytest.fixture(scope="module")
def house(patient_house: House) -> House:
    return patient_house


@pytest.fixture
def ruled(house: House) -> Iterator[Callable[[str], House]]:
    """The daemon of all these tests, under other rules: each test has commands of its own."""

    def under(rules: str) -> House:
        house.set_policy(rules)
        house.reload()
        return house

    yield under
    for row in house.rows("locks"):
        house.asked(messages.Unlock(id=row["id"], whom=None, name=None, reason=""))
    under(OF_THE_LAB)


# --- other rules -----------------------------------------------------------------------------------------------------


def test_a_lease_answers_under_its_own_rule_as_it_is_today_and_under_no_other(ruled: Callable[[str], House]) -> None:
    """THREATS A-12: two rules, two quorums, and reloads in between."""
    house = ruled(OF_THE_LAB)
    leased(house, "echo", "leased")
    waiting = once(house, "echo", "once")
    assert answers(house, "echo", "leased") == 0, "the twin"
    for rules in (TWO, FIRST + OF_THE_LAB, OF_THE_LAB.replace("uses = 100", "uses = 1")):
        ruled(rules)
        assert answers(house, "echo", "leased") == 118, rules
    ruled(TWO)
    refused = house.sudo("alice", f"--resume={waiting}")
    assert refused.returncode == 121 and f"the approvals of request {waiting} are not enough any more" in refused.stderr
    ruled(OF_THE_LAB)
    assert answers(house, "echo", "leased") == 0
    assert house.sudo("alice", f"--resume={waiting}").stdout == "once\n"


def test_what_the_rule_has_recorded_since_is_recorded_at_the_next_use(ruled: Callable[[str], House]) -> None:
    """THREATS A-13: obligations that came after the approval."""
    house = ruled(OF_THE_LAB)
    id = once(house, "echo", "recorded")
    ruled(OF_THE_LAB + 'run = { record = "all" }\n')
    assert house.sudo("alice", f"--resume={id}").returncode == 0
    wait_for(lambda: house.run_of(id).recording is not None, what="the recording")


# --- who approved ----------------------------------------------------------------------------------------------------


_number = itertools.count()


@pytest.fixture
def approver() -> Iterator[str]:
    """Somebody of ops with an account and a principal of their own: another one each time."""
    number = next(_number)
    name = f"shift-{number}"
    subprocess.run(["useradd", "-m", "-u", str(4811 + number), "-G", "ops", name], check=True, capture_output=True)
    principal(name, name * 2)
    yield name
    subprocess.run(["userdel", "-rf", name], check=False, capture_output=True)
    subprocess.run(["kadmin.local", "delprinc", "-force", f"{name}@{REALM}"], check=False, capture_output=True)


def approves(house: House, name: str, id: str) -> None:
    with Raw(house, uid_of(name)) as raw:
        raw.sign_in(credentials(kinit(CACHES / name, f"{name}@{REALM}", name * 2)))
        raw.ask(review(house.show(id)))


def deleted(house: House, name: str) -> None:
    subprocess.run(["userdel", name], check=True, capture_output=True)


def expired(house: House, name: str) -> None:
    subprocess.run(["chage", "-E", "0", name], check=True)


def disabled(house: House, name: str) -> None:
    kadmin("modprinc", "-allow_tix", f"{name}@{REALM}")


def shifted(house: House, name: str) -> None:
    subprocess.run(["gpasswd", "-d", name, "ops"], check=True, capture_output=True)


def locked(house: House, name: str) -> None:
    assert house.jitd("lock", "--principal", f"{name}@{REALM}").returncode == 0


GOING = [deleted, expired, disabled, shifted, locked]


@pytest.mark.parametrize("going", GOING, ids=lambda going: going.__name__)
@pytest.mark.parametrize("rules", [OF_THE_LAB, BY_REVIEW], ids=["as they are now", "as they were"])
def test_an_approval_ends_with_who_gave_it(ruled: Callable, approver: str, going: Callable, rules: str) -> None:
    """THREATS A-13: the rule may count the groups of the review, so that a lease goes on when the shift has changed."""
    house = ruled(rules)
    case = f"{going.__name__} {rules == BY_REVIEW}"
    one = house.sudo("alice", "--no-wait", "echo", "once", case).stdout.strip()
    lease = house.sudo("alice", "--no-wait", "--for", "10m", "--uses", "9", "echo", "leased", case).stdout.strip()
    for id in (one, lease):
        approves(house, approver, id)
        assert house.show(id)["state"] == "approved"
    going(house, approver)
    counts = going is shifted and rules == BY_REVIEW
    assert answers(house, "echo", "leased", case) == (0 if counts else 118)
    assert house.sudo("alice", f"--resume={one}").returncode == (0 if counts else 121)
    assert sum(row["argv"][-1] == case for row in house.rows("runs", "--all")) == (2 if counts else 0)


def test_at_a_gate_an_approval_answers_while_its_author_may_give_it(own_house: Callable[..., House], approver: str) -> None:
    """THREATS A-13, A-14: whoever comes again takes the use, once, as long as who approved it is of the group."""
    house = own_house(AT_A_GATE).start()
    with point(house, login("alice")) as one:
        assert isinstance(one.prove("alice"), messages.Refused), "who cannot wait leaves the request"
    (row,) = house.rows("requests")
    approves(house, approver, row["id"])
    shifted(house, approver)
    with point(house, login("alice")) as one:
        refused = one.prove("alice")
    assert isinstance(refused, messages.Refused) and refused.code == "owed"
    subprocess.run(["gpasswd", "-a", approver, "ops"], check=True, capture_output=True)
    with point(house, login("alice")) as one:
        assert isinstance(one.prove("alice"), messages.Granted)
    with point(house, login("alice")) as one:
        assert isinstance(one.prove("alice"), messages.Refused)


# --- one time --------------------------------------------------------------------------------------------------------


def test_of_two_terminals_the_approval_is_the_one_that_asked_for_it(house: House) -> None:
    """THREATS A-14: two terminals, the same command, one approval."""
    id = once(house, "echo", "twice")
    for words in (("echo", "twice"), ("-n", "echo", "twice"), ("--no-wait", "echo", "twice")):
        other = house.sudo("alice", *words)
        assert (other.returncode, other.stdout) == (118, "")
        assert f"request {id} is approved: jitsudo --resume {id}" in other.stderr
    would = house.sudo("alice", "-l", "echo", "twice")
    assert would.returncode == 0 and would.stdout.startswith("/usr/bin/echo twice\n") and f"--resume {id}" in would.stdout
    assert house.show(id)["grant"]["left"] == 1, "nobody has taken it"
    anew = house.sudo("alice", "-k", "--no-wait", "echo", "twice").stdout.strip()
    assert anew != id and house.show(anew)["state"] == "pending", "-k asks anew all the same"
    assert house.sudo("alice", f"--resume={id}").stdout == "twice\n"
    assert answers(house, "echo", "twice") == 118


def test_k_with_a_command_is_answered_by_no_lease_and_ends_none(house: House) -> None:
    leased(house, "echo", "k")
    assert house.sudo("alice", "-k", "-n", "echo", "k").returncode == 118
    assert answers(house, "echo", "k") == 0


# --- whom a name means -----------------------------------------------------------------------------------------------


@pytest.fixture
def hers(own_house: Callable[..., House]) -> Iterator[House]:
    """alice has another account, which her own principal does not lead to."""
    subprocess.run(["useradd", "-m", "-u", "4801", "-G", "dba", "alice-adm"], check=True, capture_output=True)
    yield own_house(config=ADMIN).start()
    subprocess.run(["userdel", "-r", "alice-adm"], check=True, capture_output=True)


SPELLINGS = ("alice", "alice-adm", "local:alice", f"alice@{REALM}", f"alice/admin@{REALM}", "alice/admin")


def test_every_spelling_ends_what_the_person_runs_and_a_name_of_nobody_is_said_to_be_one(hers: House) -> None:
    """THREATS A-15."""
    his = hers.ask("alice", "sleep", "61300")
    hers.approved(his.id)
    for number, spelled in enumerate(SPELLINGS):
        for verb in (("revoke", "--of", spelled), ("lock", "--user", spelled), ("lock", "--principal", spelled)):
            if verb[:2] == ("lock", "--principal") and spelled in ("alice", "alice-adm"):
                continue
            asked = hers.ask("alice", "sleep", f"6131{number}")
            hers.approved(asked.id)
            wait_for(lambda id=asked.id: hers.run_of(id).state == "running", what="a run")
            done = hers.jitd(*verb, who="dave")
            assert done.returncode == 0, (verb, done.stderr)
            assert re.search("1 grant.* revoked|1 grant revoked|2 grants", done.stderr), (verb, done.stderr)
            assert asked.end() == -signal.SIGTERM, verb
            for row in hers.rows("locks"):
                hers.asked(messages.Unlock(id=row["id"], whom=None, name=None, reason=""))
    before = hers.at_rest().head()
    for nobody in ("alcie", f"alcie@{REALM}", "alice@OTHER.TEST", "bob", "local:bob"):
        done = hers.jitd("revoke", "--of", nobody, who="dave")
        assert done.returncode == 4 and "no live grant" in done.stderr
    assert hers.head() == before


# --- what is said of what lives on -----------------------------------------------------------------------------------

AT_SUDO = OF_THE_LAB.replace('run_as = ["*"]', 'run_as = ["*"]\nservices = ["sudo"]')


def test_of_what_sudo_has_begun_it_is_not_said_that_nothing_runs(own_house: Callable[..., House]) -> None:
    """SECURITY.md: a revocation does not reach what sudo runs. Whoever revokes at three in the morning is told so."""
    house = own_house(AT_SUDO).start()
    ids = []
    for words in (("/usr/bin/id",), ("/usr/bin/id", "-u"), ("/usr/bin/id", "-g")):
        lease = ("--service", "sudo", "--for", "10m", "--uses", "5")
        ids.append(house.sudo("alice", "--no-wait", *lease, *words).stdout.strip())
        house.approved(ids[-1])
    used, unused, also_used = ids
    for words in (("/usr/bin/id",), ("/usr/bin/id", "-g")):
        with point(house, question("alice", *words)) as one:
            assert isinstance(one.prove("alice"), messages.Granted)
    done = house.jitd("revoke", used, who="dave")
    assert done.returncode == 0 and "nothing runs under it" not in done.stderr, done.stderr
    assert "commands that sudo has started are not ended, and may still run" in done.stderr
    done = house.jitd("revoke", unused, who="dave")
    assert done.returncode == 0 and "nothing runs under it" in done.stderr, "the twin: it was never used"
    done = house.jitd("revoke", "--of", "alice", who="dave")
    assert done.returncode == 0 and "commands that sudo has started are not ended" in done.stderr, done.stderr
    assert house.show(also_used)["grant"]["state"] == "revoked"
