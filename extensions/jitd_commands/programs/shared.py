# SPDX-License-Identifier: Apache-2.0
"""What several modules of the table share: sets of words, questions about files that a program trusts, and tables of verbs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from jitd.core.grade import Damage, Grade
from jitd.core.wording import listed
from jitd_commands.judging import FOR_GOOD, LONGEST_NAME, Call, Row, Verdict
from jitd_commands.shell_text import Word


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
            return call.gives(what)
        call.knows_all()

    return judge


def changes(what: str) -> Callable[[Call], None]:
    """Return the function that judges a program that changes something, unless it is asked for its version or for help."""

    def judge(call: Call) -> None:
        if [word.text for word in call.words] not in (["--version"], ["--help"], ["-V"], ["-h"]):
            return call.changes(what)
        call.knows_all()

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


def texts(call: Call) -> None:
    """Every word is a text, whether it begins with a hyphen or not."""
    call.knows_all()


def rows_of(judge: Verdict, table: str, *, also: str = "", operands: str = "") -> tuple[Row, ...]:
    """Return a row for each line of ``table``, which has the names of programs, with commas between, and the options that do
    nothing more beside ``also``. ``operands`` is that of the rows. A line that is indented further continues the line before.
    """
    lines = re.sub(r"\n {5,}", " ", table).strip().splitlines()
    rows = (line.strip().partition(" ") for line in lines)
    return tuple(
        Row(programs.replace(",", " "), judge, harmless=f"{options} {also}", operands=operands) for programs, _, options in rows
    )


# --- tables of verbs ----------------------------------------------------------------------------------------------------

Options = Sequence[tuple[str, Word]]
"""Options with their values, in their order. An option without a value has an empty one."""
EFFECTS = words("nothing reads changes leads gives stops destroys")
_SAYS: Mapping[str, Callable[..., None]] = {
    "reads": Call.discloses,
    "changes": Call.changes,
    "leads": Call.leads,
    "gives": Call.gives,
}
_TELLING = frozenset({"--version", "--help", "-h", "-V", "-help", "-version"})
"""Options by which a program without a verb tells something of itself."""
_MOST_NAMED = 4
"""Maximum number of objects that a sentence names."""


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a table. ``verbs`` are the operands that it wants, and None stands for any number of them. ``options`` are the
    alternatives of each option that it wants.
    """

    verbs: tuple[re.Pattern[str] | None, ...]
    options: tuple[tuple[str, ...], ...]
    effect: str
    sentence: str
    back: str


@dataclass(frozen=True, slots=True)
class _Match:
    """How far a call is what a line says. ``before`` are the operands for ``...``, ``after`` those behind the verbs, and ``star``
    is what a star in the last verb stands for.
    """

    is_sure: bool
    before: tuple[Word, ...] = ()
    after: tuple[Word, ...] = ()
    star: str = ""


