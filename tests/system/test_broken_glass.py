# SPDX-License-Identifier: Apache-2.0
"""Broken glass on a living daemon: alice at her terminal, bob who was skipped, and what is owed over a kill of the daemon.

Law: after each refusal nothing has changed; after each test the chain verifies.
"""

from __future__ import annotations

import re
from pathlib import Path

import pexpect
import pytest

from tests.on_terminal import OnTerminal
from tests.system.conftest import OF_THE_LAB, House
from tests.waiting import PATIENCE, examined, wait_for

GLASS = """
[[permit]]
name = "glass"
who = ["group:dba"]
run_as = ["*"]
commands = [["**"]]
grant = { lasts = "LASTS" }
break_glass = { instead_of = "lab-dba", review = "REVIEW", open = 2 }
"""
WHY = "--reason=production is down"
LONG, SHORT, NOT_SO_SHORT = (
    OF_THE_LAB + GLASS.replace("LASTS", lasts).replace("REVIEW", time)
    for lasts, time in (("10m", "1h"), ("3s", "3s"), ("30s", "30s"))
)


def shatter(house, *words, types="break glass"):
    """alice breaks glass at a terminal of her own. Return what she saw, and her exit status."""
    first, *rest = house.line("alice", "jitsudo", "--break-glass", WHY, *words)
    screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8")
    screen.expect_exact('type "break glass" to go on: ')
    said = screen.before
    screen.sendline(types)
    screen.expect(pexpect.EOF)
    screen.close()
    return " ".join((said + screen.before).split()), screen.exitstatus  # jitsudo breaks its sentences at the terminal's width


def owed(house, who="root"):
    return house.rows("reviews", who=who)


@pytest.fixture(scope="module")
def glass(own_houses):
    return own_houses(LONG)


@pytest.fixture(scope="module")
def own_houses():
    made = []

    def make(policy):
        made.append(House(policy).start())
        return made[-1]

    yield make
    for one in made:
        one.verify()
        one.close()


def test_the_whole_way_from_the_word_to_the_review(glass):
    """THREATS P-10."""
    said, status = shatter(glass, "-u", "eve", "sh", "-c", "echo it is done")
    assert status == 0 and "it is done" in said and "nobody approves it before it runs" in said
    (row,) = owed(glass)
    id = row["id"]
    assert (row["state"], row["requester"], row["rule"], row["reviewers"]) == ("owed", "alice@EXAMPLE.TEST", "glass", "group:ops")
    told = glass.jitd("requests", who="bob").stderr
    assert f"a review is owed for request {id}" in told and f"jitd review {id}" in told
    assert f"a review is owed for your request {id}" in glass.jitd("requests", who="alice").stderr
    page = glass.jitd("show", id, who="bob").stdout
    assert "GLASS IS BROKEN" in page and "production is down" in page and "instead of" in page
    assert "it is done" in glass.at_rest().jitd("replay", "--raw", id, who="bob").stdout, "all of it was recorded"
    before = glass.head()
    assert glass.jitd("review", id, "--yes", who="alice").returncode == 3
    assert glass.jitd("review", id, "--yes", who="eve").returncode == 4
    assert glass.jitd("review", id, "--yes", who="root").returncode == 3
    assert glass.head() == before
    done = glass.jitd("review", id, "--yes", "--comment", "it was right", who="bob")
    assert done.returncode == 0 and "is reviewed" in done.stderr, done.stderr
    assert owed(glass) == [] and glass.jitd("review", id, "--yes", who="carol").returncode == 5
    assert [one["state"] for one in glass.rows("reviews", "--all", who="alice")] == ["reviewed"]
    assert "it was right" in glass.jitd("show", id, who="alice").stdout
    events = [record["event"] for record in glass.records() if record["event"].startswith("owed_review.")]
    assert events == ["owed_review.begun", "owed_review.reviewed"]


