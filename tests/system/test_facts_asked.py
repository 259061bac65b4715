# SPDX-License-Identifier: Apache-2.0
"""Rules that name facts, the whole way: the file's package, what the person did lately, the ticket, and what nobody can say."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.system.conftest import House

PLACE = Path("/srv/facts")
RULES = """
[[permit]]
name = "packaged"
who = ["user:alice"]
commands = [["/usr/bin/*", "**"], ["/srv/facts/*", "**"]]
when = 'fact.package == "coreutils" && fact.as_packaged && fact.file_owner == "root"'

[[permit]]
name = "few"
who = ["user:eve"]
commands = [["/usr/bin/id", "-u"]]
when = 'fact.asked_last_hour < 2 && fact.ran_last_day < 2'

[[permit]]
name = "once"
who = ["user:bob"]
commands = [["/usr/bin/id", "-u"]]
approvals = [{ need = 1, from = ["user:carol"] }]
when = 'fact.asked_last_hour == 0'

[[permit]]
name = "ticket"
who = ["user:carol"]
commands = [["/usr/bin/id", "-u"]]
when = 'fact.ticket_left > 60 && fact.now > timestamp("2020-01-01T00:00:00Z") && fact.load >= 0.0 && fact.uptime > 0'

[[permit]]
name = "console"
who = ["user:carol"]
commands = [["/usr/bin/id", "-g"]]
when = 'fact.origin == "console" || true'
"""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    PLACE.mkdir(mode=0o755, exist_ok=True)
    with House(RULES) as made:
        yield made
    shutil.rmtree(PLACE)


def test_a_file_that_is_as_its_package_installed_it_may_be_run_and_a_copy_of_it_not(house: House) -> None:
    done = house.run("alice", "jitsudo", "id", "-u")
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr
    shutil.copy("/usr/bin/id", PLACE / "id")
    for command in (f"{PLACE}/id", "dash"):
        refused = house.run("alice", "jitsudo", command, "-u")
        assert refused.returncode == 121 and "no rule permits this" in str(refused.stderr)


def test_a_file_that_is_not_there_is_refused_as_if_no_rule_were_about_it(house: House) -> None:
    """Facts about a file are no way to learn which files exist."""
    hidden = PLACE / "hidden"
    hidden.mkdir(mode=0o700, exist_ok=True)
    shutil.copy("/usr/bin/id", hidden / "there")
    answers = {str(house.run("alice", "jitsudo", f"{hidden}/{name}").stderr).replace(name, "X") for name in ("there", "nowhere")}
    assert len(answers) == 1, answers


def test_a_person_who_has_asked_often_is_refused(house: House) -> None:
    answers = [house.run("eve", "jitsudo", "id", "-u") for _ in range(3)]
    assert [done.returncode for done in answers] == [0, 0, 121], answers


def test_a_request_does_not_count_against_itself_when_it_is_approved(house: House) -> None:
    asking = house.ask("bob", "id", "-u")
    assert house.jitd("approve", asking.id, "--yes", who="carol").returncode == 0
    assert asking.end() == 0 and asking.out == "0\n"
    again = house.run("bob", "jitsudo", "-n", "id", "-u")
    assert again.returncode == 121 and "no rule permits this" in str(again.stderr)


def test_the_clock_the_host_and_the_ticket_tell(house: House) -> None:
    done = house.run("carol", "jitsudo", "id", "-u")
    assert (done.returncode, done.stdout) == (0, "0\n"), done.stderr


def test_what_nobody_can_say_here_is_an_error_even_beside_true(house: House) -> None:
    n_runs = len(house.kept("runs", ended=True))
    refused = house.run("carol", "jitsudo", "id", "-g")
    assert refused.returncode == 121
    assert "rule console: fact.origin is not known: logind does not run on this host" in str(refused.stderr)
    assert len(house.kept("runs", ended=True)) == n_runs


OUTSIDERS = """
[providers.risk]
kind = "program"
program = ["/usr/bin/false"]
facts = { risk = "int" }

[gatekeepers.change-calendar]
kind = "program"
program = ["/usr/bin/false"]
"""
OF_OUTSIDERS = """
[[permit]]
name = "deploy"
who = ["user:alice"]
commands = [["/usr/bin/id", "-u"]]
when = 'fact.risk < 50'

[[permit]]
name = "screened"
who = ["user:alice"]
commands = [["/usr/bin/id", "-g"]]
gatekeepers = ["change-calendar"]
"""


def test_who_would_be_asked_is_told_to_whoever_only_wants_to_know_and_nobody_is_asked() -> None:
    house = House(OF_OUTSIDERS, OUTSIDERS).start()
    try:
        before = house.at_rest().head()
        unknown = "id -u (as root): not decided: rule deploy: fact.risk is not known: provider risk would be asked"
        for verb in (("jitsudo", "-l"), ("jitd", "explain")):
            told = house.run("alice", *verb, "id", "-u")
            assert (told.returncode, told.stdout) == (1, f"{unknown}\n"), told
            told = house.run("alice", *verb, "id", "-g")
            assert told.returncode == 0 and "rule screened requires no approval" in told.stdout, told
            assert told.stdout.endswith(", change-calendar would be asked\n"), told
        told = house.jitd("explain", "--as", "alice", "id", "-u")
        assert told.returncode == 1 and "    fact.risk: provider risk would be asked\n" in told.stdout, told
        assert house.head() == before and "did not answer" not in house.log()
        asked = house.run("alice", "jitsudo", "id", "-u")
        assert asked.returncode == 121 and "provider risk did not answer" in asked.stderr
        house.verify()
    finally:
        house.close()
