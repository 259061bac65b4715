# SPDX-License-Identifier: Apache-2.0
"""What ``jitd check`` warns about in the things that rules give: a table of settings."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from jitd import extensions
from jitd.core.decision import Approval
from jitd.core.policy import Rule
from jitd.settings.config import Config
from jitd_inspection.checking.things import about_things
from jitd_inspection.checking.warnings import warnings
from jitd_things.givers.account import Account
from jitd_things.givers.postgres_role import PostgresRole
from jitd_things.givers.program import ProgramGiver
from jitd_things.givers.settings import GiverSettings
from jitd_things.givers.ssh_certificate import SshCertificate
from jitd_things.givers.sudoers import Sudoers
from jitd_things.givers.sudoers_lines import ways_of_line
from jitd_things.settings import ThingSection
from tests.core.house import deny, permit

ANY = "any command, a shell too"
LESS = "less can start a shell"


def gives(*things: str, **conditions: Any) -> Rule:
    return permit("p", commands=None, run_as=None, services=None, gives=things, **conditions)


def told(giver: GiverSettings, kind: str, **conditions: Any) -> list[str]:
    return [f"{one.name}: {one.sentence}" for one in about_things([gives(f"{kind}:x", **conditions)], {"x": giver})]


@pytest.mark.parametrize(
    ("giver", "kind", "way"),
    [
        (Account("x"), "account", ""),
        (PostgresRole("x", member_of=("reporting_ro",)), "postgres-role", ""),
        (PostgresRole("x", member_of=("ro", "postgres")), "postgres-role", "a member of the role postgres is the superuser"),
        (
            PostgresRole("x", member_of=("pg_execute_server_program",)),
            "postgres-role",
            "a member of the role pg_execute_server_program runs any program as the server's own account",
        ),
        (SshCertificate("x", principals=("ops",)), "ssh-certificate", ""),
        (SshCertificate("x", principals=("ops", "root")), "ssh-certificate", "a login as root"),
        (SshCertificate("x", principals=("root",), force_command="/usr/bin/uptime"), "ssh-certificate", ""),
        (Sudoers("x", lines=("ALL=(root) /usr/bin/id",)), "sudoers", ""),
        (Sudoers("x", lines=("ALL=(root) /usr/bin/id", "ALL=(ALL) ALL")), "sudoers", f"as root, ALL: {ANY}"),
        (ProgramGiver("x"), "program", ""),
    ],
)
def test_a_thing_that_amounts_to_root_is_warned_about(giver: GiverSettings, kind: str, way: str) -> None:
    found = told(giver, kind)
    assert len(found) == bool(way)
    assert all(one.startswith(f"amounts-to-root: gives root: without any approval, {kind}:x: {way}") for one in found)


@pytest.mark.parametrize(
    ("line", "ways"),
    [
        ("ALL=(root) /usr/bin/id", []),
        ("ALL=(ALL) ALL", [f"as root, ALL: {ANY}"]),
        ("ALL=(ALL:ALL) NOPASSWD: ALL", [f"as root, ALL: {ANY}"]),
        ("ALL=NOPASSWD:ALL", [f"as root, ALL: {ANY}"]),
        ("ALL = ( root ) NOPASSWD : SETENV : /usr/bin/less", [f"as root, /usr/bin/less: {LESS}", "SETENV"]),
        ("ALL=(root) SETENV: /usr/bin/id, NOSETENV: /usr/bin/who", ["as root, /usr/bin/id: SETENV allows LD_PRELOAD"]),
        ("ALL=(#0) /usr/bin/less /var/log/syslog", [f"as root, /usr/bin/less /var/log/syslog: {LESS}"]),
        ("ALL=(www-data) ALL", []),
        ("ALL=(www-data, root) ALL", [f"as root, ALL: {ANY}"]),
        ("ALL=(OPERATORS) ALL", [f"as root, ALL: {ANY}"]),
        ("ALL=(:adm) ALL", []),
        ("ALL=() ALL", [f"as root, ALL: {ANY}"]),
        ("ALL=(www-data) /usr/bin/id, (root) /usr/bin/less, /usr/bin/vi", ["as root, /usr/bin/less", "as root, /usr/bin/vi"]),
        ("h1=(www-data) ALL : h2=/usr/bin/less", [f"as root, /usr/bin/less: {LESS}"]),
        ("ALL=(root) ALL, !/usr/bin/su", [f"as root, ALL: {ANY}"]),
        ("ALL=(root) !/usr/bin/less", []),
        ("ALL=(root) SHELLS", ["as root, SHELLS: jitd does not look up aliases of sudoers"]),
        ("ALL=(root) ^/usr/bin/(a|b)$", ["as root, ^/usr/bin/(a|b)$: jitd does not check regular expressions"]),
        ("ALL=(root) /usr/bin/", ["as root, /usr/bin/: it is every command in /usr/bin/"]),
        ("ALL=(root) sudoedit /etc/motd", []),
        ("ALL=(root) sudoedit", ["as root, sudoedit: sudoedit can change any file"]),
        ("ALL=(root) sudoedit /etc/*", ["as root, sudoedit /etc/*: sudoedit can change any file"]),
        ("ALL=(root) /usr/bin/cat /var/log/syslog", []),
        ("ALL=(root) /usr/bin/cat /var/log/*", ["as root, /usr/bin/cat /var/log/*: cat can read any file"]),
        ("ALL=(root) /usr/bin/cat", ["as root, /usr/bin/cat: cat can read any file"]),
        ('ALL=(root) /usr/bin/cat ""', []),
        ("ALL=(root) CWD=/tmp NOPASSWD: /usr/bin/less", [f"as root, /usr/bin/less: {LESS}"]),
        ("ALL=(root) sha256:aGk= /usr/bin/less", [f"as root, /usr/bin/less: {LESS}"]),
        ("ALL=(root) /usr/bin/env FOO\\=a\\,b sh", ["as root, /usr/bin/env FOO\\=a\\,b sh: "]),
        ("ALL=(root) /usr/bin/*", [f"as root, /usr/bin/*: {ANY}"]),
    ],
)
def test_a_line_of_sudoers_is_read_as_sudo_reads_it(line: str, ways: list[str]) -> None:
    found = list(ways_of_line(line, extensions.grader()))
    assert len(found) == len(ways)
    assert all(way in one for one, way in zip(found, ways, strict=True))


def test_the_warning_says_which_approvals_stand_before_it() -> None:
    (one,) = told(PostgresRole("x", member_of=("postgres",)), "postgres-role", approvals=(Approval(1, ("group:ops",)),))
    assert one.startswith(
        "amounts-to-root: gives root: with one approval from ops, postgres-role:x: a member of the role postgres "
    )


def test_a_deny_and_a_thing_that_is_not_set_up_are_not_warned_about() -> None:
    superuser = {"x": PostgresRole("x", member_of=("postgres",))}
    assert list(about_things([deny("d", gives=("postgres-role:x",)), gives("postgres-role:y")], superuser)) == []


def test_many_ways_are_counted() -> None:
    (one,) = told(
        Sudoers("x", lines=tuple(f"ALL=(root) /usr/bin/{name}" for name in ("vi", "less", "more", "man", "ed"))), "sudoers"
    )
    assert one.count("as root, ") == 3
    assert one.endswith("; and 2 more")


@pytest.mark.parametrize(
    ("role", "accepts", "names"),
    [
        ("postgres", (), ["amounts-to-root"]),
        ("postgres", (("amounts-to-root", "on-call needs it"),), []),
        ("reporting", (("amounts-to-root", "it is postgres on other hosts"),), []),
    ],
)
def test_a_rule_accepts_what_its_thing_amounts_to(role: str, accepts: tuple[tuple[str, str], ...], names: list[str]) -> None:
    """An acceptance is not called needless: on another host the thing of this name may be set up otherwise."""
    config = Config(
        frozenset({"R"}), "h.example.org", min_uid=1000, sections=(ThingSection({"x": PostgresRole("x", member_of=(role,))}),)
    )
    rule = gives("postgres-role:x", accepts=accepts, who=None)
    assert [one.name for one in warnings([rule], config, {})] == names


def test_the_example_of_the_manual_gives_no_more_than_it_says() -> None:
    """systemd forbids its pager to start programs, because the session is the holder's and not root's. man(1) forbids nothing."""
    (line,) = ["ALL=(root) /usr/bin/journalctl -b"]
    assert line in (Path(__file__).parents[2] / "docs/man/jitd.toml.5").read_text("utf-8").replace("\\(dq", '"')
    assert list(ways_of_line(line, extensions.grader())) == []
    (way,) = ways_of_line(line.replace("journalctl -b", "man"), extensions.grader())
    assert way.startswith("as root, /usr/bin/man: man ") and "pager" in way
