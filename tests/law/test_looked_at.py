# SPDX-License-Identifier: Apache-2.0
"""Whatever jitd depends on has a look, which says in ``jitd status`` that it is missing, and a test takes it away."""

from __future__ import annotations

import ast
from functools import cache

import pytest

from jitd.beside.processes import HELPERS
from jitd.failures import Failure
from tests.law.tree import MODULES, TREE

BESIDE = "tests/beside/test_beside.py::test_a_helper_that_does_not_answer_is_told_of_until_it_says_something"
DEPENDS = "tests/system/test_depends.py::"
STATUS = "tests/daemon/test_status_lines.py::test_what_a_line_says"
GONE: dict[str, tuple[str, str]] = {
    "store": ("disk", DEPENDS + "test_a_full_disk_is_told_until_there_is_room"),
    "kdc": ("kdc", "tests/kerberos/test_liveness.py::"
            "test_a_kdc_that_does_not_answer_is_told_of_until_it_answers_or_nobody_asks_any_more"),
    "key": ("keytab", "tests/system/test_status.py::test_a_lost_keytab_is_not_well_until_it_is_back"),
    "newer key": ("keytab", DEPENDS + "test_a_newer_key_at_the_kdc_is_told_until_the_keytab_has_it"),
    "keys of approvers": (
        "signers",
        DEPENDS + "test_a_fault_in_the_file_of_approvers_keys_is_told_until_it_is_mended_and_who_stands_there_is_not",
    ),
    "gatekeeper": ("helpers", BESIDE),
    "provider": ("helpers", BESIDE),
    **{f"helper {name}": ("helpers", BESIDE) for name in HELPERS},
    "giver": ("things", STATUS),
    "channel": ("notices", STATUS),
    "sink": ("sink", STATUS),
    "journal": ("journal", STATUS),
    "signing": ("record", STATUS),
    "lane": ("threads", STATUS),
    "agents of the door": (
        "door", "tests/daemon/test_roll.py::test_an_agent_that_has_gone_is_told_of_until_another_one_is_there"
    ),
    "policy": ("policy", "tests/system/test_status.py::test_a_policy_that_was_refused_and_one_that_never_was_there_are_not_well"),
}  # fmt: skip
"""What jitd depends on: what its line of ``jitd status`` is about, and the test that takes it away."""
NOBODY_S = {
    Failure.MONITOR: "jitd-launcher.service, which jitd.service requires: jitd doctor looks at the unit",
    Failure.CLIENT: "a fault of who asks",
    Failure.JITD: "a defect",
}


@cache
def abouts() -> set[str]:
    """What lines of ``jitd status`` are about: the first words of ``Line`` and ``Look`` that are literals."""
    calls = (node for module in MODULES for node in module.nodes if isinstance(node, ast.Call))
    return {
        str(call.args[0].value)
        for call in calls
        if ast.unparse(call.func) in ("Line", "StatusLine", "Look") and call.args and isinstance(call.args[0], ast.Constant)
    }


def test_each_kind_of_failure_is_of_something_that_has_a_look() -> None:
    assert {str(failure) for failure in Failure} - {str(failure) for failure in NOBODY_S} <= GONE.keys()


@pytest.mark.parametrize("what", GONE)
def test_what_jitd_depends_on_has_a_look_and_a_test_takes_it_away(what: str) -> None:
    about, test = GONE[what]
    assert about in abouts()
    file, _, name = test.partition("::")
    assert f"def {name}(" in (TREE / file).read_text("utf-8")
