# SPDX-License-Identifier: Apache-2.0
"""Grammars: the options, verbs and operands of a program with their types, and what the program does by them.

Law: what is not understood is said. A program is harmless only by a line that says so, after every word has found its place. For
a word that is not known, such as a wildcard of a rule, the worst is told of all that it may be: an option, a verb or an operand.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from jitd.core.wording import listed
from jitd_commands.judging import THIS_HOST, Call, Row
from jitd_commands.programs.decision_table import EFFECTS as LINES
from jitd_commands.programs.decision_table import LOOKS, Case, Match, Words, filling, pattern, say, told
from jitd_commands.programs.decision_table import may_be as word_may_be
from jitd_commands.shell_text import Word

Effect = Callable[[Call, Word], bool | None]
"""What a program does with a word of a type. True if it has told what is changed, so that a line does not say it again."""
ANY = Word("", is_free=True)
_NAMES = re.compile(r"-n|--(?:[\w-]+-)?(?:ids?|names?|identifier|arn|bucket|key)")
"""Options of a cloud's verbs whose value is the name of an object."""
Deed = Callable[[Call, Call, Sequence[Word]], None]
"""What a program does with the operands behind its verbs, if no sentence tells it. It is told of the call here, and of the same
where the DAEMON is.
"""
_STARTS = ("PROGRAM", "SHELL")
"""Types of operands that are another command. What this does is judged, and so no line with them only looks."""
_HERE = ("pages", "pages-securely", "leads", "gives")
"""Effects that this host feels, wherever the program acts, unless a DAEMON elsewhere does the work."""


def _obeys(call: Call, word: Word) -> None:
    call.obeys(word)


def _disk(call: Call, word: Word) -> None:
    """A disk, or its image in a file."""
    path = call.absolute(word) if "/" in word.text or word.is_free else None
    if path is not None and not path.startswith("/dev/") and call.judge.touches(call, path):
        call.writes(word)


def _named(call: Call, word: Word) -> None:
    """A value that may be the name of a file, as ``file:///x`` and ``@x``, or anything else."""
    if found := re.match(r"(?:fileb?://|@)?([/.~].*)", word.text):
        call.reads(Word(found[1], word.is_free))


def _host(type_: str, word: Word) -> str | None:
    """Return the host that ``word`` names, and "" if it may be this one. A HOST may have an account, a port, or other hosts
    beside it. A URL may be anything else, too: None. A DAEMON is a URL, or else on this host.
    """
    text = word.text
    if type_ != "HOST":
        found = re.match(r"[A-Za-z][\w.+-]*://([^/?]+)", text) or re.search(r"\bhost(?:addr)?=([^\s&;,]+)", text)
        if found is None:
            return "" if word.is_free or type_ == "DAEMON" else None
        text = found[1]
    names = [re.sub(r"(?<=[^:]):\d+$", "", name) for name in text.rpartition("@")[2].split(",")]
    is_here = word.is_free or any(not name or name[0] in "/." or THIS_HOST.fullmatch(name) for name in names)
    return "" if is_here else names[0][:60]


def on_host(call: Call, named: Iterable[tuple[str, Word]]) -> Call:
    """Return ``call`` as it acts where ``named`` says: words and their types. If this host may be meant, it acts here."""
    hosts, clusters = list[str](), list[str]()
    for type_, word in named:
        kind = type_.partition(":")[0]
        if kind == "CLUSTER" and word.text:
            clusters.append(f"in the cluster {_cut(word)}")
        elif kind in ("HOST", "URL", "DAEMON") and (host := _host(kind, word)) is not None:
            hosts.append(host and f"on {host}")
    return replace(call, elsewhere=", ".join(filter(None, (call.elsewhere, *clusters[-1:], *(hosts[-1:] if all(hosts) else ())))))


def _as(call: Call, named: Iterable[tuple[str, Word]]) -> Call:
    """Return ``call`` as what it starts is run: by the account USER, in the directory CWD."""
    for type_, word in named:
        call = call.by(word) if type_ == "USER" else call.within(word) if type_ == "CWD" else call
    return call


def _daemon(call: Call, word: Word) -> None:
    """The program asks a daemon, whose words it only carries, to do the work."""
    if host := _host("DAEMON", word):
        call.on(host)


