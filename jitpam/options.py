# SPDX-License-Identifier: Apache-2.0
"""jitsudo's command line: the table of its options, with what each of them goes with, and the function that reads the words. The
command line has sudo's form. As in getopt(3), the options end at the first word that is not an option, but not with -e.

Law: for any words, the result is Options or UsageError. An unknown option is refused by name. Arguments stay bytes. No option is
dropped: one that would have no effect on what is asked for is refused, unless sudo(8) permits it there. The sentence of the
refusal, ``jitsudo -h``, the completion and two parts of jitsudo(1) are made from the table. (Importing the standard library's
getopt would make each start 5 ms longer.)
"""

from __future__ import annotations

from jitpam.amounts import UsageError, brief, read_duration, read_timeout, read_uses
from jitpam.amounts import quoted as _quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["APART", "MODES", "OPTIONS", "TERMS", "WORDS", "Mode", "Option", "Options", "Term", "UsageError", "read_options"]


class Mode:
    """What jitsudo is asked to do. ``option`` is the option that asks for it, ``where`` tells it from another mode of the same
    option, and ``does`` says what it does. ``line`` is a command line with a place for one more option.
    """

    __slots__ = ("does", "line", "option", "where")

    def __init__(self, option: str, where: str, does: str, line: str) -> None:
        self.option, self.where, self.does, self.line = option, where, does, line


MODES = {
    "run": Mode("", "a command", "runs as another user", "jitsudo {} COMMAND"),
    "explain": Mode("list", "", "says what would happen, and asks nobody", "jitsudo -l {} COMMAND"),
    "list": Mode("list", " without a command", "lists all that you may ask for", "jitsudo -l {}"),
    "get": Mode("get", "", "gives a thing to you, and runs nothing as another user", "jitsudo --get=THING {}"),
    "get and run": Mode("get", " with a command", "runs the command as you", "jitsudo --get=THING {} -- COMMAND"),
    "edit": Mode("edit", "", "writes files, and runs nothing as another user", "jitsudo -e {} FILE"),
    "undo": Mode("undo", "", "takes back an edit, as the user that has written it", "jitsudo -e {} --undo=ID"),
    "resume": Mode("resume", "", "continues a request, which cannot be changed", "jitsudo --resume=ID {}"),
    "validate": Mode("validate", "", "only shows who you are here", "jitsudo -v {}"),
    "giveback": Mode("reset-timestamp", " without a command", "only gives back leases", "jitsudo -k {}"),
    "giveback all": Mode("remove-timestamp", "", "only gives back leases", "jitsudo -K {}"),
}
"""The modes in which an option may have no place. With ``-V`` and ``-h``, all other options are left alone, as with sudo."""
_COMMAND = frozenset({"run", "explain"})
_GET = frozenset({"get", "get and run"})
_REQUEST = _GET | {"run"}
_EDIT = frozenset({"edit"})
_SENT = _GET | _COMMAND
_UNDO = frozenset({"undo"})
_LATER = _GET | {"run", "resume", "edit", "undo"}
_ALL = frozenset(MODES)
_NONE: frozenset[str] = frozenset()


class Option:
    """An option of jitsudo. ``letter`` is its short form, and ``argument`` the name of its argument, if it needs one. ``told`` is
    its text in ``jitsudo -h``, below the heading ``group``. ``modes`` are the modes in which it has an effect. In the modes
    ``idle`` it has none, and is accepted because sudo(8) accepts it. ``because`` maps a mode to the reason why it has no place
    there, if the mode itself does not say it. ``never`` is the reason why an option of sudo is refused everywhere. ``sets`` is an
    attribute of Options and its value. An option ``is_own`` if sudo does not have it.
    """

    __slots__ = ("argument", "because", "group", "idle", "is_once", "is_own", "letter", "modes", "name", "never", "sets", "told")

    def __init__(
        self,
        name: str,
        letter: str,
        argument: str,
        told: str,
        modes: frozenset[str] | set[str] = _NONE,
        *,
        group: str = "",
        idle: frozenset[str] | set[str] = _NONE,
        because: dict[str, str] | None = None,
        never: str = "",
        sets: tuple[str, object] | None = None,
        is_once: bool = False,
        is_own: bool = False,
    ) -> None:
        self.name, self.letter, self.argument, self.told, self.modes, self.group = name, letter, argument, told, modes, group
        self.idle, self.because, self.never, self.sets = idle, because or {}, never, sets
        self.is_once, self.is_own = is_once, is_own

    @property
    def typed(self) -> str:
        """The option as it is usually typed: ``-u``, or ``--for``. Words are typed as they are called."""
        return f"-{self.letter}" if self.letter else f"--{self.name}" if self.name.islower() else self.name

    @property
    def example(self) -> str:
        """The option with a name in place of its argument: ``-u USER``, or ``--for=DURATION``."""
        return self.typed + (f"{' ' if self.letter else '='}{self.argument}" if self.argument else "")


