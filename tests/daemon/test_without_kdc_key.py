# SPDX-License-Identifier: Apache-2.0
"""The key ``without_kdc`` of a permit, as the policy reader reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.settings.policyfile import read

RULE = '[[permit]]\nname = "p"\nwho = ["group:dba"]\ncommands = [["/usr/bin/id"]]\n'


@pytest.mark.parametrize(("line", "word"), [("", "deny"), ('without_kdc = "deny"', "deny"), ('without_kdc = "local"', "local")])
def test_the_default_is_deny(tmp_path: Path, line: str, word: str) -> None:
    file = tmp_path / "p.toml"
    file.write_text(RULE + line + "\n")
    rules, faults = read([file])
    assert not faults and rules[0].without_kdc == rules[0].obligations.without_kdc == word


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        ('without_kdc = "remote"', '"without_kdc" must be'),
        ("without_kdc = true", '"without_kdc" must be'),
        ('without_kdc = "local"\nservices = ["sudo"]', "only jitsudo accepts a local password"),
        ('without_kdc = "local"\nticket_age = "8h"', '"ticket_age" does not go with'),
        ('without_kdc = "local"\nindicators = ["otp"]', '"indicators" does not go with'),
        ('without_kdc = "local"\ngives = ["service-ticket:postgres/db1"]', "only to a person with a ticket"),
    ],
)
def test_what_a_local_password_could_never_meet_is_a_fault(tmp_path: Path, lines: str, sentence: str) -> None:
    file = tmp_path / "p.toml"
    file.write_text(RULE + lines + "\n")
    assert any(sentence in str(fault) for fault in read([file])[1])
