# SPDX-License-Identifier: Apache-2.0
"""What ``jitd check`` warns about in a policy, without a look at the host: a table of whole policies."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from jitd.core.policy import Rule
from jitd.core.warning import ACCEPTABLE, OF_THE_HOST, WARNINGS
from jitd.core.when import When, WhenFailed
from jitd.settings import policyfile
from jitd_inspection.checking.order import about_order
from jitd_inspection.checking.reach import about_reach, lone_provider, without_accepted
from tests.core.house import deny, patterns, permit

EXAMPLES = sorted((Path(__file__).parents[2] / "contrib").glob("*/*.toml"))
DBA = 'who = ["group:dba"]'
ID = f'{DBA}\ncommands = [["/usr/bin/id"]]'
BY_OPS = 'approvals = [{ need = 1, from = ["group:ops"] }]'
ANY = f'{DBA}\ncommands = [["**"]]\naccept = {{ amounts-to-root = "a test" }}'


READERS = ("cat", "tac", "od", "nl", "xxd")


def table(kind: str, name: str, text: str) -> str:
    return f'[[{kind}]]\nname = "{name}"\n{text}\n\n'


def warned(tmp_path: Path, text: str) -> list[str]:
    """``RULE: NAME: SENTENCE`` of all that the policy ``text`` is warned about."""
    file = tmp_path / "p.toml"
    file.write_text(text)
    rules, faults = policyfile.read([file])
    assert faults == []
    found = without_accepted(rules, [*about_order(rules), *about_reach(rules, {})])
    return [f"{one.rule}: {one.name}: {one.sentence}".replace(str(file), "F") for one in found]


ROWS = [
    (table("permit", "p", ID), []),
    ("", []),
    # shadowed
    (
        table("permit", "a", ID) + table("permit", "b", ID),
        ["b: shadowed: rule a (F:1) comes first and matches all that this rule matches, so this rule never decides"],
    ),
    (table("permit", "a", ID + '\nhours = ["Mon 08:00-09:00 UTC"]') + table("permit", "b", ID), []),
    (table("permit", "a", ID) + table("permit", "b", ID.replace("dba", "ops")), []),
    (
        table("permit", "a", ID) + table("deny", "d", 'commands = [["/usr/bin/id", "**"]]'),
        ["a: shadowed: rule d (F:6) denies all that this rule permits"],
    ),
    (
        table("deny", "d", 'run_as = ["root"]') + table("deny", "e", 'run_as = ["root"]\nhours = ["Mon 08:00-09:00 UTC"]'),
        ["e: shadowed: rule d (F:1) comes first and denies all that this rule denies"],
    ),
    (table("deny", "d", 'run_as = ["bob"]') + table("permit", "a", ID), []),
    # a deny that denies everything is told once
    (
        table("permit", "a", ID) + table("deny", "stop", 'because = "moving"'),
        ["stop: denies-everything: it denies every command to everybody but root, at any time"],
    ),
    (
        table("deny", "stop", "") + table("permit", "a", ID) + table("deny", "d", 'run_as = ["bob"]'),
        ["stop: denies-everything: it denies every command to everybody but root, at any time"],
    ),
    (
        table("deny", "stop", 'run_as = ["*"]\ncommands = [["**"]]\nhosts = ["*"]\nhours = ["Mon-Sun 00:00-24:00 UTC"]'),
        ["stop: denies-everything: it denies every command to everybody but root, at any time"],
    ),
    (table("deny", "weekend", 'hours = ["Sat-Sun 00:00-24:00 UTC"]') + table("permit", "a", ID), []),
    (table("deny", "sudo", 'services = ["sudo"]') + table("permit", "a", ID), []),
    # any command before others
    (
        table("permit", "a", ANY + '\nhours = ["Mon 08:00-09:00 UTC"]') + table("permit", "b", ID) + table("permit", "c", ID),
        [
            'a: any-command-first: [["**"]] matches any command, and this rule comes before rules b, c, which stand later',
            "c: shadowed: rule b (F:8) comes first and matches all that this rule matches, so this rule never decides",
        ],
    ),
    (
        table("permit", "a", ANY) + table("permit", "b", ID),
        ["b: shadowed: rule a (F:1) comes first and matches all that this rule matches, so this rule never decides"],
    ),
    (
        table("permit", "a", ANY) + table("permit", "b", ID.replace('"group:dba"', '"group:dba", "group:ops"')),
        ['a: any-command-first: [["**"]] matches any command, and this rule comes before rule b, which stands later'],
    ),
    (table("permit", "b", ID) + table("permit", "a", ANY), []),
    (table("permit", "a", ANY) + table("permit", "b", ID.replace("dba", "ops")), []),
    (table("permit", "a", ANY) + table("permit", "b", ID + '\nrun_as = ["bob"]'), []),
    (table("permit", "a", ANY) + table("permit", "b", ID + '\nservices = ["sudo"]'), []),
    # never
    (
        table("permit", "p", ID.replace("group:dba", "user:root")),
        ["p: never-matches: the rule names only root, and no permit applies to root: see the key root in jitd.toml(5)"],
    ),
    (
        table("permit", "p", f'{DBA}\ngives = ["service-ticket:http/h.example.org"]\nservices = ["sudo"]'),
        ["p: never-matches: the rule gives only things, and none of its services can ask for a thing"],
    ),
    (table("permit", "p", f'{DBA}\ngives = ["service-ticket:http/h.example.org"]'), []),
    (
        table("permit", "p", ID + '\nservices = ["sshd"]\nrun_as = ["bob"]'),
        ['p: never-matches: the rule names commands, but a login by sshd has no command: set commands = [["**"]]'],
    ),
    (table("permit", "p", ID + '\nservices = ["sshd", "sudo"]'), []),
    (
        table("deny", "d", f'commands = [["/opt/{"x" * 256}"]]'),
        [f"d: never-matches: the pattern /opt/{'x' * 256} can match no file: a name in a path has at most 255 bytes"],
    ),
    # a deny that an argument gets around
    (
        table("deny", "d", 'commands = [["/usr/bin/cat", "/etc/shadow"], ["/usr/bin/tail", "**"]]'),
        [
            'd: dot-dot: /usr/bin/cat /etc/shadow: a path with ".." can name the same file, and this deny does not'
            " match such a path; permit what is needed instead"
        ],
    ),
    (table("deny", "d", 'commands = [["/usr/bin/cat", "*shadow*"], ["/usr/bin/id", "x"]]'), []),
    (table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/cat", "/var/log/*"]]'), []),
    # patterns that mean something else in a shell, in a regular expression, and in sudoers
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/id", "[a-z]*"], ["/usr/bin/id", "^a|b$"], ["/usr/bin/id", "c"]]'),
        [
            "p: literal-character: /usr/bin/id [a-z]*, /usr/bin/id ^a|b$: only * and ? are special in a pattern, not [ | ^ $; "
            "write a pattern for each command that is meant"
        ],
    ),
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/id", "..."], ["/usr/bin/id", "a...b"]]'),
        [
            "p: literal-character: /usr/bin/id ...: only * and ? are special in a pattern, not ...; "
            "write a pattern for each command that is meant"
        ],
    ),
    (
        table("deny", "d", 'commands = [["/usr/bin/id", "$HOME"]]'),
        [
            "d: literal-character: /usr/bin/id $HOME: only * and ? are special in a pattern, not $; write a pattern "
            "for each command that is meant"
        ],
    ),
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/journalctl", "--no-pager", "-u", "*"]]'),
        [
            "p: last-star: /usr/bin/journalctl --no-pager -u *: the last * is exactly one word, so "
            "/usr/bin/journalctl --no-pager -u WORD --OPTION is not permitted; "
            "add a pattern for each further option, or ** for any further words"
        ],
    ),
    (
        table("deny", "d", 'commands = [["/usr/bin/id", "-u", "*"]]'),
        [
            "d: last-star: /usr/bin/id -u *: the last * is exactly one word, so /usr/bin/id -u WORD --OPTION is not denied; "
            "add a pattern for each further option, or ** for any further words"
        ],
    ),
    (table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/id", "-u", "*"], ["/usr/bin/id", "-u", "*", "--zero"]]'), []),
    (table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/id", "-u", "*"], ["/usr/bin/id", "-u", "*", "**"]]'), []),
    (
        table(
            "permit", "p", f'{DBA}\ncommands = [["/usr/bin/id", "-u*"], ["/usr/bin/id", "x", "*"], ["/usr/bin/id", "--", "*"]]'
        ),
        [],
    ),
    (table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/id", "-u", "a*"], ["/usr/bin/id", "-u", "*", "**"]]'), []),
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/id", "-u", "*"]]\naccept = {{ last-star = "one name" }}'),
        [],
    ),
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/id", "-u", "a"]]\naccept = {{ last-star = "one name" }}'),
        [
            "p: needless-accept: the rule accepts last-star, but nothing in the rule causes this warning: remove last-star from "
            '"accept"'
        ],
    ),
    # what is lost
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/sbin/reboot"], ["/usr/bin/systemctl", "restart", "cron"]]'),
        [
            "p: can-destroy: without any approval: /usr/sbin/reboot: restarts the whole host, which is away until it has started"
            " again"
        ],
    ),
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/dropdb", "*"]]\nrun_as = ["postgres"]\n{BY_OPS}'),
        [
            "p: can-destroy: after 1 approval from group:ops: /usr/bin/dropdb *: deletes the database that it names with all its"
            " tables, which cannot be undone"
        ],
    ),
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/sbin/reboot"]]\naccept = {{ can-destroy = "on-call reboots" }}'),
        [],
    ),
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/systemctl", "restart", "cron"]]\naccept = {{ can-destroy = "x" }}'),
        [
            "p: needless-accept: the rule accepts can-destroy, but nothing in the rule causes this warning: remove can-destroy"
            ' from "accept"'
        ],
    ),
    # root
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/vim", "/etc/hosts"]]'),
        ["p: amounts-to-root: gives root: without any approval, /usr/bin/vim /etc/hosts: vim can start a shell"],
    ),
    (
        table("permit", "p", f'{DBA}\ncommands = [["**"]]\napprovals = [{{ need = 1, from = ["group:ops"] }}]'),
        ["p: amounts-to-root: gives root: with one approval from ops, any command, a shell too, runs as root"],
    ),
    (table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/vim", "*"]]\nrun_as = ["postgres"]'), []),
    (table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/cat", "*"]]\nrun_as = ["postgres:postgres", "self:wireshark"]'), []),
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/cat", "*"]]\nrun_as = ["bob:*"]'),
        [
            "p: amounts-to-root: gives root: without any approval, any group may be named, also one that amounts to root, such as"
            " disk"
        ],
    ),
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/id"]]\nrun_as = ["self:docker"]'),
        [
            "p: amounts-to-root: gives root: without any approval, a member of the group docker starts containers that have the"
            " whole host"
        ],
    ),
    (
        table("permit", "p", f'{DBA}\ncommands = [["/usr/bin/cat", "*"]]\nrun_as = ["*:adm"]'),
        [
            "p: amounts-to-root: gives root: without any approval, /usr/bin/cat *: cat can read any file, keys and password"
            " hashes too; a member of the group adm reads the logs of the host, which may have passwords"
        ],
    ),
    (
        table("permit", "p", ID + '\nrun = { env = ["LD_PRELOAD", "LANG", "PG*"] }'),
        [
            "p: amounts-to-root: gives root: without any approval, env allows LD_PRELOAD, and this variable can make a program"
            " load or start another program"
        ],
    ),
    (
        table("permit", "p", ID + '\nrun = { env = ["TAR_*", "SYSTEMD_*"] }'),
        [
            "p: amounts-to-root: gives root: without any approval, env allows TAR_*, and so TAR_OPTIONS, which can make a program"
            " load or start another program; env allows SYSTEMD_*, and so SYSTEMD_EDITOR,"
            " SYSTEMD_ENVIRONMENT_GENERATOR_PATH, SYSTEMD_GENERATOR_PATH and 5 more, which can make a program load or start"
            " another program"
        ],
    ),
    (table("permit", "p", ID + '\nrun = { env = ["MY_*", "PGDATA"] }'), []),
    (
        table("permit", "p", f'{DBA}\ncommands = [{", ".join(f"""["/usr/bin/{name}", "*"]""" for name in READERS)}]'),
        [
            "p: amounts-to-root: gives root: without any approval, "
            + "; ".join(f"/usr/bin/{n} *: {n} can read any file, keys and password hashes too" for n in READERS[:3])
            + "; and 2 more"
        ],
    ),
    # accepted
    (table("permit", "p", ANY), []),
    (table("deny", "stop", 'accept = { denies-everything = "moving house" }'), []),
    (
        table("permit", "p", ID + '\naccept = { amounts-to-root = "old" }'),
        [
            "p: needless-accept: the rule accepts amounts-to-root, but nothing in the rule causes this warning: "
            'remove amounts-to-root from "accept"'
        ],
    ),
    (table("permit", "p", ID + '\naccept = { no-such-command = "on other hosts" }'), []),
    (
        table("permit", "p", ANY) + table("permit", "q", ANY.split("\naccept", maxsplit=1)[0].replace("dba", "ops")),
        ["q: amounts-to-root: gives root: without any approval, any command, a shell too, runs as root"],
    ),
]


@pytest.mark.parametrize(("text", "lines"), ROWS)
def test_what_a_policy_is_warned_about(tmp_path: Path, text: str, lines: list[str]) -> None:
    """THREATS X-24, X-37."""
    assert sorted(warned(tmp_path, text)) == sorted(lines)


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: f"{file.parent.name}/{file.name}")
def test_the_examples_are_warned_about_nothing(file: Path) -> None:
    rules, faults = policyfile.read([file])
    if any(rule.file for rule in rules):
        assert faults == []
        assert list(without_accepted(rules, [*about_order(rules), *about_reach(rules, {})])) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("accept = {}", ""),
        ('accept = { shadowed = "why" }', ""),
        ('accept = "shadowed"', '"accept" must be a table'),
        ('accept = { shadowd = "why" }', 'unknown key "shadowd": did you mean "shadowed"?'),
        ('accept = { shadowed = "" }', '"shadowed" is empty'),
        ('accept = { shadowed = "  " }', '"shadowed" is empty'),
        ("accept = { shadowed = true }", '"shadowed" must be a string'),
        ('accept = { shadowed = "a\\nb" }', '"shadowed" must be one line of printable characters'),
        ('accept = { needless-accept = "why" }', 'unknown key "needless-accept"'),
        ('accept = { not-looked-up = "why" }', 'unknown key "not-looked-up"'),
    ],
)
@pytest.mark.parametrize("kind", ["permit", "deny"])
def test_a_warning_is_accepted_by_its_name_and_with_a_reason(tmp_path: Path, kind: str, text: str, sentence: str) -> None:
    file = tmp_path / "p.toml"
    file.write_text(table(kind, "p", f"{ID}\n{text}"))
    rules, faults = policyfile.read([file])
    assert [fault.sentence for fault in faults] == ([sentence] if sentence else [])
    assert sentence or rules[0].accepts == ((("shadowed", "why"),) if "why" in text else ())


def test_what_a_rule_accepts_changes_nothing_else() -> None:
    assert permit(accepts=(("shadowed", "why"),)).obligations == permit().obligations


@dataclass(frozen=True, slots=True)
class Live(Rule):
    """A rule with conditions on facts."""

    when: When | None = None
    gatekeepers: tuple[str, ...] = ()


def live(names: tuple[str, ...], gatekeepers: tuple[str, ...] = (), value: bool | None = True, **conditions: object) -> Live:
    def evaluate(_: object) -> bool:
        if value is None:
            raise WhenFailed("it fails")
        return value

    plain = permit(**conditions)
    given = {name: getattr(plain, name) for name in Rule.__dataclass_fields__ if name not in ("when", "gatekeepers")}
    return Live(**given, when=When("…", frozenset(names), evaluate), gatekeepers=gatekeepers)


@pytest.mark.parametrize(
    ("rule", "provider"),
    [
        (live(("fact.risk",)), "risk-service"),
        (live(("fact.risk", "fact.level", "fact.load", "claim.reason")), "risk-service"),
        (live(("fact.other",)), "fact.other"),
        (live(("fact.risk", "fact.other")), ""),
        (live(("fact.load", "request.argv")), ""),
        (live(("fact.risk",), gatekeepers=("calendar",)), ""),
        (live(("fact.risk",), approvals=(object(),)), ""),
        (permit(), ""),
    ],
)
def test_a_provider_is_alone_if_nobody_else_is_asked(rule: Rule, provider: str) -> None:
    assert lone_provider(rule, {"fact.risk": "risk-service", "fact.level": "risk-service"}) == provider


def test_a_lone_provider_is_warned_about_only_where_it_is_about_root() -> None:
    def names(rule: Rule) -> list[str]:
        return [one.name for one in about_reach([rule], {})]

    assert names(live(("fact.risk",))) == ["amounts-to-root", "one-provider"]
    assert names(live(("fact.risk",), run_as=("postgres",))) == []
    assert names(live(("fact.risk",), **patterns(("/usr/bin/id",)))) == []


@pytest.mark.parametrize(("value", "is_never"), [(True, False), (False, True), (None, False)])
def test_a_condition_that_names_nothing_and_is_false_never_matches(value: bool | None, is_never: bool) -> None:
    warned = [one.name for one in about_reach([live((), value=value, **patterns(("/usr/bin/id",)))], {})]
    assert warned == (["never-matches"] if is_never else [])


def test_ten_thousand_rules_are_compared_in_seconds() -> None:
    """Same people, same program: only the arguments differ, so each rule could be compared with each other one."""
    many = [
        permit(f"p{number}", **patterns(("/usr/bin/systemctl", "restart", f"unit-{number}")), file="f", line=number)
        for number in range(10_000)
    ]
    began = time.process_time()
    assert (
        list(about_order([deny("d", **patterns(("/usr/bin/id",))), *many, permit("last", **patterns(("/usr/bin/true",)))])) == []
    )
    assert time.process_time() - began < 20
    again = permit("again", **patterns(("/usr/bin/systemctl", "restart", "unit-7")))
    assert [(one.rule, one.name) for one in about_order([*many, again])] == [("again", "shadowed")]


@pytest.mark.parametrize(
    ("first", "later", "is_told"),
    [
        (("self:docker",), ("self:*",), True),
        (("self:docker",), ("*",), True),
        (("self:docker",), ("self:wireshark",), False),
        (("self:docker",), ("root",), False),
        (("root:adm",), ("root",), True),
    ],
)
def test_any_command_with_one_group_is_not_in_the_way_of_another_group(first: Any, later: Any, is_told: bool) -> None:
    rules = [permit("any", run_as=first), permit("narrow", run_as=later, **patterns(("/usr/bin/id",)))]
    assert [one.name for one in about_order(rules)] == ["any-command-first"] * is_told


def test_what_can_be_accepted_is_what_can_be_warned_about() -> None:
    assert set(ACCEPTABLE) == WARNINGS.keys() - {*OF_THE_HOST}
