# SPDX-License-Identifier: Apache-2.0
"""Narrower keys of a rule: each past use stays permitted, and nothing else becomes so."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jitd.core.command import Command, RunAs
from jitd.core.decision import Permit
from jitd.core.edit import Edit
from jitd.core.masking import masked
from jitd.core.policy import Policy, Rule, decide
from jitd.settings import policyfile
from jitd_evidence.report.narrower import ENOUGH, LONGEST, SEVERAL, Narrower, Use, narrower
from tests.core.house import AS_ROOT, NOON, question
from tests.table import each_row

WHO = {"name": '"r"', "who": '["user:alice"]'}
POSTGRES = RunAs("postgres", 105, "postgres", 112)
ACCOUNTS = [AS_ROOT, RunAs("root", 0, "adm", 4), POSTGRES, RunAs("postgres", 105, "adm", 4), RunAs("alice", 4001, "adm", 4)]
EDIT = Edit(0, 0, 0, 0, 0, b"", b"")
PSQL = '[["/usr/bin/psql", "**"]]'


def read(**keys: str) -> Rule:
    """The permit with the ``keys``, each a value in TOML, as jitd reads it."""
    lines = [f"{key.replace('__', '.')} = {value}" for key, value in (WHO | keys).items()]
    return read_lines(lines)


def read_lines(lines: list[str]) -> Rule:
    with tempfile.TemporaryDirectory() as directory:
        file = Path(directory) / "rule.toml"
        file.write_text("\n".join(["[[permit]]", *lines]), "utf-8")
        rules, faults = policyfile.read([file])
    assert faults == [], lines
    return rules[0]


def narrowed(keys: dict[str, str], found: tuple[Narrower, ...]) -> Rule:
    """The permit with the ``keys``, and with the lines that were proposed in the place of its own."""
    then = {one.key: one.then for one in found}
    lines = [then.pop(key.replace("__", "."), f"{key.replace('__', '.')} = {value}") for key, value in (WHO | keys).items()]
    return read_lines([*lines, *then.values()])


def use(*words: str | bytes, run_as: RunAs = AS_ROOT, n: int = 1, **facts: Any) -> list[Use]:
    argv = tuple(word if isinstance(word, bytes) else word.encode() for word in words)
    of_command = {name: facts.pop(name) for name in ("cwd", "chdir", "path", "gives", "edit") if name in facts}
    command = Command(argv, of_command.pop("path", argv[0]), b"", run_as, of_command.pop("cwd", b"/root"), 1, 2, (), (), ())
    made = {"service": "jitsudo", "host": "db1.example.org", "is_self": run_as.user == "alice", **facts}
    return [Use(replace(command, **of_command), **made)] * n


def lines_of(keys: dict[str, str], uses: list[Use]) -> dict[str, str]:
    return {one.key: one.then for one in narrower(read(**keys), uses) if one.key != "run.cwd"}


def is_permitted(rule: Rule, one: Use) -> bool:
    is_own_group = one.command.run_as.user == one.command.run_as.group
    asked = question(service=one.service, host=one.host, is_own_group=is_own_group)
    asked = replace(asked, command=replace(one.command, streams=()))
    return isinstance(decide(Policy((rule,), "permit", ""), asked, NOON), Permit)


SYSTEMCTL = ("/usr/bin/systemctl", "restart")


@each_row(
    ("keys", "uses", "then"),
    [
        # what never varied is named
        ({"commands": PSQL}, use("/usr/bin/psql", "-l", n=30), {"commands": '[["/usr/bin/psql", "-l"]]'}),
        ({"commands": PSQL}, use("/usr/bin/psql", n=30), {"commands": '[["/usr/bin/psql"]]'}),
        # an edit is one by its own pattern alone, and its path is what is narrowed
        (
            {"commands": '[["sudoedit", "/etc/*.conf"], ["/usr/bin/psql", "**"]]'},
            [*use("sudoedit", "/etc/a.conf", edit=EDIT, n=30), *use("/usr/bin/psql", "-l", n=30)],
            {"commands": '[["sudoedit", "/etc/a.conf"], ["/usr/bin/psql", "-l"]]'},
        ),
        (
            {"commands": '[["/usr/bin/systemctl", "*", "*"]]'},
            [one for n in range(30) for one in use(*SYSTEMCTL, f"unit{n}")],
            {"commands": '[["/usr/bin/systemctl", "restart", "*"]]'},
        ),
        # how many arguments there were
        (
            {"commands": '[["/usr/bin/systemctl", "**"]]'},
            [one for n in range(30) for one in use(*SYSTEMCTL, f"unit{n}")],
            {"commands": '[["/usr/bin/systemctl", "restart", "*"]]'},
        ),
        (
            {"commands": '[["/usr/bin/systemctl", "**"]]'},
            [one for n in range(30) for one in use(*SYSTEMCTL, *["nginx"] * (n % 5))],
            {"commands": '[["/usr/bin/systemctl", "restart", "**"]]'},
        ),
        # a few values, each of them common, are named; a rare one says that others will follow
        (
            {"commands": '[["/usr/bin/systemctl", "restart", "*"]]'},
            [*use(*SYSTEMCTL, "nginx", n=20), *use(*SYSTEMCTL, "apache2", n=SEVERAL), *use(*SYSTEMCTL, "php", n=SEVERAL)],
            {
                "commands": '[["/usr/bin/systemctl", "restart", "nginx"], ["/usr/bin/systemctl", "restart", "apache2"], '
                '["/usr/bin/systemctl", "restart", "php"]]'
            },
        ),
        ({"commands": '[["/bin/x", "*"]]'}, [*use("/usr/bin/x", "a", n=30), *use("/usr/bin/x", "b", n=SEVERAL - 1)], {}),
        # a word on which the rest depends
        (
            {"commands": '[["/usr/bin/systemctl", "**"]]'},
            [
                *(one for n in range(20) for one in use("/usr/bin/systemctl", "status", f"unit{n}")),
                *use("/usr/bin/systemctl", "reload", "nginx", n=20),
            ],
            {"commands": '[["/usr/bin/systemctl", "status", "*"], ["/usr/bin/systemctl", "reload", "nginx"]]'},
        ),
        # too few uses of the rule, and of one of its patterns
        ({"commands": PSQL}, use("/usr/bin/psql", "-l", n=ENOUGH - 1), {}),
        (
            {"commands": '[["/usr/bin/psql", "**"], ["/usr/bin/pg_dump", "**"]]'},
            [*use("/usr/bin/psql", "-l", n=30), *use("/usr/bin/pg_dump", "x", n=29)],
            {"commands": '[["/usr/bin/psql", "-l"], ["/usr/bin/pg_dump", "**"]]'},
        ),
        # a pattern that was never used
        (
            {"commands": '[["/usr/bin/psql", "-l"], ["/usr/bin/pg_dump", "**"]]'},
            use("/usr/bin/psql", "-l", n=30),
            {"commands": '[["/usr/bin/psql", "-l"]]'},
        ),
        # programs
        ({"commands": '[["**"]]'}, use("/usr/bin/id", n=30), {"commands": '[["/usr/bin/id"]]'}),
        (
            {"commands": '[["**"]]'},
            [*use("/usr/bin/id", "x", n=30), *use("/usr/bin/w", n=SEVERAL)],
            {"commands": '[["/usr/bin/id", "x"], ["/usr/bin/w", "**"]]'},
        ),
        ({"commands": '[["**"]]'}, [one for n in range(40) for one in use(f"/usr/bin/x{n}")], {}),
        ({"commands": '[["/srv/*/run", "**"]]'}, use("/srv/a/run", "b", n=30), {"commands": '[["/srv/a/run", "b"]]'}),
        # a login has no command
        ({"commands": '[["**"]]'}, use("-bash", path=b"", n=40), {}),
        # a rule that is narrow already
        ({"commands": '[["/usr/bin/psql", "-l"]]'}, use("/usr/bin/psql", "-l", n=30), {}),
        # words that a pattern cannot spell, and that people cannot read
        ({"commands": PSQL}, use("/usr/bin/psql", "a*b\\c", n=30), {"commands": '[["/usr/bin/psql", "a?b?c"]]'}),
        ({"commands": PSQL}, use("/usr/bin/psql", "**", n=30), {"commands": '[["/usr/bin/psql", "??"]]'}),
        ({"commands": PSQL}, use("/usr/bin/psql", b"\xff\n", n=30), {"commands": '[["/usr/bin/psql", "??"]]'}),
        ({"commands": PSQL}, use("/usr/bin/psql", "a\u202eb", n=30), {"commands": '[["/usr/bin/psql", "a?b"]]'}),
        ({"commands": PSQL}, use("/usr/bin/psql", 'say "x"', n=30), {"commands": '[["/usr/bin/psql", \'say "x"\']]'}),
        ({"commands": PSQL}, use("/usr/bin/psql", "\"x'", n=30), {"commands": '[["/usr/bin/psql", "?x\'"]]'}),
        ({"commands": PSQL}, use("/usr/bin/psql", "a" * (LONGEST + 1), n=30), {"commands": '[["/usr/bin/psql", "*"]]'}),
        # what is masked varies, and what was forgotten may have been anything
        (
            {"commands": PSQL},
            use("/usr/bin/psql", "--token", "‹masked›", n=30, hidden=frozenset({2})),
            {"commands": '[["/usr/bin/psql", "--token", "*"]]'},
        ),
        ({"commands": PSQL}, [*use("/usr/bin/psql", "-l", n=30), *use("/usr/bin/psql", is_whole=False)], {}),
        # a rule with masks loses no program: its masks hide words of this program under other rules, too
        (
            {"commands": '[["/usr/bin/*", "**"], ["/usr/sbin/x", "**"]]', "mask": '["--token *"]'},
            use("/usr/bin/psql", "-l", n=30),
            {"commands": '[["/usr/bin/*", "-l"], ["/usr/sbin/x", "**"]]'},
        ),
        # accounts
        (
            {"commands": '[["/usr/bin/psql"]]', "run_as": '["*"]'},
            use("/usr/bin/psql", run_as=POSTGRES, n=30),
            {"run_as": '["postgres:postgres"]'},
        ),
        (
            {"commands": '[["/usr/bin/psql"]]', "run_as": '["root", "postgres"]'},
            use("/usr/bin/psql", run_as=POSTGRES, n=30),
            {"run_as": '["postgres"]'},
        ),
        (
            {"commands": '[["/usr/bin/psql"]]', "run_as": '["postgres:*", "self"]'},
            use("/usr/bin/psql", run_as=RunAs("postgres", 105, "adm", 4), n=30),
            {"run_as": '["postgres:adm"]'},
        ),
        (
            {"commands": '[["/usr/bin/psql"]]', "run_as": '["root", "*:adm", "postgres"]'},
            use("/usr/bin/psql", run_as=RunAs("root", 0, "adm", 4), n=30),
            {"run_as": '["root", "root:adm"]'},
        ),
        # services, hosts, things
        (
            {"commands": '[["/usr/bin/psql"]]', "services": '["jitsudo", "sudo"]'},
            use("/usr/bin/psql", service="sudo", n=30),
            {"services": '["sudo"]'},
        ),
        (
            {"commands": '[["/usr/bin/psql"]]', "hosts": '["db*.example.org"]'},
            use("/usr/bin/psql", n=30),
            {"hosts": '["db1.example.org"]'},
        ),
        (
            {"gives": '["account:dba", "postgres-role:app"]'},
            use("account:dba", path=b"", gives=True, n=30),
            {"gives": '["account:dba"]'},
        ),
        # what is not shown as it is, is not in a line: neither beside quotes, nor in words that look like others
        ({"commands": PSQL}, use("/usr/bin/psql", 'say "\U0001f600"', n=30), {"commands": '[["/usr/bin/psql", \'say "?"\']]'}),
        ({"commands": PSQL}, use("/usr/bin/psql", "a\u3164b", n=30), {"commands": '[["/usr/bin/psql", "a?b"]]'}),
        ({"commands": PSQL}, use("/usr/bin/psql", "p\u0430ypal", n=30), {"commands": '[["/usr/bin/psql", "p?ypal"]]'}),
        ({"commands": PSQL}, use("/usr/bin/psql", "jürgen", n=30), {"commands": '[["/usr/bin/psql", "jürgen"]]'}),
        ({"commands": r'[["/usr/bin/psql", "EXAMPLE\\*", "*"]]'}, use("/usr/bin/psql", "EXAMPLE\\bob", "a", n=30), {}),
        # a rule that is used for things, and for a command now and then
        (
            {"commands": '[["/usr/bin/psql", "**"], ["/usr/bin/id"]]', "run_as": '["*"]', "gives": '["account:dba"]'},
            [*use("account:dba", path=b"", gives=True, n=30), *use("/usr/bin/psql", "-l")],
            {},
        ),
        (
            {"commands": '[["/usr/bin/psql", "**"]]', "gives": '["account:dba", "account:dbb"]'},
            [*use("/usr/bin/psql", "-l", n=30), *use("account:dba", path=b"", gives=True)],
            {"commands": '[["/usr/bin/psql", "-l"]]'},
        ),
        # an account that came up once says that others will follow
        (
            {"commands": '[["/usr/bin/psql"]]', "run_as": '["*"]'},
            [*use("/usr/bin/psql", run_as=POSTGRES, n=30), *use("/usr/bin/psql", run_as=RunAs("www", 33, "www", 33))],
            {},
        ),
        (
            {"commands": '[["/usr/bin/psql"]]', "run_as": '["root", "postgres", "*:adm"]'},
            [*use("/usr/bin/psql", run_as=POSTGRES, n=30), *use("/usr/bin/psql", run_as=RunAs("www", 33, "adm", 4))],
            {"run_as": '["postgres", "*:adm"]'},
        ),
        # an account whose name means something else in a rule
        (
            {"commands": '[["/usr/bin/psql"]]', "run_as": '["*"]'},
            use("/usr/bin/psql", run_as=RunAs("self", 9, "self", 9), n=30),
            {},
        ),
        # uses from before the rule was changed are not its own
        ({"commands": PSQL}, [*use("/usr/bin/psql", "-l", n=30), *use("/bin/id")], {"commands": '[["/usr/bin/psql", "-l"]]'}),
    ],
)
def test_the_narrower_line_is_what_was_used(keys: dict[str, str], uses: list[Use], then: dict[str, str]) -> None:
    """THREATS L-24: also if somebody typed what a line cannot have, or what people cannot see."""
    assert lines_of(keys, uses) == {key: f"{key} = {value}" for key, value in then.items()}


@pytest.mark.parametrize(
    ("keys", "facts", "then"),
    [
        ({}, {"cwd": b"/srv/app"}, ['run.cwd = "/srv/app"']),
        ({"run__cwd": '"/srv"'}, {"cwd": b"/srv"}, []),
        ({}, {"cwd": b"/srv/app", "chdir": True}, []),
        ({}, {"cwd": b"/srv/\xff"}, []),
        ({"services": '["sudo"]'}, {"cwd": b"/srv/app", "service": "sudo"}, []),
    ],
)
def test_a_directory_is_proposed_only_where_jitd_chooses_it(keys: dict[str, str], facts: dict[str, Any], then: list[str]) -> None:
    uses = use("/usr/bin/psql", n=30, **facts)
    assert [one.then for one in narrower(read(commands='[["/usr/bin/psql"]]', **keys), uses)] == then


def test_two_directories_are_none() -> None:
    uses = [*use("/usr/bin/psql", n=30, cwd=b"/a"), *use("/usr/bin/psql", cwd=b"/b")]
    assert narrower(read(commands='[["/usr/bin/psql"]]'), uses) == ()


# --- properties ----------------------------------------------------------------------------------------------------------

HARD = [*"a*?é\u202e\\", "", "ab", "..", "../x", "-f", "--file=/etc/../x", "**", "a*", "‹masked›", "‹forgotten›", "'\""]
WORDS = st.sampled_from(HARD) | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3)
GLOBS = st.sampled_from([*"*****?a", "-f", "a*", "--file=*", "*x", "/var/log/*", "ab?"])
NAMES = st.sampled_from(["a", "b", "b*", "é"])
PATHS = ["/srv/a", "/srv/b", "/srv/c/run", "/srv/b*"]


def toml(words: list[str]) -> str:
    spelled = ("".join(f"\\U{ord(one):08x}" for one in word) for word in words)
    return "[" + ", ".join(f'"{word}"' for word in spelled) + "]"


@st.composite
def worlds(draw: st.DrawFn) -> tuple[dict[str, str], list[tuple[Use, Use]]]:
    """A permit, and uses of which its keys may permit some: each as it was, and as it is known. Few commands are used often."""
    patterns = []
    for _ in range(draw(st.integers(1, 2))):
        path = draw(st.sampled_from([*PATHS[:2], "/srv/*", "/srv/?", "/srv/*/run", ""]))
        words = draw(st.lists(GLOBS, max_size=2))
        tail = ["**"] if not path or draw(st.booleans()) else []
        patterns.append([path, *words, *tail] if path else ["**"])
    keys = {"commands": f"[{', '.join(map(toml, patterns))}]"}
    accounts = ['["root"]', '["*"]', '["root", "postgres:*"]', '["*:adm", "root"]', '["self", "root"]']
    keys["run_as"] = draw(st.sampled_from(accounts))
    keys["services"] = draw(st.sampled_from(['["jitsudo"]', '["jitsudo", "sudo"]']))
    keys["hosts"] = draw(st.sampled_from(['["db1.example.org"]', '["db*.example.org", "web?"]']))
    uses: list[tuple[Use, Use]] = []
    for _ in range(draw(st.integers(1, 4))):
        path, *words = draw(st.sampled_from(patterns))
        argv = [draw(st.sampled_from(PATHS)) if path == "**" else draw(filled(path, NAMES))]
        for word in words:
            argv += draw(st.lists(WORDS, max_size=2)) if word == "**" else [draw(filled(word, WORDS))]
        run_as = draw(st.sampled_from([AS_ROOT, AS_ROOT, AS_ROOT, *ACCOUNTS]))
        [one] = use(*argv, run_as=run_as, service=draw(st.sampled_from(["jitsudo", "jitsudo", "jitsudo", "sudo"])))
        uses += [(one, draw(known(one)))] * draw(st.sampled_from([SEVERAL - 1, SEVERAL, ENOUGH, ENOUGH, ENOUGH]))
    return keys, uses


@st.composite
def filled(draw: st.DrawFn, glob: str, words: st.SearchStrategy[str]) -> str:
    """A text that ``glob`` matches."""
    return "".join(draw(words) if sign == "*" else "a" if sign == "?" else sign for sign in glob)


@st.composite
def known(draw: st.DrawFn, one: Use) -> Use:
    """What is known of a use: all, all but masked words, or its program alone."""
    argv = one.command.argv
    hidden = draw(st.sets(st.integers(1, len(argv) - 1), max_size=2)) if len(argv) > 1 and draw(st.booleans()) else set()
    if draw(st.integers(0, 15)) == 0:
        return replace(one, command=replace(one.command, argv=argv[:1]), is_whole=False)
    words = masked(argv, [(at, draw(st.integers(0, len(argv[at])))) for at in sorted(hidden)])
    return replace(one, command=replace(one.command, argv=words), hidden=frozenset(hidden))


@settings(max_examples=200)
@given(worlds(), st.lists(st.tuples(st.sampled_from(PATHS), st.lists(WORDS, max_size=4)), max_size=10))
def test_a_narrower_rule_permits_each_past_use_and_is_a_part_of_the_wide_rule(
    world: tuple[dict[str, str], list[tuple[Use, Use]]], others: list[tuple[str, list[str]]]
) -> None:
    keys, uses = world
    wide = read(**keys)
    found = narrower(wide, [seen for one, seen in uses if is_permitted(wide, one)])
    narrow = narrowed(keys, found)
    for one, _ in uses:
        assert is_permitted(narrow, one) == is_permitted(wide, one), (found, one)
    probes = [one for path, words in others for one in use(path, *words)] + [one for one, _ in uses[:: SEVERAL - 1]]
    elsewhere = [replace(one, host="web1") for one in probes] + [replace(one, service="sudo") for one in probes]
    others_accounts = [replace(one, command=replace(one.command, run_as=run_as)) for one in probes for run_as in ACCOUNTS]
    for probe in (*probes, *elsewhere, *others_accounts):
        assert not is_permitted(narrow, probe) or is_permitted(wide, probe), (found, probe)
