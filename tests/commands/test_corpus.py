# SPDX-License-Identifier: Apache-2.0
"""The corpus of graded command lines: its form, and what jitd says about each line."""

from __future__ import annotations

import pytest

from jitd.core.conditions import read_command_pattern
from jitd.core.grade import Damage, Finding, Grade, damage, worst
from jitd_commands.grading import findings_of, findings_of_pattern
from jitd_commands.programs import MODULES
from tests.commands.graded import FILE, LOSSES, REQUESTER, Line, Looker, command_of, corpus

WORLD, LINES = corpus()


def line(text: str) -> Looker:
    """Return a Looker for the line with ``text``."""
    return Looker(next(line for line in LINES if line.text == text))


def test_it_is_large_and_holds_ordinary_and_dangerous_lines_of_each_grade() -> None:
    ordinary = [line for line in LINES if line.is_ordinary]
    assert len(LINES) >= 400
    assert len(ordinary) >= 200
    assert {line.grade for line in LINES} == {line.grade for line in ordinary} == set(Grade)


def test_no_line_stands_there_twice() -> None:
    assert len({line.text for line in LINES}) == len(LINES)


def test_its_head_explains_each_grade() -> None:
    head = FILE.read_text(encoding="utf-8").partition("\n##")[0]
    assert all(f"#   {grade.word} " in head for grade in Grade)


def test_the_head_of_the_second_file_explains_each_damage() -> None:
    head = LOSSES.read_text(encoding="utf-8").partition("\n##")[0]
    assert all(f"#   {one.word} " in head for one in Damage)


@pytest.mark.parametrize(
    ("text", "path", "real", "changed_by"),
    [
        ("tee /home/alice/link", "/home/alice/link", "/etc/sudoers", "alice, who asks"),
        ("/usr/local/bin/report --dir /srv/www", "/srv/www", "/home/alice/www", "alice, who asks"),
        ("vi -R /var/log/syslog", "/usr/bin/vi", "/usr/bin/vim.basic", ""),
        ("tee /home/alice/../../etc/sudoers", "/home/alice/../../etc/sudoers", "/etc/sudoers", ""),
        (
            "cp /home/alice/x.service /home/alice/units/new.service",
            "/home/alice/units/nginx.service",
            "/etc/systemd/system/nginx.service",
            "alice, who asks",
        ),
        ("tee /home/bob/notes.txt", "/etc/motd", "/etc/motd", ""),
    ],
)
def test_the_world_has_links(text: str, path: str, real: str, changed_by: str) -> None:
    seen = line(text)(path)
    assert seen is not None
    assert (seen.real, seen.changed_by) == (real, changed_by)


def test_the_world_hides_what_alice_cannot_see() -> None:
    look = line("cat /home/bob/notes.txt")
    assert look("/home/bob/notes.txt") is None
    assert look("/root/.ssh/authorized_keys") is None
    assert look("/etc/shadow") is not None


def test_what_no_line_names_is_absent_from_alices_home_only() -> None:
    look = line("/usr/local/sbin/deploy prod")
    absent, there = look("/home/alice/prod"), look("/home/alice/src")
    assert absent is not None and absent.is_absent
    assert there is not None and there.is_directory and not there.is_absent
    elsewhere = look("/srv/app/new.txt"), look("/srv/app/old.txt")
    assert [seen is not None and seen.is_absent for seen in elsewhere] == [True, False]


def told(line: Line, findings: tuple[Finding, ...]) -> str:
    """Return ``line`` with its grade and the one that jitd says."""
    says = "; ".join(finding.what for finding in findings)
    return f"{line.grade.word} is {worst(findings).word}: {line.text} ({says})"


def is_told(line: Line, findings: tuple[Finding, ...]) -> bool:
    """True if jitd says of ``line`` what the readers said, on both axes."""
    return worst(findings) == line.grade and line.damage in (None, damage(findings))


def test_what_is_missed_is_missed_still(graded: dict[Line, tuple[Finding, ...]]) -> None:
    """Lines of the sections "missed" are left out below. One that jitd tells now stands in another section from then on."""
    told_now = [line.text for line, found in graded.items() if line.is_missed and is_told(line, found)]
    assert not told_now, "\n".join(("move to another section:", *told_now))


def known(graded: dict[Line, tuple[Finding, ...]]) -> list[tuple[Line, tuple[Finding, ...]]]:
    """Return the lines that stand in no section "missed"."""
    return [(line, found) for line, found in graded.items() if not line.is_missed]


