# SPDX-License-Identifier: Apache-2.0
"""The corpus of graded command lines: its form, and what jitd says about each line."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core.conditions import read_command_pattern
from jitd.core.grade import Damage, Finding, Grade, damage, worst
from jitd_commands.grading import findings_of, findings_of_pattern
from jitd_commands.programs import MODULES, TABLE
from tests.commands.graded import FILE, LOSSES, REQUESTER, Line, Looker, command_of, corpus
from tests.marks import by_day, full
from tests.table import each_row

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


@pytest.fixture(scope="module")
def graded() -> dict[Line, tuple[Finding, ...]]:
    return {line: findings_of(command_of(line), Looker(line), requester=REQUESTER) for line in LINES}


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


UNDECLARED = (("--zz-undeclared",), ("--zz-undeclared", "x"), ("--zz-undeclared=x",), ("-%",), ("-%", "x"))
WITH_A_WORD = by_day(
    tuple(map(" ".join, UNDECLARED)),
    ["--zz-undeclared x", "--zz-undeclared=x", "-% x"],
    full("every day, it stands there in each way that a value can; without one it hides less"),
)
OF_CLOUDS = {"aws", "az", "gcloud", "openstack"}
"""Programs whose verbs have thousands of options, all of which count as known (ADR 0203)."""


def places(words: tuple[str, ...]) -> list[int]:
    """Return where an option can stand: before ``--``, and not where it would be the value of the option before it."""
    end = words.index("--") if "--" in words else len(words)
    bundled = words[0] == "tar" and len(words) > 1 and not words[1].startswith("-")  # "tar cf" wants a file next
    return [at for at in range(1, end + 1) if at == 1 or not (words[at - 1].startswith("-") or (bundled and at == 2))]


@pytest.mark.parametrize("option", WITH_A_WORD)
def test_an_option_that_nobody_declared_hides_nothing_without_a_line(
    option: str, graded: dict[Line, tuple[Finding, ...]]
) -> None:
    """THREATS L-33."""
    silent, words = [], option.split()
    for line, found in graded.items():
        for at in places(line.words) if line.words[0] not in OF_CLOUDS else ():
            said = findings_of(
                command_of(with_ := replace(line, words=(*line.words[:at], *words, *line.words[at:]))),
                Looker(with_),
                requester=REQUESTER,
            )
            is_less = worst(said) < worst(found) or damage(said) < damage(found)
            if is_less and not any("jitd does not know" in one.what for one in {*said} - {*found}):
                silent.append(f"{' '.join(with_.words)}: {'; '.join(one.what for one in said)}")
    assert not silent, "\n".join(("told as less:", *silent))


@pytest.mark.parametrize("words", UNDECLARED, ids=" ".join)
def test_an_option_that_nobody_declared_leaves_no_loss_to_one_key(
    words: tuple[str, ...], graded: dict[Line, tuple[Finding, ...]]
) -> None:
    """THREATS L-33. The option stands directly behind the program's name, where a verb would be."""
    quiet = []
    for line, found in graded.items():
        with_ = replace(line, words=(line.words[0], *words, *line.words[1:]))
        said = findings_of(command_of(with_), Looker(with_), requester=REQUESTER) if damage(found) else found
        takes_a_word = damage(said) or (worst(said) is Grade.GIVES and line.run_as.uid == 0)
        if damage(found) and not takes_a_word and line.words[0] not in {"busybox", "megacli"}:
            quiet.append(f"{' '.join(with_.words)}: {'; '.join(one.what for one in said)}")
    assert not quiet, "\n".join(("left to one key:", *quiet))


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


WORDS = ((), ("",), ("-",), ("--",), ("-x",), ("--x=y", "x"), ("x", "-x", "/etc/shadow"), ("-c",), ("exec", "x"), ("x",) * 70)


@each_row("name", sorted(name for name in TABLE if not name.startswith(":")))
def test_no_words_make_the_engine_raise(name: str) -> None:
    first = LINES[0]
    for words in WORDS:
        line = replace(first, words=(name, *words))
        findings_of(command_of(line), Looker(line), requester=REQUESTER)
        for free in ("*", "**"):
            findings_of_pattern(read_command_pattern((f"/usr/bin/{name}", *(word for word in words if word), free)))


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
