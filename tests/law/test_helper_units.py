# SPDX-License-Identifier: Apache-2.0
"""The one unit of the helpers is the strictest sandbox, and what each has beyond it is said: in its drop-in, and on the page."""

from __future__ import annotations

import pytest

from contrib.installed import ACCOUNTS, HELPERS, WITH_SHELL
from jitd.beside import processes
from tests.helper_units import NEW, SEES, TEMPLATE, UNITS, files, hidden, instance, page, settings

OF_RESOURCES = {
    "CPUWeight", "KillMode", "LimitNOFILE", "LogsDirectoryMode", "MemoryMax", "OOMPolicy", "OOMScoreAdjust", "RestartSec",
    "TasksMax", "TimeoutStopSec",
}  # fmt: skip
"""What a drop-in may change that gives no right."""
OF_JITD = {"outside", "policy.d", "jitd.toml", "jitd.keytab", "jitd-kdc.keytab"}
"""What is in /etc/jitd."""
NEEDS = {"kdc": {"jitd-kdc.keytab"}, "givers": {"jitd.toml"}}
"""Helper → what it needs of that."""
BOTH = pytest.mark.parametrize("helper", HELPERS)


def said(instance: str, setting: str) -> str:
    """What ``setting`` of ``instance`` comes to, as the page has it."""
    if setting == SEES:
        return " ".join(sorted(hidden(settings("NAME")) - hidden(settings(instance)))) or "none"
    values = [value.removeprefix("-") for value in settings(instance).get(setting, [])]
    if setting == "CapabilityBoundingSet":
        values = [value.removeprefix("CAP_") for value in values]
    return " ".join(values if setting == "SystemCallFilter" else sorted(values)) or "none"


@pytest.mark.parametrize("helper", [NEW, *HELPERS])
def test_the_page_says_of_each_helper_what_its_unit_says(helper: str) -> None:
    """THREATS U-02."""
    rows = page()[helper]
    assert len(rows) > 15
    assert {setting: said(instance(helper), setting) for setting in rows} == rows


@BOTH
def test_what_a_helper_has_beyond_the_template_is_on_the_page(helper: str) -> None:
    mine, template = settings(helper), settings("NAME")
    changed = {name for name in {*mine, *template} if mine.get(name) != template.get(name)} - OF_RESOURCES
    assert changed - {"InaccessiblePaths"} <= set(page()[NEW]) | {"ExecStart", "SyslogIdentifier", "User"}


def test_the_helpers_are_those_of_the_program_with_a_network_and_groups_of_which_both_know() -> None:
    assert {*processes.HELPERS} == {*HELPERS}
    for name, helper in processes.HELPERS.items():
        found = settings(name)
        assert (found["PrivateNetwork"] == ["no"]) is helper.has_network, name
        assert (found["User"] == []) is helper.is_root, name
        assert tuple(found.get("SupplementaryGroups", [])) == helper.groups, name
    assert {*ACCOUNTS} - {WITH_SHELL} == {helper.account for helper in processes.HELPERS.values() if not helper.is_root}


def test_nothing_that_is_jitds_is_to_be_seen_by_a_new_helper() -> None:
    """THREATS E-04, U-02: a helper that is added has to be hidden from the others, too."""
    own = {f"/run/jitd-{helper}" for helper in HELPERS}
    assert hidden(settings("NAME")) == {"/run/jitd", "/etc/jitd", "/var/lib/jitd", "/var/lib/jitd-givers"} | own


@BOTH
def test_a_helper_that_sees_etc_jitd_does_not_see_what_it_does_not_need_there(helper: str) -> None:
    unseen = hidden(settings(helper))
    assert {"/run/jitd", "/var/lib/jitd"} <= unseen
    if "/etc/jitd" not in unseen:
        needs = NEEDS[helper]
        assert {f"/etc/jitd/{name}" for name in OF_JITD - needs} >= unseen & {f"/etc/jitd/{name}" for name in OF_JITD}
        assert {f"/etc/jitd/{name}" for name in OF_JITD if name.endswith("keytab") or name == "outside"} - unseen == {
            f"/etc/jitd/{name}" for name in needs if name.endswith("keytab")
        }


def test_root_may_send_as_much_from_a_helper_as_from_the_daemon() -> None:
    """THREATS S-22: the kernel compares what root has sent and nobody has received with the limit of the sender."""
    daemon = (UNITS / "jitd.service").read_text("utf-8").splitlines()
    for helper in (each for each in HELPERS if not settings(each)["User"]):
        assert [f"LimitNOFILE={most}" for most in settings(helper)["LimitNOFILE"]] == [
            line for line in daemon if line.startswith("LimitNOFILE=")
        ]


def test_only_outside_is_given_secrets() -> None:
    """THREATS E-04."""
    assert [helper for helper in HELPERS if settings(helper).get("LoadCredential")] == ["outside"]


@BOTH
def test_each_line_of_a_drop_in_stands_under_its_reason(helper: str) -> None:
    for file in files(helper)[1:]:
        text = file.read_text("utf-8").partition("[Service]\n")[2]
        assert text, f"{file} has no section of settings"
        has_reason = False
        for line in text.splitlines():
            has_reason = has_reason or line.startswith("#")
            assert has_reason, f"{file}: {line}"


def test_there_is_no_drop_in_of_a_helper_that_is_not_there() -> None:
    assert {path.name for path in UNITS.glob("*.d")} == {f"jitd-helper@{helper}.service.d" for helper in HELPERS}
    assert TEMPLATE.is_file()
