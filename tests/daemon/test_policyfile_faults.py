# SPDX-License-Identifier: Apache-2.0
"""Broken policies, each with all its faults: line, rule and sentence. No broken one is ever returned (THREATS O-04)."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.core.toml_document import ConfigError
from tests.daemon.directory import WHOLE, directory, faults, read, write

__all__ = ["directory"]  # a fixture

HEAD = '[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["**"]]\n'
"""Four lines; what is added to a permit stands on line 5."""

COMMANDS = '"commands" must be a list of lists of strings, such as [["/usr/bin/id", "**"]]'
DURATION = 'must be a duration from 1s to 3650d, such as "15m" or "1h30m"'
APPROVALS = '"approvals" must be a list such as [{ need = 1, from = ["group:ops"] }]'
REASON = '"reason" must be "required" or { pattern = "…", hint = "…" }'
MISSPELT = 'unknown key "comands": did you mean "commands"?'
NAME = '"name" must be 1 to 64 printable characters'
NOT_YET = 'this version of jitd does not know the key "{}" yet'

NO_MODE = '"new" must be the mode of new files in octal digits, such as "0644", without set-uid, set-gid and sticky'
NO_INDICATOR = '"indicators": "{}" is no authentication indicator: 1 to 100 printable ASCII characters without a space'
NEEDS_TICKET = '"{}" is about a Kerberos ticket, and ticket = "optional" permits requests without a ticket'
BROKEN_PERMITS = [
    # (what is added to HEAD, (line, sentence) ...)
    ("whoo = 1", (5, 'unknown key "whoo": did you mean "who"?')),
    ("zzz = 1", (5, 'unknown key "zzz"')),
    ('"a\\nb" = 1', (5, 'unknown key "a\\nb"')),
    ('because = "x"', (5, '"because" belongs to a deny')),
    # the keys of later versions
    ("when = 'fact.risk < 50'", (5, '"when": there is no name or function "fact.risk"')),
    ("break_glass = true", (5, '"break_glass" must be a table'), (5, 'needs "instead_of"'), (5, 'needs "review"')),
    ('visible_to = ["audit"]', (5, '"visible_to": "audit" must be "group:NAME", "user:NAME" or "principal:NAME@REALM"')),
    ('visible_to = "group:audit"', (5, '"visible_to" must be a list of strings')),
    ('standing = "never"', (5, '"standing" must be "use" or "review", not "never"')),
    ('run = { record = "terminal" }', (5, '"record" must be "none" or "output" or "all", not "terminal"')),
    ('run = { record_failure = "ignore" }', (5, '"record_failure" must be "end" or "continue", not "ignore"')),
    ('run = { record_sync = "never" }', (5, '"record_sync" must be "interval" or "always", not "never"')),
    ('run = { watch = ["bob"] }', (5, '"watch": "bob" must be "group:NAME", "user:NAME" or "principal:NAME@REALM"')),
    # how somebody authenticated
    ("indicators = []", (5, '"indicators" is empty')),
    ('indicators = "otp"', (5, '"indicators" must be a list of strings')),
    ('indicators = ["otp", "a b"]', (5, NO_INDICATOR.format("a b"))),
    ('indicators = [""]', (5, NO_INDICATOR.format(""))),
    ('ticket_age = "soon"', (5, '"ticket_age" must be a duration from 1s to 3650d, such as "15m" or "1h30m"')),
    ("ticket_age = 60", (5, '"ticket_age" must be a duration from 1s to 3650d, such as "15m" or "1h30m"')),
    ("forwarded = false", (5, '"forwarded" must be a string')),
    ('forwarded = "no"', (5, '"forwarded" must be "allow" or "refuse", not "no"')),
    ('ticket = "optional"\nindicators = ["otp"]', (6, NEEDS_TICKET.format("indicators"))),
    ('ticket = "optional"\nticket_age = "1h"', (6, NEEDS_TICKET.format("ticket_age"))),
    ('forwarded = "refuse"\nticket = "optional"', (5, NEEDS_TICKET.format("forwarded"))),
    ('approvals = [{ need = 1, from = ["group:ops"], indicators = [] }]', (5, '"indicators" is empty')),
    ('approvals = [{ need = 1, from = ["group:ops"], forwarded = 1 }]', (5, '"forwarded" must be a string')),
    ('approvals = [{ need = 1, from = ["group:ops"], ticket = "x" }]', (5, 'unknown key "ticket": did you mean "ticket_age"?')),
    # run_as
    ('run_as = "root"', (5, '"run_as" must be a list of strings')),
    ("run_as = []", (5, '"run_as" is empty')),
    ("run_as = [0]", (5, '"run_as" must be a list of strings')),
    (
        'run_as = ["{user}"]',
        (5, '"run_as": "{user}" must be "USER", "USER:GROUP" or "*": nothing is put in the place of {user}'),
    ),
    (
        'visible_to = ["user:{user}"]',
        (5, '"visible_to": "user:{user}" is not a valid name of a user or a group: nothing is put in the place of {user}'),
    ),
    ('run_as = ["#0"]', (5, '"run_as": "#0" must be "USER", "USER:GROUP" or "*"')),
    ('run_as = [\n"root",\n"!bob"]', (7, '"run_as": "!bob" must be "USER", "USER:GROUP" or "*"')),
    # origin
    ('origin = "local"', (5, '"origin" must be a list of strings')),
    ("origin = []", (5, '"origin" is empty')),
    (
        'origin = ["10.0.0.0/8", "home", "10.0.0.1/8"]',
        (5, '"origin": "home" must be "local", "console", "remote", an address, or a network such as "10.0.0.0/8"'),
        (5, '"origin": "10.0.0.1/8" has bits beyond its mask: write "10.0.0.0/8"'),
    ),
    # hosts
    ('hosts = "*"', (5, '"hosts" must be a list of strings')),
    ("hosts = []", (5, '"hosts" is empty')),
    ('hosts = ["!db1"]', (5, '"hosts": "!db1" is not a host name')),
    ('hosts = ["db1", "", "db[1]"]', (5, '"hosts": "" is not a host name'), (5, '"hosts": "db[1]" is not a host name')),
    # hours
    ("hours = []", (5, '"hours" is empty')),
    ('hours = "Mon-Fri 08:00-18:00 UTC"', (5, '"hours" must be a list of strings')),
    (
        'hours = ["Mon-Fri 08:00-18:00"]',
        (5, '"hours": "Mon-Fri 08:00-18:00" has no time zone: add one, such as Europe/Berlin or UTC'),
    ),
    (
        'hours = [\n  "Mon 08:00-18:00 UTC",\n  "Mon 08:00-18:00 Europe/Bonn",\n]',
        (7, '"hours": "Mon 08:00-18:00 Europe/Bonn": there is no time zone "Europe/Bonn"'),
    ),
    (
        'hours = ["Mon 08:00-18:00 localtime"]',
        (5, '"hours": "Mon 08:00-18:00 localtime": there is no time zone "localtime"'),
    ),
    (
        'hours = ["Mon 08:00-18:00 right/UTC"]',
        (5, '"hours": "Mon 08:00-18:00 right/UTC": there is no time zone "right/UTC"'),
    ),
    (
        'hours = ["Mon 08:00-18:00 ../../etc/passwd"]',
        (5, '"hours": "Mon 08:00-18:00 ../../etc/passwd": there is no time zone "../../etc/passwd"'),
    ),
    (
        'hours = ["Mon 08:00-18:00 /etc/localtime"]',
        (5, '"hours": "Mon 08:00-18:00 /etc/localtime": there is no time zone "/etc/localtime"'),
    ),
    ('hours = ["Mon 08:00-18:00 Europe"]', (5, '"hours": "Mon 08:00-18:00 Europe": there is no time zone "Europe"')),
    # services
    ("services = []", (5, '"services" is empty')),
    ('services = ["../sshd"]', (5, '"services": "../sshd" is not the name of a service')),
    ("services = true", (5, '"services" must be a list of strings')),
    # reason
    ("reason = true", (5, REASON)),
    ('reason = "optional"', (5, REASON)),
    ("reason = {}", (5, 'needs "pattern"')),
    ('reason = { hint = "x" }', (5, 'needs "pattern"')),
    ('reason = { pattern = "" }', (5, '"pattern" is empty: write reason = "required"')),
    ("reason = { pattern = 5 }", (5, '"pattern" must be a string')),
    ('reason = { pattern = "(" }', (5, '"pattern" is not a regular expression of RE2: missing ): (')),
    ("reason = { pattern = '(a)\\1' }", (5, '"pattern" is not a regular expression of RE2: invalid escape sequence: \\1')),
    ('reason = { pattern = "x", hint = 5 }', (5, '"hint" must be a string')),
    ('reason = { pattern = "x", hint = "" }', (5, '"hint" is empty')),
    ('reason = { pattern = "x", hint = "a\\u001bb" }', (5, '"hint" must be one line of printable characters')),
    ('reason = { pattern = "x", hints = "a" }', (5, 'unknown key "hints": did you mean "hint"?')),
    # approvals
    ("approvals = []", (5, '"approvals" is empty: say who approves, or leave it out to permit at once')),
    ("approvals = 1", (5, APPROVALS)),
    ('approvals = ["group:ops"]', (5, APPROVALS)),
    ("approvals = [{}]", (5, 'needs "need"'), (5, 'needs "from"')),
    ('approvals = [{ need = 0, from = ["group:ops"] }]', (5, '"need" must be a whole number from 1 to 100')),
    ('approvals = [{ need = -1, from = ["group:ops"] }]', (5, '"need" must be a whole number from 1 to 100')),
    ('approvals = [{ need = true, from = ["group:ops"] }]', (5, '"need" must be a whole number from 1 to 100')),
    ('approvals = [{ need = 1.0, from = ["group:ops"] }]', (5, '"need" must be a whole number from 1 to 100')),
    ('approvals = [{ need = "1", from = ["group:ops"] }]', (5, '"need" must be a whole number from 1 to 100')),
    ('approvals = [{ need = 101, from = ["group:ops"] }]', (5, '"need" must be a whole number from 1 to 100')),
    ("approvals = [{ need = 1, from = [] }]", (5, '"from" is empty')),
    ('approvals = [{ need = 1, from = "group:ops" }]', (5, '"from" must be a list of strings')),
    (
        'approvals = [\n  { need = 1, from = ["group:ops"] },\n  { need = 1, from = ["ops"] },\n]',
        (7, '"from": "ops" must be "group:NAME", "user:NAME" or "principal:NAME@REALM"'),
    ),
    ('approvals = [{ need = 1, from = ["group:ops"], of = 1 }]', (5, 'unknown key "of"')),
    ('[[permit.approvals]]\nneed = 1\nfrm = ["group:ops"]', (7, 'unknown key "frm": did you mean "from"?')),
    # durations and numbers (THREATS G-03)
    ('expires = "0s"', (5, f'"expires" {DURATION}')),
    ('expires = "-15m"', (5, f'"expires" {DURATION}')),
    ('expires = "15"', (5, f'"expires" {DURATION}')),
    ("expires = 900", (5, f'"expires" {DURATION}')),
    ("expires = 15.5", (5, f'"expires" {DURATION}')),
    ("expires = inf", (5, f'"expires" {DURATION}')),
    ("expires = nan", (5, f'"expires" {DURATION}')),
    ("expires = 07:32:00", (5, f'"expires" {DURATION}')),
    ('expires = "292471208677y"', (5, f'"expires" {DURATION}')),
    ('expires = "3651d"', (5, f'"expires" {DURATION}')),
    ('expires = "１５m"', (5, f'"expires" {DURATION}')),
    ("grant = 5", (5, '"grant" must be a table')),
    ('grant = "1h"', (5, '"grant" must be a table')),
    ('grant = { lasts = "0h" }', (5, f'"lasts" {DURATION}')),
    ("grant = { uses = 0 }", (5, '"uses" must be a whole number from 1 to 1000000')),
    ("grant = { uses = -1 }", (5, '"uses" must be a whole number from 1 to 1000000')),
    ("grant = { uses = true }", (5, '"uses" must be a whole number from 1 to 1000000')),
    ("grant = { uses = 1e3 }", (5, '"uses" must be a whole number from 1 to 1000000')),
    ("grant = { uses = 1000001 }", (5, '"uses" must be a whole number from 1 to 1000000')),
    ("grant = { uses = 9223372036854775808 }", (5, '"uses" must be a whole number from 1 to 1000000')),
    ("grant = { users = 1 }", (5, 'unknown key "users": did you mean "uses"?')),
    ("[permit.grant]\nlasts = 1\nuses = 0", (6, f'"lasts" {DURATION}'), (7, '"uses" must be a whole number from 1 to 1000000')),
    # run
    ("run = []", (5, '"run" must be a table')),
    ('run = { timeout = "never" }', (5, f'"timeout" {DURATION}')),
    ("run = { timeout = 0 }", (5, f'"timeout" {DURATION}')),
    ('run = { cwd = "srv" }', (5, '"cwd" must be "caller" or an absolute directory')),
    ('run = { cwd = "/srv/../root" }', (5, '"cwd" must be "caller" or an absolute directory')),
    ('run = { cwd = "" }', (5, '"cwd" must be "caller" or an absolute directory')),
    ("run = { cwd = 1 }", (5, '"cwd" must be a string')),
    ('run = { env = "PGDATA" }', (5, '"env" must be a list of strings')),
    ('run = { env = ["PG DATA"] }', (5, '"env": "PG DATA" is not the name of a variable')),
    ('run = { env = ["PGDATA=x"] }', (5, '"env": "PGDATA=x" is not the name of a variable')),
    ('run = { env = ["*"] }', (5, '"env": "*" would also allow "AUTHSTATE": list this variable by its full name')),
    ('run = { env = ["LD_*"] }', (5, '"env": "LD_*" would also allow "LD_*": list this variable by its full name')),
    ('run = { env = ["PATH*"] }', (5, '"env": "PATH*" would also allow "PATH": list this variable by its full name')),
    ('run = { env = ["SUDO_USER"] }', (5, '"env": "SUDO_USER" is set by jitd itself')),
    ('run = { writable = true }', (5, '"writable" must be a string')),
    ('run = { writable = "yes" }', (5, '"writable" must be "allow" or "refuse", not "yes"')),
    ('run = { stdin = "pipe" }', (5, '"stdin" must be "any" or "tty" or "none", not "pipe"')),
    ('run = { leftovers = "stay" }', (5, '"leftovers" must be "end" or "keep", not "stay"')),
    ('run = { namespace = true }', (5, '"namespace" must be a string')),
    ('run = { check = ["/bin/t"] }', (5, '"check" is about edits, and "commands" has no entry "sudoedit"')),
    (
        'run = { check = ["/bin/t", "{path}"] }',
        (5, '"check": nothing is put in the place of {path}: the new file is {file}'),
        (5, '"check" is about edits, and "commands" has no entry "sudoedit"'),
    ),
    ('run = { new = "0644" }', (5, '"new" is about edits, and "commands" has no entry "sudoedit"')),
    *((f'run = {{ new = "{mode}" }}', (5, NO_MODE)) for mode in ("04755", "2644", "1777", "u=rw", "0649", "644 ", "")),
    ("run = { new = 0o644 }", (5, '"new" must be a string')),
    ('run = { check = ["t"] }', (5, '"check" must begin with the absolute path of a program')),
    ('run = { namespace = "no" }', (5, '"namespace" must be "auto" or "always" or "never", not "no"')),
    ('run = { chdir = "/" }', (5, 'unknown key "chdir"')),
    (
        'run.cwd = "x"\nrun.env = ["1"]',
        (5, '"cwd" must be "caller" or an absolute directory'),
        (6, '"env": "1" is not the name of a variable'),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("added", "expected"), [(row[0], row[1:]) for row in BROKEN_PERMITS])
def test_what_is_wrong_with_a_permit(directory: Path, added: str, expected: tuple[tuple[int, str], ...]) -> None:
    write(directory, "a.toml", HEAD + added + "\n")
    assert faults(directory) == [("a.toml", line, "p", sentence) for line, sentence in expected]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # name, who and commands
        ("[[permit]]", [(1, "", 'needs "name"'), (1, "", 'needs "who"'), (1, "", 'needs "commands", or "gives"')]),
        ('\n[[permit]]\nname = "p"', [(2, "p", 'needs "who"'), (2, "p", 'needs "commands", or "gives"')]),
        ('[[permit]]\nwho = ["group:a"]\ncommands = [["**"]]', [(1, "", 'needs "name"')]),
        # a misspelt key is one fault, at its own line, which is the line that people are told
        ('[[permit]]\nname = "p"\nwho = ["group:a"]\ncomands = [["**"]]', [(4, "p", MISSPELT)]),
        (
            '[[permit]]\nname = "p"\nwhoo = ["group:a"]\ncommands = [["**"]]',
            [(3, "p", 'unknown key "whoo": did you mean "who"?')],
        ),
        ('[[permit]]\nname = ""\nwho = ["group:a"]\ncommands = [["**"]]', [(2, "", NAME)]),
        ('[[permit]]\nname = 5\nwho = ["group:a"]\ncommands = [["**"]]', [(2, "", NAME)]),
        ('[[permit]]\nname = " p"\nwho = ["group:a"]\ncommands = [["**"]]', [(2, "", NAME)]),
        ('[[permit]]\nname = "a\\u202eb"\nwho = ["group:a"]\ncommands = [["**"]]', [(2, "", NAME)]),
        ('[[permit]]\nname = "a\\nb"\nwho = ["group:a"]\ncommands = [["**"]]', [(2, "", NAME)]),
        (f'[[permit]]\nname = "{"x" * 65}"\nwho = ["group:a"]\ncommands = [["**"]]', [(2, "", NAME)]),
        ('[[deny]]\nname = ["x"]', [(2, "a.toml:1", NAME)]),
        (
            '[[permit]]\nname = "root"\nwho = ["group:a"]\ncommands = [["**"]]',
            [(1, "root", 'the name "root" is the name of the built-in rule')],
        ),
        ('[[permit]]\nname = "p"\nwho = []\ncommands = [["**"]]', [(3, "p", '"who" is empty')]),
        ('[[permit]]\nname = "p"\nwho = "group:a"\ncommands = [["**"]]', [(3, "p", '"who" must be a list of strings')]),
        (
            '[[permit]]\nname = "p"\nwho = ["*"]\ncommands = [["**"]]',
            [(3, "p", '"who": "*" must be "group:NAME", "user:NAME" or "principal:NAME@REALM"')],
        ),
        (
            '[[permit]]\nname = "p"\nwho = [\n  "group:a",\n  "principal:alice",\n]\ncommands = [["**"]]',
            [
                (
                    5,
                    "p",
                    '"who": "principal:alice" must be a principal with its realm, such as "principal:alice@EXAMPLE.ORG"',
                )
            ],
        ),
        ('[[permit]]\nname = "p"\nwho = ["group:a"]\ncommands = []', [(4, "p", '"commands" is empty')]),
        ('[[permit]]\nname = "p"\nwho = ["group:a"]\ncommands = "**"', [(4, "p", COMMANDS)]),
        ('[[permit]]\nname = "p"\nwho = ["group:a"]\ncommands = ["**"]', [(4, "p", COMMANDS)]),
        ('[[permit]]\nname = "p"\nwho = ["group:a"]\ncommands = [["/a", 1]]', [(4, "p", COMMANDS)]),
        (
            '[[permit]]\nname = "p"\nwho = ["group:a"]\ncommands = [[]]',
            [(4, "p", '"commands": a command\'s pattern is empty')],
        ),
        (
            '[[permit]]\nname = "p"\nwho = ["group:a"]\ncommands = [\n  ["/usr/bin/id"],\n\n  ["id"],\n  ["**", "x"],\n]',
            [
                (7, "p", '"commands": "id" must be an absolute path'),
                (8, "p", '"commands": "**" may only be the last element'),
            ],
        ),
        # denies
        ("[[deny]]\nwho = []", [(2, "a.toml:1", '"who" is empty')]),
        ('[[deny]]\nname = "d"\ncommands = []', [(3, "d", '"commands" is empty')]),
        ('[[deny]]\nname = "d"\nhours = []', [(3, "d", '"hours" is empty')]),
        (
            '[[deny]]\nname = "d"\nhour = ["Mon 08:00-18:00 UTC"]',
            [(3, "d", 'unknown key "hour": did you mean "hours"?')],
        ),
        ('[[deny]]\nname = "d"\nwhen = "1"', [(3, "d", '"when": it must be true or false, and is of type int')]),
        ('[[deny]]\nname = "d"\nindicators = ["otp"]', [(3, "d", '"indicators" belongs to a permit')]),
        ('[[deny]]\nname = "d"\nticket_age = "1h"', [(3, "d", '"ticket_age" belongs to a permit')]),
        ('[[deny]]\nname = "d"\nbecause = ""', [(3, "d", '"because" is empty')]),
        ('[[deny]]\nname = "d"\nbecause = 1', [(3, "d", '"because" must be a string')]),
        ('[[deny]]\nname = "d"\nbecause = "a\\nb"', [(3, "d", '"because" must be one line of printable characters')]),
        (
            '[[deny]]\nname = "d"\nbecause = "' + "x" * 1001 + '"',
            [(3, "d", '"because" is longer than 1000 characters')],
        ),
        ('[[deny]]\nname = "d"\nreason = "required"', [(3, "d", '"reason" belongs to a permit')]),
        (
            '[[deny]]\nname = "d"\nrun = {}\ngrant = {}',
            [(3, "d", '"run" belongs to a permit'), (4, "d", '"grant" belongs to a permit')],
        ),
        ('[[deny]]\nname = "d"\nbreak_glass = true', [(3, "d", '"break_glass" belongs to a permit')]),
        # the file as a whole
        ("[permit]", [(1, "", '"permit" must be written as [[permit]]')]),
        ("permit = 1", [(1, "", '"permit" must be written as [[permit]]')]),
        ("\ndeny = [1]", [(2, "", '"deny" must be written as [[deny]]')]),
        ("[[permits]]", [(1, "", 'unknown key "permits": did you mean "permit"?')]),
        ('name = "x"\n[[allow]]', [(1, "", 'unknown key "name"'), (2, "", 'unknown key "allow"')]),
        ("[[permit]", [(1, "", "is not TOML: expected ']]' at the end of an array declaration")]),
        ('[[permit]]\nname = "p"\nname = "q"', [(3, "", "is not TOML: cannot overwrite a value")]),
        ('[[permit]]\nname = "p', [(2, "", "is not TOML: unterminated string")]),
        # two rules of one name
        (
            '[[deny]]\nname = "d"\n\n[[deny]]\nname = "d"\n\n[[deny]]\nname = "d"\n',
            [
                (4, "d", 'the name "d" stands in {}/a.toml:1 already'),
                (7, "d", 'the name "d" stands in {}/a.toml:1 already'),
            ],
        ),
        (
            '[[deny]]\n[[deny]]\nname = "a.toml:1"',
            [(2, "a.toml:1", 'the name "a.toml:1" stands in {}/a.toml:1 already')],
        ),
    ],
)
def test_what_is_wrong_with_a_file(directory: Path, text: str, expected: list[tuple[int, str, str]]) -> None:
    write(directory, "a.toml", text)
    assert faults(directory) == [("a.toml", line, rule, sentence.format(directory)) for line, rule, sentence in expected]


def test_there_are_enough_of_them() -> None:
    assert len(BROKEN_PERMITS) >= 100


def test_all_faults_of_all_files_are_told_at_once(directory: Path) -> None:
    write(directory, "a.toml", '[[deny]]\nname = "d"\nhours = []\nwho = []\n[[deny]]\nname = "e"\nhosts = [""]\n')
    write(directory, "b.toml", "nonsense")
    write(directory, "c.toml", b"# \xff")
    write(directory, "d.toml", '[[deny]]\nname = "d"\n')
    assert faults(directory) == [
        ("a.toml", 3, "d", '"hours" is empty'),
        ("a.toml", 4, "d", '"who" is empty'),
        ("a.toml", 7, "e", '"hosts": "" is not a host name'),
        ("b.toml", 1, "", "is not TOML: expected '=' after a key in a key/value pair"),
        ("c.toml", 1, "", "is not UTF-8"),
        ("d.toml", 1, "d", f'the name "d" stands in {directory}/a.toml:1 already'),
    ]


def _broken_ones() -> list[str]:
    """Breaks WHOLE wherever it can be broken by a change that leaves no doubt."""
    found = []
    lines = WHOLE.split("\n")
    for number, line in enumerate(lines):
        key, equals, _ = line.partition("=")
        if equals and not line.startswith((" ", "#")):
            end = number + 1
            while end < len(lines) and lines[end][:1] in (" ", "]"):
                end += 1
            for value in (
                "true",
                "-1",
                "1.5",
                '""',
                "[]",
                "[[]]",
                "[{}]",
                "{ x = 1 }",
                "1979-05-27",
                '["\\u0000"]',
                "[[1]]",
            ):
                found.append("\n".join([*lines[:number], f"{key}= {value}", *lines[end:]]))
            found.append("\n".join([*lines[:number], f"{key.strip()}x ={line.partition('=')[2]}", *lines[number + 1 :]]))
            found.append("\n".join([*lines[:number], line, line, *lines[number + 1 :]]))
    found += [WHOLE[:cut] for cut in range(1, len(WHOLE)) if WHOLE[cut - 1] in "[{,=" and "#" not in WHOLE[:cut].split("\n")[-1]]
    return found


def test_no_broken_policy_is_ever_returned(directory: Path) -> None:
    """THREATS O-04."""
    broken = _broken_ones()
    assert len(broken) >= 200
    whole = write(directory, "a.toml", WHOLE)
    read(directory)
    for text in broken:
        whole.write_text(text)
        try:
            read(directory)
        except ConfigError as error:
            assert error.faults
        else:
            pytest.fail(f"this was read:\n{text}")