class Term(Option):
    """An option whose value travels with the request, to its grant and its run. ``field`` is the field of Ask that has it
    (PROTOCOL.md section 4). ``read`` reads its argument, and ``write`` returns the value in the form of the message.
    """

    __slots__ = ("field", "read", "write")

    def __init__(
        self,
        name: str,
        letter: str,
        argument: str,
        told: str,
        modes: frozenset[str] | set[str] = _COMMAND,
        *,
        field: str,
        read: Callable[[bytes], int],
        write: Callable[[int], int | str] = int,
        group: str = "asked",
        because: dict[str, str] | None = None,
    ) -> None:
        is_own = not letter
        super().__init__(name, letter, argument, told, modes, group=group, because=because, is_once=not is_own, is_own=is_own)
        self.field, self.read, self.write = field, read, write


def _moment(text: bytes) -> int:
    from jitpam.appointment import read_moment

    return read_moment(text)


def _in_utc(at: int) -> str:
    from jitpam.appointment import in_utc

    return in_utc(at)


OPTIONS = (
    Option(
        "user", "u", "USER", "run as USER: a name, or # and a decimal id", _COMMAND | _EDIT,
        group="runs", idle={"validate"}, is_once=True, because={"get": "a thing is given to you, and the command runs as you"},
    ),
    Option(
        "group", "g", "GROUP", "run with GROUP as its group", _COMMAND | _EDIT,
        group="runs", idle={"validate"}, is_once=True, because={"get": "the command runs with your own groups"},
    ),
    Option(
        "login", "i", "", "a login shell of that user, or the command through one", _COMMAND,
        group="runs", sets=("login", True), because={"get": "name your shell as the command"},
    ),
    Option(
        "shell", "s", "", "your shell as that user, or the command through it", _COMMAND,
        group="runs", sets=("shell", True), because={"get": "name your shell as the command"},
    ),
    Option(
        "chdir", "D", "DIR", "working directory of the command", _COMMAND,
        group="runs", is_once=True, because={"get": "the command runs in your current directory"},
    ),
    Option(
        "preserve-env", "E", "", "keep the environment variables that the rule allows", _COMMAND,
        group="runs", because={"get": "the command has all of your environment"},
    ),
    Option(
        "preserve-env=", "", "LIST", "keep these environment variables", _COMMAND,
        group="runs", because={"get": "the command has all of your environment"},
    ),
    Term(
        "command-timeout", "T", "DURATION", "end the command after that long",
        field="timeout_for", read=read_timeout, group="runs", because={"get": "--for says how long the thing is wanted"},
    ),
    Option(
        "background", "b", "", "go to the background when the command begins", {"run"},
        group="runs", sets=("background", True), because={"get": "have your shell put jitsudo in the background"},
    ),
    Option("reason", "", "TEXT", "why (also from JITSUDO_REASON)", _SENT | _EDIT | _UNDO, group="asked", is_own=True),
    Term(
        "for", "", "DURATION", "ask for a lease: 15m, 2h, 1h30m, 1d", _SENT, field="lasts_for", read=read_duration,
    ),
    Term(
        "uses", "", "N", "ask for a number of uses",
        field="uses", read=read_uses, because={"get": "a thing is given once, for a time: --for says for how long"},
    ),
    Term(
        "at", "", "TIME", 'ask now for a time that begins then: 22:00, or "2026-11-23 22:00"', {"run", "edit", "undo"},
        field="starts_at", read=_moment, write=_in_utc, because={"get": "it is given when it is approved"},
    ),
    Option(
        "service", "", "SERVICE", "ask for what another program will do: sudo, su, or sshd and login, which run no command",
        _COMMAND, group="asked", is_own=True, because={"get": "jitsudo itself requests the thing, and no other program"},
    ),
    Option(
        "break-glass", "", "", "without the approvals of the rule, where a rule permits that; it is recorded and reviewed",
        {"run"}, group="asked", sets=("break_glass", True), is_own=True,
        because={"get": "only a command can be run without its approvals", "explain": "-l says anyway whether a rule permits it"},
    ),
    Option(
        "yes-show", "", "", "send words that look like a secret without a question: approvers and the record will see them",
        _SENT | _EDIT | _UNDO, group="asked", sets=("yes_show", True), is_own=True, because={"resume": "--resume sends no words"},
    ),
    Option(
        "non-interactive", "n", "", "never wait: if an approval is required, submit nothing and exit 118", _ALL,
        group="waiting", sets=("if_owed", False),
    ),
    Option(
        "no-wait", "", "", "submit, print the request's id, exit", {"run", "get", "edit", "undo"},
        group="waiting", sets=("waits", False), is_own=True,
        because={"get and run": "once it is approved, jitsudo --resume=ID gets the thing"},
    ),
    Option("resume", "", "ID", "wait for that request, or run it if it is approved", {"resume"}, group="waiting", is_own=True),
    Option("quiet", "q", "", "say nothing but errors", _ALL, group="waiting", sets=("quiet", True), is_own=True),
    Option(
        "bell", "B", "", "ring the terminal's bell when the request begins to wait", _LATER,
        group="waiting", idle=_ALL - _LATER, sets=("bell", True),
    ),
    Option(
        "get", "", "THING",
        "ask for THING, such as service-ticket:postgres/db1.example.org; run the command, if there is one, as yourself with"
        " it; otherwise keep it, and print the line to use it by; up to 8 times: you get all of them or none",
        _GET, group="things", is_own=True,
    ),
    Option(
        "to", "", "FILE", "with --get: write the secret that comes with the thing into the new FILE", _GET | {"resume"},
        group="things", is_once=True, is_own=True, because={"run": "a command brings no secret to be written"},
    ),
    Option(
        "key", "", "FILE", "with --get=ssh-certificate:NAME: the file of your public key, such as ~/.ssh/id_ed25519.pub", _GET,
        group="things", is_once=True, is_own=True, because={"run": "no certificate is made for a command"},
    ),
    Option(
        "edit", "e", "", "edit a copy of FILE with your editor; the text that comes out is approved, and then written",
        _EDIT | _UNDO | {"explain"}, group="edits",
    ),
    Option(
        "from", "", "COPY", "with -e: take the new text from COPY, without an editor", _EDIT,
        group="edits", is_own=True,
    ),
    Option(
        "undo", "", "ID", "with -e: take back what the edit of request ID has done to its file", _UNDO,
        group="edits", is_own=True,
    ),
    Option("list", "l", "", "what may I ask for; with a command: what would happen", {"list", "explain"}, group="nothing"),
    Option(
        "json", "", "", "with -l: one JSON object a line; with --get or --resume: one JSON object at the end",
        {"list", "explain", "get", "resume"}, group="nothing", sets=("json", True), is_own=True,
        because=dict.fromkeys(("run", "get and run"), "the command has standard output to itself"),
    ),
    Option("validate", "v", "", "authenticate and show who I am here", {"validate"}, group="nothing"),
    Option(
        "reset-timestamp", "k", "",
        "give back the leases of this login session; with a command: ask again in spite of a lease", _COMMAND | {"giveback"},
        group="nothing", sets=("anew", True), idle={"list", "validate", "giveback all"},
        because={"get": "each --get is a new request anyway", "get and run": "each --get is a new request anyway"},
    ),
    Option("remove-timestamp", "K", "", "give back all of my leases", {"giveback all"}, group="nothing"),
    Option("version", "V", "", "the version", group="nothing"),
    Option("help", "h", "", "this text", group="nothing"),
    # accepted as sudo accepts them: HOME is always the target user's home, no password is asked for, and descriptors are closed
    Option("set-home", "H", "", "", idle=_ALL),
    Option("close-from", "C", "NUMBER", "", idle=_ALL),
    Option("prompt", "p", "PROMPT", "", idle=_ALL),
    Option("stdin", "S", "", "", idle=_ALL),
    Option("askpass", "A", "", "", idle=_ALL),
    Option("chroot", "R", "DIR", "", never="a request is for this host and this root directory"),
    Option("host", "h", "HOST", "", never="a request is for this host and this root directory"),
    Option("role", "r", "ROLE", "", never="SELinux roles are not set by jitsudo"),
    Option("type", "t", "TYPE", "", never="SELinux types are not set by jitsudo"),
    Option("auth-type", "a", "TYPE", "", never="you are authenticated by Kerberos and nothing else"),
    Option("login-class", "c", "CLASS", "", never="there are no login classes on this system"),
    Option("other-user", "U", "USER", "", never="jitsudo lists your own rules, and nobody else's"),
    Option("preserve-groups", "P", "", "", never="the command has the groups of the user it runs as"),
    Option("no-update", "N", "", "", never="there is no time stamp to update"),
)  # fmt: skip
WORDS = (
    Option("VAR=value", "", "", "", _COMMAND, because={"get": "set it before jitsudo, and the command has it"}),
    Option("COMMAND", "", "", "", _COMMAND | _EDIT | {"get and run"}),
)
"""Words after the options, which have no place in some modes, as an option has none."""
APART = (
    ("shell", "login", "-i runs a login shell, and -s your own shell; type only one of them"),
    ("preserve-env", "login", "a login shell gets its own environment; use --preserve-env=LIST"),
    ("background", "no-wait", "--no-wait only submits the request, and nothing runs yet; leave out one of them"),
    ("background", "service", "another program runs the command; leave out -b"),
    ("no-wait", "non-interactive", "--no-wait submits even if an approval is required, and -n does not; leave out one of them"),
    ("at", "non-interactive", "--at waits for the time, and -n never waits; leave out -n"),
    ("at", "service", "another program does not wait for the time; leave out --at"),
    ("command-timeout", "service", "another program runs the command, and jitsudo cannot end it; leave out -T"),
    ("to", "no-wait", "give --to later, with the --resume=ID that gets the thing"),
    ("non-interactive", "break-glass", "you confirm on a terminal, and then the command runs; leave out -n"),
    ("no-wait", "break-glass", "you confirm on a terminal, and then the command runs; leave out --no-wait"),
    ("at", "break-glass", "a command that can wait has time for its approvals; leave out one of them"),
    ("reset-timestamp", "break-glass", "breaking glass skips approvals that were given before, too; leave out -k"),
    ("service", "break-glass", "only a command that jitsudo itself runs can be run without approvals; leave out one of them"),
)
"""Two options that do not go together, although each goes with the mode, and why."""
_BY_NAME = {one.name: one for one in (*OPTIONS, *WORDS)}
TERMS = {one.name: one for one in OPTIONS if isinstance(one, Term)}
"""Maps the long name of each option whose value travels with the request to the option."""


