# SPDX-License-Identifier: Apache-2.0
"""What several modules of the table share: sets of words, and questions about files that a program trusts."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from jitd.core.grade import Damage, Grade
from jitd.core.judging import FOR_GOOD, Call
from jitd.core.shell_text import Word


def words(text: str) -> frozenset[str]:
    """Return the words of ``text``."""
    return frozenset(text.split())


def who_changes(call: Call, word: Word) -> str:
    """Return who can change the file or directory ``word``, as ``alice``. If any file may be meant, return ``anybody``."""
    path = call.absolute(word)
    return "anybody" if path is None or word.is_free else call.judge.changed_by(path).partition(",")[0]


def trusts(call: Call, files: Iterable[Word]) -> None:
    """The program does what ``files`` say. Files that only root can change say nothing new."""
    for file in files:
        if who := who_changes(call, file):
            path = call.absolute(file) or ""
            call.gives(f"does what {path or 'any file'} says, which {who} can change", path)


def gives(what: str) -> Callable[[Call], None]:
    """Return the function that judges a program that gives everything, however it is called."""

    def judge(call: Call) -> None:
        if [word.text for word in call.words] not in (["--version"], ["--help"], ["-V"], ["-h"]):
            call.gives(what)

    return judge


def changes(what: str) -> Callable[[Call], None]:
    """Return the function that judges a program that changes something, unless it is asked for its version or for help."""

    def judge(call: Call) -> None:
        if [word.text for word in call.words] not in (["--version"], ["--help"], ["-V"], ["-h"]):
            call.changes(what)

    return judge


def looks(verbs: str, what: str) -> Callable[[Call], None]:
    """Return the function that judges a program with verbs: those in ``verbs`` only show something, and others change ``what``
    the sentence says.
    """
    looking = words(verbs)

    def judge(call: Call) -> None:
        verb = call.verb
        if verb is None and not call.may_add_options:
            return
        if verb is None or verb.is_free or verb.text not in looking:
            call.changes(what)

    return judge


def nothing(call: Call) -> None:
    """The program shows what it is asked, and gives nothing beyond that."""


_EFFECTS = {grade.word: (Damage.NONE, grade) for grade in Grade if grade is not Grade.UNKNOWN} | {
    one.word: (one, Grade.CHANGES) for one in (Damage.STOPS, Damage.DESTROYS)
}


@dataclass(frozen=True, slots=True)
class _Verb:
    """A line of a table: the verbs ``words`` and ``options`` with their values, and what they do."""

    words: tuple[str, ...]
    options: tuple[tuple[tuple[str, ...], str], ...]
    effect: tuple[Damage, Grade]
    says: str
    back: str

    def matches(self, call: Call, operands: list[Word]) -> bool:
        """True if ``call`` may be meant. A word that is not known may be any word."""
        if len(operands) < len(self.words) or (self.words == ("()",) and operands):
            return bool(operands and operands[-1].is_any) or (self.words == ("()",) and not operands)
        if not all(_may_be(one, word) for one, word in zip(self.words, operands, strict=False)):
            return False
        if call.may_add_options:
            return True
        return all(
            call.has(*names) and (not value or any(_may_be(value, word) for word in call.values(*names)))
            for names, value in self.options
        )

    def record(self, call: Call, operands: list[Word]) -> None:
        damage, grade = self.effect
        told = re.sub(r"\{([\w|-]+)(\+?)(?::([^}]*))?\}", partial(_filled, call, operands), self.says)
        if damage is Damage.DESTROYS:
            call.destroys(told, back=self.back or ("" if "gone" in told else FOR_GOOD), is_whole=True)
        elif damage is Damage.STOPS:
            call.stops(told, back=self.back, is_whole=True)
        else:
            does = {Grade.GIVES: call.gives, Grade.LEADS: call.leads, Grade.CHANGES: call.changes, Grade.READS: call.discloses}
            if grade in does:
                does[grade](told, is_whole=grade is Grade.CHANGES)


def _may_be(pattern: str, word: Word) -> bool:
    if word.is_free:
        return not word.text or any(one.startswith(word.text) or "." in one for one in pattern.split("|"))
    return re.fullmatch(pattern, word.text, re.DOTALL) is not None


def _filled(call: Call, operands: list[Word], found: re.Match[str]) -> str:
    """Return the operand or the option's value that ``{2:a pool}`` names, or what follows its colon."""
    name, is_rest, other = found.groups()
    if name == "words":
        named = list(call.words)
    else:
        named = operands[int(name) - 1 : None if is_rest else int(name)] if name.isdigit() else call.values(*name.split("|"))[-1:]
    told = " ".join(word.text for word in named if word.text)
    return (told if len(told) <= 60 else f"{told[:59]}…") or other or "…"


def table(text: str, *, dry: str = "", is_named: bool = False) -> Callable[[Call], None]:
    """Return the function that judges a program by its verbs. Each line of ``text`` has three columns, with two blanks between:

    1. verbs, which are the first operands. Each is an expression of re(7). ``()`` means none, and ``-f|file=X`` stands for
       an option with the value X;
    2. the effect: a grade, ``stops`` or ``destroys``;
    3. a sentence. ``{2:a pool}`` is the second operand, and ``a pool`` is said if there is none; ``{2+}`` is all from the second
       on, ``{f|file}`` is the value of an option, and ``{words}`` is all. How it comes back follows after a ``|``.

    The first line that fits counts. If a word is not known, the worst one counts that may fit. With one of the options ``dry``,
    nothing is done. If ``is_named`` is True, the name of the program stands before its operands.
    """
    lines = []
    for line in filter(None, map(str.strip, text.split("\n"))):
        verbs, effect, *says = re.split(r"\s{2,}", line, maxsplit=2)
        told, _, back = "".join(says).partition(" | ")
        parts = [one for one in verbs.split() if one != "*"]
        options = tuple(
            (tuple(names.split("|")), value) for names, _, value in (one[1:].partition("=") for one in parts if one[0] == "-")
        )
        lines.append(_Verb(tuple(one for one in parts if one[0] != "-"), options, _EFFECTS[effect], told, back))

    def judge(call: Call) -> None:
        operands = [Word(call.name), *call.operands] if is_named else call.operands
        is_open = call.may_add_options or any(word.is_free for word in operands)
        if len(call.words) == 1 and call.words[0].text in ("--version", "--help", "-V", "-h") and not is_open:
            return None
        if not is_open and dry and call.has(*dry.split()):
            return None
        fit = [line for line in lines if line.matches(call, operands)]
        if fit:
            return (max(fit, key=lambda line: line.effect) if is_open else fit[0]).record(call, operands)
        asked = " ".join(word.text for word in call.operands)[:60]
        if asked or call.given:
            call.changes(f"jitd does not know what {call.name} {asked} changes".replace("  ", " "), is_whole=True)

    return judge
