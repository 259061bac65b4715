# SPDX-License-Identifier: Apache-2.0
"""Decision tables: what a program does, by its verbs and options.

Law: the first line that fits is said. What is not known fits whatever it may be: for a word of a rule's pattern that the
requester chooses, and for one of a shell text that jitd cannot read, the first line of each effect that may fit is said, too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from jitd.core.grade import Grade
from jitd.core.wording import listed
from jitd_commands.judging import FOR_GOOD, LONGEST_NAME, Call, Row
from jitd_commands.shell_text import Word

Options = Sequence[tuple[str, Word]]
"""Options with their values, in their order. An option without a value has an empty one."""


def pages(call: Call, what: str = "", *, is_whole: bool = False) -> None:
    """A program shows its output in a pager."""
    if call.is_shown and not call.has("no-cli-pager"):
        call.leads(f"{what} starts a pager, which can start a shell".lstrip(), is_whole=is_whole and bool(what))


def pages_securely(call: Call, what: str = "", *, is_whole: bool = False) -> None:
    """A program of systemd shows its output in a pager. It forbids less(1) to start programs (LESSSECURE), and starts no other
    pager, unless the command is in a session of the account that it runs as. A run of jitd is in no session, but a program in it
    may open one, as su(1) does, and on another host there is one.
    """
    if not call.has("no-pager") and (call.has_session or call.elsewhere):
        pages(call, what, is_whole=is_whole)


_SAYS: Mapping[str, Callable[..., None]] = {
    "pages": pages,
    "pages-securely": pages_securely,
    Grade.READS.word: Call.discloses,
    Grade.CHANGES.word: Call.changes,
    Grade.LEADS.word: Call.leads,
    Grade.GIVES.word: Call.gives,
}
EFFECTS = frozenset({"harmless", "unknown", "stops", "destroys", *_SAYS})
LOOKS = frozenset({"harmless", "pages", "pages-securely", Grade.READS.word})
"""Effects of what changes nothing."""
_TELLING = frozenset({"--version", "--help", "-h", "-V"})
"""Options by which a program without a verb tells something of itself."""
_OFF = frozenset({"false", "none", "no", "0", "off"})
"""Values that take back an option, as in ``--force=false``."""
_MOST_NAMED = 4
"""Maximum number of objects that a sentence names."""


@dataclass(frozen=True, slots=True)
class Option:
    """An option that a line wants: its names, and its value if this matters."""

    names: tuple[str, ...]
    value: re.Pattern[str] | None


@dataclass(frozen=True, slots=True)
class Case:
    """A line of a table. ``verbs`` are the operands that it wants, and None stands for any number of them."""

    program: re.Pattern[str] | None
    verbs: tuple[re.Pattern[str] | None, ...]
    is_bare: bool
    options: tuple[Option, ...]
    effect: str
    sentence: str
    back: str


@dataclass(frozen=True, slots=True)
class Words:
    """The words of a call, sorted. ``may_grow`` is True if a word that is not known may be an option. ``by_row`` is True if the
    row has sorted them, so that a value belongs to its option.
    """

    operands: Sequence[Word]
    options: Options
    may_grow: bool
    by_row: bool


@dataclass(frozen=True, slots=True)
class Match:
    """How far a call is what a line says. ``before`` are the operands for ``...``, ``after`` those behind the verbs, and ``star``
    is what a star in the last verb stands for.
    """

    is_sure: bool
    before: tuple[Word, ...] = ()
    after: tuple[Word, ...] = ()
    star: str = ""


class DecisionTable:
    """A table of what a program does, which judges calls of it. Each line has columns with two blanks or more between them::

        get|watch             reads     {program} shows the secrets of a cluster
        del --prefix          destroys  deletes all keys that begin with {2}
        link down             stops     takes the interface {3} down  until it is up again
        lvreduce: -f|--force  destroys  makes {1:a volume} smaller: files beyond its new end are gone
        ...                   changes   changes the data of a cluster

    1. The words that it wants. First come the verbs, which are the first operands: ``a|b`` is one of two, ``delete-*`` a word
       with this beginning, ``*`` any word, and ``...`` any number of them; ``()`` means that no more follow. ``-f|--force``
       is an option, which may stand anywhere, and ``-o|--op=off|soft`` one with one of these values. ``lvreduce:`` means that
       only the program of this name has the line.
    2. The effect, one of EFFECTS.
    3. The sentence. It has places for words, and what follows a colon, as in ``{1:a volume}``, stands there if there are none:
       ``{1}`` for the first operand, which may be a verb, ``{2+}`` for all from the second on, ``{-1}`` for the last; ``{}`` for
       those behind the verbs, ``{ }`` for the same as they are typed, ``{...}`` for those before the verb, ``{verbs}`` for the
       first two, ``{*}`` for what the star is; ``{-o|--op}`` for the value of an option, and ``{--op|2}`` for it or the second
       operand; ``{in}`` for the namespace of a cluster, and ``{program}`` for the program's name. ``tells`` may be given others,
       and a grammar gives ``{name}``, what an option of the type OBJECT names.
    4. How what is lost comes back, if the words tell it. A sentence that says that something is gone needs no such column.

    Options that the table names are known, and any other is what the row of the program says of it: so the row lists those that
    have a value. If the options of a program cannot be listed in the row, ``valued`` are the options whose value is the next
    word; and if ``flags`` is given, these are all long options that have none. ``acts`` are those of _TELLING with which some of
    the programs act as ever, such as ``-V:tpm2_clear``, where it means that more is said.
    """

    def __init__(self, text: str, *, valued: str = "", flags: str = "", acts: str = "") -> None:
        self._text = text
        self._valued = frozenset(valued.split())
        self._flags = frozenset(flags.split())
        named = (one.partition(":") for one in acts.split())
        self._acts = frozenset((program, option) for option, _, programs in named for program in programs.split(","))

    @cached_property
    def lines(self) -> tuple[Case, ...]:
        return tuple(map(_line, filter(None, map(str.strip, self._text.split("\n")))))

    def __call__(self, call: Call) -> None:
        """Judge ``call`` by this table alone."""
        given = call.words if self._valued or self._flags else None
        if not self.tells(call, given) and call.words:
            asked = " ".join(word.text for word in call.operands)[:LONGEST_NAME]
            _not_known(call, f"jitd does not know what {call.name} {asked} changes".replace("  ", " "))

    def split(self, given: Sequence[Word], row: Row | None = None) -> tuple[list[Word], Options]:
        """Return the operands and the options of the words ``given``. An option has a value if this table or ``row`` says so."""
        operands, options = list[Word](), list[tuple[str, Word]]()
        of_row = row.valued if row else frozenset[str]()
        valued = self._valued | of_row
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
            takes = name in valued or (bool(self._flags) and name.startswith("--") and name not in self._flags)
            if not equals and takes and rest and (name in valued or not rest[0].text.startswith("-")):
                options.append((name, rest.pop(0)))
            else:
                options.append((name, Word(value, word.is_free, word.is_bound)))
        return operands, options

    def tells(
        self, call: Call, given: Sequence[Word] | None = None, *, where: str = "", named: Mapping[str, str] | None = None
    ) -> bool:
        """Say what ``call`` does with the words ``given``, or with its own as the row sorts them. ``where`` is told before it,
        and ``named`` are other words for the sentences. Return False if no line fits.
        """
        words = call.words if given is None else given
        if given is None:
            sorted_ = Words(call.operands, _options(call), call.may_add_options, by_row=True)
        else:  # a script names an object more often than it adds an option to a verb
            sorted_ = Words(*self.split(given, call.row), call.may_add_options and call.judge.is_pattern, by_row=False)
        if not sorted_.operands and self._only_tells(call, sorted_.options) and not any(word.is_free for word in words):
            call.knows_all()
            return True
        call.has(*_bare(self._valued | self._flags))
        said, is_sure = set[str](), False
        for line in self.lines:
            fits = _fits(call, line, sorted_)  # the options of later lines are known, too
            if fits is not None and not is_sure:
                is_sure = fits.is_sure
                if is_sure or line.effect not in {*said, "harmless"}:
                    said.add(line.effect)
                    say(call, line, filling(call, fits, sorted_, named or {}), where)
        return bool(said) or not words

    def _only_tells(self, call: Call, options: Options) -> bool:
        names = {name for name, _ in options}
        is_acted_on = any((call.name, name) in self._acts for name in names)
        return bool(names) and names <= _TELLING and not is_acted_on and not any(value.text for _, value in options)


def _not_known(call: Call, what: str) -> None:
    """No line fits. If a word is not known, each loss that it may be has been said."""
    if any(word.is_free for word in call.words):
        call.changes(what, is_whole=True)
    else:
        call.not_known(what)


def told(objects: Sequence[Word]) -> str:
    """Return ``objects`` as a sentence names them."""
    names = [_cut(_named(word)) for word in objects if _named(word)]
    if len(names) > _MOST_NAMED:
        names = [*names[: _MOST_NAMED - 1], f"{len(names) - _MOST_NAMED + 1} more"]
    return listed(tuple(names), "and") if names else ""


def _typed(objects: Iterable[Word]) -> str:
    return _cut(" ".join(filter(None, map(_named, objects))))


def _named(word: Word) -> str:
    return f"{word.text}{'*' if word.is_free else ''}"


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"


def _line(text: str) -> Case:
    wanted, effect, *rest = re.split(r"\s{2,}", text)
    sentence, back = (*rest, "", "")[:2]
    words = wanted.split()
    program = pattern(words.pop(0)[:-1]) if words[0].endswith(":") else None
    is_bare = "()" in words
    verbs = tuple(None if one == "..." else pattern(one) for one in words if one[0] != "-" and one != "()")
    return Case(program, verbs, is_bare, tuple(_option(one) for one in words if one[0] == "-"), effect, sentence, back)


def _option(text: str) -> Option:
    names, equals, value = text.partition("=")
    return Option(tuple(names.split("|")), pattern(value) if equals else None)


def _bare(names: Iterable[str]) -> Iterator[str]:
    """Yield the ``names`` of options as a Call has them."""
    return (name.lstrip("-") for name in names)


def pattern(text: str) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(word).replace(r"\*", "(.*)") for word in text.split("|")), re.DOTALL)


def _options(call: Call) -> Options:
    """Return the options of ``call`` as its row sorts them."""
    options = ((f"-{name}" if len(name) == 1 else f"--{name}", values) for name, values in call.given.items())
    return [(name, value) for name, values in options for value in values or (Word(""),)]


def _fits(call: Call, line: Case, words: Words) -> Match | None:
    if line.program is not None and not line.program.fullmatch(call.name):
        return None
    found = _found(line.verbs, words.operands)
    if found is None:
        return None
    is_sure = found.is_sure
    if line.is_bare and found.after:
        if not words.operands[-1].is_any:
            return None
        is_sure = False
    for option in line.options:
        call.has(*_bare(option.names))
        is_given = _is_given(option, words)
        if is_given is False and not words.may_grow:
            return None
        # an option that others may add could take back the one that makes the call harmless
        is_sure = is_sure and is_given is True and not (line.effect == "harmless" and words.may_grow)
    return Match(is_sure, found.before, found.after, found.star)


def _found(verbs: Sequence[re.Pattern[str] | None], operands: Sequence[Word]) -> Match | None:
    if not verbs:
        return Match(is_sure=True, after=tuple(operands))
    first, rest = verbs[0], verbs[1:]
    if first is None:
        tails = ((at, _found(rest, operands[at:])) for at in range(len(operands) + 1))
        return next((Match(one.is_sure, tuple(operands[:at]), one.after, one.star) for at, one in tails if one), None)
    if not operands:
        return None
    word = operands[0]
    if word.is_free:
        if not may_be(first, word):
            return None
        found = _found(rest, operands[1:]) or (Match(is_sure=False) if not word.text else None)
        return found and Match(is_sure=False, after=found.after or (word,))
    fits = first.fullmatch(word.text)
    found = _found(rest, operands[1:]) if fits else None
    if fits is None or found is None:
        return None
    return Match(found.is_sure, found.before, found.after, found.star or next(filter(None, fits.groups()), ""))


def may_be(pattern: re.Pattern[str], word: Word) -> bool:
    """True if ``word``, of which only the beginning is known, may be what ``pattern`` matches."""
    return any(one.startswith(word.text) or (is_open and word.text.startswith(one)) for one, is_open in _alternatives(pattern))


def _alternatives(pattern: re.Pattern[str]) -> Iterator[tuple[str, bool]]:
    """Yield the beginning of each word that ``pattern`` matches, and whether any may follow."""
    return ((re.sub(r"\\(.)", r"\1", one.partition("(")[0]), "(" in one) for one in pattern.pattern.split("|"))


def _is_given(wanted: Option, words: Words) -> bool | None:
    """True if ``wanted`` is among the options, and None if it may be."""
    is_possible = False
    for option, given in words.options:
        is_cluster = re.fullmatch("-[A-Za-z]{2,4}", option) and any(len(name) == 2 and name[1] in option for name in wanted.names)
        if not is_cluster and option not in wanted.names:
            continue
        if wanted.value is None:
            if words.by_row or given.text.lower() not in _OFF:
                return True
        elif given.is_free:
            is_possible = is_possible or may_be(wanted.value, given)
        elif wanted.value.fullmatch(given.text):
            return True
    return None if is_possible else False


def filling(call: Call, fits: Match, words: Words, named: Mapping[str, str]) -> Callable[[re.Match[str]], str]:
    """Return the function that fills the place of a word in a sentence."""
    operands, options = words.operands, words.options
    plain: Mapping[str, Callable[[], str]] = {
        "": lambda: told(fits.after),
        " ": lambda: _typed(fits.after),
        "...": lambda: _typed(fits.before),
        "*": lambda: fits.star.replace("-", " "),
        "-1": lambda: told(fits.after[-1:]),
        "program": lambda: _cut(call.name),
        "in": lambda: _within(options),
        "verbs": lambda: told(operands[:2]),
    }

    def filled(place: re.Match[str]) -> str:
        key, default = place[1], place[2]
        if key in named:
            return named[key] or default or ""
        if number := re.fullmatch(r"([0-9]+)(\+?)", key):
            at = int(number[1]) - 1
            known = [word for word in operands[at : None if number[2] else at + 1] if word.text]
            unsaid = "*" if operands and operands[-1].is_any else "…"
            return _typed(known) or (unsaid if default is None else default)
        if key in plain:
            return plain[key]() or default or ""
        if key.startswith("-"):
            wanted = key.split("|")
            call.has(*_bare(wanted))
            values = [value for name, value in options if name in wanted]
            values += [operands[int(at) - 1] for at in wanted if at.isdigit() and not values and len(operands) >= int(at)]
            return told([value for value in values if value.text]) or default or told(values)
        raise ValueError(f"no such place: {place[0]}")

    return filled


def _within(options: Options) -> str:
    """Return in which namespace of a cluster something is, as a sentence goes on with it."""
    space = told([value for name, value in options if name in ("-n", "--namespace")][:1])
    return " in every namespace" if any(name == "-A" for name, _ in options) else f" of the namespace {space}" if space else ""


def say(call: Call, line: Case, filled: Callable[[re.Match[str]], str], where: str) -> None:
    sentence, back = (re.sub(r"\{([^}:]*)(?::([^}]*))?\}", filled, text) for text in (line.sentence, line.back))
    sentence = re.sub(" {2,}", " ", f"{where}: {sentence}" if where else sentence).strip()
    if line.effect == "destroys":
        call.destroys(sentence, back=back or ("" if "gone" in line.sentence else FOR_GOOD), is_whole=True)
    elif line.effect == "stops":
        call.stops(sentence, back=back, is_whole=True)
    elif line.effect == "unknown" and call.words:
        _not_known(call, sentence)
    elif line.effect in _SAYS:
        _SAYS[line.effect](call, sentence, is_whole=True)