class Options:
    """The parsed command line. ``mode``: run, get, list, validate, giveback, giveback all, resume, edit, undo, version, help."""

    __slots__ = (
        "anew", "argv", "background", "base", "bell", "break_glass", "chdir", "get", "group", "if_owed", "json", "kept", "key",
        "login", "mode", "preserve", "preserve_all", "quiet", "reason", "request", "resume", "service", "shell", "source",
        "bases", "taken", "terms", "text", "texts", "to", "typed", "undo", "user", "variables", "waits", "yes_show",
    )  # fmt: skip

    def __init__(self) -> None:
        self.mode = "run"
        self.typed: dict[str, str] = {}  # long name → how it was typed: `-u`, or `--user`
        self.taken: tuple[str, bytes] | None = None  # the last argument that was a word of its own, with its option
        self.user: str | None = None
        self.group: str | None = None
        self.chdir: bytes | None = None
        self.reason: str | None = None
        self.terms: dict[str, int] = {}  # values of typed options in TERMS, by fields. Times in seconds since 1970
        self.quiet = False
        self.json = False
        self.login = False
        self.shell = False
        self.preserve_all = False
        self.preserve: list[bytes] = []
        self.background = False
        self.bell = False
        self.break_glass = False
        self.yes_show = False
        self.resume: str | None = None
        self.get: list[str] = []
        self.key: bytes | None = None  # the file of the public key for which a certificate is requested
        self.to: bytes | None = None  # the new file into which the secret of a given thing is written
        self.request = ""  # the id of the request, after jitd has sent this id
        self.service = "jitsudo"
        self.anew = False
        self.if_owed = True
        self.waits = True
        self.variables: list[list[bytes]] = []
        self.argv: list[bytes] = []
        self.source: bytes | None = None  # the file of --from, which has the new text of the edited file
        self.undo: str | None = None  # the id of the request whose edit is undone
        self.base: bytes | None = None  # the text from which the new text was made
        self.text = b""  # the new text of the edited file
        self.texts: list[bytes] = []  # the new texts, and what they were made from, of several files that are edited together
        self.bases: list[bytes] = []
        self.kept = ""  # lines that say where each text is kept, until they were said

    def say_kept(self) -> None:
        """Say where the new text of an edited file is kept, which was not written. Say it once."""
        if self.kept:
            from jitpam.saying import say

            for line in self.kept.split("\n"):  # one for each text: people copy a command
                say(line)
            self.kept = ""


