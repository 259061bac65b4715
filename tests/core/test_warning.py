# SPDX-License-Identifier: Apache-2.0
"""The warnings of ``jitd check``: their names, which rules hold on to, and the line in which one is told."""

from __future__ import annotations

import pytest

from jitd.core.warning import ACCEPTABLE, WARNINGS, Warned

NAMES = [
    "never-matches",
    "shadowed",
    "denies-everything",
    "any-command-first",
    "no-such-command",
    "check-refuses",
    "dot-dot",
    "literal-character",
    "last-star",
    "amounts-to-root",
    "can-destroy",
    "local-password",
    "no-kdc-named",
    "bare-door",
    "untouched",
    "one-provider",
    "all-groups",
    "cannot-give",
    "still-given",
    "no-approver",
    "unreachable",
    "no-such-name",
    "self-account",
    "two-persons",
    "no-effect",
    "not-looked-up",
    "needless-accept",
]
UNACCEPTABLE = ("cannot-give", "still-given", "unreachable", "two-persons", "no-effect", "not-looked-up", "needless-accept")


def test_the_names_of_warnings_stay_because_rules_accept_them_by_name() -> None:
    assert list(WARNINGS) == NAMES
    assert all(WARNINGS.values())


def test_a_rule_may_accept_all_of_them_but_what_is_not_about_the_rule() -> None:
    assert tuple(name for name in NAMES if name not in UNACCEPTABLE) == ACCEPTABLE


@pytest.mark.parametrize(
    ("file", "line", "rule", "told"),
    [
        ("a.toml", 7, "dba", "a.toml:7: rule dba: warning shadowed: always"),
        ("a.toml", 7, "", "a.toml:7: warning shadowed: always"),
        ("a.toml", 0, "dba", "a.toml: rule dba: warning shadowed: always"),
        ("a.toml", 0, "", "a.toml: warning shadowed: always"),
        ("", 0, "dba", "rule dba: warning shadowed: always"),
        ("", 0, "", "warning shadowed: always"),
    ],
)
def test_a_warning_is_told_with_the_place_and_the_rule_that_it_has(file: str, line: int, rule: str, told: str) -> None:
    assert str(Warned("shadowed", file, line, rule, "always")) == told
