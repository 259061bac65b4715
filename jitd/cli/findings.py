# SPDX-License-Identifier: Apache-2.0
"""Lines about what a request gives beyond what its words say, and what it destroys or stops. The daemon grades the command
(``core.grade``); this module only says it.

Law: a row without a grade is never read as harmless. Of a harmless command, it is said that jitd knows nothing more of its
program (ADR 0092). The worst finding comes first, and no finding is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from jitd.cli.answer import quoted
from jitd.cli.labels import Labelled
from jitd.core.grade import Damage, Grade
from jitd.core.root_groups import whose_power
from jitd.core.wording import name_in_sentence
from jitpam.wire.rows import Doubted, Edit, Edits, Finding, Login, NewFile, Program, Removal, Request, Things

LABELS = {
    Grade.GIVES.word: "DANGER",
    Grade.LEADS.word: "caution",
    Grade.CHANGES.word: "changes",
    Grade.READS.word: "reads",
    Grade.UNKNOWN.word: "unknown",
    Grade.HARMLESS.word: "note",
}
"""Maps the word of a grade to the label of its lines, from the worst grade to the mildest."""
LOST = {Damage.DESTROYS.word: "DESTROYS", Damage.STOPS.word: "STOPS"}
"""Maps the word of a damage to the label of its lines, from the worst to the mildest. Such a line needs no line of its grade."""
NOT_KNOWN = "NOT KNOWN"
"""The label of what counts as a loss because jitd does not know what it is."""
HARMLESS = "gives nothing beyond its words, as far as jitd knows {}"
NOT_GRADED = "jitd did not say what this gives: expect the worst"
NO_DAMAGE_TOLD = "jitd did not say what is lost if this is wrong: expect the worst"


def grade_of(row: Request | Finding) -> str:
    """Return the word of the row's grade. If the row has no known grade, this is the word of the worst grade."""
    return row.grade or Grade.GIVES.word


def damage_of(row: Request) -> str:
    """Return the word of the row's damage. If the row has no known damage, this is the word of the worst."""
    return row.damage or Damage.DESTROYS.word


def findings(row: Request) -> Iterator[Labelled]:
    """Yield a line for each finding, equal ones once, and none if the viewer may not see the arguments."""
    if row.narrowed:
        return
    grade, damage, said, told = grade_of(row), damage_of(row), set[str](), set[str]()
    if (grade, damage) == (Grade.HARMLESS.word, Damage.NONE.word):
        yield from _harmless(row)
    for one in sorted(row.findings, key=_order):
        text, its = sentence(one), _word(one)
        if text not in said:
            power = "" if grade_of(one) in told else _power(row, grade_of(one))  # also on the line of what is lost
            label = NOT_KNOWN if is_not_known(one) else _LABEL_OF[its]
            yield label, f"{power}{text.removeprefix(f'{label} ')}"
            said.add(text)  # a sentence could be the word of a grade
            told |= {its, grade_of(one)}
    if not row.grade:
        yield LABELS[grade], NOT_GRADED
        return
    if grade != Grade.HARMLESS.word and grade not in told:
        yield LABELS[grade], f"{_power(row, grade)}jitd did not say why"
    if not row.damage:
        yield LOST[damage], NO_DAMAGE_TOLD
    elif damage in LOST and damage not in told:
        yield LOST[damage], "jitd did not say what"


def _harmless(row: Request) -> Iterator[Labelled]:
    match row.what:
        case Program():
            yield LABELS[Grade.HARMLESS.word], HARMLESS.format(name_in_sentence(row.path.rpartition("/")[2]))
        case Edit() | Edits() | NewFile() | Removal() | Things() | Login() | Doubted():
            pass  # these have sentences of their own


_LABEL_OF = LABELS | LOST


def is_not_known(one: Finding) -> bool:
    """True if the finding ``one`` counts as a loss only because jitd does not know what it is."""
    return one.damage == Damage.DESTROYS.word and one.grade == Grade.UNKNOWN.word


def _word(one: Finding) -> str:
    return one.damage if one.damage in LOST else grade_of(one)


def _order(one: Finding) -> tuple[int, int]:
    """Return the place of a finding: what gives everything, then what is lost, what may be lost, and then the other grades."""
    word = _word(one)
    if is_not_known(one):
        return (1, len(LOST))
    return (1, list(LOST).index(word)) if word in LOST else (0 if word == Grade.GIVES.word else 2, list(LABELS).index(word))


def _power(row: Request, grade: str) -> str:
    """Return the beginning of a line: what the command gives, or can lead to."""
    whose = whose_power(row.run_as, row.run_as_group)
    return {Grade.GIVES.word: f"gives {whose}: ", Grade.LEADS.word: f"can lead to {whose}: "}.get(grade, "")


def sentence(one: Finding) -> str:
    """Return what a finding says, with the file and why it matters unless the sentence names them already."""
    text = one.what
    if one.path and not re.search(rf"(?<![\w./-]){re.escape(one.path)}(?![\w./-])", text):  # not a part of another path
        text = f"{text}: {quoted(one.path)}" if text else one.path
    if one.matters and one.matters not in text:
        text = f"{text}: {one.matters}" if text else one.matters
    return text or "jitd did not say why"