_SHORT = {one.letter: one for one in OPTIONS if one.letter and one.letter != "h"}
"""Maps a letter to its option. ``-h`` is not in the table, because its meaning depends on the next word."""
_LONG = {one.name: one for one in OPTIONS if one.name != "preserve-env="}
_MODES = {
    "list": "list",
    "validate": "validate",
    "remove-timestamp": "giveback all",
    "version": "version",
    "help": "help",
    "resume": "resume",
    "get": "get",
    "edit": "edit",
    "undo": "undo",
}
"""Maps an option that asks for a mode to the mode. ``-k`` is not in the table, because its meaning depends on the command."""
_TOGETHER = {frozenset({"edit", "list"}): "list", frozenset({"edit", "undo"}): "undo"}
MOST_FILES = 16  # files of one -e
MOST_THINGS = 8  # things in one request, and of --get options on the command line
TICKET = "service-ticket:"
CERTIFICATE = "ssh-certificate:"
SECRET = ("postgres-role:", "vault:")  # always come with a secret. A certificate can be beside the person's key
NO_SECRET = (TICKET, "account:", "sudoers:")  # beginnings of the names of things that never come with a secret
LEAST_CLOSED = 3  # the lowest descriptor that -C may name. All from 3 on are closed in any case


def read_options(words: list[bytes]) -> Options:
    """Parse ``words``, the command line without the program's name, and return the options. Raises UsageError."""
    found = Options()
    _read(found, words)
    _check(found)
    return found


