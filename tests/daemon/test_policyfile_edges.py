# SPDX-License-Identifier: Apache-2.0
"""Policy files key by key: each value of a key, each condition of a deny alone, each key of a later version."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from jitd.core.conditions import read_command_pattern
from jitd.core.decision import Record, Terms
from jitd.core.keys.reason import Reason
from jitd.core.policy import Rule
from jitd.core.toml_document import ConfigError, Fault
from jitd.expressions.patterns import read_pattern
from jitd.settings import policyfile
from jitd.settings.policyfile import load
from tests.daemon.directory import ME, directory, faults, read, write

__all__ = ["directory"]  # a fixture

HEAD = '[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n'


def rule(directory: Path, text: str) -> Rule:
    """The one rule that ``text`` spells."""
    write(directory, "a.toml", text)
    (found,) = read(directory).rules
    return found


RUN = [
    ("", Terms(record=Record(what="terminal"))),
    ('timeout = "1s"', Terms(timeout_for=1)),
    ('cwd = "caller"', Terms()),
    ('cwd = "/"', Terms(cwd="/")),
    ('cwd = "/srv/..x"', Terms(cwd="/srv/..x")),
    ('env = ["A"]', Terms(env=("A",))),
    ("env = []", Terms()),
    ('writable = "allow"', Terms(writable=True)),
    ('writable = "refuse"', Terms(writable=False)),
    ('leftovers = "end"', Terms(leftovers="end")),
    ('leftovers = "keep"', Terms(leftovers="keep")),
    ('stdin = "any"', Terms(stdin="any")),
    ('stdin = "tty"', Terms(stdin="tty")),
    ('stdin = "none"', Terms(stdin="none")),
    ('record = "none"', Terms(record=Record(what="none"))),
    ('record = "output"', Terms(record=Record(what="output"))),
    ('record = "all"', Terms(record=Record(what="all"))),
    ('record_sync = "interval"', Terms(record=Record(sync="interval"))),
    ('record_sync = "always"', Terms(record=Record(sync="always"))),
    ('record_failure = "end"', Terms(record=Record(failure="end"))),
    ('record_failure = "continue"', Terms(record=Record(failure="continue"))),
    ("watch = []", Terms(watch=())),
    ('watch = ["group:ops"]', Terms(watch=("group:ops",))),
    ('session = "keep"', Terms(session="keep")),
    ('session = "end"', Terms(session="end")),
]


@pytest.mark.parametrize(("run", "terms"), RUN)
def test_each_key_of_run_is_one_term_and_leaves_the_others_alone(directory: Path, run: str, terms: Terms) -> None:
    assert rule(directory, HEAD + f"run = {{ {run} }}").terms == terms


@pytest.mark.parametrize("key", ["record", "record_sync", "record_failure", "session", "leftovers", "stdin", "writable"])
def test_a_term_that_is_a_choice_has_no_other_values(directory: Path, key: str) -> None:
    write(directory, "a.toml", HEAD + f'run = {{ {key} = "terminal" }}')
    ((name, line, of, sentence),) = faults(directory)
    assert (name, line, of) == ("a.toml", 5, "p") and sentence.startswith(f'"{key}" must be "')


def test_a_permit_says_what_it_permits(directory: Path) -> None:
    write(directory, "a.toml", '[[permit]]\nname = "p"\nwho = ["user:dave"]\n')
    assert [(line, sentence) for _, line, _, sentence in faults(directory)] == [(1, 'needs "commands", or "gives"')]


@pytest.mark.parametrize("key", ["who", "name"])
def test_a_permit_needs_its_name_who_and_what(directory: Path, key: str) -> None:
    write(directory, "a.toml", "".join(line + "\n" for line in HEAD.splitlines() if not line.startswith(key)))
    assert [(line, sentence) for _, line, _, sentence in faults(directory)] == [(1, f'needs "{key}"')]


PERMIT = [
    ('ticket = "required"', "needs_ticket", True),
    ('ticket = "optional"', "needs_ticket", False),
    ("", "needs_ticket", True),
    ('visible_to = ["group:audit", "user:eve"]', "visible_to", ("group:audit", "user:eve")),
    ("visible_to = []", "visible_to", ()),
    ("", "visible_to", None),
    ('standing = "review"', "standing", "review"),
    ('standing = "use"', "standing", "use"),
    ("", "standing", "use"),
    ('expires = "1s"', "expires_for", 1),
    ("", "expires_for", 900),
    ('grant.lasts = "2s"', "lasts_for", 2),
    ("", "lasts_for", 900),
    ("grant.uses = 1", "uses", 1),
    ("grant.uses = 1000000", "uses", 1000000),
    ("", "uses", 1),
    ('services = ["sudo"]', "services", ("sudo",)),
    ('reason = "required"', "reason", Reason()),
    ('reason = { pattern = "x" }', "reason", Reason(read_pattern("x"), "")),
    ('reason = { pattern = "x", hint = "y" }', "reason", Reason(read_pattern("x"), "y")),
    ('reason = { pattern = "x", hint = "%s" }' % ("y" * 200), "reason", Reason(read_pattern("x"), "y" * 200)),
]


@pytest.mark.parametrize(("text", "name", "value"), PERMIT)
def test_what_a_key_of_a_permit_becomes(directory: Path, text: str, name: str, value: Any) -> None:
    found = rule(directory, HEAD + text)
    assert getattr(found, name) == value
    assert (found.verdict, found.because) == ("permit", "")


GIVES = '[[permit]]\nname = "p"\nwho = ["group:dba"]\ngives = ["service-ticket:postgres/db1", "account:adm"]\n'
THINGS = ("service-ticket:postgres/db1", "account:adm")


@pytest.mark.parametrize(
    ("text", "lasts_for", "commands"),
    [
        (GIVES, 600, None),
        (GIVES + 'grant.lasts = "24h"', 24 * 3600, None),
        (GIVES + 'commands = [["/usr/bin/id"]]', 600, (read_command_pattern(("/usr/bin/id",)),)),
    ],
)
def test_a_permit_may_give_things_in_place_of_commands_or_beside_them(
    directory: Path, text: str, lasts_for: int, commands: Any
) -> None:
    write(directory, "a.toml", text)
    (found,) = load(directory, root="permit", owner=ME, things=("account:adm",)).rules
    assert (found.gives, found.commands, found.lasts_for, found.run_as) == (THINGS, commands, lasts_for, ("root",))


def test_a_thing_is_given_for_a_day_at_most_and_a_command_for_longer(directory: Path) -> None:
    write(directory, "a.toml", GIVES.replace(', "account:adm"', "") + 'grant.uses = 2\ngrant.lasts = "24h1s"')
    assert faults(directory) == [("a.toml", 6, "p", '"lasts" must be at most "24h" in a rule with "gives"')]
    assert rule(directory, HEAD + 'grant.lasts = "24h1s"').lasts_for == 24 * 3600 + 1


def test_a_hint_has_200_characters_at_most(directory: Path) -> None:
    write(directory, "a.toml", HEAD + 'reason = { pattern = "x", hint = "%s" }' % ("y" * 201))
    assert faults(directory) == [("a.toml", 5, "p", '"hint" is longer than 200 characters')]


DENY = [
    ('who = ["user:eve"]', "who", ("user:eve",)),
    ('run_as = ["root"]', "run_as", ("root",)),
    ('commands = [["/usr/bin/id"]]', "commands", (read_command_pattern(("/usr/bin/id",)),)),
    ('services = ["sudo"]', "services", ("sudo",)),
    ('gives = ["service-ticket:postgres/db1", "account:adm"]', "gives", THINGS),
    ('because = "no"', "because", "no"),
]


@pytest.mark.parametrize(("text", "name", "value"), DENY)
def test_a_deny_has_the_condition_it_was_given_and_no_other(directory: Path, text: str, name: str, value: Any) -> None:
    found = rule(directory, f"[[deny]]\n{text}")
    plain = {"who": None, "run_as": None, "commands": None, "services": None, "because": "", "hosts": None, "hours": None}
    plain["gives"] = None
    assert {key: getattr(found, key) for key in plain} == {**plain, name: value}
    assert (found.verdict, found.name, found.line) == ("deny", "a.toml:1", 1)


def test_a_deny_by_host_and_by_hour(directory: Path) -> None:
    found = rule(directory, '[[deny]]\nhosts = ["db*"]\nhours = ["Mon 08:00-18:00 UTC"]')
    assert found.hosts is not None and [glob.text for glob in found.hosts] == ["db*"]
    assert found.hours is not None and [hours.text for hours in found.hours] == ["Mon 08:00-18:00 UTC"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (HEAD + 'because = "x"', '"because" belongs to a deny'),
        *(
            (f"[[deny]]\n{key} = 1", f'"{key}" belongs to a permit')
            for key in (
                "ticket",
                "standing",
                "visible_to",
                "reason",
                "approvals",
                "expires",
                "grant",
                "run",
                "gatekeepers",
                "notify",
                "break_glass",
            )
        ),
    ],
)
def test_what_belongs_to_the_other_kind_of_rule_is_said_to(directory: Path, text: str, sentence: str) -> None:
    write(directory, "a.toml", text)
    assert [said for *_, said in faults(directory)] == [sentence]


# --- names -----------------------------------------------------------------------------------------------------------

NAMES = [
    ('"x"', True),
    (f'"{"x" * 64}"', True),
    ('"a b"', True),
    ('""', False),
    (f'"{"x" * 65}"', False),
    ('" x"', False),
    ('"x "', False),
    ('"a\\nb"', False),
    ("1", False),
    ("[]", False),
]


@pytest.mark.parametrize(("name", "is_good"), NAMES)
def test_what_is_a_name(directory: Path, name: str, is_good: bool) -> None:
    write(directory, "a.toml", f"\n[[deny]]\nname = {name}\n")
    if is_good:
        assert [rule.name for rule in read(directory).rules] == [name.strip('"')]
    else:
        assert faults(directory) == [("a.toml", 3, "a.toml:2", '"name" must be 1 to 64 printable characters')]


def test_a_fault_is_told_with_the_name_of_its_rule_wherever_it_is(directory: Path) -> None:
    write(directory, "a.toml", '[[deny]]\nwho = []\n[[deny]]\nname = "n"\nwho = []\n' + "[[permit]]\nwho = []\n")
    assert faults(directory) == [
        ("a.toml", 2, "a.toml:1", '"who" is empty'),
        ("a.toml", 5, "n", '"who" is empty'),
        ("a.toml", 6, "", 'needs "name"'),
        ("a.toml", 6, "", 'needs "commands", or "gives"'),
        ("a.toml", 7, "", '"who" is empty'),
    ]


def test_two_permits_without_a_name_are_not_told_that_they_have_the_same(directory: Path) -> None:
    write(directory, "a.toml", "[[permit]]\n[[permit]]\n")
    assert {sentence.split()[0] for *_, sentence in faults(directory)} == {"needs"}


def test_the_built_in_name_is_nobody_elses(directory: Path) -> None:
    write(directory, "a.toml", '[[deny]]\nname = "root"\n')
    assert faults(directory) == [("a.toml", 1, "root", 'the name "root" is the name of the built-in rule')]


def test_the_first_of_a_name_is_the_one_that_all_others_are_told_of(directory: Path) -> None:
    write(directory, "a.toml", '[[deny]]\nname = "n"\n' * 3)
    said = f'the name "n" stands in {directory}/a.toml:1 already'
    assert faults(directory) == [("a.toml", 3, "n", said), ("a.toml", 5, "n", said)]


# --- commands, hours -------------------------------------------------------------------------------------------------


def test_each_command_that_is_none_is_told_and_the_others_are_kept_apart(directory: Path) -> None:
    write(directory, "a.toml", '[[deny]]\ncommands = [\n["/bin/ls"],\n"x",\n[1],\n[],\n]\n')
    shape = '"commands" must be a list of lists of strings, such as [["/usr/bin/id", "**"]]'
    found = [(line, sentence) for _, line, _, sentence in faults(directory)]
    assert found[:2] == [(4, shape), (5, shape)] and found[2][0] == 6 and found[2][1].startswith('"commands": ')


@pytest.mark.parametrize("words", ["/nowhere/x", "/", "/usr", "//bin/ls", "bin/ls"])
def test_what_is_no_link_at_the_top_is_left_as_it_is(words: str) -> None:
    assert policyfile._with_real_top((words, "a")) == (words, "a")


def test_the_top_is_made_real_and_the_rest_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os.path, "islink", lambda path: path == "/opt")
    monkeypatch.setattr(os.path, "realpath", lambda path: "/srv/real")
    assert policyfile._with_real_top(("/opt/a/b", "/opt/c")) == ("/srv/real/a/b", "/opt/c")
    assert policyfile._with_real_top(("/usr/opt/a",)) == ("/usr/opt/a",)
    assert policyfile._with_real_top(()) == ()


@pytest.mark.parametrize(
    ("name", "is_zone"),
    [
        ("UTC", True),
        ("Europe/Berlin", True),
        ("Etc/GMT+5", True),
        ("Factory", False),
        ("localtime", False),
        ("posix/UTC", False),
        ("posixrules", False),
        ("right/UTC", False),
        ("", False),
        ("Europe", False),
        ("Europe/Berlin ", False),
        ("../UTC", False),
        ("No/Where", False),
    ],
)
def test_what_is_a_zone(name: str, is_zone: bool) -> None:
    assert (policyfile._zone(name) is not None) is is_zone


# --- files -----------------------------------------------------------------------------------------------------------


def test_the_digest_is_of_names_and_contents_each_with_its_length(directory: Path) -> None:
    write(directory, "b.toml", "#")
    write(directory, "a.toml", "")
    spelled = b"".join(len(part).to_bytes(8, "big") + part for part in (b"a.toml", b"", b"b.toml", b"#"))
    assert read(directory).digest == hashlib.sha256(spelled).hexdigest()


def test_the_faults_of_files_that_cannot_be_read_and_of_those_that_can_are_told_together(directory: Path) -> None:
    (directory / "a.toml").mkdir()
    write(directory, "b.toml", "[[deny]]\nwho = []\n")
    assert [(name, sentence) for name, _, _, sentence in faults(directory)] == [
        ("a.toml", "is not a regular file"),
        ("b.toml", '"who" is empty'),
    ]


def test_nothing_is_read_of_a_directory_that_others_can_change(directory: Path) -> None:
    write(directory, "a.toml", "nonsense")
    directory.chmod(0o757)
    assert faults(directory) == [("policy.d", 0, "", "may be written by anyone")]


def test_the_files_are_roots_where_nobody_else_is_named(directory: Path) -> None:
    write(directory, "a.toml", "")
    mine = ME or 4711
    if ME == 0:
        for place in (directory / "a.toml", directory):
            os.chown(place, mine, -1)
    with pytest.raises(ConfigError) as caught:
        load(directory, root="permit")
    assert caught.value.faults == (Fault(str(directory), 0, "", f"belongs to uid {mine}, not to root"),)
    assert load(directory, root="permit", owner=mine).rules == ()


def test_check_follows_links_and_asks_nobody_whose_a_file_is(tmp_path: Path) -> None:
    file = write(tmp_path, "a.toml", "[[deny]]\nwho = []\n")
    file.chmod(0o666)
    (tmp_path / "link").symlink_to(file)
    assert policyfile.read([tmp_path / "link"])[1] == [Fault(str(tmp_path / "link"), 2, "link:1", '"who" is empty')]
    assert policyfile.read([tmp_path])[1] == [Fault(str(tmp_path), 0, "", "is not a regular file")]


def test_a_file_is_closed_again_whatever_is_in_it(directory: Path) -> None:
    write(directory, "a.toml", "#")
    (directory / "b.toml").mkdir()
    before = sorted(os.listdir("/proc/self/fd"))
    faults(directory)
    assert sorted(os.listdir("/proc/self/fd")) == before
