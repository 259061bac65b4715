# SPDX-License-Identifier: Apache-2.0
"""Words that no line of the corpus has: undeclared options in its lines, and odd words behind each program."""

from __future__ import annotations

from dataclasses import replace

import pytest

from jitd.core.conditions import read_command_pattern
from jitd.core.grade import Finding, Grade, damage, worst
from jitd_commands.grading import findings_of, findings_of_pattern
from jitd_commands.programs import TABLE
from tests.commands.graded import REQUESTER, Line, Looker, command_of, corpus
from tests.marks import by_day, full
from tests.table import each_row

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


WORDS = ((), ("",), ("-",), ("--",), ("-x",), ("--x=y", "x"), ("x", "-x", "/etc/shadow"), ("-c",), ("exec", "x"), ("x",) * 70)


@each_row("name", sorted(name for name in TABLE if not name.startswith(":")))
def test_no_words_make_the_engine_raise(name: str) -> None:
    first = corpus()[1][0]
    for words in WORDS:
        line = replace(first, words=(name, *words))
        findings_of(command_of(line), Looker(line), requester=REQUESTER)
        for free in ("*", "**"):
            findings_of_pattern(read_command_pattern((f"/usr/bin/{name}", *(word for word in words if word), free)))
