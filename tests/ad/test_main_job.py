# SPDX-License-Identifier: Apache-2.0
"""The main job on a host that has joined an Active Directory, by people with the names and groups of one."""

from __future__ import annotations

import json

import pytest

from tests.ad.conftest import DOMAIN, HOST, Done, Member, account, disabled, on, principal, root
from tests.waiting import wait_for

PAIRS = pytest.mark.parametrize(
    ("asks", "reviews"),
    [
        pytest.param("alice", "bob", id="plain names"),
        pytest.param("JSmith", "Dave.Smith", id="capitals, a dot, groups with spaces"),
        pytest.param("jürgen", "erin", id="a name beyond ASCII, groups within groups"),
    ],
)


@PAIRS
def test_a_command_waits_is_approved_and_runs(member: Member, asks: str, reviews: str) -> None:
    asked = member.ask(asks, "--reason", "CHG-1", "sh", "-c", "id -u; exit 7")
    assert asked.id and asked.out == ""
    member.approved(reviews, asked.id)
    assert asked.end() == 7, asked.err
    assert asked.out == "0\n"
    assert f'jitsudo: approved by {principal(reviews.lower())}: "go ahead"' in asked.err
    recorded = json.dumps(member.of(asked.id), ensure_ascii=False)
    assert all(principal(spelling) in recorded for person in (asks, reviews) for spelling in (person, person.lower()))


@PAIRS
def test_a_denied_command_does_not_run(member: Member, asks: str, reviews: str) -> None:
    asked = member.ask(asks, "touch", "/srv/denied")
    denied = member.run(reviews, "jitd", "deny", asked.id, "--reason", "not today")
    assert denied.returncode == 0, denied.stderr
    assert asked.end() == 122, asked.err
    assert on("member", "test", "-e", "/srv/denied").returncode == 1


@PAIRS
def test_a_lease_serves_again_and_its_revocation_ends_what_runs(member: Member, asks: str, reviews: str) -> None:
    first = member.ask(asks, "--for", "10m", "--uses", "5", "sleep", "600")
    member.approved(reviews, first.id)
    second = member.ask(asks, "sleep", "600")
    wait_for(lambda: len(sleeping()) == 2, what=f"two runs ({second.err})")
    revoked = member.run("carol", "jitd", "revoke", first.id, "--reason", "call me first")
    assert revoked.returncode == 0, revoked.stderr
    assert first.end() != 0 and second.end() != 0
    assert sleeping() == []


def sleeping() -> list[str]:
    return on("member", "pgrep", "-f", "^sleep 600$").stdout.split()


@PAIRS
def test_sudo_asks_and_runs_what_was_approved(member: Member, asks: str, reviews: str) -> None:
    asked = member.start(asks, "sudo", "id", "-u")
    member.approved(reviews, asked.id)
    assert asked.end() == 0, asked.err
    assert asked.out == "0\n"


def test_sudo_asks_inside_ssh_with_the_ticket_that_came_along(member: Member) -> None:
    asked = member.start("JSmith", "ssh", "-l", account("JSmith"), HOST, "sudo id -u")
    member.approved("Dave.Smith", asked.id)
    assert asked.end() == 0, asked.err
    assert asked.out == "0\n"


def test_whom_no_rule_names_gets_nothing(member: Member) -> None:
    done = member.run("mallory", "jitsudo", "true")
    assert done.returncode == 121, done.stderr
    assert member.run("mallory", "sudo", "-n", "true").returncode == 1


def test_somebody_in_nine_hundred_groups_is_served(member: Member) -> None:
    asked = member.ask("Many.Groups", "id", "-u")
    member.approved("bob", asked.id)
    assert asked.end() == 0, asked.err
    assert asked.out == "0\n"


@pytest.mark.parametrize("spelling", ["carol", "Carol", "CAROL"])
def test_nobody_approves_their_own_request_in_another_spelling(member: Member, spelling: str) -> None:
    member.write("/etc/jitd/policy.d/ops.toml", OPS)
    root("member", "jitd", "reload")
    asked = member.ask("carol", "true")
    assert asked.id
    refused = member.approve(spelling, asked.id)
    assert refused.returncode == 3, refused.stderr
    root("member", "rm", "/etc/jitd/policy.d/ops.toml")
    root("member", "jitd", "reload")


OPS = f"""
[[permit]]
name      = "ops"
who       = ["group:ops@{DOMAIN}"]
commands  = [["**"]]
approvals = [{{ need = 1, from = ["group:ops@{DOMAIN}"] }}]
accept    = {{ amounts-to-root = "the lab is thrown away" }}
"""


@pytest.mark.parametrize("spelling", [account("JSmith"), "--principal"])
def test_a_locked_person_gets_nothing_in_any_spelling(member: Member, spelling: str) -> None:
    whom = ["--principal", principal("jsmith")] if spelling == "--principal" else ["--user", spelling]
    locked = member.run("carol", "jitd", "lock", *whom, "--reason", "gone")
    assert locked.returncode == 0, locked.stderr
    for words in (["jitsudo", "true"], ["sudo", "-n", "true"]):
        done = member.run("JSmith", *words)
        assert done.returncode != 0 and "lock" in done.stderr, done.stderr
    unlocked = member.run("carol", "jitd", "unlock", *whom)
    assert unlocked.returncode == 0, unlocked.stderr
    asked = member.ask("JSmith", "true")
    member.approved("Dave.Smith", asked.id)
    assert asked.end() == 0, asked.err


def test_an_approver_whose_account_was_disabled_meanwhile_approves_nothing(member: Member) -> None:
    asked = member.ask("alice", "touch", "/srv/approved")
    assert member.run("bob", "jitd", "show", asked.id).returncode == 0
    with disabled("bob"):
        refused = with_ticket("bob", "jitd", "approve", asked.id, "--yes", "--comment", "go ahead")
        assert refused.returncode != 0, refused.stdout
        assert on("member", "test", "-e", "/srv/approved").returncode == 1
    member.approved("bob", asked.id)
    assert asked.end() == 0, asked.err
    root("member", "rm", "/srv/approved")


def with_ticket(person: str, *words: str) -> Done:
    """Have a person, who has a ticket already and gets no other, run a command."""
    return on("member", "as", "--no-ticket", person, *words)


def test_the_key_may_be_changed_while_jitd_runs(member: Member) -> None:
    before = root("member", "klist", "-k")
    asked = member.ask("alice", "id", "-u")
    root("member", "adcli", "update", "--computer-password-lifetime=0")
    assert root("member", "klist", "-k") != before
    member.approved("bob", asked.id)
    assert asked.end() == 0, asked.err
    again = member.ask("JSmith", "true")
    member.approved("Dave.Smith", again.id)
    assert again.end() == 0, again.err