class Verbs:
    """A table of what the verbs of a program do. Each line has columns with two blanks or more between them:

    - the words that it wants. ``a|b`` is one of two, ``delete-*`` a word with this beginning, and ``...`` any number of operands.
      Words that begin with a hyphen are options, which may stand anywhere;
    - the effect, one of EFFECTS;
    - the sentence. ``{}`` stands for the other operands, ``{ }`` for the same as they are typed, ``{0}`` for the first of them,
      ``{-1}`` for the last, ``{...}`` for those before the verb, ``{*}`` for what the star is, ``{name}`` for the value of the
      first option that names something, and ``{--x}`` for the value of an option. What follows a colon, as in ``{:all of them}``,
      stands there if there is none;
    - how what is lost comes back, if the words tell it.

    Options that the table names are known, and any other is what the row of the program says of it.

    The first line that fits is said. A rule's wildcard may be any word, so of the lines that it may fit, the first of each effect
    is said, too. ``valued`` are the options whose value is the next word. If ``flags`` is given, these are all long options that
    have none.
    """

    def __init__(self, text: str, *, valued: str = "", flags: str = "") -> None:
        self.lines = tuple(map(_line, filter(None, map(str.strip, text.splitlines()))))
        self._valued = words(valued)
        self._flags = words(flags)

    def __call__(self, call: Call) -> None:
        """Judge ``call`` by this table alone."""
        if not self.tells(call, call.words):
            call.unknown(f"jitd does not know what {call.name} {told(call.operands[:2])} does".replace("  ", " "))

    def split(self, given: Sequence[Word]) -> tuple[list[Word], Options]:
        """Return the operands and the options of the words ``given``."""
        operands, options = list[Word](), list[tuple[str, Word]]()
        rest = list(given)
        while rest:
            word = rest.pop(0)
            text = word.text
            if text == "--" and not word.is_free:
                return [*operands, *rest], options
            if not text.startswith("-") or text == "-":
                operands.append(word)
                continue
            name, equals, value = text.partition("=")
            if text[:2] in self._valued and not text.startswith("--") and len(name) > 2 and name not in self._valued:
                options.append((text[:2], Word(text[2:], word.is_free, word.is_bound)))
                continue
            takes = name in self._valued or (bool(self._flags) and name.startswith("--") and name not in self._flags)
            if not equals and takes and rest and (name in self._valued or not rest[0].text.startswith("-")):
                options.append((name, rest.pop(0)))
            else:
                options.append((name, Word(value, word.is_free, word.is_bound)))
        return operands, options

    def tells(self, call: Call, given: Sequence[Word], *, where: str = "", named: Mapping[str, str] | None = None) -> bool:
        """Say what ``call`` does with the words ``given``. ``where`` is told before it, and ``named`` are other words for the
        sentences. Return False if no line fits.
        """
        operands, options = self.split(given)
        if not operands and {name for name, _ in options} <= _TELLING:
            call.knows_all()
            return True
        call.has(*_bare(self._valued | self._flags))
        may_add = call.judge.is_pattern and call.may_add_options
        said = set[str]()
        for line in self.lines:
            fits = _fits(call, line, operands, options, may_add=may_add)
            if fits is not None and (fits.is_sure or line.effect not in {*said, "nothing"}):
                said.add(line.effect)
                _say(call, line, _filling(fits, options, named or {}), where)
            if fits is not None and fits.is_sure:
                break
        return bool(said)


def told(objects: Sequence[Word]) -> str:
    """Return ``objects`` as a sentence names them."""
    names = [_cut(f"{word.text}{'*' if word.is_free else ''}") for word in objects if word.text or word.is_free]
    if len(names) > _MOST_NAMED:
        names = [*names[: _MOST_NAMED - 1], f"{len(names) - _MOST_NAMED + 1} more"]
    return listed(tuple(names), "and") if names else ""


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def _line(text: str) -> _Line:
    asked, effect, *rest = re.split(r"\s{2,}", text)
    sentence, back = (*rest, "", "")[:2]
    verbs, options = list[re.Pattern[str] | None](), list[tuple[str, ...]]()
    for one in asked.split():
        if one.startswith("-"):
            options.append(tuple(one.split("|")))
        elif one == "...":
            verbs.append(None)
        else:
            verbs.append(re.compile("|".join(re.escape(word).replace(r"\*", "(.*)") for word in one.split("|")), re.DOTALL))
    return _Line(tuple(verbs), tuple(options), effect, sentence, back)


def _bare(options: Iterable[str]) -> list[str]:
    """Return the names of ``options`` without hyphens and values, as a Call has them."""
    return [option.lstrip("-").partition("=")[0] for option in options]


def _fits(call: Call, line: _Line, operands: Sequence[Word], options: Options, *, may_add: bool) -> _Match | None:
    found = _found(line.verbs, operands)
    if found is None:
        return None
    is_sure = found.is_sure
    for alternatives in line.options:
        call.has(*_bare(alternatives))
        if not any(_is_given(one, options) for one in alternatives):
            if not may_add:
                return None
            is_sure = False
    return _Match(is_sure, found.before, found.after, found.star)


