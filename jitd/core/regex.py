# SPDX-License-Identifier: Apache-2.0
"""Regular expressions for texts that a stranger wrote, such as a reason.

Law: searching takes time linear in the text, for any expression. All ways to match are followed at the same time, and none twice
(https://swtch.com/~rsc/regexp/regexp2.html). Features that need more (backreferences, lookaround) are refused when the policy is
loaded. Python's own engine tries one way after another, and a requester could make the daemon try for hours.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

MOST_STEPS = 500
"""The most steps of an expression. A larger one is refused, as each character of a text may cost so many steps."""
_DEEPEST = 50
_MOST_REPEATS = 200

Ranges = tuple[tuple[str, str], ...]
_DIGIT: Ranges = (("0", "9"),)
_WORD: Ranges = (("0", "9"), ("A", "Z"), ("_", "_"), ("a", "z"))
_SPACE: Ranges = (("\t", "\r"), (" ", " "))
_CLASSES = {"d": _DIGIT, "w": _WORD, "s": _SPACE}
_PLAIN = {"t": "\t", "n": "\n", "r": "\r", "f": "\f", "v": "\v"}
_EDGES = {"b", "A", "Z"}


@dataclass(frozen=True, slots=True)
class _Step:
    """One step. ``kind`` is ``one`` (a character in ``ranges``, or in none of them if negated), ``split`` (go on at each of
    ``ways``), ``edge`` (be at that edge of the text or of a word) or ``end``.
    """

    kind: str
    ranges: Ranges = ()
    is_negated: bool = False
    edge: str = ""
    ways: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Regex:
    """An expression in the syntax that Python, RE2 and grep -E share. ``\\d``, ``\\w``, ``\\s`` and ``\\b`` know ASCII only."""

    text: str
    steps: tuple[_Step, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Compile ``text``. Raises ValueError with a sentence if ``text`` is not such an expression."""
        object.__setattr__(self, "steps", _Parser(self.text).program())

    def is_found_in(self, text: str) -> bool:
        """True if some part of ``text`` matches."""
        here: set[int] = set()
        for at in range(len(text) + 1):
            reached: set[int] = set()
            for step in (0, *here):
                if self._reach(step, text, at, reached):
                    return True
            if at < len(text):
                here = {step + 1 for step in reached if self.steps[step].kind == "one" and _is_of(self.steps[step], text[at])}
        return False

    def _reach(self, first: int, text: str, at: int, reached: set[int]) -> bool:
        """Add to ``reached`` all steps that ``first`` leads to without a character. Return True if the end is one of them."""
        waiting = [first]
        while waiting:
            number = waiting.pop()
            if number in reached:
                continue
            reached.add(number)
            step = self.steps[number]
            if step.kind == "end":
                return True
            if step.kind == "split":
                waiting += step.ways
            elif step.kind == "edge" and _is_at(step.edge, text, at):
                waiting.append(number + 1)
        return False


def _is_of(step: _Step, character: str) -> bool:
    return any(first <= character <= last for first, last in step.ranges) is not step.is_negated


def _is_at(edge: str, text: str, at: int) -> bool:
    if edge in "^A":
        return at == 0
    if edge in "$Z":
        return at == len(text)
    before = at > 0 and any(first <= text[at - 1] <= last for first, last in _WORD)
    after = at < len(text) and any(first <= text[at] <= last for first, last in _WORD)
    return before != after


Emit = Callable[[list[_Step]], None]
"""A part of an expression: a function that adds the part's steps to a program."""