def _read(found: Options, words: list[bytes]) -> None:
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == b"--":
            found.argv += words[at:]
            break
        if word.startswith(b"--"):
            at = _read_long(found, word[2:], words, at)
        elif len(word) > 1 and word.startswith(b"-"):
            at = _read_short(found, word[1:], words, at)
        elif "edit" in found.typed:  # no command follows, whose options the next ones could be
            found.argv.append(word)
        elif b"=" in word and not word.startswith(b"/"):
            name, _, value = word.partition(b"=")
            if not name:
                raise UsageError(f"{_quoted(word)} sets a variable without a name")
            found.variables.append([name, value])
        else:
            found.argv = words[at - 1 :]
            break


def following(words: list[bytes]) -> list[str]:
    """Return the long options that may follow ``words``. One that needs an argument ends with ``=``."""
    found = Options()
    try:
        _read(found, words)
    except UsageError:
        return []
    if found.argv:
        return []
    modes = [mode for mode in MODES if all(_goes(_BY_NAME[name], mode) for name in found.typed)]
    apart = {names[1 - names.index(name)] for name in found.typed for *names, _ in APART if name in names}
    fit = [one for one in OPTIONS if one.group and one.name not in apart and not one.modes.isdisjoint(modes)]
    return [f"--{one.name.rstrip('=')}{'=' if one.argument else ''}" for one in fit] + ["--version", "--help"] * (not found.typed)


def _goes(option: Option, mode: str) -> bool:
    return mode in option.modes or mode in option.idle


def _read_short(found: Options, letters: bytes, words: list[bytes], at: int) -> int:
    """The argument is the rest of the word, or the next word. Returns the index to read next. Raises UsageError."""
    for place in range(len(letters)):
        letter = _quoted(letters[place : place + 1])
        rest = letters[place + 1 :]
        if letter == "h":  # as in sudo: if a host name follows (in this word or the next), -h means that host, otherwise help
            if rest or (at < len(words) and not words[at].startswith(b"-")):
                raise UsageError(f"-h HOST is refused: {_LONG['host'].never}; --help prints the options")
            _apply(found, _LONG["help"], "-h", None)
            return at
        option = _SHORT.get(letter)
        if option is None:
            raise UsageError(f"unknown option -{letter}; jitsudo -h prints the options")
        if not option.argument:
            _apply(found, option, f"-{letter}", None)
            continue
        if rest:
            _apply(found, option, f"-{letter}", rest)
            return at
        if at == len(words) and not option.never:
            raise UsageError(f"-{letter} needs an argument: {option.example}")
        found.taken = (f"-{letter}", words[at]) if at < len(words) else None
        _apply(found, option, f"-{letter}", words[at] if at < len(words) else b"")
        return at + 1
    return at