def _found(verbs: Sequence[re.Pattern[str] | None], operands: Sequence[Word]) -> _Match | None:
    if not verbs:
        return _Match(is_sure=True, after=tuple(operands))
    first, rest = verbs[0], verbs[1:]
    if first is None:
        tails = ((at, _found(rest, operands[at:])) for at in range(len(operands) + 1))
        return next((_Match(one.is_sure, tuple(operands[:at]), one.after, one.star) for at, one in tails if one), None)
    if not operands:
        return None
    word = operands[0]
    if word.is_free:
        if not any(one.startswith(word.text) or (is_open and word.text.startswith(one)) for one, is_open in _alternatives(first)):
            return None
        found = _found(rest, operands[1:]) or (_Match(is_sure=False) if not word.text else None)
        return found and _Match(is_sure=False, after=found.after or (word,))
    fits = first.fullmatch(word.text)
    found = _found(rest, operands[1:]) if fits else None
    if fits is None or found is None:
        return None
    return _Match(found.is_sure, found.before, found.after, found.star or next(filter(None, fits.groups()), ""))


def _alternatives(pattern: re.Pattern[str]) -> Iterator[tuple[str, bool]]:
    """Yield the beginning of each word that ``pattern`` matches, and whether any may follow."""
    return ((re.sub(r"\\(.)", r"\1", one.partition("(")[0]), "(" in one) for one in pattern.pattern.split("|"))


def _is_given(wanted: str, options: Options) -> bool:
    name, equals, value = wanted.partition("=")
    for option, given in options:
        is_cluster = re.fullmatch("-[A-Za-z]", name) and re.fullmatch("-[A-Za-z]{2,4}", option) and name[1] in option
        is_meant = given.text == value if equals else given.text.lower() not in ("false", "none", "no", "0", "off")
        if (option == name or is_cluster) and is_meant:
            return True
    return False


_NAMES = re.compile(r"-n|--(?:[\w-]+-)?(?:ids?|names?|identifier|arn|bucket|key)")
"""Options whose value is the name of an object."""


def _filling(fits: _Match, options: Options, named: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    """Return the function that fills the place of a word in a sentence."""

    def filled(place: re.Match[str]) -> str:
        key, default = place[1], place[2] or ""
        if key in named:
            return named[key] or default
        if key in (" ", "..."):
            typed = fits.after if key == " " else fits.before
            return _cut(" ".join(f"{word.text}{'*' if word.is_free else ''}" for word in typed)) or default
        if key == "*":
            return fits.star.replace("-", " ") or default
        if re.fullmatch("-?[0-9]+", key):
            at = int(key)
            return told(fits.after[at:][:1] if at < len(fits.after) else ()) or default
        if key.startswith("-"):
            return told([value for name, value in options if name == key]) or default
        if key == "name" and (names := [value for name, value in options if _NAMES.fullmatch(name) and value.text]):
            return told([names[0], *fits.after])
        return told(fits.after) or default

    return filled


def _say(call: Call, line: _Line, filled: Callable[[re.Match[str]], str], where: str) -> None:
    sentence, back = (re.sub(r"\{([^}:]*)(?::([^}]*))?\}", filled, text) for text in (line.sentence, line.back))
    sentence = re.sub(" {2,}", " ", f"{where}: {sentence}" if where else sentence).strip()
    if line.effect == "nothing":
        return
    if line.effect == "destroys":
        call.destroys(sentence, back=back or FOR_GOOD, is_whole=True)
    elif line.effect == "stops":
        call.stops(sentence, back=back, is_whole=True)
    else:
        _SAYS[line.effect](call, sentence, is_whole=True)


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
            return call.knows_all()
        if not is_open and dry and call.has(*dry.split()):
            return None
        fit = [line for line in lines if line.matches(call, operands)]
        if fit:
            return (max(fit, key=lambda line: line.effect) if is_open else fit[0]).record(call, operands)
        asked = " ".join(word.text for word in call.operands)[:60]
        if asked or call.given:
            call.changes(f"jitd does not know what {call.name} {asked} changes".replace("  ", " "), is_whole=True)

    return judge
