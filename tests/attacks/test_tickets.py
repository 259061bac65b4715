# SPDX-License-Identifier: Apache-2.0
"""Tickets that are stolen, or end, and accounts that end while something waits.

Law: what is not vouched for at the end is not run.
"""

from __future__ import annotations

import itertools
import os
import subprocess
from datetime import UTC, datetime

import pytest

from jitpam.wire import messages
from tests.attacks.raw import (
    CACHES,
    LIVES,
    REALM,
    Raw,
    asked,
    connected,
    credentials,
    in_its_life,
    kadmin,
    kinit,
    principal,
    review,
    submission,
    uid_of,
)
from tests.system.test_spine import marker, markers_go  # noqa: F401
from tests.waiting import PATIENCE, wait_for

_number = itertools.count(1)


@pytest.fixture(scope="module")
def house(patient_house):
    return patient_house


def with_a_short_ticket(house, who: str) -> tuple[Raw, str]:
    """A connection of somebody whose ticket ends soon, and when."""

    def come(ticket):
        raw = Raw(house, uid_of(who))
        try:
            return raw, raw.sign_in(ticket).until
        except BaseException:
            raw.close()
            raise

    return in_its_life(who, come)


def is_over(instant: str) -> bool:
    return datetime.now(UTC) > datetime.fromisoformat(instant)


@pytest.fixture
def newcomer():
    """An account with a principal, in dba, that nobody misses: made anew for each test."""
    name = f"temp{next(_number)}"
    subprocess.run(["useradd", "-m", "-G", "dba", name], check=True, capture_output=True)
    principal(name, name * 2)
    yield name
    subprocess.run(["userdel", name], check=False, capture_output=True)
    subprocess.run(["kadmin.local", "delprinc", f"{name}@{REALM}"], check=False, capture_output=True)


# --- stolen ------------------------------------------------------------------------------------------------------------


def test_a_stolen_cache_is_of_no_use_to_another_account(house):
    """THREATS K-12: refused, told what to do, and one line in the log that names both."""
    stolen = kinit(CACHES / "stolen", f"alice@{REALM}", "alicealice")
    os.chown(stolen, uid_of("bob"), 0)
    before = house.rows("requests", "--all"), house.log().count("wrong account")
    for words in (("jitsudo", "true"), ("jitsudo", "-v"), ("jitd", "requests")):
        done = house.run("bob", "env", f"KRB5CCNAME=FILE:{stolen}", *words, ticket=False)
        assert done.returncode == 119, words
        assert "kinit as yourself" in done.stderr
    assert house.rows("requests", "--all") == before[0]
    new = [line for line in house.log().splitlines() if "wrong account" in line][before[1] :]
    assert new == [f"jitd: wrong account uid={uid_of('bob')} principal=alice@{REALM}"] * 3


# --- expired -----------------------------------------------------------------------------------------------------------


def test_a_ticket_that_ends_while_its_request_waits_runs_nothing_and_resume_does_after_kinit(house):
    """THREATS K-14: by the commands that people type."""
    left = marker("expired")
    cache = "/home/alice/short"
    said = house.root / "said/expired"
    script = f"echo alicealice | kinit -l $1 -c FILE:$0 alice@{REALM} >&2; KRB5CCNAME=FILE:$0 exec jitsudo touch {left}"

    def asked():
        return [one for one in house.kept("requests") if one.command.argv[-1] == str(left).encode()]

    for seconds in LIVES:  # on a host that is too busy for six, it has ended before she asks
        with said.open("wb") as to_said:
            client = subprocess.Popen(
                house.line("alice", "sh", "-c", script, cache, f"{seconds}s", ticket=False),
                stdin=subprocess.DEVNULL, stdout=to_said, stderr=to_said, cwd="/",
            )  # fmt: skip
        if wait_for(lambda client=client: asked() or client.poll() is not None, what="a request") is not True:
            break
    assert asked(), said.read_text()
    (row,) = [row for row in house.rows("requests") if row["argv"][-1] == str(left)]
    wait_for(lambda: is_over(row["ticket_ends_at"]), what="the end of the ticket")
    house.approved(row["id"])  # it is an approval all the same
    assert client.wait(PATIENCE) == 119
    assert f"jitsudo --resume={row['id']}" in said.read_text()
    assert not left.exists()
    assert house.rows("runs", "--all") == []
    again = house.ask("alice", f"--resume={row['id']}")  # from the same kinds of streams: they were approved too
    assert again.end() == 0, again.err
    assert left.exists()


def test_a_ticket_that_ended_before_the_approval_may_be_another_by_then(house):
    """THREATS K-14: who waits with a fresh ticket for what was asked with an old one has their turn."""

    def ask(ticket):
        with Raw(house, uid_of("alice")) as raw:
            raw.sign_in(ticket)
            return raw.submit("true", waits=False)

    id = in_its_life("alice", ask)
    row = house.show(id)
    wait_for(lambda: is_over(row["ticket_ends_at"]))
    asked = house.ask("alice", f"--resume={id}")
    assert asked.id == id
    house.approved(id)
    assert asked.end() == 0


