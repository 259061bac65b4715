# SPDX-License-Identifier: Apache-2.0
"""What the keys of a rule are made of: patterns of texts and of commands, names of people, and names of variables.

Law: jitd parses each of them once, when it loads the policy, and refuses what makes no sense at this time. Later, each gives the
result yes or no for every possible input. The time for the result is linear in the number of bytes of the input.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from jitd.core.command import Command
from jitd.core.edit import SUDOEDIT, Edit, Edits, NewFile, Removal
from jitd.core.what import Doubted, Login, Program, Things


@dataclass(frozen=True, slots=True)
class Glob:
    """A text pattern. In a pattern, ``*`` matches any number of characters, and ``?`` matches one character. Every other
    character matches only itself.

    Greedy leftmost is enough, and ``matches`` never has to go back in the text: segments between stars have a fixed length.
    """

    text: str
    head: re.Pattern[str] = field(init=False, repr=False, compare=False)
    middle: tuple[re.Pattern[str], ...] = field(init=False, repr=False, compare=False)
    tail: re.Pattern[str] | None = field(init=False, repr=False, compare=False)
    tail_size: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pieces = self.text.split("*")
        head, *middle = (re.compile("".join("." if c == "?" else re.escape(c) for c in piece), re.DOTALL) for piece in pieces)
        object.__setattr__(self, "head", head)
        object.__setattr__(self, "tail", middle.pop() if middle else None)
        object.__setattr__(self, "middle", tuple(middle))
        object.__setattr__(self, "tail_size", len(pieces[-1]))

    def matches(self, text: str) -> bool:
        if self.tail is None:
            return self.head.fullmatch(text) is not None
        found = self.head.match(text)
        if found is None:
            return False
        at, end = found.end(), len(text) - self.tail_size
        for piece in self.middle:
            found = piece.search(text, at)
            if found is None:
                return False
            at = found.end()
        return at <= end and self.tail.match(text, end) is not None

    def covers(self, narrow: Glob) -> bool:
        """True if this pattern matches every text that ``narrow`` matches. Only the texts of the two patterns are compared.
        Therefore the result is False in a few rare cases, although True would be correct.
        """
        one, other = _plain(self.text), _plain(narrow.text)
        # reached[j] is true if the signs of `one` up to now cover the first j characters of `other`
        reached = [True] + [False] * len(other)
        for sign in one:
            after = [sign == "*" and reached[0]]
            for at, against in enumerate(other):
                if sign == "*":
                    after.append(reached[at + 1] or after[at])
                else:
                    fits = against == sign or (sign == "?" and against != "*")
                    after.append(reached[at] and fits)
            reached = after
        return reached[-1]


def _plain(text: str) -> str:
    """In each sequence of wildcards, write the question marks first, and one star for all of its stars."""
    return re.sub(r"[*?]+", lambda run: "?" * run[0].count("?") + ("*" if "*" in run[0] else ""), text)


def _characters(value: bytes) -> str:
    """A byte that is not UTF-8 becomes a character of its own, so that two values never become the same text."""
    return value.decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class CommandPattern:
    """A pattern of a command: a glob for each part of the path, and a glob for each argument. If ``is_open`` is True, further
    arguments may follow. If ``path`` is None, the pattern matches any command. If the path has no wildcard, ``file`` is the
    path. Otherwise ``file`` is None. In a permit, the number of ``..`` components in an argument is limited. ``parents``
    contains the maximum for each argument. None means that there is no maximum.

    If ``is_edit`` is True, the pattern is about edits, and ``path`` has the globs of the path of the edited file. Only such a
    pattern permits an edit, and it matches no command.
    """

    text: tuple[str, ...]
    path: tuple[Glob, ...] | None
    arguments: tuple[Glob, ...]
    is_open: bool
    is_edit: bool = False
    file: bytes | None = field(init=False, repr=False, compare=False)
    parents: tuple[int | None, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        is_one = self.path is not None and not re.search(r"[*?]", self.text[0])
        file = self.text[0].encode("utf-8", "surrogateescape") if is_one and not self.is_edit else None
        object.__setattr__(self, "file", file)
        object.__setattr__(self, "parents", tuple(_most_parents(glob.text) for glob in self.arguments))

    @property
    def is_literal(self) -> bool:
        """True if no part of the path has a wildcard."""
        return self.path is not None and not any(re.search(r"[*?]", glob.text) for glob in self.path)

    @property
    def literal(self) -> bytes:
        """The path of the program or edited file, or the directory before its first wildcard; "" if that is the root."""
        plain = []
        for glob in self.path or ():
            if re.search(r"[*?]", glob.text):
                break
            plain.append(glob.text)
        return "/".join(plain).encode("utf-8", "surrogateescape")

    def is_crossed_by(self, command: Command) -> bool:
        """True if a wildcard of this pattern, which matches ``command``, matches a ``..`` in it, so that a permit does not apply:
        ``/var/log/*`` permits nothing elsewhere. An argument may be anything if its pattern is just a wildcard, perhaps behind an
        option.
        """
        if not any(b".." in word for word in (command.path, *command.argv[1:])):
            return False  # nearly always true, and saves time
        if self.path is not None and ".." in _characters(command.path).split("/"):
            return True
        pairs = zip(self.parents, command.argv[1:], strict=False)
        return any(most is not None and len(_PARENT.findall(_characters(argument))) > most for most, argument in pairs)

    def matches(self, command: Command, called: bytes = b"") -> bool:
        """True if this pattern matches ``command``, with ``called``, another name of its or the edited file, as the path."""
        match command.what:
            case Edit() | NewFile() | Removal():
                return self._fits(called or command.edited) if self.is_edit else self.path is None
            case Things() | Edits():  # what is about several is asked about one by one
                return False
            case Program() | Login() | Doubted():
                return not self.is_edit and self.names(called or command.path) and self._takes(command.argv[1:])

    def _takes(self, arguments: tuple[bytes, ...]) -> bool:
        if len(arguments) < len(self.arguments) or (len(arguments) > len(self.arguments) and not self.is_open):
            return False
        return all(glob.matches(_characters(argument)) for glob, argument in zip(self.arguments, arguments, strict=False))

    def names(self, path: bytes) -> bool:
        """True if the first element of the pattern matches ``path``. The arguments do not matter."""
        if self.file is not None:
            return _characters(path) == self.text[0]
        if self.path is None:
            return True
        return path == SUDOEDIT if self.is_edit else self._fits(path)

    def _fits(self, path: bytes) -> bool:
        assert self.path is not None, "any path fits a pattern for any command"
        parts = _characters(path).split("/")
        return len(parts) == len(self.path) and all(glob.matches(part) for glob, part in zip(self.path, parts, strict=True))

    def covers(self, narrow: CommandPattern) -> bool:
        """True if this matches all that ``narrow`` does, also as to ``..``, which a permit's wildcard cannot match."""
        if self.path is None:
            return not narrow.is_edit
        if self.is_edit is not narrow.is_edit:
            return False
        if narrow.path is None or len(self.path) != len(narrow.path):
            return False
        if len(narrow.arguments) < len(self.arguments):
            return False
        if not self.is_open and (narrow.is_open or len(narrow.arguments) > len(self.arguments)):
            return False
        parts = (*zip(self.path, narrow.path, strict=True), *zip(self.arguments, narrow.arguments, strict=False))
        if not all(one.covers(other) for one, other in parts):
            return False
        # If the narrow pattern permits any argument, the argument may have components ".." that this pattern does not match.
        at_most = zip(self.parents, narrow.parents, strict=False)
        return all(most is None or (other is not None and other <= most) for most, other in at_most)

    def __str__(self) -> str:
        if self.path is None:
            return "any command"
        return " ".join(word if word and word.isprintable() and " " not in word else f'"{word}"' for word in self.text)


_PARENT = re.compile(r"(?:\A(?:-[A-Za-z]{1,8})?|[/=:,])\.\.(?=[/:,]|\Z)")
"""Matches a ``..`` component: at the beginning, after a short option there, or after a slash, ``=``, colon or comma."""
_ANYTHING = re.compile(r"(?:-[A-Za-z]?|[A-Za-z0-9_-]+=)?[*?]+")
"""Matches a pattern for anything: wildcards, perhaps after an option ``-f`` or a name such as ``--file=`` or ``if=``."""


def _most_parents(pattern: str) -> int | None:
    """Return how many ``..`` components an argument may have: those in a permit's ``pattern``. None without a maximum."""
    return None if _ANYTHING.fullmatch(pattern) else len(_PARENT.findall(pattern))


def read_command_pattern(words: tuple[str, ...]) -> CommandPattern:
    """Return the command pattern of ``words``. Raises ValueError with a sentence if they are none."""
    if not words:
        raise ValueError("a command's pattern is empty")
    if any("\0" in word for word in words):
        raise ValueError("a path or an argument cannot contain a NUL byte")
    is_open = words[-1] == "**"
    closed = words[:-1] if is_open else words
    if "**" in closed:
        raise ValueError('"**" may only be the last element')
    if not closed:
        return CommandPattern(words, None, (), is_open)
    if closed[0] == SUDOEDIT.decode():
        return _edit_pattern(words)
    path = closed[0]
    if not path.startswith("/"):
        raise ValueError(f'"{path}" must be an absolute path')
    _refuse_path(path)
    return CommandPattern(words, tuple(Glob(part) for part in path.split("/")), tuple(Glob(word) for word in closed[1:]), is_open)


def _edit_pattern(words: tuple[str, ...]) -> CommandPattern:
    """Return the pattern of the edits that ``words`` permit, as in sudoers(5). Raises ValueError."""
    if len(words) != 2 or not words[1].startswith("/"):
        raise ValueError('"sudoedit" is followed by exactly one absolute path, in which "*" matches no slash')
    _refuse_path(words[1])
    return CommandPattern(words, tuple(Glob(part) for part in words[1].split("/")), (), is_open=False, is_edit=True)


def _refuse_path(path: str) -> None:
    if "**" in path:
        raise ValueError(f'"{path}": in a path, "**" is the same as "*" and matches no slash: write "*"')
    if any(part in ("", ".", "..") for part in path[1:].split("/")):
        raise ValueError(f'"{path}" can match no command: write the path without ".", ".." and double slashes')


def read_who(word: str) -> str:
    """Return ``word`` if it is ``group:NAME``, ``user:NAME`` or ``principal:NAME@REALM``. Raises ValueError with a sentence."""
    kind, colon, name = word.partition(":")
    if not colon or kind not in ("group", "user", "principal"):
        raise ValueError(f'"{word}" must be "group:NAME", "user:NAME" or "principal:NAME@REALM"')
    if kind == "principal" and not is_principal(name):
        raise ValueError(f'"{word}" must be a principal with its realm, such as "principal:alice@EXAMPLE.ORG"')
    if kind != "principal" and not is_name(name):
        raise ValueError(f'"{word}" is not a valid name of a user or a group{literally(name)}')
    return word


def placeholder_in(text: str) -> str:
    """Return the first part of ``text`` that looks as if something would be put in its place, such as ``{user}``. Return an empty
    text if there is none. Where nothing is put there, it is a fault, because it would be taken literally.
    """
    found = re.search(r"(?<!\{)\{[a-z][a-z0-9_.-]*\}(?!\})", text)
    return "" if found is None else found[0]


def literally(text: str) -> str:
    """Return the end of a sentence about ``text``, which is not valid, if a placeholder in it may be the reason."""
    return f": nothing is put in the place of {found}" if (found := placeholder_in(text)) else ""


def is_name(name: str) -> bool:
    """True if ``name`` can be the name of an account or a group.

    The name may contain spaces, because directory services have groups such as ``domain users``. The name may not contain
    characters that have a special meaning for other tools, and nothing that looks as if something stood in its place.
    """
    if placeholder_in(name):
        return False
    return 0 < len(name) <= 255 and name.isprintable() and name == name.strip() and not re.search(r"[:/*?#,]|^[!%+@-]", name)


def is_principal(text: str) -> bool:
    """True if ``text`` is a principal with a realm as GSSAPI displays it, without escapes. Before the realm, it may have
    printable characters outside ASCII, as directories do (``jürgen``), compared byte by byte and never normalised.
    """
    word = r"[A-Za-z0-9._$\u0080-\U0010ffff-]+"
    return text.isprintable() and re.fullmatch(rf"{word}(?:/{word})*@[A-Za-z0-9.-]{{1,255}}", text) is not None


# --- the variables ---------------------------------------------------------------------------------------------------

_PERILOUS = (
    "PATH IFS CDPATH LOCALDOMAIN RES_OPTIONS HOSTALIASES NLSPATH PATH_LOCALE LD_* _RLD* TERMINFO TERMINFO_DIRS TERMPATH",
    "TERMCAP ENV BASH_ENV BASH_FUNC_* PS4 GLOBIGNORE BASHOPTS SHELLOPTS JAVA_TOOL_OPTIONS _JAVA_OPTIONS CLASSPATH",
    "PERLIO_DEBUG PERLLIB PERL5LIB PERL5OPT PERL5DB FPATH NULLCMD READNULLCMD ZDOTDIR TMPPREFIX PYTHONHOME PYTHONPATH",
    "PYTHONINSPECT PYTHONUSERBASE PYTHONSTARTUP RUBYLIB RUBYOPT NODE_OPTIONS NODE_PATH GIT_SSH_COMMAND GIT_CONFIG_*",
    "GCONV_PATH KRB5* GSS_MECH_CONFIG VAR_ACE USR_ACE DLC_ACE LDR_* LIBPATH AUTHSTATE SHLIB_PATH DYLD_*",
    "HOME USER LOGNAME SHELL MAIL SUDO_* JITSUDO_*",
)
PERILOUS = tuple(sorted(name for line in _PERILOUS for name in line.split()))
"""Change what a program loads, finds or trusts. A rule may allow each only by its full name, not by a pattern."""

OURS = frozenset({"SUDO_USER", "SUDO_UID", "SUDO_GID", "SUDO_COMMAND", "JITSUDO_REQUEST", "JITSUDO_PRINCIPAL"})
"""Variables that jitd sets after all other variables. Therefore a client cannot set them."""


def read_variable(word: str) -> str:
    """Return ``word`` if it is an environment variable, or the beginning of one and ``*``. Raises ValueError with a sentence."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*\*?|\*", word):
        raise ValueError(f'"{word}" is not the name of a variable')
    if word in OURS:
        raise ValueError(f'"{word}" is set by jitd itself')
    if word.endswith("*"):
        beginning = word[:-1]
        for name in PERILOUS:
            if name.startswith(beginning) or (name.endswith("*") and beginning.startswith(name[:-1])):
                raise ValueError(f'"{word}" would also allow "{name}": list this variable by its full name')
    return word


def may_come_along(name: bytes, env: tuple[str, ...]) -> bool:
    """True if ``env``, whole names and beginnings with ``*``, allows the environment variable ``name``."""
    text = _characters(name)
    return any(text.startswith(word[:-1]) if word.endswith("*") else text == word for word in env)


# --- regular expressions -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pattern:
    """A compiled pattern, written as ``text``. ``is_found_in`` takes time linear in the length of what it searches."""

    text: str
    is_found_in: Callable[[str], bool] = field(compare=False, repr=False)