class _Parser:
    """Reads an expression from left to right. Each part becomes a function that emits its steps; a repeated part is emitted
    again.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.depth = 0

    def program(self) -> tuple[_Step, ...]:
        emit = self.choice()
        if self.at < len(self.text):
            raise ValueError("a parenthesis is closed that was not opened")
        steps: list[_Step] = []
        emit(steps)
        _add(steps, _Step("end"))
        return tuple(steps)

    def peek(self) -> str:
        return self.text[self.at : self.at + 1]

    def take(self, wanted: str) -> bool:
        if self.text.startswith(wanted, self.at):
            self.at += len(wanted)
            return True
        return False

    def next(self) -> str:
        if self.at >= len(self.text):
            raise ValueError("it ends too early")
        self.at += 1
        return self.text[self.at - 1]

    def choice(self) -> Emit:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise ValueError("it is nested too deeply")
        choices = [self.sequence()]
        while self.take("|"):
            choices.append(self.sequence())
        self.depth -= 1
        return choices[0] if len(choices) == 1 else _either(choices)

    def sequence(self) -> Emit:
        parts: list[Emit] = []
        while self.peek() not in ("", "|", ")"):
            parts.append(self.repeated(self.atom()))
        return _one_after_another(parts)

    def repeated(self, part: Emit) -> Emit:
        if self.take("*"):
            least, most = 0, None
        elif self.take("+"):
            least, most = 1, None
        elif self.take("?"):
            least, most = 0, 1
        elif self.peek() == "{":
            least, most = self.counts()
        else:
            return part
        self.take("?")  # a lazy repeat: whether something is found does not depend on it
        if self.peek() and self.peek() in "*+?{":
            raise ValueError(f'"{self.peek()}" repeats what is repeated already: put it in parentheses')
        return _repeat(part, least, most)

    def counts(self) -> tuple[int, int | None]:
        inner, closed, _ = self.text[self.at + 1 :].partition("}")
        first, comma, last = inner.partition(",")
        is_good = closed and _is_count(first) and (not comma or not last or _is_count(last))
        if not is_good or (last and int(last) < int(first)) or max(int(first), int(last or 0)) > _MOST_REPEATS:
            raise ValueError(f'"{{" needs counts up to {_MOST_REPEATS}, such as {{4}} or {{2,5}}: write \\{{ for the character')
        self.at += len(inner) + 2
        return int(first), int(first) if not comma else int(last) if last else None

    def atom(self) -> Emit:
        character = self.next()
        match character:
            case "(":
                if self.take("?") and not self.take(":"):
                    raise ValueError('of "(?" only "(?:" is known')
                inner = self.choice()
                if not self.take(")"):
                    raise ValueError("a parenthesis is not closed")
                return inner
            case "[":
                return self.one_of()
            case ".":
                return _emit(_Step("one", (("\n", "\n"),), is_negated=True))
            case "^" | "$":
                return _emit(_Step("edge", edge=character))
            case "*" | "+" | "?" | "{":
                raise ValueError(f'"{character}" repeats nothing')
            case "\\":
                if self.peek() in _EDGES:
                    return _emit(_Step("edge", edge=self.next()))
                ranges, is_negated = self.escape()
                return _emit(_Step("one", ranges, is_negated))
        return _emit(_Step("one", ((character, character),)))

    def escape(self) -> tuple[Ranges, bool]:
        """Return the characters that a backslash sequence stands for, and True if it stands for all but these."""
        character = self.next()
        if character.lower() in _CLASSES:
            return _CLASSES[character.lower()], character.isupper()
        if character in _PLAIN:
            return ((_PLAIN[character], _PLAIN[character]),), False
        if character.isalnum():
            raise ValueError(f'"\\{character}" is not known')
        return ((character, character),), False

    def one_of(self) -> Emit:
        is_negated = self.take("^")
        ranges: list[tuple[str, str]] = []
        is_first = True
        while is_first or self.peek() != "]":
            is_first = False
            first = self.member()
            if isinstance(first, tuple):
                ranges += first
                continue
            last: str | Ranges = first
            if self.peek() == "-" and self.text[self.at + 1 : self.at + 2] not in ("]", ""):
                self.at += 1
                last = self.member()
            if isinstance(last, tuple) or last < first:
                raise ValueError("a range in brackets ends before it starts")
            ranges.append((first, last))
        self.at += 1
        return _emit(_Step("one", tuple(ranges), is_negated))

    def member(self) -> str | Ranges:
        """Return one member of brackets: a character, or the ranges of a class such as ``\\d``."""
        character = self.next()
        if character == "[" and self.peek() in (":", ".", "="):
            raise ValueError(f'"[{self.peek()}" is not known')
        if character != "\\":
            return character
        is_class = self.peek().lower() in _CLASSES
        ranges, is_negated = self.escape()
        if is_negated:
            raise ValueError("a negated class, such as \\D, is not known in brackets")
        return ranges if is_class else ranges[0][0]


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 6


def _add(steps: list[_Step], step: _Step) -> None:
    if len(steps) >= MOST_STEPS:
        raise ValueError("it is too large")
    steps.append(step)


def _emit(step: _Step) -> Emit:
    return lambda steps: _add(steps, step)


def _one_after_another(parts: list[Emit]) -> Emit:
    def emit(steps: list[_Step]) -> None:
        for part in parts:
            part(steps)

    return emit if parts else _nothing


def _nothing(steps: list[_Step]) -> None:
    # Even nothing counts as a step. Otherwise nothing, repeated 200 times in 50 levels, would take for ever to emit.
    _add(steps, _Step("split", ways=(len(steps) + 1,)))


def _either(choices: list[Emit]) -> Emit:
    def emit(steps: list[_Step]) -> None:
        exits = []
        for choice in choices[:-1]:
            fork = len(steps)
            _add(steps, _Step("split"))
            choice(steps)
            exits.append(len(steps))
            _add(steps, _Step("split"))
            steps[fork] = _Step("split", ways=(fork + 1, len(steps)))
        choices[-1](steps)
        for number in exits:
            steps[number] = _Step("split", ways=(len(steps),))

    return emit


def _repeat(part: Emit, least: int, most: int | None) -> Emit:
    if most == 0:
        return _nothing

    def emit(steps: list[_Step]) -> None:
        for _ in range(least):
            part(steps)
        if most is None:
            fork = len(steps)
            _add(steps, _Step("split"))
            part(steps)
            _add(steps, _Step("split", ways=(fork,)))
            steps[fork] = _Step("split", ways=(fork + 1, len(steps)))
            return
        forks = []
        for _ in range(most - least):
            forks.append(len(steps))
            _add(steps, _Step("split"))
            part(steps)
        for number in forks:
            steps[number] = _Step("split", ways=(number + 1, len(steps)))

    return emit
