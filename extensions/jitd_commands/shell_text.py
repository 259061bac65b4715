# SPDX-License-Identifier: Apache-2.0
"""Reads the texts that a POSIX shell or bash would run, as far as this is possible without the shell. The module ``grading`` uses
the commands in the texts to warn people.

Law: nothing of a text is passed over in silence: what this module cannot read with certainty makes the text unreadable
(``Text.unreadable``), and a value that only the shell knows makes a word free. The time is linear in the size of the text, times
DEEPEST. Sources: POSIX.1-2017, Shell Command Language, chapter 2; bash(1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

LONGEST = 128 * 1024
"""Maximum number of characters of a text that is read. Linux allows no longer argument (MAX_ARG_STRLEN)."""
DEEPEST = 12
"""Maximum depth of substitutions in substitutions."""
MOST_WORDS = 20000
"""Maximum number of words of a text, after all substitutions of variables."""
MOST_BRACES = 6
"""Maximum number of braces in a word that are expanded. A word with more braces is free from the first one on."""
MOST_DOCUMENTS = 32
"""Maximum number of here-documents of a text."""


@dataclass(frozen=True, slots=True)
class Word:
    """One argument of a command. ``text`` is its fixed beginning. ``is_free`` is True if more follows that is not known. If
    ``is_bound`` is True too, what follows cannot lead out of the directory of ``text``, as with a glob. ``variable`` is the name
    of the one variable that the word is written with, or empty. ``is_many``: any number of words may stand there.
    """

    text: str
    is_free: bool = False
    is_bound: bool = False
    variable: str = field(default="", compare=False)
    is_many: bool = False

    @property
    def is_any(self) -> bool:
        """True if nothing is known of the word, or if it may be any option."""
        return self.is_free and not self.is_bound and self.text in ("", "-", "--")

    @property
    def roams(self) -> bool:
        """True if the word may be an option, or a file in any directory."""
        return self.is_free and not self.is_bound


@dataclass(frozen=True, slots=True)
class Redirection:
    """A redirection such as ``> FILE``. For a here-document, ``operator`` is ``<<``, and ``target`` is the document. ``number``
    is the file descriptor. For ``&>`` it is 1.
    """

    operator: str
    target: Word
    number: int


@dataclass(frozen=True, slots=True)
class Simple:
    """A simple command in a text. ``words`` begins with the program, or is empty. ``assigned`` contains the assignments before
    the command. ``fed_by`` contains the commands whose output it reads through a pipe, or is None. ``is_captured`` is True if
    something else than the text's own output takes the command's output. ``is_certain`` is True if it runs
    after the commands before it, if these succeed, and in the same shell. ``scope`` names the subshells (``(``) and the parts
    that may not run, in which it is.
    """

    words: tuple[Word, ...]
    assigned: tuple[tuple[str, Word], ...]
    redirections: tuple[Redirection, ...]
    fed_by: tuple[Simple, ...] | None
    is_captured: bool
    is_certain: bool
    scope: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Text:
    """The simple commands of a text, in the order in which they are written. ``functions`` contains the names of the functions
    that the text defines. ``unreadable`` is a reason, or is empty. ``evaluated`` contains the texts of which the shell makes
    numbers or names. In ``a[$(id)]``, it then runs what is in the brackets. ``typed`` is True if a text that is read is among
    them. ``filled`` contains the variables that loops and ``${NAME:=VALUE}`` set.
    """

    commands: tuple[Simple, ...]
    functions: frozenset[str]
    unreadable: str
    evaluated: frozenset[str] = frozenset()
    typed: bool = False
    filled: tuple[tuple[str, Word], ...] = ()


Variables = Mapping[str, tuple[Word, ...]]
"""The values of variables that are known. Only ``@`` and ``*`` have several words."""


def read_text(text: str, variables: Variables) -> Text:
    """Return the commands in ``text``. ``variables`` contains what is known before the text runs, such as the values of ``$1``
    and ``$@``. A variable that the text sets to one fixed value has this value. A variable that it sets in another way is free.
    """
    if len(text) > LONGEST:
        return Text((), frozenset(), "it is too long")
    known: Variables = variables
    read = Text((), frozenset(), "")
    for _ in range(3):  # a value may be made of another one
        reader = _Reader(text, known)
        read = reader.read()
        values = {name: words for name, words in reader.assigned.items() if len(set(words)) == 1 and not words[0].is_free}
        anew = {name: words for name, words in variables.items() if name not in reader.assigned}
        anew |= {name: (words[0],) for name, words in values.items() if name not in variables}
        anew |= {name: (_common(words),) for name, words in reader.looped.items() if name not in reader.assigned}
        if anew == known:
            break
        known = anew
    return read


def _common(words: Sequence[Word]) -> Word:
    """Return a word that stands for each of ``words``."""
    if len(words) == 1:
        return words[0]
    if words and not any(word.is_free or "/" in word.text or word.text[:1] in ("-", "", ".") for word in words):
        return Word("", is_free=True, is_bound=True)
    start = _common_start([word.text for word in words])
    directory = start.rpartition("/")[0]
    is_bound = bool(directory) and not any(word.roams or ".." in word.text for word in words)
    return Word(f"{directory}/" if is_bound else "", is_free=True, is_bound=is_bound)


def _common_start(texts: Sequence[str]) -> str:
    least, most = min(texts, default=""), max(texts, default="")
    return next((least[:at] for at, letter in enumerate(least) if letter != most[at : at + 1]), least)


class _Unreadable(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Token:
    """A word or an operator. ``kind`` is ``word``, ``operator`` or ``redirection``. ``words`` contains the words that a word
    becomes. ``plain`` is the word as it is written, if nothing in it is quoted or expanded. If the word may be an assignment,
    ``assigns`` is the name of the variable, and ``value`` its value. ``names`` contains the variables in it.
    """

    kind: str
    text: str = ""
    words: tuple[Word, ...] = ()
    plain: str = ""
    assigns: str = ""
    value: Word = Word("", is_free=True)
    names: tuple[str, ...] = ()


_OPERATOR = re.compile(r"&&|\|\||;;&|;&|;;|\|&|[;&|()\n]")
_REDIRECTION = re.compile(r"(?P<n>[0-9]{0,9}|\{[A-Za-z_]\w*\})(?P<op>&>>|&>|<<<|<<-|<<|>>|>\||>&|<&|<>|>|<)")
_NAME = re.compile(r"[A-Za-z_]\w*")
_ASSIGNMENT = re.compile(r"([A-Za-z_]\w*)(\[[^\]]*\])?\+?=")
_SET_BY_NUMBERS = re.compile(
    r"(?<!\w)([A-Za-z_]\w*)\s*(?:[-+*/%&|^]|<<|>>)?=(?!=)|(?<!\w)([A-Za-z_]\w*)\s*(?:\+\+|--)|(?:\+\+|--)\s*([A-Za-z_]\w*)"
)
_BLANK = " \t\r"
_BEFORE = frozenset({"if", "then", "elif", "else", "while", "until", "do", "!", "time", "{", "coproc"})
_AFTER = frozenset({"fi", "done", "esac", "}", "]]"})
_SAFE_OUTPUT = re.compile(r"\s*(?:date|hostname|uname|whoami|logname|nproc|arch|lsb_release|id -un)(?:\s+[-+%\w:. \"']*)?\s*")
"""Commands whose output has no slash, so that it cannot lead a path elsewhere."""
_SAFE_VARIABLES = frozenset(
    {"$", "?", "#", "!", "RANDOM", "HOSTNAME", "USER", "LOGNAME", "UID", "EUID", "PPID", "SECONDS", "LINENO"}
)
_ANSI_C = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "e": "\x1b", "E": "\x1b", "f": "\f", "v": "\v"}


class _Reader:
    """Reads one text once. ``assigned`` and ``looped`` contain what the text gives its variables."""

    def __init__(self, text: str, variables: Variables, depth: int = 0) -> None:
        self.text = text
        self.variables = variables
        self.depth = depth
        self.at = 0
        self.assigned: dict[str, list[Word]] = {}
        self.looped: dict[str, list[Word]] = {}
        self.functions: set[str] = set()
        self.evaluated: set[str] = set()
        self.filled: set[str] = set()
        self.defaults: set[str] = set()
        self.inner: list[Simple] = []
        self.n_documents = 0
        self.n_words = 0
        self.n_searched = 0
        self.has_numbers = True

    def read(self) -> Text:
        unreadable = ""
        commands: list[Simple] = []
        try:
            self._commands(commands)
        except (_Unreadable, RecursionError) as refused:
            unreadable = str(refused) or "it is nested too deeply"
        every = tuple([*commands, *self.inner])
        texts = set(self.evaluated)
        for _ in range(2):  # the value of one variable may be the name of another
            texts |= {word.text for name in texts for word in self.assigned.get(name, ())}
        is_typed = bool(self.filled & self.evaluated)
        return Text(every, frozenset(self.functions), unreadable, frozenset(texts), is_typed, self._filled_by_loops())

    def _filled_by_loops(self) -> tuple[tuple[str, Word], ...]:
        looped = tuple((name, _common(words)) for name, words in self.looped.items())
        return (*looped, *((name, Word("", is_free=True)) for name in sorted(self.defaults)))

    # --- commands ---------------------------------------------------------------------------------------------------

    def _commands(self, commands: list[Simple]) -> None:
        tokens = self._tokens()
        self._parse(tokens, commands)

    def _tokens(self) -> list[_Token]:
        tokens: list[_Token] = []
        while (token := self._token()) is not None:
            tokens.append(token)
            self.n_words += max(1, len(token.words))
            if self.n_words > MOST_WORDS:
                raise _Unreadable("it is too long")
        return tokens

    def _parse(self, tokens: list[_Token], commands: list[Simple]) -> None:
        words: list[Word] = []
        assigned: list[tuple[str, Word]] = []
        redirections: list[Redirection] = []
        pipe: list[Simple] = []  # what the next command reads
        is_certain, is_piped = True, False
        scope: list[str] = []
        n_scopes = at = 0

        def enter(kind: str) -> None:
            nonlocal n_scopes
            n_scopes += 1
            scope.append(f"{kind}{n_scopes}")
            if len(scope) > DEEPEST:
                raise _Unreadable("it is nested too deeply")

        def end(operator: str) -> None:
            nonlocal words, assigned, redirections, pipe, is_piped, is_certain
            is_captured = operator in ("|", "|&")
            if words or assigned or redirections:
                fed = tuple(pipe) if is_piped else None
                certain = is_certain and not is_captured and not is_piped and operator not in ("&", "||")
                one = Simple(tuple(words), tuple(assigned), tuple(redirections), fed, is_captured, certain, tuple(scope))
                commands.append(one)
                last = [one]
            else:
                last = list(commands[-8:]) if is_captured else []
            words, assigned, redirections = [], [], []
            if is_captured:
                pipe, is_piped = last, True
            elif operator in (";", "\n", "&", "&&", "||", ";;", ";&", ";;&"):
                pipe, is_piped = [], False
                is_certain = operator != "||"

        while at < len(tokens):
            token = tokens[at]
            at += 1
            if token.kind == "redirection":
                follows = tokens[at] if at < len(tokens) else _Token("operator")
                if follows.kind != "word":
                    raise _Unreadable("a redirection has no target")
                at += 1
                operator, _, number = token.text.partition(" ")
                for target in follows.words or (Word(""),):
                    redirections.append(Redirection(operator, target, int(number)))
                continue
            if token.kind == "operator":
                if token.text == "(":
                    if words and len(words) == 1 and at < len(tokens) and tokens[at].text == ")" and not words[0].is_free:
                        self.functions.add(words[0].text)  # a function's definition: its body follows
                        words = []
                        at += 1
                        continue
                    if words:
                        raise _Unreadable("a parenthesis stands where none may stand")
                    enter("(")
                elif token.text == ")":
                    end(";")
                    while scope and not scope[-1].startswith("("):
                        scope.pop()
                    del scope[-1:]
                else:
                    end(token.text)
                continue
            if not words and not redirections and not assigned and token.plain:
                if token.plain in _BEFORE:
                    if token.plain in ("then", "elif", "else", "do"):
                        del scope[-1:]
                    if token.plain not in ("!", "time", "coproc"):
                        enter("{" if token.plain == "{" else "?")
                    continue
                if token.plain in _AFTER:
                    del scope[-1:]
                    continue
                if token.plain == "function":
                    if at < len(tokens) and tokens[at].kind == "word" and tokens[at].plain:
                        self.functions.add(tokens[at].plain)
                        at += 1
                        if at + 1 < len(tokens) and tokens[at].text == "(" and tokens[at + 1].text == ")":
                            at += 2
                        continue
                    raise _Unreadable("a function has no name")
                if token.plain in ("for", "select"):
                    at = self._for(tokens, at)
                    enter("?")
                    continue
                if token.plain == "case":
                    enter("?")
                    at = self._case(tokens, at)
                    continue
                if token.plain == "[[":
                    begin = at
                    while at < len(tokens) and not (tokens[at].kind == "word" and tokens[at].plain == "]]"):
                        at += 1
                    self._compared(tokens[begin:at])
                    if at == len(tokens):
                        raise _Unreadable("[[ does not end")
                    at += 1
                    continue
            if token.assigns and not words:
                assigned.append((token.assigns, token.value))
                self.assigned.setdefault(token.assigns, []).append(token.value)
                continue
            if not words and token.plain == "esac":
                continue
            words += token.words
            self._sets(words, token)
            if tokens[at : at + 1] and tokens[at].text in (";;", ";&", ";;&"):
                end(";")
                at = self._patterns(tokens, at + 1)
        end(";")

    def _compared(self, tokens: list[_Token]) -> None:
        """Note what ``[[ … ]]`` makes a number or a name of."""
        for before, token, after in zip([_Token("operator"), *tokens], tokens, [*tokens[1:], _Token("operator")], strict=False):
            sides = (before, after) if token.plain in ("-eq", "-ne", "-lt", "-le", "-gt", "-ge") else ()
            for side in (*sides, *([after] if token.plain in ("-v", "-R") else [])):
                for word in side.words:
                    self.evaluated.add(word.text)
                self.evaluated.update(side.names)

    def _sets(self, words: list[Word], token: _Token) -> None:
        """Note the variables that a builtin such as ``read`` or ``export`` sets."""
        first = words[0].text if words else ""
        if first in ("declare", "typeset", "local", "readonly", "integer") and any(
            re.match(r"-\w*i", word.text) for word in words
        ):
            self.evaluated.update(word.text.partition("=")[0] for word in token.words)
        if first in ("export", "declare", "typeset", "local", "readonly", "eval", "let") and token.words:
            for word in token.words:
                found = _ASSIGNMENT.match(word.text)
                if found:
                    self.assigned.setdefault(found[1], []).append(Word(word.text[found.end() :], word.is_free, word.is_bound))
        elif first in ("read", "mapfile", "readarray", "getopts", "unset", "printf", "wait"):
            for word in token.words:
                if first in ("read", "mapfile", "readarray"):
                    self.filled.add(word.text)
                if _NAME.fullmatch(word.text):
                    self.assigned.setdefault(word.text, []).append(Word("", is_free=True))

    def _for(self, tokens: list[_Token], at: int) -> int:
        """Read ``NAME in WORDS;``. Return the place after it."""
        if at >= len(tokens) or tokens[at].kind != "word" or not _NAME.fullmatch(tokens[at].plain):
            raise _Unreadable("a loop has no variable")
        name = tokens[at].plain
        at += 1
        values: list[Word] = []
        while at < len(tokens) and tokens[at].text == "\n":
            at += 1
        if at < len(tokens) and tokens[at].plain == "in":
            at += 1
            while at < len(tokens) and tokens[at].kind == "word":
                values += tokens[at].words
                at += 1
        else:
            values += self.variables.get("@", (Word("", is_free=True),))
        self.looped.setdefault(name, []).extend(values or [Word("")])
        return at

    def _case(self, tokens: list[_Token], at: int) -> int:
        while at < len(tokens) and not (tokens[at].kind == "word" and tokens[at].plain == "in"):
            at += 1
        if at == len(tokens):
            raise _Unreadable("a case has no patterns")
        return self._patterns(tokens, at + 1)

    @staticmethod
    def _patterns(tokens: list[_Token], at: int) -> int:
        """Skip the patterns before the next commands of a case. Return the place after them."""
        start = at
        while at < len(tokens) and tokens[at].text == "\n":
            at += 1
        if at < len(tokens) and tokens[at].plain == "esac":
            return at
        while at < len(tokens) and (tokens[at].kind == "word" or tokens[at].text in ("(", "|", "\n")):
            at += 1
        if at == len(tokens) or tokens[at].text != ")":
            return start
        return at + 1

    # --- tokens -----------------------------------------------------------------------------------------------------

    def _token(self) -> _Token | None:
        text = self.text
        while self.at < len(text):
            if text[self.at] in _BLANK:
                self.at += 1
            elif text.startswith("\\\n", self.at):
                self.at += 2
            elif text[self.at] == "#":
                end = text.find("\n", self.at)
                self.at = len(text) if end < 0 else end
            else:
                break
        if self.at >= len(text):
            return None
        if text.startswith(("<(", ">("), self.at):
            return self._word()
        if found := _REDIRECTION.match(text, self.at):
            return self._redirection(found)
        if found := _OPERATOR.match(text, self.at):
            if text.startswith("((", self.at):
                return self._arithmetic()
            self.at = found.end()
            return _Token("operator", found[0])
        return self._word()

    def _arithmetic(self) -> _Token:
        """Read ``((EXPRESSION))``, or two parentheses that each open a subshell."""
        end = self.text.find("))", self.at) if self.has_numbers else -1
        self.has_numbers = end >= 0
        inside = self.text[self.at + 2 : end] if end >= 0 else ""
        if end < 0 or not re.fullmatch(r"[\w\s+*/%<>=!&|?:,^~()-]*", inside) or re.search(r"[A-Za-z_]\w*\s+[A-Za-z_/-]", inside):
            self.at += 1
            return _Token("operator", "(")
        self.evaluated.update(_NAME.findall(inside))
        self._changed(inside)
        self.at = end + 2
        return _Token("word", words=(Word(":"),))

    def _redirection(self, found: re.Match[str]) -> _Token:
        operator = found["op"]
        self.at = found.end()
        default = 0 if operator.startswith("<") else 1
        number = int(found["n"]) if found["n"].isdigit() else default if not found["n"] else 3
        if operator in ("<<", "<<-"):
            self._document_begins(operator)
        return _Token("redirection", f"{operator} {number}")

    def _document_begins(self, operator: str) -> None:
        """The delimiter of a here-document follows. Replace it later by the document."""
        while self.at < len(self.text) and self.text[self.at] in _BLANK:
            self.at += 1
        start = self.at
        raw = ""
        is_quoted = False
        while self.at < len(self.text) and self.text[self.at] not in " \t\r\n;&|()<>":
            char = self.text[self.at]
            if char in "'\"":
                end = self.text.find(char, self.at + 1)
                if end < 0:
                    raise _Unreadable("a quotation does not end")
                raw += self.text[self.at + 1 : end]
                is_quoted, self.at = True, end + 1
            elif char == "\\":
                raw += self.text[self.at + 1 : self.at + 2]
                is_quoted, self.at = True, self.at + 2
            else:
                raw += char
                self.at += 1
        if self.at == start:
            raise _Unreadable("a here-document has no end word")
        self.n_documents += 1
        if self.n_documents > MOST_DOCUMENTS:
            raise _Unreadable("it has too many here-documents")
        # the documents begin after this line: find them now, and cut them out of what is still to be read
        line_end = self._end_of_line()
        at = line_end + 1
        lines = []
        while True:
            if at > len(self.text):
                raise _Unreadable("a here-document does not end")
            end = self.text.find("\n", at)
            end = len(self.text) if end < 0 else end
            line = self.text[at:end]
            bare = line.lstrip("\t") if operator == "<<-" else line
            if bare == raw:
                break
            if end == len(self.text):
                raise _Unreadable("a here-document does not end")
            lines.append(bare)
            at = end + 1
        document = "".join(f"{line}\n" for line in lines)
        rest = self.text[self.at : line_end]
        self.text = self.text[: self.at] + _quoted(document, is_literal=is_quoted) + rest + "\n" + self.text[end + 1 :]

    def _end_of_line(self) -> int:
        """Return where the line ends in which the reader is, quotations left out."""
        at = self.at
        while at < len(self.text):
            char = self.text[at]
            self.n_searched += 1
            if self.n_searched > 2 * LONGEST:
                raise _Unreadable("it has too many here-documents")
            if char == "\n":
                return at
            if char == "\\":
                at += 1
            elif char in "'\"":
                end = self.text.find(char, at + 1)
                if end < 0:
                    raise _Unreadable("a quotation does not end")
                if char == '"' and re.search(r"[\\`$]", self.text[at:end]):
                    raise _Unreadable("a here-document begins before a quotation")
                at = end
            elif char == "`" or self.text.startswith(("$(", "${", "<("), at):
                raise _Unreadable("a here-document begins before a substitution")
            at += 1
        raise _Unreadable("a here-document does not end")

    # --- words ------------------------------------------------------------------------------------------------------

    def _word(self) -> _Token:
        """Read one word, with its quotations and expansions. A part is a text and its kind: ``q`` quoted, ``u`` unquoted, ``v``
        the value of an unquoted variable, ``f`` a free end, ``b`` a bound end, ``n`` a name that cannot be an option.
        """
        text = self.text
        start = self.at
        parts: list[tuple[str, str]] = []
        fields: list[Word] = []  # whole words of "$@"
        while self.at < len(text):
            char = text[self.at]
            if char in " \t\r\n;&|()" or (char in "<>" and not text.startswith(("<(", ">("), self.at)):
                break
            if char == "\\":
                if self.at + 1 >= len(text):
                    parts.append(("\\", "q"))
                elif text[self.at + 1] != "\n":
                    parts.append((text[self.at + 1], "q"))
                self.at += 2
            elif char == "'":
                end = text.find("'", self.at + 1)
                if end < 0:
                    raise _Unreadable("a quotation does not end")
                parts.append((text[self.at + 1 : end], "q"))
                self.at = end + 1
            elif char == '"':
                self.at += 1
                parts += self._double(fields)
            elif char == "$":
                parts += self._dollar(is_quoted=False, fields=fields)
            elif char == "`":
                parts += self._backticks(is_quoted=False)
            elif char in "<>":
                self.at += 2
                self._inside(self._balanced())
                parts.append(("/dev/fd/", "q"))
                parts.append(("", "b"))
            else:
                parts.append((char, "u"))
                self.at += 1
        text = self.text
        if text[self.at : self.at + 1] == "(" and self.at > start and text[start : self.at].endswith("="):
            return self._array(start)
        return self._made(parts, fields, text[start : self.at])

    def _array(self, start: int) -> _Token:
        """Read ``NAME=(WORDS)``. The values of arrays are not followed."""
        name = _NAME.match(self.text, start)
        if name is None:
            raise _Unreadable("a parenthesis stands where none may stand")
        self.at += 1
        self._inside_words(self._balanced())
        self.assigned.setdefault(name[0], []).append(Word("", is_free=True))
        return _Token("word", words=(Word("", is_free=True),), assigns=name[0])

    def _inside_words(self, inside: str) -> None:
        reader = _Reader(inside, self.variables, self.depth + 1)
        reader._tokens()
        self.inner += reader.inner

    def _made(self, parts: list[tuple[str, str]], fields: list[Word], raw: str) -> _Token:
        is_plain = raw in ("[[", "]]") or not re.search(r"[*?\[\\]", raw)
        plain = raw if is_plain and all(kind == "u" for _, kind in parts) else ""
        assigns = found[1] if (found := _ASSIGNMENT.match(raw)) else ""
        if fields:
            head = "".join(text for text, _ in parts)
            if not head:
                return _Token("word", words=tuple(fields), assigns=assigns)
            return _Token("word", words=(Word("", is_free=True), *fields, Word("", is_free=True)), assigns=assigns)
        if assigns and found is not None:
            n = found.end()
            value = _whole(_cut(parts, n), is_value=True)
            return _Token("word", words=tuple(_words(parts, raw)), assigns=assigns, value=value)
        names = tuple(re.findall(r"\$\{?([A-Za-z_]\w*)", raw)) if "$" in raw else ()
        variable = names[0] if len(names) == 1 else ""
        words = tuple(replace(word, variable=variable) if word.is_free else word for word in _words(parts, raw))
        return _Token("word", words=words, plain=plain, names=names)

    def _double(self, fields: list[Word]) -> list[tuple[str, str]]:
        """Read until the end of a quotation with ``\"``, which has begun."""
        text = self.text
        parts: list[tuple[str, str]] = [("", "q")]
        chunk = self.at
        while self.at < len(text):
            char = text[self.at]
            if char == '"':
                parts.append((text[chunk : self.at], "q"))
                self.at += 1
                return parts
            if char == "\\":
                parts.append((text[chunk : self.at], "q"))
                follows = text[self.at + 1 : self.at + 2]
                if follows != "\n":
                    parts.append((follows if follows and follows in '$`"\\' else f"\\{follows}", "q"))
                self.at += 2
                chunk = self.at
            elif char in "$`":
                parts.append((text[chunk : self.at], "q"))
                parts += self._dollar(is_quoted=True, fields=fields) if char == "$" else self._backticks(is_quoted=True)
                chunk = self.at
            else:
                self.at += 1
        raise _Unreadable("a quotation does not end")

    def _dollar(self, *, is_quoted: bool, fields: list[Word]) -> list[tuple[str, str]]:
        text = self.text
        self.at += 1
        follows = text[self.at : self.at + 1]
        if follows == "'" and not is_quoted:
            return [(self._ansi_c(), "q")]
        if follows == '"' and not is_quoted:
            self.at += 1
            return self._double(fields)
        if text.startswith("((", self.at):
            self.at += 2
            inside = self._balanced()
            if text[self.at : self.at + 1] == ")":
                self.at += 1
                self._expanded(inside)
                self.evaluated.update(_NAME.findall(inside))
                return [("", "b")]
            return self._substitution(f"({inside}){self._balanced()}")
        if follows == "(":
            self.at += 1
            return self._substitution(self._balanced())
        if follows == "{":
            self.at += 1
            return self._braces(is_quoted=is_quoted, fields=fields)
        if follows == "[":
            end = text.find("]", self.at)
            if end < 0 or re.search(r"[$`\[]", text[self.at + 1 : end]):
                raise _Unreadable("it has arithmetic in the old form")
            self.at = end + 1
            return [("", "f")]
        found = _NAME.match(text, self.at) or re.compile(r"[0-9@*#?$!-]").match(text, self.at)
        if found is None:
            return [("$", "q")]
        self.at = found.end()
        return self._value(found[0], is_quoted=is_quoted, fields=fields)

    def _value(self, name: str, *, is_quoted: bool, fields: list[Word]) -> list[tuple[str, str]]:
        known = self.variables.get(name)
        if name in ("@", "*"):
            if known is None:
                return [("", "f")]
            fields += known
            return []
        if known is None or len(known) != 1:
            return [("", "b" if name in _SAFE_VARIABLES else "f")]
        (value,) = known
        end = [("", "n" if "/" not in value.text else "b") if value.is_bound else ("", "f")] if value.is_free else []
        return [(value.text, "q" if is_quoted else "v"), *end]

    def _braces(self, *, is_quoted: bool, fields: list[Word]) -> list[tuple[str, str]]:
        """Read ``${…}``, which has begun."""
        found = re.compile(r"(\w+|[@*#?$!-])\}").match(self.text, self.at)
        if found:
            self.at = found.end()
            return self._value(found[1], is_quoted=is_quoted, fields=fields)
        start = self.at
        level = 1
        while self.at < len(self.text):
            char = self.text[self.at]
            if char == "\\":
                self.at += 1
            elif char == "'" and not is_quoted:
                end = self.text.find("'", self.at + 1)
                self.at = len(self.text) if end < 0 else end
            elif char == "{":
                level += 1
            elif char == "}":
                level -= 1
                if not level:
                    break
            self.at += 1
        if level:
            raise _Unreadable("a parameter does not end")
        inside = self.text[start : self.at]
        self.at += 1
        self._expanded(inside)
        if inside.endswith(("@P", "@A")):
            raise _Unreadable("it expands a text a second time")
        if found := re.match(r"[@*\w]+(?:\[[^\]]*\])?:(?![-=?+])(.*)", inside, re.DOTALL):
            self.evaluated.update(_NAME.findall(found[1]))
        if found := re.match(r"[!#]?\w+\[([^\]]*)", inside):
            self.evaluated.update(_NAME.findall(found[1]))
        if (name := re.match(r"#?!?([A-Za-z_]\w*)", inside)) and re.match(r"!?[A-Za-z_]\w*(\[[^\]]*\])?:?=", inside):
            self.defaults.add(name[1])
            self.assigned.setdefault(name[1], []).append(Word("", is_free=True))
        return [("", "f")]

    def _expanded(self, inside: str) -> None:
        """``inside`` is expanded like a quoted text. Note the commands in its substitutions."""
        if "$" in inside or "`" in inside:
            reader = _Reader(f'{inside.replace(chr(34), "")}"', self.variables, self.depth + 1)
            reader._deep()
            reader._double([])
            self.inner += reader.inner
            self.evaluated |= reader.evaluated
        self._changed(inside)

    def _changed(self, inside: str) -> None:
        """Note the variables that the arithmetic in ``inside`` sets."""
        for names in _SET_BY_NUMBERS.findall(inside):
            self.assigned.setdefault(next(filter(None, names)), []).append(Word("", is_free=True))

    def _deep(self) -> None:
        if self.depth > DEEPEST:
            raise _Unreadable("it is nested too deeply")

    def _substitution(self, inside: str) -> list[tuple[str, str]]:
        self._inside(inside)
        return [("", "b" if _SAFE_OUTPUT.fullmatch(inside) else "f")]

    def _inside(self, inside: str) -> None:
        """Note the commands in ``inside``, which is a substitution."""
        reader = _Reader(inside, self.variables, self.depth + 1)
        reader._deep()
        read = reader.read()
        if read.unreadable:
            raise _Unreadable(read.unreadable)
        for name, values in reader.assigned.items():
            self.assigned.setdefault(name, []).extend([*values, Word("", is_free=True)])
        for name, values in reader.looped.items():
            self.looped.setdefault(name, []).extend(values)
        self.functions |= read.functions
        self.evaluated |= reader.evaluated
        self.filled |= reader.filled
        self.defaults |= reader.defaults
        self.inner += [_captured(one) for one in read.commands]

    def _balanced(self) -> str:
        """A parenthesis is open. Return the text before its end, and go on after it."""
        text = self.text
        start = self.at
        level = 1
        while self.at < len(text):
            char = text[self.at]
            if char == "\\":
                self.at += 1
            elif char == "'":
                end = text.find("'", self.at + 1)
                if end < 0:
                    raise _Unreadable("a quotation does not end")
                self.at = end
            elif char == '"':
                self._skip_double()
            elif char == "#" and (self.at == start or text[self.at - 1] in " \t\n;&|("):
                end = text.find("\n", self.at)
                if end < 0:
                    raise _Unreadable("a parenthesis does not end")
                self.at = end
            elif char == "(":
                level += 1
            elif char == ")":
                level -= 1
                if not level:
                    self.at += 1
                    return text[start : self.at - 1]
            self.at += 1
        raise _Unreadable("a parenthesis does not end")

    def _skip_double(self) -> None:
        """Go to the end of a quotation with ``\"`` that begins here. Substitutions in it may contain quotations."""
        text = self.text
        self.at += 1
        while self.at < len(text):
            char = text[self.at]
            if char == "\\":
                self.at += 1
            elif char == '"':
                return
            elif text.startswith("$(", self.at):
                self.at += 2
                self.depth += 1
                self._deep()
                self._balanced()
                self.depth -= 1
                continue
            self.at += 1
        raise _Unreadable("a quotation does not end")

    def _backticks(self, *, is_quoted: bool) -> list[tuple[str, str]]:
        text = self.text
        at = self.at + 1
        inside = ""
        while at < len(text) and text[at] != "`":
            if text[at] == "\\" and text[at + 1 : at + 2] and text[at + 1] in ('$`\\"' if is_quoted else "$`\\"):
                at += 1
            inside += text[at]
            at += 1
        if at >= len(text):
            raise _Unreadable("a substitution does not end")
        self.at = at + 1
        return self._substitution(inside)

    def _ansi_c(self) -> str:
        """Read ``$'…'``. The reader is at the quotation mark."""
        text = self.text
        at = self.at + 1
        made = ""
        while at < len(text) and text[at] != "'":
            if text[at] != "\\":
                made += text[at]
                at += 1
            elif found := re.compile(r"\\(?:x([0-9A-Fa-f]{1,2})|u([0-9A-Fa-f]{1,4})|U([0-9A-Fa-f]{1,8})|([0-7]{1,3}))").match(
                text, at
            ):
                value = int(found[4], 8) if found[4] else int(found[1] or found[2] or found[3], 16)
                made += chr(value) if 0 < value < 0x110000 and not 0xD800 <= value < 0xE000 else ""
                at = found.end()
            elif text[at + 1 : at + 2] == "c":
                raise _Unreadable("a quotation has a control character")
            else:
                follows = text[at + 1 : at + 2]
                made += _ANSI_C.get(follows, follows)
                at += 2
        if at >= len(text):
            raise _Unreadable("a quotation does not end")
        self.at = at + 1
        return made


def _quoted(document: str, *, is_literal: bool) -> str:
    """Return ``document`` as one word of a shell text."""
    if is_literal:
        return "'" + document.replace("'", "'\\''") + "'"
    return '"' + _QUOTES.sub(lambda found: found[0] if found[0] not in _ESCAPED else _ESCAPED[found[0]], document) + '"'


_QUOTES = re.compile(r'\\.|"', re.DOTALL)
_ESCAPED = {'"': '\\"', '\\"': '\\\\\\"'}


def _captured(one: Simple) -> Simple:
    return Simple(one.words, one.assigned, one.redirections, one.fed_by, is_captured=True, is_certain=False, scope=("$",))


def _cut(parts: list[tuple[str, str]], n: int) -> list[tuple[str, str]]:
    """Return ``parts`` without their first ``n`` characters."""
    left = []
    for text, kind in parts:
        gone = min(n, len(text))
        n -= gone
        if text[gone:] or kind in "fbn":
            left.append((text[gone:], kind))
    return left


def _whole(parts: list[tuple[str, str]], *, is_value: bool = False) -> Word:
    """Return one word of all ``parts``, which ends where it is not known any more."""
    made = ""
    is_bound = True
    for text, kind in parts:
        if kind == "n" and not made and not is_value and all(not each for each, _ in parts):
            return Word("", is_free=True, is_bound=True)
        if kind == "f" or (kind in "bn" and not is_value):
            rest = parts[parts.index((text, kind)) :]
            is_bound = all(each != "f" for _, each in rest) and not any(".." in each for each, _ in rest)
            return Word(made, is_free=True, is_bound=is_bound and "/" in made)
        if kind in "bn":
            return Word(made, is_free=True, is_bound="/" in made or (kind == "n" and not made))
        made += text
    return Word(made)


def _words(parts: list[tuple[str, str]], raw: str) -> list[Word]:
    """Return the words that the shell makes of one written word: it expands braces, a tilde, globs and the blanks in values."""
    if "{" in raw and any(kind == "u" and text == "{" for text, kind in parts):
        made = _expand_braces(parts)
        if made is not None:
            return [word for each in made for word in _words_of(each)]
    return _words_of(parts)


def _words_of(parts: list[tuple[str, str]]) -> list[Word]:
    words: list[Word] = []
    current: list[tuple[str, str]] = []
    is_begun = False
    for text, kind in parts:
        if kind != "v" or not re.search(r"\s", text):
            current.append((text, kind))
            is_begun = is_begun or bool(text) or kind != "v"
            continue
        pieces = re.split(r"\s+", text)
        for i, piece in enumerate(pieces):
            if i and (current or is_begun):
                words.append(_globbed(current))
                current, is_begun = [], False
            if piece:
                current.append((piece, "v"))
                is_begun = True
    if is_begun:
        words.append(_globbed(current))
    return words


def _globbed(parts: list[tuple[str, str]]) -> Word:
    """Return the word of ``parts``, in which a glob that is not quoted ends the fixed text."""
    cut: list[tuple[str, str]] = []
    for text, kind in parts:
        if kind in "uv" and (found := re.search(r"[*?\[]", text)) and not (text == "[" and len(parts) == 1):
            cut += [(text[: found.start()], kind), ("", "b")]
            if found.end() < len(text):
                cut.append((text[found.end() :], kind))
        else:
            cut.append((text, kind))
    if cut and cut[0] == ("~", "u"):
        rest = _whole(cut[1:])
        if not rest.text or rest.text.startswith("/"):
            return Word(f"~{rest.text}", rest.is_free, rest.is_bound)
        return Word("", is_free=True)
    return _whole(cut)


def _expand_braces(parts: list[tuple[str, str]]) -> list[list[tuple[str, str]]] | None:
    """Expand ``{a,b}`` in ``parts``. Return None if there is nothing to expand. A range, as in ``{1..9}``, is a bound end."""
    start = next((at for at, part in enumerate(parts) if part == ("{", "u")), None)
    if start is None:
        return None
    if sum(part == ("{", "u") for part in parts) > MOST_BRACES:
        return [[*parts[:start], ("", "f")]]
    level = 0
    cuts = [start]
    for at in range(start, len(parts)):
        if parts[at] == ("{", "u"):
            level += 1
        elif parts[at] == (",", "u") and level == 1:
            cuts.append(at)
        elif parts[at] == ("}", "u"):
            level -= 1
            if not level:
                cuts.append(at)
                break
    if level:
        return None
    inside = "".join(text for text, _ in parts[start + 1 : cuts[-1]])
    before, after = parts[:start], parts[cuts[-1] + 1 :]
    if len(cuts) == 2:
        if not re.fullmatch(r"[\w-]+\.\.[\w-]+(?:\.\.-?\d+)?", inside):
            return None
        return [[*before, ("", "b"), *after]]
    if len(cuts) > 65:
        return [[*before, ("", "f")]]
    made: list[list[tuple[str, str]]] = []
    for first, last in zip(cuts, cuts[1:], strict=False):
        one = [*before, *parts[first + 1 : last], *after]
        made += _expand_braces(one) or [one]
        if len(made) > 256:
            return [[*before, ("", "f")]]
    return made