def _read_long(found: Options, word: bytes, words: list[bytes], at: int) -> int:
    """``word`` has no leading dashes. Returns the index to read next. Raises UsageError."""
    typed, equals, value = word.partition(b"=")
    name = _quoted(typed)
    if name not in _LONG:  # the beginning of a name is enough if it is unambiguous, as in getopt_long(3)
        meant = sorted(known for known in _LONG if known.startswith(name)) if name else []
        meant = [known for known in meant if not _LONG[known].is_own] or meant  # sudo's options win, because scripts use them
        if len(meant) != 1:
            raise UsageError(f"--{name} may mean --{' or --'.join(meant)}" if meant else _unknown(name))
        name = meant[0]
    option = _LONG[name]
    if option.argument:
        if not equals:
            if at == len(words):
                raise UsageError(f"--{name} needs an argument: --{name}={option.argument}")
            value = words[at]
            found.taken = (f"--{name}", value)
            at += 1
        _apply(found, option, f"--{name}", value)
    elif equals and name != "preserve-env":
        raise UsageError(f"--{name} takes no argument")
    else:
        _apply(found, option, f"--{name}", value if equals else None)
    return at


def _unknown(name: str) -> str:
    from difflib import get_close_matches

    meant = get_close_matches(name, [known for known, option in _LONG.items() if not option.never], n=1)
    return f"unknown option --{name}{f', but there is --{meant[0]}' if meant else ''}; jitsudo -h prints the options"


def _apply(found: Options, option: Option, typed: str, value: bytes | None) -> None:
    name = option.name
    if option.never:
        raise UsageError(f"{typed} is refused: {option.never}")
    if name == "preserve-env" and value is not None:
        name = "preserve-env="
        found.preserve += [word for word in value.split(b",") if word]
    if option.is_once and name in found.typed:
        raise UsageError(f"{typed} may be given only once")
    found.typed.setdefault(name, typed)
    if name in _MODES:
        other = next(one for one, mode in (*_MODES.items(), ("", "run")) if mode == found.mode)
        together = _TOGETHER.get(frozenset({other, name}), "")
        if other and other != name and not together:
            raise UsageError(f"{typed} does not go with {found.typed[other]}: type only one of them")
        found.mode = together or _MODES[name]
    if option.sets:
        setattr(found, *option.sets)
    elif name == "preserve-env":
        found.preserve_all = True
    elif name == "close-from":
        _check_close_from(value or b"")
    elif isinstance(option, Term):
        try:
            found.terms[option.field] = option.read(value or b"")
        except UsageError as fault:
            raise UsageError(f"{typed}: {fault}") from None
    elif name in _FILES:
        if not value or b"\0" in value:
            raise UsageError(f"{typed} needs {_FILES[name]}")
        setattr(found, "source" if name == "from" else name, value)
    elif name == "get":
        found.get.append(_text(typed, value or b""))
    elif name in _TEXTS:
        setattr(found, name, _text(typed, value or b""))


_FILES = {"chdir": "a directory", "to": "a file", "key": "the file of your public key", "from": "the file of the new text"}
_TEXTS = frozenset({"user", "group", "reason", "service", "resume", "undo"})  # their argument is a text, in the attribute