EFFECTS: Mapping[str, Effect] = {
    **dict.fromkeys(
        ("TEXT", "TEXT:plain", "N", "DISK", "HOST", "URL", "CLUSTER", "SAID", "WITHIN", "OBJECT", "USER", "CWD", "COMMAND"),
        lambda call, word: None,
    ),
    "NAMED": _named,
    "DAEMON": _daemon,
    "DISK:writes": _disk,
    "FILE:lists": Call.lists,
    "FILE:reads": Call.reads,
    "FILE:writes": Call.writes,
    "FILE:appends": lambda call, word: call.writes(word, how="appends to"),
    "FILE:made": lambda call, word: call.writes(word, is_use=False) if word.text != "-" else None,
    "FILE:runs": Call.runs_file,
    "FILE:trusts": Call.trusts,
    "FILE:obeys": _obeys,
    "DIR:obeys": _obeys,
    "DIR:reads": lambda call, word: call.reads(word, is_tree=True),
    "DIR:writes": lambda call, word: call.writes(word, is_tree=True),
    "SHELL": Call.runs_text,
    "PROGRAM": lambda call, word: call.start([word]),
}
"""The types of words → what a program does with such a word. A TEXT:plain names no file and starts nothing, although an option
of this name often does, such as ``--output=json``. SAID is a text of which a line or another type says something, WITHIN names
what the program acts in, as a project, and OBJECT what it acts on. NAMED may be the name of a file, and nobody chooses what is
in a FILE:made. A program that does what a FILE:trusts says shows the lines of it that it does not understand. Of a FILE:obeys
or a DIR:obeys it shows none: this is code, a directory, or a file whose lines are in no message of the program. What the
program starts is run by USER in the directory CWD. A COMMAND is all words up to a semicolon.
"""


@dataclass(frozen=True, slots=True)
class Option:
    """An option. ``type`` is that of its value, and empty if it has none. ``is_attached``: the next word is its value only if
    ``may_follow`` and it is a number.
    """

    names: tuple[str, ...]
    type: str
    is_attached: bool
    may_follow: bool = False


@dataclass(frozen=True, slots=True)
class Slot:
    """The place of an operand. ``is_many``: for any number of them."""

    type: str
    is_needed: bool
    is_many: bool


