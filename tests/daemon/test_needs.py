# SPDX-License-Identifier: Apache-2.0
"""Which helper each part of jitd.toml needs, and what is told if nobody listens for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.beside.processes import GIVERS, OUTSIDE, PROGRAMS, PROGRAMS_NET, Helper
from jitd.settings import config
from jitd.settings.needs import needed, unreachable

PROGRAM = 'kind = "program"\nprogram = ["/bin/true"]\n'
NET = PROGRAM + "network = true\n"
HTTP = 'url = "http://127.0.0.1:1/"\n'


def read(text: str, path: Path) -> config.Config:
    file = path / "jitd.toml"
    file.write_text('realms = ["EXAMPLE.TEST"]\nhost = "db1.example.test"\n' + text)
    return config.load(file, owner=file.stat().st_uid)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}),
        ('notify.default = ["terminals"]\n', {}),
        ('[sinks.central]\nkind = "file"\nfile = "record"\n', {OUTSIDE: "sink central"}),
        (f"[notify.chat]\n{PROGRAM}", {PROGRAMS: "channel chat"}),
        (f"[notify.chat]\n{NET}", {PROGRAMS_NET: "channel chat"}),
        ('[notify.mail]\nkind = "mail"\nfrom = "jitd@example.test"\nto = ["ops@example.test"]\n', {OUTSIDE: "channel mail"}),
        (f"[gatekeepers.change]\n{PROGRAM}", {PROGRAMS: "gatekeeper change"}),
        (f'[providers.oncall]\n{NET}facts = {{ ops = "list" }}\n', {PROGRAMS_NET: "provider oncall"}),
        (
            f'[sinks.central]\nkind = "file"\nfile = "record"\n[notify.chat]\n{PROGRAM}',
            {OUTSIDE: "sink central", PROGRAMS: "channel chat"},
        ),
        ('outside = "/run/own/outside.sock"\n[sinks.central]\nkind = "file"\nfile = "record"\n', {}),
    ],
)
def test_a_part_of_the_settings_needs_its_helper(text: str, found: dict[Helper, str], tmp_path: Path) -> None:
    assert needed(read(text, tmp_path)) == found


def test_only_a_helper_that_is_needed_and_does_not_listen_is_told_with_its_command(tmp_path: Path) -> None:
    settings = read('[sinks.central]\nkind = "file"\nfile = "record"\n', tmp_path)
    assert unreachable(settings, lambda helper: helper is OUTSIDE) == []
    assert unreachable(settings, lambda helper: helper is GIVERS) == [
        "sink central needs jitd-outside, which does not listen: systemctl enable --now jitd-helper@outside.socket"
    ]