def test_nothing_that_gives_all_is_graded_lower(graded: dict[Line, tuple[Finding, ...]]) -> None:
    low = [told(line, found) for line, found in known(graded) if line.grade is Grade.GIVES and worst(found) is not Grade.GIVES]
    assert not low, "\n".join(("graded too low:", *low))


def test_nothing_is_graded_too_low(graded: dict[Line, tuple[Finding, ...]]) -> None:
    """THREATS L-33."""
    low = [told(line, found) for line, found in known(graded) if worst(found) < line.grade]
    assert not low, "\n".join(("graded too low:", *low))


def test_of_ordinary_lines_at_most_one_in_twenty_is_graded_too_high(graded: dict[Line, tuple[Finding, ...]]) -> None:
    ordinary = [line for line, _ in known(graded) if line.is_ordinary]
    high = [told(line, graded[line]) for line in ordinary if worst(graded[line]) > line.grade]
    print("\n".join(("graded too high:", *high)))
    assert len(high) * 20 <= len(ordinary), f"{len(high)} of {len(ordinary)}"


def lost(line: Line, findings: tuple[Finding, ...]) -> str:
    """Return ``line`` with its damage and the one that jitd says."""
    says = "; ".join(finding.what for finding in findings)
    return f"{line.damage.word if line.damage else 'none'} is {damage(findings).word}: {line.text} ({says})"


def test_nothing_that_destroys_or_stops_is_told_as_less(graded: dict[Line, tuple[Finding, ...]]) -> None:
    """THREATS L-33."""
    mild = [lost(line, found) for line, found in known(graded) if line.damage and damage(found) < line.damage]
    assert not mild, "\n".join(("told as less:", *mild))


def test_what_gives_and_destroys_nothing_warns_of_no_loss(graded: dict[Line, tuple[Finding, ...]]) -> None:
    """THREATS L-33."""
    quiet = [
        line for line, _ in known(graded) if line.damage is Damage.NONE or (line.damage is None and line.grade < Grade.CHANGES)
    ]
    loud = [lost(line, graded[line]) for line in quiet if damage(graded[line])]
    print("\n".join(("told as a loss:", *loud)))
    assert len(loud) * 50 <= len(quiet), f"{len(loud)} of {len(quiet)}"


def test_a_reason_is_a_short_sentence_and_said_once(graded: dict[Line, tuple[Finding, ...]]) -> None:
    for line, findings in graded.items():
        whats = [finding.what for finding in findings]
        assert len(set(whats)) == len(whats) <= 12, line.text
        assert all(what and not what.endswith(".") for what in whats), line.text
        assert [finding.order for finding in findings] == sorted(finding.order for finding in findings), line.text


def test_few_files_are_looked_at() -> None:
    for line in LINES:
        look = Looker(line)
        findings_of(command_of(line), look, requester=REQUESTER)
        assert len(look.asked) <= 64, line.text


def test_each_program_stands_once_in_the_table() -> None:
    names = [name for module in MODULES for row in module.ROWS for name in row.names.split()]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(
    ("pattern", "least"),
    [
        ("/usr/sbin/hdparm *", Grade.CHANGES),
        ("/usr/sbin/smartctl *", Grade.CHANGES),
        ("/usr/bin/fuser *", Grade.CHANGES),
        ("/usr/bin/dmesg *", Grade.CHANGES),
        ("/usr/bin/cpio *", Grade.GIVES),
        ("/usr/bin/ssh-keygen *", Grade.GIVES),
        ("/usr/bin/apt-cache *", Grade.GIVES),
        ("/usr/bin/psql -c * app", Grade.GIVES),
        ("/usr/bin/kubectl get *", Grade.GIVES),
        ("/usr/bin/git -C /srv/app *", Grade.GIVES),
        ("/usr/bin/git -C /srv/app pull", Grade.LEADS),
        ("/usr/bin/setsid **", Grade.GIVES),
        ("/usr/sbin/cephadm *", Grade.GIVES),
        ("/usr/sbin/ipa-replica-manage *", Grade.GIVES),
    ],
)
def test_a_word_that_the_requester_chooses_may_be_an_option_or_a_verb(pattern: str, least: Grade) -> None:
    assert worst(findings_of_pattern(read_command_pattern(tuple(pattern.split())))) >= least