def test_without_the_word_or_a_terminal_nothing_is_sent(glass):
    before = glass.at_rest().head()
    said, status = shatter(glass, "true", types="yes")
    assert status == 120 and "nothing was sent" in said
    done = glass.sudo("alice", "--break-glass", WHY, "true", start_new_session=True)
    assert done.returncode == 120 and "on a terminal, and there is none" in done.stderr
    assert glass.head() == before


def test_what_would_happen_says_that_the_way_exists_and_nobody_else_is_told(glass):
    done = glass.sudo("alice", "-l", "true")
    assert done.returncode == 0
    assert "break glass: rule glass permits it without 1 approval from group:ops" in done.stdout
    assert "by --break-glass, instead of rule lab-dba" in glass.sudo("alice", "-l").stdout
    assert "break glass" not in glass.sudo("eve", "-l", "true").stdout
    assert "break glass: rule glass permits it" in glass.jitd("explain", "true", who="alice").stdout
    supposed = glass.jitd("explain", "--as", "alice@EXAMPLE.TEST", "true", who="root").stdout
    assert re.search(r"permit glass .*is not about this\n.*\n? +break_glass did not hold: --break-glass", supposed), supposed


def test_what_is_overdue_after_a_kill_bars_the_next_one_until_it_was_given(own_houses):
    for policy in (SHORT, NOT_SO_SHORT):  # on a busy host the time of the grant may be over before it runs
        house = own_houses(policy)
        said, status = shatter(house, "true")
        if status == 0:
            break
    assert status == 0, said
    (row,) = owed(house)
    house.kill()
    house.start()
    wait_for(lambda: owed(house)[0]["state"] == "overdue", what="the end of the review's time")
    before = [one for one in house.at_rest().records() if one["event"] != "request.submitted"]
    said, status = shatter(house, "touch", "/srv/never")
    assert status == 121 and f"the review of request {row['id']} is overdue" in said and "an operator who is not you" in said
    assert not Path("/srv/never").exists()
    new = [one["event"] for one in house.records()[len(before) + 1 :]]
    assert "grant.issued" not in new and "owed_review.begun" not in new
    waiting = house.ask("alice", "true")
    assert waiting.id, "she may still ask for an approval"
    assert house.deny(waiting.id).returncode == 0
    findings = examined(lambda: house.jitd("doctor", "--json", "--config", str(house.config_file)).stdout)
    assert any("1 review of broken glass overdue" in one["sentence"] for one in findings)
    assert house.jitd("review", row["id"], "--yes", who="bob").returncode == 0
    house.set_policy(LONG)
    assert house.jitd("reload").returncode == 0
    assert shatter(house, "true")[1] == 0


LISTS = ["", "requests", "requests --all", "reviews", "grants --all", "runs --all", "audit show"]


def test_no_list_has_a_line_that_is_wider_than_its_terminal_and_what_goes_to_none_is_whole(own_houses):
    glass, long = own_houses(LONG), "x" * 100_000
    assert shatter(glass, "echo", long)[1] == 0
    (review,) = owed(glass)
    assert review["argv"][-1] == long
    for verb in LISTS:
        who = "root" if verb.startswith("audit") else "bob"
        for columns in (60, 100, 160):
            first, *rest = glass.line(who, "env", "-u", "COLUMNS", "jitd", *verb.split())
            screen = OnTerminal(first, rest, cwd="/", timeout=PATIENCE, encoding="utf-8", dimensions=(50, columns))
            screen.expect(pexpect.EOF)
            screen.close()
            lines = re.sub(r"\x1b\[[0-9;]*m", "", screen.before).splitlines()
            assert screen.exitstatus == 0
            told = " ".join(" ".join(lines).split())
            assert ("jitd: a review is owed" in told) == (f"jitd review {review['id']}" in told), told
            assert all(len(line) <= columns for line in lines), verb
        done = glass.jitd(*verb.split(), who=who)
        assert long in done.stdout + done.stderr, verb
