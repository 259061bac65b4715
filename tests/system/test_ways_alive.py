# SPDX-License-Identifier: Apache-2.0
"""Ways to approve, the whole way: a daemon, a KDC, a program that says who is on call, and the people's own commands.

Law: a way that is closed shows and takes nothing. Nothing runs before enough people have approved.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.core.request import RequestState
from tests.system.conftest import House
from tests.waiting import wait_for

PLACE = Path("/srv/oncall")
SECONDS = {"-u": 4, "-un": 40}
"""After so many seconds the second way to ``id -u`` opens, and to ``id -un``: for a host on which the first is open too soon."""
ESCALATES = """
[[permit]]
name = "escalates{word}"
who = ["user:alice"]
commands = [["/usr/bin/id", "{word}"]]
approvals = [{{ any_of = [
  {{ need = 2, from = ["group:ops"] }},
  {{ need = 1, from = ["user:eve"], after = "{seconds}s" }},
] }}]
"""
RULES = """
[[permit]]
name = "on-call"
who = ["user:alice"]
commands = [["/usr/bin/id", "-g"]]
approvals = [{ need = 1, from = ["group:ops"], also = "oncall:ops" }]

[[permit]]
name = "nobody"
who = ["user:alice"]
commands = [["/usr/bin/id", "-G"]]
approvals = [{ any_of = [
  { need = 1, from = ["user:alice"] },
  { need = 1, from = ["user:bob"], after = "5m" },
] }]
""" + "".join(ESCALATES.format(word=word, seconds=seconds) for word, seconds in SECONDS.items())
ON_CALL = f"""
[providers.oncall]
kind = "program"
program = ["{PLACE}/says"]
facts = {{ ops = "list" }}
"""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    PLACE.mkdir(mode=0o755, exist_ok=True)
    on_call("carol")
    with House(RULES, ON_CALL) as made:
        yield made
    shutil.rmtree(PLACE)


def on_call(*names: str) -> None:
    """Have the provider say that ``names`` are on call."""
    said = ", ".join(f'"{name}"' for name in names)
    made = PLACE / "says.new"
    made.write_text(f"#!/bin/sh\ncat > /dev/null\nprintf '%s' '{{\"facts\": {{\"ops\": [{said}]}}}}'\n")
    made.chmod(0o755)
    made.rename(PLACE / "says")


def sees(house: House, who: str, id: str) -> bool:
    return id in house.jitd("requests", who=who).stdout


@pytest.mark.parametrize("is_killed", [False, True])
def test_a_way_opens_in_its_time_whether_the_daemon_was_killed_or_not(house: House, is_killed: bool) -> None:
    """THREATS A-16."""
    for word in SECONDS:
        id = house.sudo("alice", "--no-wait", "id", word).stdout.strip()
        early = house.jitd("approve", id, "--yes", who="eve").returncode
        if early != 0:
            break
        assert house.request_of(id).opened, "it was approved before its time"
        assert house.jitd("revoke", id).returncode == 0
    assert early == 4 and house.request_of(id).reviews == ()
    house.approved(id)
    if is_killed:
        house.restart()
    wait_for(lambda: house.request_of(id).opened, what="the opening of the way")
    assert sees(house, "eve", id)
    assert house.request_of(id).state is RequestState.PENDING
    shown = house.jitd("show", id, who="eve").stdout
    assert f"after {SECONDS[word]} seconds, 1 from user:eve" in house.run("alice", "jitsudo", "-l").stdout
    assert id in shown
    assert house.jitd("approve", id, "--yes", who="eve").returncode == 0
    assert house.request_of(id).state is RequestState.APPROVED
    done = house.sudo("alice", f"--resume={id}")
    assert (done.returncode, done.stdout) == (0, {"-u": "0\n", "-un": "root\n"}[word]), done.stderr
    events = [row["event"] for row in house.records() if row.get("id") == id]
    assert events.count("request.ways_opened") == 1


def test_two_of_the_first_way_need_not_wait(house: House) -> None:
    asking = house.ask("alice", "id", "-u")
    for who in ("bob", "carol"):
        assert house.jitd("approve", asking.id, "--yes", who=who).returncode == 0
    assert asking.end() == 0 and asking.out == "0\n"
    assert "2 approvals from group:ops or, after 4 seconds, 1 from user:eve" in asking.err


def test_who_is_on_call_approves_and_who_is_not_sees_nothing(house: House) -> None:
    """THREATS A-17."""
    on_call("carol")
    asking = house.ask("alice", "id", "-g")
    assert house.jitd("approve", asking.id, "--yes", who="bob").returncode == 4 and not sees(house, "bob", asking.id)
    assert house.jitd("approve", asking.id, "--yes", who="carol").returncode == 0
    assert asking.end() == 0 and asking.out == "0\n"


def test_of_an_empty_list_the_requester_is_told(house: House) -> None:
    """THREATS A-17."""
    on_call()
    asking = house.ask("alice", "id", "-g")
    wait_for(lambda: "the list oncall:ops is empty" in asking.err, what="a sentence about the list")
    for who in ("bob", "carol"):
        assert house.jitd("approve", asking.id, "--yes", who=who).returncode == 4
    assert house.jitd("withdraw", asking.id, who="alice").returncode == 0
    assert asking.end() == 123


def test_of_an_empty_seat_the_requester_is_told_what_happens_next(house: House) -> None:
    asking = house.ask("alice", "id", "-G")
    wait_for(lambda: "nobody can give the approval of user:alice at present" in asking.err, what="a sentence about the seat")
    assert "in 5 minutes user:bob may" in asking.err
    assert house.jitd("withdraw", asking.id, who="alice").returncode == 0


def test_a_requester_who_waits_is_told_as_soon_as_all_who_could_approve_are_locked(own_house) -> None:
    house = own_house().start()
    asking = house.ask("alice", "true")
    assert asking.id and "nobody can give" not in asking.err
    for name in ("bob", "carol"):
        assert house.jitd("lock", "--user", name, "--reason", "laptop stolen").returncode == 0
    assert "nobody can give" not in asking.err, "dave is of ops, too"
    assert house.jitd("lock", "--user", "dave", "--reason", "laptop stolen").returncode == 0
    wait_for(lambda: "nobody can give the approval of group:ops at present" in asking.err, what="a sentence about the seats")
    again = "somebody can give the missing approval again"
    assert again not in asking.err
    (locked, *_) = house.kept("locks")
    assert house.jitd("unlock", locked.id).returncode == 0
    wait_for(lambda: again in asking.err, what="a sentence about who is not locked any more")
    assert house.jitd("withdraw", asking.id, who="alice").returncode == 0
    assert asking.end() == 123