def _text(typed: str, value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{typed}: {_quoted(value)} is not UTF-8") from None
    if not text and typed != "--reason":
        raise UsageError(f"{typed} needs an argument that is not empty")
    return text


def _check(found: Options) -> None:
    """Raises UsageError if the options cannot be used together."""
    runs = bool(found.argv or found.login or found.shell)
    if found.anew and found.mode == "run" and not runs:  # as in sudo: with a command, -k affects only this command
        found.mode = "giveback"
    if found.mode in ("version", "help"):
        return
    is_command = found.mode == "run" and found.service == "jitsudo" and not (found.login or found.shell)
    if is_command and found.argv[:1] == [b"sudoedit"]:
        found.mode, found.typed["edit"] = "edit", "sudoedit"  # as sudo reads it; the program is named by its path
        del found.argv[0]
    _check_together(found, mode_of(found))
    if "edit" in found.typed and found.mode != "undo" and not 1 <= len(found.argv) <= MOST_FILES:
        raise UsageError(f"-e edits 1 to {MOST_FILES} files a request: jitsudo -e FILE ...")
    if found.source is not None and len(found.argv) > 1:
        raise UsageError("--from has the text of one file: jitsudo -e FILE --from COPY")
    if found.mode == "run" and not runs and found.service == "jitsudo":
        no = "no command"
        if found.taken is not None:  # --reason uptime: one word less than was meant
            no += f", as {brief(found.taken[1])} is the argument of {found.taken[0]}"
        raise UsageError(f"{no}; jitsudo -l says what you may ask for, and jitsudo -h how")
    words = found.argv if "edit" in found.typed else found.argv[:1]
    if not all(words) and not (found.login or found.shell):
        raise UsageError(f"the {'file' if 'edit' in found.typed else 'command'} is an empty word")
    if found.mode == "get":
        _check_get(found)


def mode_of(found: Options) -> str:
    """Return the key in MODES of what is asked for."""
    if found.mode == "list":
        return "explain" if found.argv or found.login or found.shell or found.service != "jitsudo" else "list"
    return "get and run" if found.mode == "get" and found.argv else found.mode


def _check_together(found: Options, mode: str) -> None:
    """Raises UsageError if an option does not go with ``mode``, or with the others."""
    typed = dict(found.typed)
    if mode == "explain" and typed.keys() >= {"edit", "from"}:
        raise UsageError(
            f"{typed['from']} does not go with {typed['list']} {typed['edit']}: no rule is about a text; leave it out"
        )
    if found.variables:
        typed["VAR=value"] = "VAR=value"
    if found.argv:
        typed["COMMAND"] = "a command"
    for name, form in typed.items():
        option = _BY_NAME[name]
        if not _goes(option, mode):
            raise UsageError(_refusal(found, option, form, mode))
    for one, other, because in APART:
        if one in typed and other in typed:
            raise UsageError(f"{typed[one]} does not go with {typed[other]}: {because}")


def _refusal(found: Options, option: Option, form: str, mode: str) -> str:
    """Return the sentence about ``option``, typed as ``form``, which has no place in ``mode``."""
    asked = MODES[mode]
    word = found.typed[asked.option] if asked.option else ""
    because = option.because.get(mode) or (option.because.get("get") if mode in _GET else "")
    because = because or f"{word or asked.where} {asked.does}"
    if option.name == "COMMAND":
        return f"{form} does not go with {word}: {because}; leave it out, or type jitsudo COMMAND"
    nearest = _NEAREST.get(mode, "run")
    best = nearest if nearest in option.modes else next(one for one in MODES if one in option.modes)
    example = MODES[best].line.format(option.example)
    return f"{form} does not go with {word}{asked.where}: {because}; leave it out, or type {example}"


_NEAREST = {"list": "explain", "get and run": "get"}  # suggested first for an option that has no place in a mode


def _check_get(found: Options) -> None:
    """Check the things of ``--get``, so that no approver gets a request that could not succeed. Raises UsageError."""
    if len(found.get) > MOST_THINGS:
        raise UsageError(f"--get may be given at most {MOST_THINGS} times")
    if len(set(found.get)) < len(found.get):
        raise UsageError("--get names the same thing twice")
    if found.waits:
        _check_secrets(found)


def _check_secrets(found: Options) -> None:
    """Check that a command or file is named for each secret, which with --no-wait is only so with --resume."""
    secret = [thing for thing in found.get if thing.startswith(SECRET)]
    if secret and found.to is None and not found.argv:
        raise UsageError(f"{secret[0]} comes with a secret: name a new file for it (--to FILE), or a command that reads it")
    if found.to is None:
        return
    secret += [thing for thing in found.get if thing.startswith(CERTIFICATE)]
    if len(secret) > 1:
        raise UsageError(f"--to takes one secret, but each of these has one: {', '.join(secret)}")
    if all(thing.startswith(NO_SECRET) for thing in found.get):
        raise UsageError(f"--to takes one secret, but {' and '.join(found.get)} comes without a secret")


def _check_close_from(text: bytes) -> None:
    if not text.isdigit() or len(text) > 9 or int(text) < LEAST_CLOSED:
        raise UsageError(f"-C takes a number from {LEAST_CLOSED} on; all descriptors from {LEAST_CLOSED} on are closed anyway")
