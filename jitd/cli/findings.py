# SPDX-License-Identifier: Apache-2.0
"""Lines about what a request gives beyond what its words say. The daemon grades the command (``core.grade``); this module only
says it.

Law: there is no sentence that comforts. Nothing is said about a harmless command, and a row without a grade is never read as
harmless. The worst finding comes first, and no finding is left out.
"""

from __future__ import annotations

from collections.abc import Iterator

from jitd.cli.answer import Row, quoted, words
from jitd.cli.labels import Line, members
from jitd.core.grade import Grade
from jitd.core.root_groups import whose_power

LABELS = {
    Grade.GIVES.word: "DANGER",
    Grade.LEADS.word: "caution",
    Grade.CHANGES.word: "changes",
    Grade.READS.word: "reads",
    Grade.UNKNOWN.word: "unknown",
}
"""Maps the word of a grade to the label of its lines, from the worst grade to the mildest. A harmless command has no line."""
NOT_GRADED = "jitd did not say what this gives: expect the worst"


def grade_of(row: Row) -> str:
    """Return the word of the row's grade. If the row has no known grade, this is the word of the worst grade."""
    grade = row.get("grade")
    return str(grade) if grade in LABELS or grade == Grade.HARMLESS.word else Grade.GIVES.word


def findings(row: Row) -> Iterator[Line]:
    """Yield a line for each finding, and yield equal lines once. Yield nothing if the viewer may not see what follows from the
    arguments.
    """
    if row.get("narrowed"):
        return
    grade, told = grade_of(row), set[str]()
    given = [one for one in members(row, "findings") if isinstance(one, dict) and one.get("grade") in LABELS]
    for one in sorted(given, key=lambda one: list(LABELS).index(str(one["grade"]))):
        text, its = _text(one), str(one["grade"])
        if text not in told:
            power = "" if its in told else _power(row, its)
            yield LABELS[its], f"{power}{text.removeprefix(f'{LABELS[its]} ')}"
            told |= {text, its}
    if row.get("grade") not in (*LABELS, Grade.HARMLESS.word):
        yield LABELS[grade], NOT_GRADED
    elif grade in LABELS and grade not in told:
        yield LABELS[grade], f"{_power(row, grade)}jitd did not say why"


def _power(row: Row, grade: str) -> str:
    """Return the beginning of a line: what the command gives, or can lead to."""
    whose = whose_power(words(row, "run_as"), words(row, "run_as_group", ""))
    return {Grade.GIVES.word: f"gives {whose}: ", Grade.LEADS.word: f"can lead to {whose}: "}.get(grade, "")


def _text(one: Row) -> str:
    """Return the sentence of a finding, with the file and why it matters unless the sentence names them already."""
    text = words(one, "what", "")
    for member in ("path", "matters"):
        value = words(one, member, "")
        if value and value not in text:
            text = f"{text}: {quoted(value) if member == 'path' else value}" if text else value
    return text or "jitd did not say why"