Known = Mapping[str, Option]
"""Maps each spelling of options to the option."""
Element = re.Pattern[str] | Slot | None
"""A verb, the place of an operand, or None for ``--``."""
Condition = tuple[frozenset[Option], re.Pattern[str] | None]
"""Options of which one must be given, and its value if this matters."""


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of a grammar, whose ``elements`` are wanted in this order. ``is_also``: what follows is told beside it."""

    elements: tuple[Element, ...]
    conditions: tuple[Condition, ...]
    line: Case
    is_also: bool = False

    @property
    def n_verbs(self) -> int:
        return sum(isinstance(one, re.Pattern) for one in self.elements)

    @property
    def is_late(self) -> bool:
        """True if other words stand before the verbs."""
        return self.n_verbs > 0 and isinstance(self.elements[0], Slot)

    @property
    def looks(self) -> bool:
        starts = any(isinstance(one, Slot) and one.type in _STARTS for one in self.elements)
        return self.line.effect.partition(":")[0] in LOOKS and not starts

    def is_certain(self, reading: Reading) -> bool:
        """True if the verbs, which come first, stay the verbs, whatever the words are that are not known."""
        verbs = reading.sure[: self.n_verbs]
        is_first = all(isinstance(one, re.Pattern) for one in self.elements[: self.n_verbs])
        return is_first and len(verbs) == self.n_verbs and not any(word.is_free for word in verbs)


ANY_VERB = pattern("*").pattern


@dataclass(frozen=True, slots=True)
class Head:
    """The options of ``verbs``. They end at ``ends`` operands. ``is_apart``: ``kind/name`` is two words."""

    verbs: tuple[re.Pattern[str], ...]
    own: dict[str, Option]
    ends: int
    is_apart: bool


@dataclass(slots=True)
class Reading:
    """The words of a call, each at its place. The first ``n_sure`` operands are sure. ``is_open``: a word that is not known may
    be any option. ``dashes`` is how many operands stand before ``--``.
    """

    operands: list[Word] = field(default_factory=list)
    options: list[tuple[Option, Word]] = field(default_factory=list)
    values: list[tuple[Option, Word]] = field(default_factory=list)
    unknown: list[tuple[str, bool, int]] = field(default_factory=list)
    undeclared: list[str] = field(default_factory=list)
    n_sure: int | None = None
    dashes: int | None = None
    has_ended: bool = False

    @property
    def is_open(self) -> bool:
        return self.n_sure is not None

    @property
    def may_add(self) -> bool:
        """True if a word that is not known may be an option."""
        return self.is_open and not self.has_ended

    @property
    def sure(self) -> Sequence[Word]:
        return self.operands[: self.n_sure]

    def behind(self, n: int) -> Sequence[Word]:
        """Return the operands but the first ``n``. If a word before them may be an option, the last one is any word."""
        return [*self.sure[n:], ANY] if self.may_add else self.operands[n:]

    def ends(self, operands: Sequence[Word], *, is_pattern: bool) -> Reading:
        """Return this with ``operands``, among which no option is. One of them may be any number of words."""
        self.has_ended = self.n_sure is None
        for word in operands:
            if word.roams and (word.is_many or not is_pattern) and self.n_sure is None:
                self.n_sure = len(self.operands)
            self.operands.append(word)
        return self


@dataclass(frozen=True, slots=True)
class Fit:
    """How a call is what a rule says. ``bound`` are the operands at the places of the rule, ``left`` those without a place, and
    ``is_short``: a place has none. ``is_certain``: the verbs and options are sure, whatever the operands are.
    """

    is_sure: bool
    bound: tuple[tuple[Slot, Word], ...] = ()
    left: tuple[Word, ...] = ()
    is_short: bool = False
    is_certain: bool = False

    def after(self, slot: Slot, words: Sequence[Word]) -> Fit:
        """Return this with ``words`` at the place ``slot`` before."""
        return replace(self, bound=(*((slot, word) for word in words), *self.bound))


class Grammar:
    """The grammar of a program, which judges calls of it.

    ``options`` declares options: ``-f|--force`` has no value, ``-n|--name=TEXT`` has one, that of ``--color[=TEXT]`` stands in
    the same word, that of ``-w[ N]`` does or is the next word if this is a number, and ``--health-*=TEXT`` is any with this
    beginning. Options of a verb alone stand in a line of their own,
    behind the verb: ``commit: -m=TEXT``. So do those of verbs of several words, and of one of several verbs, as in ``save, image
    save: -o=FILE:writes``; more words hide what fewer say. If ``+`` stands behind the verb, its options end at the next operand,
    as in ``exec +: -u=TEXT``, if ``--``, it has none, and if ``/``, ``kind/name`` behind it is ``kind name``.

    ``lines`` are as those of a DecisionTable, and may have types, too. A line fits if each word has its place::

        luksFormat DISK [FILE:reads]  destroys  encrypts {2} anew: what is on it is gone
        install PKG...                changes   installs {2+}
        watch TEXT [TEXT] -- PROGRAM  changes   follows {2}

    The effect of a line may be a type: then what the program reads from its input is a word of it. Or it is one of ``deeds``,
    such as ``leads:run``, which begins with an effect and finds the options in ``call.given``. A line whose effect begins with
    ``also-`` is told beside the first one that fits, if this stands below it.

    ``[TYPE]`` need not be there, ``TYPE...`` is any number of words, and ``...`` any number that matter nothing. ``--`` is that
    of the command. If a word is left over by all lines, the first line is told that fits without it, and what is left over.

    ``types`` are the program's own. ``dialect`` is one of ``gnu`` (options stand anywhere, letters in clusters), ``posix``
    (options end at the first operand), ``caseless`` (the same, and verbs may be in capitals), ``verbs`` (the options of a verb
    stand behind it), ``nested`` (the same, and those of the program stand before it), ``go`` (``-name`` is ``--name``, and no
    letters stand in clusters), ``tar`` (its first word may be options, whose values follow) and ``words``, as of tc(8): long
    options have one hyphen, and they and verbs may be shortened. ``abbreviates``: long options may be shortened, as
    getopt_long(3) lets them. ``silent`` is a first verb that says nothing: ``docker container stop`` is ``docker stop``. In the
    dialect ``words``, it may stand anywhere: ``ip link set dev eth0`` is ``ip link set eth0``.
    ``is_open``: the verbs of the program have options that nobody can list. One that is not declared, behind a verb, is
    an option of the verb, and has the next word as its value. Unless it names something, a note says that the program is told as
    far as its verb tells.
    """

    def __init__(
        self,
        options: str,
        lines: str,
        *,
        dialect: str = "gnu",
        abbreviates: bool = False,
        is_open: bool = False,
        silent: str = "",
        types: Mapping[str, Effect] | None = None,
        deeds: Mapping[str, Deed] | None = None,
    ) -> None:
        self.is_open = is_open
        self.effects = {**EFFECTS, **(types or {})}
        self.deeds, self.silent = deeds or {}, silent
        self.is_words, self.permutes = dialect == "words", dialect not in ("words", "posix", "caseless")
        self.is_split, self.is_nested = dialect in ("verbs", "nested"), dialect == "nested"
        self.is_go, self.is_caseless, self.is_tar = dialect == "go", dialect == "caseless", dialect == "tar"
        self._abbreviates = abbreviates or self.is_words
        self._options, self._lines = options, lines

    # --- what a grammar is made of --------------------------------------------------------------------------------------
    # It is made when a call of the program is judged: to make all of them takes a third of what a daemon takes to start.

    @cached_property
    def _declarations(self) -> tuple[dict[str, Option], list[Head]]:
        common, of_verbs = dict[str, Option](), list[Head]()
        for text in _lines(self._options):
            verbs, found, rest = f"{text} ".partition(": ")
            declared = self._declared(rest if found else text)
            if found:
                verbs, _, mark = verbs.rpartition(" ") if verbs.endswith((" +", " --", " /")) else (verbs, "", "")
                heads = (tuple(map(pattern, one.split())) for one in verbs.split(", "))
                ends = {"+": 1, "--": 0}.get(mark, len(text))
                of_verbs += (Head(head, declared, len(head) + ends, mark == "/") for head in heads)
            elif twice := common.keys() & declared.keys():
                raise ValueError(f"declared twice: {twice}")
            else:
                common |= declared
        return common, sorted(of_verbs, key=lambda head: (len(head.verbs), head.verbs[0].pattern != ANY_VERB))

    @property
    def common(self) -> dict[str, Option]:
        return self._declarations[0]

    @property
    def of_verbs(self) -> list[Head]:
        return self._declarations[1]

    @cached_property
    def _every(self) -> dict[str, Option]:
        return {name: one for head in self.of_verbs for name, one in head.own.items()} | self.common

    @cached_property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(map(self._rule, _lines(self._lines)))

    @cached_property
    def _looks(self) -> bool:
        return all(rule.looks for rule in self.rules)

    @cached_property
    def _has_verbs(self) -> bool:
        return any(rule.n_verbs for rule in self.rules)

    def _declared(self, text: str) -> dict[str, Option]:
        declared: dict[str, Option] = {}
        for one in text.replace("[ N]", "[+=N]").split():
            names, equals, type_ = re.sub(r"\[\+?=", "=", one).rstrip("]").partition("=")
            if equals and type_ not in self.effects:
                raise ValueError(f"no such type: {one}")
            option = Option(tuple(names.split("|")), type_, "[" in one and bool(equals), "[+=" in one)
            if not all(name.startswith("-") for name in option.names):
                raise ValueError(f"no option: {one}")
            if twice := {*option.names} & declared.keys():
                raise ValueError(f"declared twice: {twice}")
            declared |= dict.fromkeys(option.names, option)
        return declared

    def _rule(self, text: str) -> Rule:
        wanted, effect, *rest = re.split(r"\s{2,}", text)
        words = wanted.split()
        program = pattern(words.pop(0)[:-1]) if words and words[0].endswith(":") else None
        conditions = tuple(self._condition(one) for one in words if one[0] == "-" and one != "--")
        elements = tuple(self._element(one) for one in words if (one[0] != "-" or one == "--") and one != "()")
        is_also, effect = effect.startswith("also-"), effect.removeprefix("also-")
        if effect not in LINES and effect not in self.effects and effect not in self.deeds:
            raise ValueError(f"no such effect: {text}")
        sentence, back = (*rest, "", "")[:2]
        return Rule(elements, conditions, Case(program, (), False, (), effect, sentence, back), is_also)

    def _element(self, text: str) -> Element:
        if text == "...":
            return Slot("TEXT", False, True)
        bare = text.removesuffix("...").strip("[]")
        if bare.partition(":")[0].isupper() and "|" not in bare:
            if bare not in self.effects:
                raise ValueError(f"no such type: {text}")
            return Slot(bare, text.endswith("...") is False and text[0] != "[", text.endswith("..."))
        return None if text == "--" else pattern(text)

    def _condition(self, text: str) -> Condition:
        names, equals, value = text.partition("=")
        known = [self.common, *(head.own for head in self.of_verbs)]
        wanted = pattern(names)
        options = frozenset(option for one in known for name, option in one.items() if wanted.fullmatch(name))
        if not options:
            raise ValueError(f"no such option: {text}")
        return options, pattern(value) if equals else None

    # --- the parser -----------------------------------------------------------------------------------------------------

    def read(self, words: Sequence[Word], *, is_pattern: bool = False, takes_values: bool = False) -> Reading:
        """Find the place of each word. If ``takes_values`` is True, an option that is not declared takes the next word."""
        if self.is_tar and words and words[0].text.isalpha():
            rest = list(words[1:])
            words = [ANY, *rest] if words[0].is_free else [*self._first_apart(words[0].text, rest)]
        if self.is_split:
            return self._read(words, self.own, is_pattern, takes_values)
        every = self._read(words, lambda operands: self._every, is_pattern, takes_values)
        if not self.of_verbs or not every.sure or every.sure[0].is_free:
            return every
        own = self.own(every.sure)
        return self._read(words, lambda operands: own, is_pattern, takes_values)

    def _first_apart(self, letters: str, rest: list[Word]) -> Iterator[Word]:
        """Yield the options ``letters``, each with its value, and then the words that are left of ``rest``."""
        for name in (f"-{letter}" for letter in letters):
            yield Word(name)
            if name in self.common and self.common[name].type and rest:
                yield rest.pop(0)
        yield from rest

    def own(self, operands: Sequence[Word]) -> Known:
        """Return the options that may stand behind ``operands``, or with them if those of a verb need not stand behind it."""
        before = {} if self.is_nested and operands else self.common
        return before | {name: one for head in self._heads(operands) for name, one in head.own.items()}

    def _heads(self, operands: Sequence[Word]) -> list[Head]:
        """Return the heads whose verbs ``operands`` may begin with."""
        return [
            head
            for head in self.of_verbs
            if len(operands) >= len(head.verbs) and all(map(self.is_verb, head.verbs, operands[: len(head.verbs)]))
        ]

    def _read(
        self, words: Sequence[Word], behind: Callable[[Sequence[Word]], Known], is_pattern: bool, takes_values: bool
    ) -> Reading:
        """Return the reading with the options that may stand ``behind`` the operands before them."""
        reading = Reading()
        known = behind(())
        rest = list(words)
        while rest:
            word = rest.pop(0)
            text = word.text
            is_option = text.startswith("-") and text != "-"
            if word.is_free and not word.is_bound and (not text or text[0] == "-"):
                if self._is_free_value(word, known) and is_pattern:
                    self._take(reading, text, word, rest, known, takes_values)
                    continue
                if reading.n_sure is None:
                    reading.n_sure = len(reading.operands)
                if not text:
                    reading.operands.append(word)
            elif text == "--":
                reading.dashes = len(reading.operands)
                return reading.ends(rest, is_pattern=is_pattern)
            elif not is_option and text == self.silent and text and not reading.operands:
                continue
            elif not is_option:
                kind, slash, name = text.partition("/")
                if slash and kind and kind != "." and any(head.is_apart for head in self._heads(reading.operands)):
                    reading.operands.append(Word(kind))
                    word = replace(word, text=name)
                reading.operands.append(word)
                heads = self._heads(reading.operands)
                if not self.permutes or any(head.ends == len(reading.operands) for head in heads):
                    rest = self._words(reading, rest, takes_values) if self.is_words else rest
                    return reading.ends(rest, is_pattern=is_pattern)
                known = behind(reading.operands)
            else:
                self._take(reading, text, word, rest, known, takes_values)
        return reading

    def _words(self, reading: Reading, rest: list[Word], takes_values: bool) -> list[Word]:
        """Return what is left of ``rest`` without the silent word, and without options, which do not stand there."""
        kept = list[Word]()
        while rest and not any(head.ends == len(kept) + 1 for head in self._heads([*reading.operands, *kept])):
            word = rest.pop(0)
            if re.match("-[^0-9]", word.text) and not word.is_free:
                name, equals, _ = word.text.partition("=")
                reading.unknown.append((name, bool(rest), len(reading.operands) + len(kept)))
                if takes_values and not equals and rest:
                    rest.pop(0)
            elif word.is_free or word.text != self.silent:
                kept.append(word)
        return [*kept, *rest]

    def _is_free_value(self, word: Word, known: Known) -> bool:
        """True if only the value of the option ``word`` is not known."""
        name, equals, _ = self._one(word.text).partition("=")
        is_attached = len(word.text) > 2 and not word.text.startswith("--")  # what follows "-n" alone may be nothing
        option = self._found(name, known) if equals else known.get(word.text[:2]) if is_attached else None
        return option is not None and option.type != ""

    def _take(self, reading: Reading, text: str, word: Word, rest: list[Word], known: Known, takes_values: bool) -> None:
        """Put the option ``text`` into ``reading``, with its value, which may be the next of ``rest``."""
        name, equals, value = text.partition("=")
        given = Word(value, word.is_free, word.is_bound) if equals else None
        is_long = text.startswith("--") or self.is_words or self.is_go or (self.is_open and bool(reading.operands))
        if is_long or name in known:
            option = self._found(self._one(name), known) or self._abbreviated(name, known)
            if option is not None or is_long:
                return self._put(reading, name, option, given, rest, takes_values)
        for at, letter in enumerate(text[1:], 2):
            option = known.get(f"-{letter}")
            more = text[at:]
            if option is not None and not option.type:
                self._put(reading, f"-{letter}", option, None, rest, takes_values)
                continue
            if option is not None or takes_values:
                attached = Word(more, word.is_free, word.is_bound) if more or word.is_free else None
                return self._put(reading, f"-{letter}", option, attached, rest, takes_values)
            self._put(reading, f"-{letter}", None, None, [] if more else rest, takes_values)

    def _one(self, name: str) -> str:
        """Return the option ``name`` with one hyphen, if its program takes two for one."""
        return name[1:] if (self.is_go or self.is_words) and name.startswith("--") else name

    def _found(self, name: str, known: Known) -> Option | None:
        families = (one for full, one in known.items() if "*" in full and pattern(full).fullmatch(name))
        return known.get(name) or next(families, None)

    def _abbreviated(self, name: str, known: Known) -> Option | None:
        if not self._abbreviates or len(name.strip("-")) < 1:
            return None
        found = list(dict.fromkeys(one for full, one in known.items() if full.startswith(name) and full[:2] == name[:2]))
        return found[0] if found and (len(found) == 1 or self.is_words) else None

    def _put(
        self, reading: Reading, name: str, option: Option | None, value: Word | None, rest: list[Word], takes_values: bool
    ) -> None:
        if option is None and self.is_open and reading.operands:
            takes = value is None and bool(rest) and not rest[0].is_free and not rest[0].text.startswith("-")
            value = rest.pop(0) if takes else value
            type_ = "" if value is None else "OBJECT" if _NAMES.fullmatch(name) else "NAMED"
            reading.undeclared += [] if type_ == "OBJECT" else [name]
            option = Option((name,), type_, False)
        if option is None:
            reading.unknown.append((name, bool(rest), len(reading.sure)))
            if value is None and takes_values and rest and rest[0].text != "--":
                rest.pop(0)
            return
        if option.type == "COMMAND" and value is None:
            end = next((at for at, one in enumerate(rest) if one.text == ";"), len(rest))
            reading.values += [(option, one) for one in rest[:end]]
            del rest[: end + 1]
        elif (
            value is None and option.type and rest and (not option.is_attached or (option.may_follow and rest[0].text.isdigit()))
        ):
            value = rest[0] if rest[0].is_many else rest.pop(0)
        if option.type and value is not None:
            reading.values.append((option, value))
        if not reading.is_open:
            is_off = not option.type and value is not None and value.text.lower() in ("false", "0", "no", "off")
            if not is_off:
                reading.options.append((option, value or Word("")))

    # --- what a call does -----------------------------------------------------------------------------------------------

    def __call__(self, call: Call) -> None:
        words = call.words
        first = self.read(words, is_pattern=call.judge.is_pattern)
        readings = [first]
        if first.unknown:
            readings.append(self.read(words, is_pattern=call.judge.is_pattern, takes_values=True))
        found = [(reading, self._fitting(call.name, reading)) for reading in readings]
        if any(fits for _, fits in found):
            found = [(reading, fits) for reading, fits in found if fits]
        self._says_unknown(call, first, found)
        for reading, fits in found:
            self._tell(call, reading, fits)

    def fits(self, words: Sequence[str], name: str) -> tuple[Rule, ...]:
        """Return the rules that fit the ``words`` of the program ``name``."""
        return tuple(rule for rule, _ in self._fitting(name, self.read([*map(Word, words)])))

    def _fitting(self, name: str, reading: Reading) -> list[tuple[Rule, Fit]]:
        """Return the rules that may fit, up to the first that surely fits. If none fits, return that with the most verbs of those
        that have words left over, or too few.
        """
        found, rest = list[tuple[Rule, Fit]](), list[tuple[Rule, Fit]]()
        for rule in self.rules:
            is_its = rule.line.program is None or rule.line.program.fullmatch(name)
            if not is_its or (fit := self._fit(rule, reading)) is None:
                continue
            if fit.left or fit.is_short:
                rest += [(rule, fit)] if rule.elements or not self._has_verbs else []
                continue
            found.append((rule, fit))
            if fit.is_sure and not rule.is_also:
                break
        found.sort(key=lambda one: one[0].is_also)
        return found if found and not found[0][0].is_also else sorted(rest, key=lambda one: -one[0].n_verbs)[:1]

    def _fit(self, rule: Rule, reading: Reading) -> Fit | None:
        fit = self._placed(rule.elements, list(reading.sure), 0, reading)
        if fit is None:
            return None
        is_sure, is_certain = fit.is_sure, rule.is_certain(reading)
        for options, value in rule.conditions:
            given = _is_given(options, value, reading, every=rule.looks)
            if given is False and not reading.may_add:
                return None
            is_sure = is_sure and given is True and not (rule.looks and reading.may_add)
            is_certain = is_certain and given is True
        return replace(fit, is_sure=is_sure, is_certain=is_certain)

    def _placed(self, elements: Sequence[Element], operands: Sequence[Word], at: int, reading: Reading) -> Fit | None:
        """Find places for ``operands``, of which the first is the ``at``-th, among ``elements``."""
        if not elements:
            return Fit(not reading.is_open, left=tuple(operands))
        first, rest = elements[0], elements[1:]
        if first is None:
            if reading.is_open:
                return self._placed(rest, operands, at, reading)
            return self._placed(rest, operands, at, reading) if reading.dashes == at else None
        if isinstance(first, re.Pattern):
            if not operands:
                return Fit(False, tuple(_slots(rest))) if reading.is_open else None
            if not self.is_verb(first, operands[0]):
                return None
            found = self._placed(rest, operands[1:], at + 1, reading)
            return found and replace(found, is_sure=found.is_sure and not operands[0].is_free)
        if first.type == "PROGRAM":
            words = reading.behind(at)
            return Fit(not reading.is_open).after(first, words) if words or not first.is_needed else None
        if first.is_many:
            if not rest:
                return Fit(True).after(first, [*operands, *([ANY] if reading.is_open else [])])
            tails = ((n, self._placed(rest, operands[n:], at + n, reading)) for n in range(len(operands) + 1))
            fits = [one.after(first, operands[:n]) for n, one in tails if one]
            return min(fits, key=lambda one: len(one.left)) if fits else None
        if operands and _is_typed(first, operands[0]):
            found = self._placed(rest, operands[1:], at + 1, reading)
            if found is None and not first.is_needed:
                return self._placed(rest, operands, at, reading)
            is_sure = first.type != "N" or operands[0].text != ""
            return found and replace(found, is_sure=found.is_sure and is_sure).after(first, operands[:1])
        if reading.is_open:
            return Fit(False, tuple(_slots(elements)))
        if not first.is_needed:
            return self._placed(rest, operands, at, reading)
        is_short = not operands and all(isinstance(one, Slot) for one in rest)
        return Fit(True, is_short=True) if is_short else None

    def is_verb(self, wanted: re.Pattern[str], word: Word) -> bool:
        word = replace(word, text=word.text.lower()) if self.is_caseless else word
        if word.is_free:
            return word_may_be(wanted, word)
        if self.is_words and word.text.isalpha() and any(one.startswith(word.text) for one in wanted.pattern.split("|")):
            return True
        return wanted.fullmatch(word.text) is not None

    def _tell(self, call: Call, reading: Reading, fits: Sequence[tuple[Rule, Fit]]) -> None:
        """Say what the rules that fit do, and what is not known. Functions of types find the words in ``call``, sorted."""
        given: dict[str, list[Word]] = {}
        for option, values in (*((one, []) for one, _ in reading.options), *((one, [value]) for one, value in reading.values)):
            for name in option.names:
                given.setdefault(name.lstrip("-"), []).extend(values)
        here = replace(call, given=given, sorted_operands=reading.operands)
        said, n_given = set[str](), call.judge.n_given
        where = next((f"in {_cut(value)}" for option, value in reading.values if option.type == "WITHIN"), "")
        if reading.undeclared:
            new = listed(tuple(dict.fromkeys(one[:40] for one in reading.undeclared[:4])), "and")
            asked = self._asked(call, fits[-1][0] if fits else None, reading)
            call.judge.note(f"jitd does not know {new} of {asked}{', and tells what the verb does' if fits else ''}")
        for rule, fit in fits:
            named = [
                *((option.type, value) for option, value in reading.values),
                *((slot.type, word) for slot, word in fit.bound),
            ]
            started_by = _as(here, () if reading.may_add else named)  # a word that is not known may be another account
            if rule.line.effect in (*_HERE, *self.effects, *self.deeds):
                named = [one for one in named if one[0].startswith("DAEMON")]
            call = on_host(started_by, named)
            felt = on_host(started_by, [one for one in named if one[0] != "CLUSTER"])  # its files are of this host
            has_told = [self._effect(felt, slot.type, word) for slot, word in fit.bound if slot.type != "PROGRAM"]
            if started := [word for slot, word in fit.bound if slot.type == "PROGRAM"]:
                call.start(started)
            if rule.line.effect in {*said, "harmless", *(["changes"] if any(has_told) else [])}:
                continue
            if not fit.is_sure:
                said.add(rule.line.effect)
            if rule.line.effect in self.effects:
                self._fed(call, rule.line.effect)
                continue
            if deed := self.deeds.get(rule.line.effect):
                deed(here, call, reading.behind(rule.n_verbs))
                continue
            options = [(option.names[0], value) for option, value in reading.options]
            sorted_ = Words(reading.operands, options, reading.is_open, by_row=True)
            before = tuple(word for slot, word in fit.bound if rule.is_late and slot is rule.elements[0])
            elements, operands = rule.elements[bool(before) :], reading.operands[len(before) :]
            match = Match(fit.is_sure, before, tuple(operands[rule.n_verbs :]), _star(elements, operands))
            objects = [value for option, value in reading.values if option.type == "OBJECT"]
            say(call, rule.line, filling(call, match, sorted_, {"name": told([*objects[:1], *match.after])}), where)
        self._effects_of_options(here, reading)
        may_be_options = self.is_words and any(word.roams and word.text[:1] in ("", "-") for word in reading.operands)
        is_open = (
            reading.may_add or (may_be_options and call.judge.is_pattern) or (fits and not any(fit.is_sure for _, fit in fits))
        )
        gives_root = call.is_root and call.judge.n_given > n_given and not call.judge.is_pattern  # no single key approves that
        if is_open and not gives_root:
            self._says_open(call, reading, fits)
        for rule, fit in fits:
            if fit.left:
                asked = self._asked(call, rule, reading)
                _doubts(call, f"jitd does not know what {_cut(fit.left[0])} is to {asked}", is_quiet=rule.looks)
            elif fit.is_short:
                short = f"jitd does not know what {self._asked(call, rule, reading)} does without more words"
                _doubts(call, short, is_quiet=rule.looks)
        if not fits:
            call.not_known(f"jitd does not know what {self._asked(call, None, reading)} changes")

    def _effects_of_options(self, call: Call, reading: Reading) -> None:
        for option, value in reading.values:
            self._effect(call, option.type, value)
        if reading.may_add:
            known = self.own(reading.sure) if reading.sure else self._every
            for type_ in dict.fromkeys(one.type for one in known.values() if one.type):
                self._effect(call, type_, ANY)

    def _effect(self, call: Call, type_: str, word: Word) -> bool:
        return bool(self.effects[type_](call, word))

    def _fed(self, call: Call, type_: str) -> None:
        """What the program reads from its input is a word of the type ``type_``."""
        if call.input is None or call.judge.is_pattern:
            call.gives("can start a shell")
        elif call.input.text is not None:
            self._effect(call, type_, Word(call.input.text))
        else:
            call.runs_input()

    @staticmethod
    def _asked(call: Call, rule: Rule | None, reading: Reading) -> str:
        operands = reading.operands[: 2 if rule is None else 3 if rule.is_late else rule.n_verbs]
        return " ".join([call.name, *map(_cut, operands)])

    def _says_open(self, call: Call, reading: Reading, fits: Sequence[tuple[Rule, Fit]]) -> None:
        """A word that is not known may be an option, verb or operand that nobody declared."""
        only_looks = all(rule.looks for rule, _ in fits) and (self._looks or any(fit.is_certain for _, fit in fits))
        _doubts(call, f"jitd does not know each word that {call.name} may be given", is_quiet=only_looks)

    def _says_unknown(self, call: Call, first: Reading, found: Sequence[tuple[Reading, Sequence[tuple[Rule, Fit]]]]) -> None:
        for name, is_followed, n_before in first.unknown[:1]:
            rules = [rule for _, fits in found for rule, _ in fits]
            only_looks = self._looks or (bool(rules) and all(one.looks and one.n_verbs <= n_before for one in rules))
            is_quiet = not first.is_open and only_looks
            told = f"jitd does not know the option {_cut(Word(name))} of {call.name}"
            _doubts(call, f"{told}, so not what follows it" if is_followed and not is_quiet else told, is_quiet=is_quiet)


def _lines(text: str) -> Iterator[str]:
    """Yield the lines of ``text``. A backslash at the end continues one."""
    return filter(None, map(str.strip, re.sub(r"\s*\\\n\s*", "  ", text).split("\n")))


def _doubts(call: Call, what: str, *, is_quiet: bool) -> None:
    """jitd does not know a word. If ``is_quiet`` is False, what it does may be a loss."""
    call.unknown(what) if is_quiet else call.not_known(what)


def _is_typed(slot: Slot, word: Word) -> bool:
    """True if ``word`` may be of the type of ``slot``: only numbers, such as 10G, look different from other words."""
    return slot.type != "N" or word.text[:1].isdigit() or (word.is_free and not word.text)


def _slots(elements: Sequence[Element]) -> Iterator[tuple[Slot, Word]]:
    return ((one, ANY) for one in elements if isinstance(one, Slot))


def _cut(word: Word) -> str:
    return word.text[:40] or "…"


def _star(elements: Sequence[Element], operands: Sequence[Word]) -> str:
    """Return what a star in the last verb among ``elements`` stands for."""
    pairs = zip(elements, operands, strict=False)
    found = [one.fullmatch(word.text) for one, word in pairs if isinstance(one, re.Pattern)]
    return next((part for one in reversed(found) if one for part in one.groups() if part), "")


def _is_given(options: frozenset[Option], value: re.Pattern[str] | None, reading: Reading, *, every: bool) -> bool | None:
    """True if one of ``options`` is given with ``value``, and None if it may be. ``every``: with no other value, too."""
    found = list[bool | None]()
    for option, given in reading.options:
        if option not in options:
            continue
        if value is None:
            return True
        found.append(word_may_be(value, given) and None if given.is_free else value.fullmatch(given.text) is not None)
    if True in found and not (every and {False, None} & {*found}):
        return True
    return None if None in found and not (every and False in found) else False


def grammar(
    names: str,
    options: str,
    lines: str,
    *,
    dialect: str = "gnu",
    abbreviates: bool = False,
    is_open: bool = False,
    types: Mapping[str, Effect] | None = None,
) -> Row:
    """Return the row of the programs ``names``, which are one program, or differ by lines that name them alone."""
    judge = Grammar(options, lines, dialect=dialect, abbreviates=abbreviates, is_open=is_open, types=types)
    return Row(names, judge, is_parsed=True)


def grammars(
    text: str, *, lines: str = "", types: Mapping[str, Effect] | None = None, deeds: Mapping[str, Deed] | None = None
) -> tuple[Row, ...]:
    """Return the rows of several grammars in one text. Each has a head, such as ``= psql: abbreviates``, ``= aws: open`` or
    ``= docker: nested without container``, with its dialect if this is not ``gnu`` and its silent verb, and then its options, of
    which the first may stand behind the head, and lines. A line has columns, and options have none. A grammar that has no lines
    has those of ``lines``, or else of the next one.
    """
    effects = LINES | EFFECTS.keys() | (types or {}).keys() | (deeds or {}).keys()
    rows, last = list[Row](), ""
    for part in reversed(re.split(r"(?m)^ *= ", text)[1:]):
        head, *body = _lines(part)
        head, *first = re.split(r" {2,}(?=-)", head, maxsplit=1)
        names, _, marks = head.partition(": ")
        columns = [re.split(r"\s{2,}", one) for one in body]
        own = [one for one, its in zip(body, columns, strict=True) if len(its) > 1 and its[1].removeprefix("also-") in effects]
        last = "\n".join(own) or lines or last
        marks, _, silent = marks.partition(" without ")
        known = {*marks.split()}
        judge = Grammar(
            "\n".join([*first, *(one for one in body if one not in own)]),
            last,
            dialect=next(iter(known - {"abbreviates", "open"}), "gnu"),
            abbreviates="abbreviates" in known,
            is_open="open" in known,
            silent=silent,
            types=types,
            deeds=deeds,
        )
        rows.insert(0, Row(names, judge, is_parsed=True))
    return tuple(rows)
