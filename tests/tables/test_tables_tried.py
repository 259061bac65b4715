# SPDX-License-Identifier: Apache-2.0
"""Cases are decided as by the daemon, and what a table does not say is unknown."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.tables.place import MONDAY, PEOPLE, PERMITTED, RESTART, lines, place, run


def tried(at: Path, case: str, rules: str, people: str = PEOPLE, settings: str = "") -> str:
    """What is said of a case that should be permitted and is not; "" if it holds."""
    found = lines(place(at, f"{people}[[case]]\n{case}", rules, settings))
    if found[-1].startswith("1 case; "):
        return ""
    assert found[-1] == "1 case of 1 does not hold", found
    return found[0].partition(": it should ")[2]


def permit(*more: str) -> str:
    return '[[permit]]\nname = "p"\nwho = ["group:web"]\ncommands = [["/usr/bin/id"]]\n' + "".join(f"{line}\n" for line in more)


def case(*more: str, outcome: str = "permit") -> str:
    return f'who = "alice"\ncommand = ["/usr/bin/id"]\noutcome = "{outcome}"\n' + "".join(f"{line}\n" for line in more)


def test_a_case_that_holds_is_silent_and_the_status_is_0(tmp_path: Path) -> None:
    done = run(place(tmp_path, PEOPLE + PERMITTED))
    assert done.exception is None and "should" not in done.output
    assert done.output.splitlines()[-1] == "1 case; 1 of 2 rules decided one; 0 of 4 conditions tried both ways"


def test_a_case_that_does_not_hold_is_told_with_its_place_and_what_was_decided(tmp_path: Path) -> None:
    table = PEOPLE + PERMITTED + f'[[case]]\nwho = "eve"\n{MONDAY}{RESTART}outcome = "permit"\n'
    found = lines(place(tmp_path, table))
    told = "it should be permitted, but it is denied: no rule permits this"
    assert found[0] == f"policy.test/web.toml:11: eve: /usr/bin/systemctl restart nginx: {told}"
    assert found[-1] == "1 case of 2 does not hold"


@pytest.mark.parametrize(
    ("rule", "said", "because"),
    [
        ('hours = ["Mon-Fri 08:00-18:00 UTC"]', MONDAY, 'the moment has no time zone; the table does not say when: write "at"'),
        ("when = 'fact.load < 1.0'", "facts = { load = 0.5 }", "fact.load is not known: the table does not say it"),
        ("when = 'fact.file_owner == \"root\"'", 'facts = { file_owner = "root" }', "fact.file_owner is not known"),
        ('hosts = ["*"]', 'host = "db1"', 'the table does not say on which host: write "host"'),
    ],
)
def test_what_a_table_does_not_say_is_unknown_and_fails(tmp_path: Path, rule: str, said: str, because: str) -> None:
    assert because in tried(tmp_path, case(), permit(rule))
    assert tried(tmp_path, case(outcome="deny"), permit(rule)).startswith("be denied, but it fails: ")
    assert tried(tmp_path, case(outcome="error"), permit(rule)) == ""
    assert tried(tmp_path, case(said), permit(rule)) == ""


def test_the_hour_of_a_fact_is_unknown_too(tmp_path: Path) -> None:
    rule = permit("when = 'fact.now > timestamp(\"2020-01-01T00:00:00Z\")'")
    assert tried(tmp_path, case(MONDAY), rule) == ""
    assert tried(tmp_path, case(), rule).startswith("be permitted, but it fails: rule p: ")


def test_an_origin_that_is_not_said_is_in_no_place_of_a_permit_and_in_each_of_a_deny(tmp_path: Path) -> None:
    assert tried(tmp_path, case(), permit('origin = ["local"]')) == "be permitted, but it is denied: no rule permits this"
    denied = permit() + '[[deny]]\nname = "d"\norigin = ["remote"]\n'
    assert "jitd does not know where your session began" in tried(tmp_path, case(), denied)
    assert tried(tmp_path, case('facts = { origin = "local" }'), denied) == ""


def test_somebody_of_whom_no_groups_are_said_may_be_in_each_that_is_denied(tmp_path: Path) -> None:
    rules = permit().replace("group:web", "user:alice") + '[[deny]]\nname = "d"\nwho = ["group:guests"]\n'
    assert "group guests cannot be looked up now" in tried(tmp_path, case(), rules, people="[people.alice]\n")
    assert tried(tmp_path, case(), rules) == ""


@pytest.mark.parametrize(
    ("person", "rule", "because"),
    [
        ("", 'indicators = ["otp"]', "you have no Kerberos ticket"),
        ('indicators = ["otp"]', 'indicators = ["otp"]', ""),
        ("forwarded = false", 'indicators = ["otp"]', "your ticket has none"),
        ('indicators = ["otp"]', 'ticket_age = "1h"', "and yours is"),
        ('authenticated = "59m"', 'ticket_age = "1h"', ""),
        ('authenticated = "61m"', 'ticket_age = "1h"', "and yours is 1 hour 1 minute old"),
        ('authenticated = "59m"', 'forwarded = "refuse"', "your ticket was forwarded"),
        ("forwarded = false", 'forwarded = "refuse"', ""),
        ('proved_by = "nothing"', "", "no rule permits this without a Kerberos ticket"),
        ('proved_by = "nothing"', 'ticket = "optional"', ""),
        ('proved_by = "password"', "", "no rule permits this without a Kerberos ticket"),
        ('proved_by = "password"', 'without_kdc = "local"', ""),
    ],
)
def test_what_is_not_said_of_a_ticket_meets_no_demand(tmp_path: Path, person: str, rule: str, because: str) -> None:
    found = tried(tmp_path, case(MONDAY), permit(rule), people=f'[people.alice]\ngroups = ["web"]\n{person}\n')
    assert because in found and bool(found) is bool(because)


@pytest.mark.parametrize(
    ("asks", "rules"),
    [
        ('edit = "/etc/motd"', 'commands = [["sudoedit", "/etc/*"]]'),
        ('new_file = "/etc/motd"', 'commands = [["sudoedit", "/etc/*"]]\nrun = { new = "0644" }'),
        ('gives = ["sudoers:logs"]', 'gives = ["sudoers:logs"]'),
        ('command = ["/usr/bin/id", "a b", "-n"]', 'commands = [["/usr/bin/id", "**"]]'),
        ('command = ["/usr/bin/id"]\nrun_as = "postgres:adm"', 'commands = [["/usr/bin/id"]]\nrun_as = ["postgres:adm"]'),
        ('command = ["/usr/bin/id"]\nrun_as = "self:adm"', 'commands = [["/usr/bin/id"]]\nrun_as = ["self:adm"]'),
        ('command = ["/usr/bin/id"]\nservice = "sudo"', 'commands = [["/usr/bin/id"]]\nservices = ["sudo"]'),
        ('command = ["/usr/bin/id"]\nreason = "CHG-1"', 'commands = [["/usr/bin/id"]]\nreason = "required"'),
        ('command = ["/usr/bin/id"]\nenv = { A = "1" }', 'commands = [["/usr/bin/id"]]\nrun = { env = ["A"] }'),
        ('command = ["/usr/bin/id"]\nlasts = "1h"', 'commands = [["/usr/bin/id"]]\ngrant = { lasts = "1h" }'),
        ('command = ["/usr/bin/id"]\nuses = 2', 'commands = [["/usr/bin/id"]]\ngrant = { uses = 2 }'),
        ('command = ["/usr/bin/id"]\nwritable_by = ["bob"]', 'commands = [["/usr/bin/id"]]\nrun = { writable = "allow" }'),
    ],
)
def test_each_thing_that_can_be_asked_for_is_asked_of_the_rules(tmp_path: Path, asks: str, rules: str) -> None:
    rule = f'[[permit]]\nname = "p"\nwho = ["group:web"]\n{rules}\n'
    one = f'who = "alice"\noutcome = "permit"\n{asks}\n'
    assert tried(tmp_path, one, rule) == ""
    for key in ("run_as", "services", "reason", "run", "grant"):
        narrower = "\n".join(line for line in rule.splitlines() if not line.startswith(f"{key} ")) + "\n"
        if narrower != rule and key != "reason":
            assert tried(tmp_path, one, narrower), key
    other = (
        one.replace("/etc/motd", "/tmp/x")
        .replace('gives = ["sudoers:logs"]', 'gives = ["sudoers:all"]')
        .replace("/usr/bin/id", "/usr/bin/ls")
    )
    assert tried(tmp_path, other, rule)


def test_a_file_is_new_only_where_the_first_rule_that_permits_its_edit_says_a_mode(tmp_path: Path) -> None:
    first, second = (
        f'[[permit]]\nname = "{name}"\nwho = ["group:web"]\ncommands = [["sudoedit", "/etc/*"]]\n{more}'
        for name, more in (("first", ""), ("second", 'run = { new = "0640" }\n'))
    )
    edited, new = (f'who = "alice"\n{key} = "/etc/motd"\noutcome = "permit"\n' for key in ("edit", "new_file"))
    assert tried(tmp_path, edited, first + second) == "" == tried(tmp_path, new, second)
    assert "there is no /etc/motd, and rule first permits no new file" in tried(tmp_path, new, first + second)


def test_another_name_of_a_file_meets_a_deny(tmp_path: Path) -> None:
    rules = permit() + '[[deny]]\nname = "d"\ncommands = [["/usr/bin/whoami", "**"]]\n'
    assert tried(tmp_path, case(), rules) == ""
    assert "rule d denies it" in tried(tmp_path, case('names = ["/usr/bin/whoami"]'), rules)


def test_glass_is_broken_by_the_rule_that_says_so(tmp_path: Path) -> None:
    asks = 'approvals = [{ need = 1, from = ["group:ops"] }]'
    glass = permit('break_glass = { instead_of = "p", review = "2h" }').replace('"p"\nwho', '"g"\nwho', 1)
    case_ = case("break_glass = true", 'reason = "fire"', 'rule = "g"', "approvals = []")
    assert tried(tmp_path, case_, permit(asks) + glass) == ""


def test_a_fact_of_a_provider_is_known_if_the_settings_have_it(tmp_path: Path) -> None:
    settings = (
        'realms = ["EXAMPLE.TEST"]\n[providers.risk]\nkind = "program"\nprogram = ["/bin/true"]\nfacts = { risk = "int" }\n'
    )
    rule = permit("when = 'fact.risk < 50'")
    assert "fact.risk is not known" in tried(tmp_path, case(), rule, settings=settings)
    assert tried(tmp_path, case("facts = { risk = 49 }"), rule, settings=settings) == ""
    (tmp_path / "jitd.toml").unlink()
    assert lines(tmp_path)[0].startswith('policy.d/50-web.toml:5:13: rule p: "when": there is no name or function "fact.risk')


@pytest.mark.parametrize(
    ("expected", "told"),
    [
        ('rule = "restart"', ""),
        ('rule = "other"', "rule other should decide, but rule restart permits it, with 1 approval from group:ops"),
        ('approvals = [{ need = 1, from = ["group:ops"] }]', ""),
        ("approvals = []", "it should owe no approval, but owes 1 approval from group:ops"),
        (
            'approvals = [{ any_of = [{ need = 1, from = ["group:ops"] }, { need = 2, from = ["user:bob"] }] }]',
            "it should owe 1 approval from group:ops or 2 from user:bob, but owes 1 approval from group:ops",
        ),
        ('grade = "changes"', ""),
        ('grade = "gives"', "its grade should be gives, but is changes"),
    ],
)
def test_the_rule_the_approvals_and_the_grade_are_compared_if_they_are_said(tmp_path: Path, expected: str, told: str) -> None:
    found = lines(place(tmp_path, f"{PEOPLE}{PERMITTED}{expected}\n"))
    assert found[0].partition(": web restarts: ")[2] == told


def test_what_stands_at_the_top_of_a_file_is_for_its_cases_and_a_case_may_say_something_else(tmp_path: Path) -> None:
    night = PERMITTED.replace(MONDAY, "at = 2026-01-05T23:00:00Z\n").replace('"permit"', '"deny"')
    assert lines(place(tmp_path, f"{MONDAY}{PEOPLE}{PERMITTED.replace(MONDAY, '')}{night}"))[-1].startswith("2 cases; ")


def test_one_file_is_tried_in_the_place_of_another_and_beside_the_others(tmp_path: Path) -> None:
    at = place(tmp_path, PEOPLE + PERMITTED)
    new = tmp_path / "new"
    new.write_text(permit())
    assert lines(at, "--with", f"50-web.toml={new}")[-1] == "1 case of 1 does not hold"
    assert lines(at, "--with", f"40-new.toml={new}")[-1].startswith("1 case; 1 of 3 rules decided one")
    new.write_text("x =\n")
    assert lines(at, "--with", f"50-web.toml={new}")[0].startswith("new:1: is not TOML")
    assert "is not NAME=FILE" in lines(at, "--with", "../50-web.toml=x")[-1]


def test_rows_and_the_document_for_ci_say_of_each_case_whether_it_holds(tmp_path: Path) -> None:
    wrong = PERMITTED.replace("web restarts", "a ü & <b>").replace('"permit"', '"deny"')
    at = place(tmp_path, PEOPLE + PERMITTED + wrong)
    first, second, *rules = map(json.loads, run(at, "--json", "--junit", str(tmp_path / "out.xml")).output.splitlines())
    assert (first["case"], first["holds"], first["outcome"], first["rule"], first["line"]) == (
        "web restarts",
        True,
        "permit",
        "restart",
        5,
    )
    assert not second["holds"] and second["missed"][0].startswith("it should be denied, but rule restart permits it")
    assert [(row["rule"], row["decides"]) for row in rules] == [("restart", True), ("never", False)]
    cases = ElementTree.parse(tmp_path / "out.xml").findall("testsuite/testcase")  # it is our own
    assert [one.get("name") for one in cases] == ["web restarts", "a ü & <b>"]
    assert [one.find("failure") is None for one in cases] == [True, False]
    assert run(at, "--junit", str(tmp_path / "no/out.xml")).exception is not None


def test_a_directory_without_a_case_is_not_passed(tmp_path: Path) -> None:
    at = place(tmp_path, {})
    assert lines(at) == ["nothing was tried: there is no table in policy.test"]