def test_nobody_does_anything_on_a_connection_whose_ticket_has_ended(house):
    """THREATS K-14: sealing goes on working after the end of the ticket; the daemon looks at the clock."""
    waiting = house.ask("alice", "true")
    row = house.show(waiting.id)
    (bob, his_end), (alice, her_end) = with_a_short_ticket(house, "bob"), with_a_short_ticket(house, "alice")
    with bob, alice:
        wait_for(lambda: is_over(his_end) and is_over(her_end))
        assert bob.refusal(review(row)) == ("unauthenticated", "your ticket has expired: kinit")
        assert bob.refusal(messages.List(what="requests", ended=False))[0] == "unauthenticated"
        assert alice.refusal(messages.List(what="runs", ended=False))[0] == "unauthenticated"
    assert house.show(row["id"]) == row


# --- the account -------------------------------------------------------------------------------------------------------


def expire(name):
    subprocess.run(["chage", "-E", "0", name], check=True)


def delete(name):
    subprocess.run(["userdel", name], check=True, capture_output=True)


def replace(name):
    """The same name, another number."""
    delete(name)
    subprocess.run(["useradd", "-G", "dba", "-u", "4700", name], check=True, capture_output=True)


def disable(name):
    kadmin("modprinc", "-allow_tix", f"{name}@{REALM}")


def remove(name):
    kadmin("delprinc", f"{name}@{REALM}")


def leave_group(name):
    subprocess.run(["gpasswd", "-d", name, "dba"], check=True, capture_output=True)


ENDS = [expire, delete, replace, disable, remove, leave_group]


def knows(raw):
    """Whether jitd knows by now: what the KDC said of somebody is kept for a few seconds."""
    *items, last = raw.ask(messages.Explain(**asked("true")))
    if isinstance(last, messages.Refused):
        return last.code == "unauthenticated"  # else it was asked too often
    return items[0].row["decision"] == "deny"


def signed_in(house, name):
    raw = Raw(house, uid_of(name))
    raw.sign_in(credentials(kinit(CACHES / name, f"{name}@{REALM}", name * 2)))
    return raw


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_an_account_that_ends_while_its_request_waits_runs_nothing(house, newcomer, end):
    """THREATS K-14: expired in shadow, deleted, another of the same name, disabled or removed in the KDC, out of the group."""
    with signed_in(house, newcomer) as raw, signed_in(house, newcomer) as looking:
        id = raw.submit("true")
        assert not knows(looking)
        end(newcomer)
        wait_for(lambda: knows(looking))
        done = house.approve(id)
        assert done.returncode == 1, done.stderr
        refused = raw.hear()
        while isinstance(refused, messages.Progress):
            refused = raw.hear()
        assert isinstance(refused, messages.Refused) and refused.code == "denied"
    assert house.show(id)["state"] == "denied"
    assert house.show(id)["grant"] is None


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_an_account_that_ends_after_its_approval_resumes_nothing(house, newcomer, end):
    """THREATS K-14: hours may lie between the approval and its use."""
    with signed_in(house, newcomer) as raw:
        id = raw.submit("true", waits=False)
        house.approved(id)
        assert not knows(raw)
        end(newcomer)
        wait_for(lambda: knows(raw))
        raw.say(messages.Resume(id=id, streams=["null"] * 3))
        answer = raw.hear()
        assert isinstance(answer, messages.Refused), answer
        assert answer.code in ("denied", "unauthenticated")
    assert house.show(id)["runs"] == []


@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
def test_a_connection_knows_what_became_of_its_account(house, newcomer, end):
    """THREATS K-14, K-26: what was true when somebody signed in is asked again with everything they ask."""
    with signed_in(house, newcomer) as raw:
        raw.submit("true", waits=False)
        end(newcomer)
        wait_for(lambda: knows(raw))
        heard = raw.ask(submission("true", waits=False))
        assert isinstance(heard[-1], messages.Refused), heard
        assert heard[-1].code in ("denied", "unauthenticated")


@pytest.mark.parametrize("end", [expire, delete, disable, remove], ids=lambda end: end.__name__)
def test_an_approver_whose_account_ends_approves_nothing(house, newcomer, end):
    """THREATS K-14: the other side of it."""
    subprocess.run(["gpasswd", "-a", newcomer, "ops"], check=True, capture_output=True)
    with connected(house, "alice") as alice, signed_in(house, newcomer) as raw:
        id = alice.submit("true")
        (row,) = raw.rows(messages.Show(id=id))
        end(newcomer)
        assert raw.refusal(review(row))[0] == "unauthenticated"
        assert house.show(id)["state"] == "pending"
