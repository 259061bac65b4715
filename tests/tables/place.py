# SPDX-License-Identifier: Apache-2.0
"""A directory with settings, rules and tables, and the verb that tries them."""

from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner, Result

from jitd_policy.verbs import policy

RULES = """\
[[permit]]
name = "restart"
who = ["group:web"]
commands = [["/usr/bin/systemctl", "restart", "nginx"]]
hours = ["Mon-Fri 08:00-18:00 UTC"]
approvals = [{ need = 1, from = ["group:ops"] }]

[[deny]]
name = "never"
who = ["group:guests"]
"""
PEOPLE = """\
[people.alice]
groups = ["web"]
[people.eve]
groups = []
"""
RESTART = 'command = ["/usr/bin/systemctl", "restart", "nginx"]\n'
MONDAY = "at = 2026-01-05T09:00:00Z\n"
PERMITTED = f'[[case]]\nname = "web restarts"\nwho = "alice"\n{MONDAY}{RESTART}outcome = "permit"\n'


def place(at: Path, tables: str | dict[str, str], rules: str = RULES, settings: str = "") -> Path:
    """Write a copy of /etc/jitd in ``at``."""
    for directory in ("policy.d", "policy.test"):
        (at / directory).mkdir(exist_ok=True)
    (at / "policy.d/50-web.toml").write_text(rules, "utf-8")
    if settings:
        (at / "jitd.toml").write_text(settings, "utf-8")
    for name, text in ({"web": tables} if isinstance(tables, str) else tables).items():
        (at / f"policy.test/{name}.toml").write_text(text, "utf-8")
    return at


def run(at: Path, *options: str) -> Result:
    return CliRunner().invoke(policy, ["test", *options, str(at)], standalone_mode=False)


def lines(at: Path, *options: str) -> list[str]:
    """What the verb prints, without the directory, and at the end the sentence with which it gives up."""
    done = run(at, *options)
    told = [*done.output.splitlines(), *([str(done.exception)] if done.exception else [])]
    return [line.replace(f"{at}/", "") for line in told]
