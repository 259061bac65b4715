# SPDX-License-Identifier: Apache-2.0
"""Tables with faults: each has file, line and sentence, and nothing is tried."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.tables.place import MONDAY, PEOPLE, PERMITTED, RESTART, lines, place


def case(*more: str, who: str = "alice", asks: str = RESTART, outcome: str = "permit") -> str:
    return f'{PEOPLE}[[case]]\nwho = "{who}"\n{asks}outcome = "{outcome}"\n' + "".join(f"{line}\n" for line in more)


@pytest.mark.parametrize(
    ("table", "fault"),
    [
        (case("outcom = 1"), 'web.toml:9: unknown key "outcom": did you mean "outcome"?'),
        (case(outcome="yes"), 'web.toml:8: "outcome" must be "permit" or "deny" or "error", not "yes"'),
        (case(who="bob"), 'web.toml:6: "who" must be "alice" or "eve" or "root", not "bob"'),
        (case(asks=""), 'web.toml:5: needs one of "command", "edit", "new_file" and "gives"'),
        (case('edit = "/etc/motd"'), 'web.toml:5: "command" does not go with "edit"'),
        (case(asks='command = ["id"]\n'), 'web.toml:7: "command" must begin with an absolute path'),
        (case(asks='edit = "motd"\n'), 'web.toml:7: "edit": "motd" is not an absolute path'),
        (case(asks='new_file = "motd"\n'), 'web.toml:7: "new_file": "motd" is not an absolute path'),
        (case("at = 2026-01-05T09:00:00"), 'web.toml:9: "at" must be a time with its offset, such as 2026-01-05T09:00:00+01:00'),
        (case('run_as = "*"'), 'web.toml:9: "run_as": "*": a case is about one account, such as root or postgres:adm'),
        (case("facts = { rsik = 1 }"), 'web.toml:9: unknown key "rsik"'),
        (case('facts = { load = "1" }'), "web.toml:9: load is not a finite number"),
        (case('facts = { now = "1" }'), 'web.toml:9: the time is "at" of the case'),
        (case('grade = "gives"', outcome="deny"), 'web.toml:9: "grade" goes with outcome = "permit"'),
        (case("approvals = [{ need = 1 }]"), 'web.toml:9: needs "from"'),
        (case("approvals = [{ any_of = [], need = 1 }]"), 'web.toml:9: unknown key "need"'),
        (PEOPLE, 'web.toml: has no case: write [[case]], with "who", "command" and "outcome"'),
        (f"[people.root]\n{PERMITTED}", "web.toml:1: root is known without this table"),
        (f'[people.alice]\ngroup = ["web"]\n{PERMITTED}', 'web.toml:2: unknown key "group": did you mean "groups"?'),
        (f"hosts = 1\n{PEOPLE}{PERMITTED}", 'web.toml:1: unknown key "hosts": did you mean "host"?'),
        (f'at = "soon"\n{PEOPLE}{PERMITTED}', 'web.toml:1: "at" must be a time with its offset'),
        ("[[case]", "web.toml:1: is not TOML"),
    ],
)
def test_a_fault_of_a_table_has_its_place_and_a_sentence_and_nothing_is_tried(tmp_path: Path, table: str, fault: str) -> None:
    found = lines(place(tmp_path, table))
    assert found[0].removeprefix("policy.test/").startswith(fault), found
    assert found[-1].startswith("nothing was tried: ")


def test_a_table_of_ten_thousand_lines_with_one_fault_is_told_of_that_line(tmp_path: Path) -> None:
    table = PEOPLE + MONDAY.replace("at", "[[case]]\n#") + PERMITTED.removeprefix("[[case]]\n")
    table += PERMITTED * 1666 + PERMITTED.replace('"permit"', '"permti"')
    assert table.count("\n") > 10_000
    found = lines(place(tmp_path, table))
    assert found == [
        f'policy.test/web.toml:{table.count(chr(10))}: "outcome" must be "permit" or "deny" or "error", not "permti"',
        "nothing was tried: 1 fault",
    ]


def test_the_faults_of_rules_settings_and_tables_are_told_together(tmp_path: Path) -> None:
    at = place(tmp_path, {"a": "colour = 1", "b": "x ="}, rules="[[permit]]\nname = 1\n")
    assert [line.partition(":")[0] for line in lines(at)[:-1]] == [
        *["policy.d/50-web.toml"] * 3, "policy.test/a.toml", "policy.test/a.toml", "policy.test/b.toml",
    ]  # fmt: skip
    (at / "policy.test/b.toml").write_text(PEOPLE + PERMITTED, "utf-8")
    found = lines(place(at, {"a": PERMITTED}, settings="colour = 1\n"))[:-1]
    assert {line.partition(":")[0] for line in found} == {"jitd.toml", "policy.test/a.toml"}, "what it makes known is not missed"


def test_what_is_no_file_and_a_directory_that_is_missing_are_told(tmp_path: Path) -> None:
    at = place(tmp_path, PEOPLE + PERMITTED)
    (at / "policy.test/x.toml").symlink_to("x.toml")
    (at / "policy.test/y.toml").mkdir()
    told = "is not a regular file"
    assert lines(at)[:-1] == [f"policy.test/x.toml: {told}", f"policy.test/y.toml: {told}"]
    (at / "policy.test").rename(at / "tables")
    assert lines(at) == ["nothing was tried: there is no table in policy.test"]
    (at / "policy.test").write_text("")
    assert lines(at) == ["policy.test: cannot be read: Not a directory", "nothing was tried: 1 fault"]
