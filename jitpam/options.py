# SPDX-License-Identifier: Apache-2.0
"""Reads jitsudo's command line. The command line has sudo's form. As in getopt(3), the options end at the first word that is not
an option.

Law: pure and total. For any words, the result is Options or UsageError. An unknown option is refused by name. Arguments stay
bytes. (Importing the standard library's getopt would make each start 5 ms longer.)
"""

from __future__ import annotations

from jitpam.amounts import UsageError, read_duration, read_timeout, read_uses
from jitpam.amounts import quoted as _quoted

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["TERMS", "Options", "Term", "UsageError", "read_options"]


class Term:
    """An option whose value travels with the request, to its grant and its run. ``field`` is the field of Ask that has it
    (PROTOCOL.md section 4). ``read`` reads its argument, and ``write`` returns the value in the form of the message. ``letter``
    is the letter that sudo has for it. ``group``, ``form`` and ``told`` are its row in the text of ``jitsudo -h``.
    ``not_with_get`` is the reason why --get cannot have it; it is empty for an option that a request for things has, too, or that
    is refused there with more words.
    """

    __slots__ = ("field", "form", "group", "is_once", "letter", "not_with_get", "read", "told", "write")

    def __init__(
        self,
        field: str,
        read: Callable[[bytes], int],
        form: str,
        told: str,
        *,
        write: Callable[[int], int | str] = int,
        group: str = "asked",
        letter: str = "",
        is_once: bool = False,
        not_with_get: str = "it is for a command",
    ) -> None:
        self.field, self.read, self.write, self.letter, self.is_once = field, read, write, letter, is_once
        self.group, self.form, self.told, self.not_with_get = group, form, told, not_with_get


def _moment(text: bytes) -> int:
    from jitpam.appointment import read_moment

    return read_moment(text)


def _in_utc(at: int) -> str:
    from jitpam.appointment import in_utc

    return in_utc(at)


TERMS = {
    "for": Term("lasts_for", read_duration, "    --for=DURATION", "ask for a lease: 15m, 2h, 1h30m, 1d", not_with_get=""),
    "uses": Term("uses", read_uses, "    --uses=N", "ask for a number of uses", not_with_get=""),
    "at": Term(
        "starts_at",
        _moment,
        "    --at=TIME",
        'ask now for a time that begins then: 22:00, or "2026-11-23 22:00"',
        write=_in_utc,
        not_with_get="it is given when it is approved",
    ),
    "command-timeout": Term(
        "timeout_for",
        read_timeout,
        "-T, --command-timeout=DURATION",
        "end the command after that long",
        group="runs",
        letter="T",
        is_once=True,
        not_with_get="--for says how long the thing is wanted",
    ),
}
"""Maps the long name of each such option to the option."""


class Options:
    """The parsed command line. ``mode`` is run, get, list, validate, giveback, giveback all, resume, version or help."""

    __slots__ = (
        "anew", "argv", "background", "bell", "break_glass", "chdir", "get", "group", "if_owed", "json", "key",
        "login", "mode", "preserve", "preserve_all", "quiet", "reason", "request", "resume", "service", "shell",
        "terms", "to", "user", "variables", "waits", "yes_show",
    )  # fmt: skip

    def __init__(self) -> None:
        self.mode = "run"
        self.user: str | None = None
        self.group: str | None = None
        self.chdir: bytes | None = None
        self.reason: str | None = None
        self.terms: dict[str, int] = {}
        """The values of the options in TERMS that were typed, by their fields. A time is in seconds since 1970."""
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
        self.key: bytes | None = None
        """The file of the public key for which a certificate is requested."""
        self.to: bytes | None = None
        """The new file into which the secret of a given thing is written."""
        self.request = ""
        """The id of the request, after jitd has sent this id."""
        self.service = "jitsudo"
        self.anew = False
        self.if_owed = True
        self.waits = True
        self.variables: list[list[bytes]] = []
        self.argv: list[bytes] = []


_SHORT = {
    "u": "user", "g": "group", "D": "chdir", "n": "non-interactive", "l": "list", "v": "validate",
    "q": "quiet", "k": "reset-timestamp", "K": "remove-timestamp", "V": "version",
    "i": "login", "s": "shell", "E": "preserve-env", "H": "set-home", "b": "background", "B": "bell",
    "P": "preserve-groups", "C": "close-from", "p": "prompt", "S": "stdin", "A": "askpass", "N": "no-update",
    "R": "chroot", "r": "role", "t": "type", "a": "auth-type", "c": "login-class", "U": "other-user", "e": "edit",
    **{term.letter: name for name, term in TERMS.items() if term.letter},
}  # fmt: skip
"""Maps a short option to its long name. ``-h`` is not in the table, because its meaning depends on the next word."""

_TAKES = {
    "user", "group", "chdir", "reason", "resume", "close-from", "prompt", "chroot", "role",
    "type", "auth-type", "login-class", "other-user", "host", "service", "get", "to", "key", *TERMS,
}  # fmt: skip
"""Long options that need an argument. ``--preserve-env`` may also have an argument, but only after ``=``."""

_MODES = {
    "list": "list",
    "validate": "validate",
    "reset-timestamp": "giveback",
    "remove-timestamp": "giveback all",
    "version": "version",
    "help": "help",
}
_SETS = {
    "login": ("login", True),
    "shell": ("shell", True),
    "background": ("background", True),
    "bell": ("bell", True),
    "non-interactive": ("if_owed", False),
    "no-wait": ("waits", False),
    "quiet": ("quiet", True),
    "json": ("json", True),
    "break-glass": ("break_glass", True),
    "yes-show": ("yes_show", True),
}
"""Maps an option without an argument to the attribute of Options that is set, and to the value of this attribute."""
_ONCE = {"user": "user", "group": "group", "chdir": "chdir", "to": "to", "key": "key"}
"""Maps an option that may be given only once (as in sudo) to the attribute of Options for its argument. For example, if two
accounts were given, it would not be clear which account was meant.
"""
MOST_THINGS = 8
"""Maximum number of things in one request, and of --get options on the command line."""
TICKET = "service-ticket:"
CERTIFICATE = "ssh-certificate:"
SECRET = ("postgres-role:", "vault:")
"""Beginnings of the names of things that always come with a secret. Certificates are not in this list, because a certificate can
be written beside the person's key.
"""
NO_SECRET = (TICKET, "account:", "group:", "sudoers:")
"""Beginnings of the names of things that never come with a secret."""
_NOT_WITH_GET = (
    ("user", "-u", "a thing is given to you, and the command runs as you"),
    ("group", "-g", "the command runs with your own groups"),
    ("login", "-i", "name your shell as the command"),
    ("shell", "-s", "name your shell as the command"),
    ("chdir", "-D", "the command runs in your current directory"),
    ("preserve_all", "-E", "the command has all of your environment"),
    ("preserve", "--preserve-env", "the command has all of your environment"),
    ("background", "-b", "have your shell put jitsudo in the background"),
)
"""Options that cannot be used with --get. Each row has the option's attribute in Options, the option as it is typed, and the
reason.
"""
_OTHER = {"resume": "resume", "get": "get"}
"""Maps an option with an argument to the mode that it selects. With such an option, the command line contains no command that
runs as another user.
"""
_ONLY_ONE = "only one of -l, -v, -k, -K, -V, -h, --get and --resume may be given"
_NOTHING = {"set-home", "stdin", "askpass", "prompt"}
"""Options that are accepted but have no effect. HOME is always the target user's home, and no password is asked for."""
LEAST_CLOSED = 3
"""The lowest descriptor that -C may name. The descriptors 0 to 2 are the command's streams. All descriptors from 3 on are always
closed.
"""
_NEVER = {
    "chroot": "a request is for this host and this root directory",
    "host": "a request is for this host and this root directory",
    "role": "SELinux roles are not set by jitsudo",
    "type": "SELinux types are not set by jitsudo",
    "auth-type": "you are authenticated by Kerberos and nothing else",
    "login-class": "there are no login classes on this system",
    "other-user": "jitsudo lists your own rules, and nobody else's",
    "preserve-groups": "the command has the groups of the user it runs as",
    "no-update": "there is no time stamp to update",
    "edit": "jitsudo does not edit files; ask for the editor as a command",
}
_OURS = frozenset(
    {
        "reason",
        "no-wait",
        "resume",
        "service",
        "get",
        "to",
        "key",
        "quiet",
        "json",
        "break-glass",
        "yes-show",
        *(name for name, term in TERMS.items() if not term.letter),
    }
)
"""Options that sudo does not have."""
_KNOWN = frozenset(_SHORT.values()) | {"help", "host"} | _OURS


def read_options(words: list[bytes]) -> Options:
    """Parse ``words``, the command line without the program's name, and return the options. Raises UsageError."""
    found = Options()
    at = 0
    while at < len(words):
        word = words[at]
        at += 1
        if word == b"--":
            found.argv = words[at:]
            break
        if word.startswith(b"--"):
            at = _read_long(found, word[2:], words, at)
        elif len(word) > 1 and word.startswith(b"-"):
            at = _read_short(found, word[1:], words, at)
        elif b"=" in word and not word.startswith(b"/"):
            name, _, value = word.partition(b"=")
            if not name:
                raise UsageError(f"{_quoted(word)} sets a variable without a name")
            found.variables.append([name, value])
        else:
            found.argv = words[at - 1 :]
            break
    _check(found)
    return found


def _read_short(found: Options, letters: bytes, words: list[bytes], at: int) -> int:
    """Apply one word of short options. The argument of an option is the rest of the word, or the next word. Returns the index of
    the word to read next. Raises UsageError.
    """
    for place in range(len(letters)):
        letter = _quoted(letters[place : place + 1])
        rest = letters[place + 1 :]
        if letter == "h":  # as in sudo: if a host name follows (in this word or the next), -h means that host, otherwise help
            if rest or (at < len(words) and not words[at].startswith(b"-")):
                raise UsageError(f"-h HOST is refused: {_NEVER['host']}")
            _apply(found, "help", "-h", None)
            return at
        name = _SHORT.get(letter)
        if name is None:
            raise UsageError(f"unknown option -{letter}")
        if name not in _TAKES:
            _apply(found, name, f"-{letter}", None)
            continue
        if rest:
            _apply(found, name, f"-{letter}", rest)
            return at
        if at == len(words) and name not in _NEVER:
            raise UsageError(f"-{letter} needs an argument")
        _apply(found, name, f"-{letter}", words[at] if at < len(words) else b"")
        return at + 1
    return at


def _read_long(found: Options, word: bytes, words: list[bytes], at: int) -> int:
    """Apply one long option. ``word`` has no leading dashes. Returns the index of the word to read next. Raises UsageError."""
    typed, equals, value = word.partition(b"=")
    name = _quoted(typed)
    if name not in _KNOWN:  # the beginning of a name is enough if it is unambiguous, as in getopt_long(3)
        meant = sorted(known for known in _KNOWN if known.startswith(name)) if name else []
        meant = [known for known in meant if known not in _OURS] or meant  # sudo's options win, because scripts use them
        if len(meant) != 1:
            raise UsageError(f"--{name} may mean --{' or --'.join(meant)}" if meant else f"unknown option --{name}")
        name = meant[0]
    if name in _TAKES:
        if not equals:
            if at == len(words):
                raise UsageError(f"--{name} needs an argument")
            value = words[at]
            at += 1
        _apply(found, name, f"--{name}", value)
    elif equals and name != "preserve-env":
        raise UsageError(f"--{name} takes no argument")
    else:
        _apply(found, name, f"--{name}", value if equals else None)
    return at


def _apply(found: Options, name: str, typed: str, value: bytes | None) -> None:
    if name in _NEVER:
        raise UsageError(f"{typed} is refused: {_NEVER[name]}")
    if name in _ONCE and getattr(found, _ONCE[name]) is not None:
        raise UsageError(f"{typed} may be given only once")
    if name in _NOTHING:
        return
    if name in _MODES:
        mode = _MODES[name]
        if found.mode not in ("run", mode):
            raise UsageError(_ONLY_ONE)
        found.mode = mode
    elif name == "preserve-env":
        names = [] if value is None else [word for word in value.split(b",") if word]
        found.preserve += names
        found.preserve_all = found.preserve_all or value is None
    elif name in _SETS:
        setattr(found, *_SETS[name])
    elif name == "close-from":
        _check_close_from(value or b"")
    elif name in TERMS:
        term = TERMS[name]
        if term.is_once and term.field in found.terms:
            raise UsageError(f"{typed} may be given only once")
        found.terms[term.field] = term.read(value or b"")
    elif name == "chdir":
        if not value:
            raise UsageError(f"{typed} needs a directory")
        found.chdir = value
    elif name == "to":
        if not value or b"\0" in value:
            raise UsageError(f"{typed} needs a file")
        found.to = value
    elif name == "key":
        if not value:
            raise UsageError(f"{typed} needs the file of your public key")
        found.key = value
    else:
        if name in _OTHER:
            if found.mode not in ("run", _OTHER[name]):
                raise UsageError(_ONLY_ONE)
            found.mode = _OTHER[name]
        text = _text(typed, value or b"")
        if name == "get":
            found.get.append(text)
        else:
            setattr(found, name, text)


def _text(typed: str, value: bytes) -> str:
    try:
        text = value.decode("utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{typed}: {_quoted(value)} is not UTF-8") from None
    if not text and typed != "--reason":
        raise UsageError(f"{typed} needs an argument that is not empty")
    return text


def _check(found: Options) -> None:
    """Check that the options can be used together. Raises UsageError."""
    if found.mode == "giveback" and (found.argv or found.login or found.shell):  # as in sudo: -k then affects only this command
        found.mode, found.anew = "run", True
    mode = found.mode
    if mode in ("version", "help"):
        return
    if found.key is not None and mode != "get":
        raise UsageError("--key goes with --get: it names the public key for which you request a certificate")
    if mode == "get":
        _check_get(found)
        return
    if found.login and found.shell:
        raise UsageError("-i and -s do not go together: -i runs a login shell, and -s your own shell")
    if found.login and found.preserve_all:
        raise UsageError("-i and -E do not go together: a login shell gets its own environment; use --preserve-env=LIST")
    if (found.login or found.shell) and mode not in ("run", "list"):
        raise UsageError("-i and -s run a shell; they do not go with -v, -k, -K or --resume")
    if found.service != "jitsudo" and (mode not in ("run", "list") or found.background):
        raise UsageError("--service asks for what another program will do; it does not go with -b, -v, -k, -K or --resume")
    if mode == "run" and not found.argv and not found.login and not found.shell and found.service == "jitsudo":
        raise UsageError("no command; jitsudo -l says what you may ask for, and jitsudo -h how")
    if found.background and (mode != "run" or not found.waits):
        raise UsageError("-b needs a command that jitsudo runs; -b does not go with --no-wait, --resume, -l, -v or -K")
    if mode == "giveback all" and found.argv:
        raise UsageError("-K takes no command: give back your leases first, and then request the command")
    if mode in ("giveback", "giveback all") and (found.user or found.group or found.chdir or found.variables):
        raise UsageError(f"{'-k' if mode == 'giveback' else '-K'} gives back leases; -u, -g, -D and VAR=value go with a command")
    if mode in ("validate", "resume") and (found.argv or found.variables):
        raise UsageError(f"{'-v' if mode == 'validate' else '--resume'} takes no command")
    if mode == "list" and not found.argv and (found.user or found.group or found.variables):
        raise UsageError("-l without a command lists all that you may run; -u, -g and VAR=value go with a command")
    if mode == "resume" and (found.user or found.group or found.chdir or found.reason or found.terms.keys() - {"starts_at"}):
        raise UsageError("--resume continues a request, which cannot be changed")
    if not found.waits and (mode != "run" or not found.if_owed):
        raise UsageError("--no-wait submits a command; --no-wait does not go with -n, --resume, -l, -v or -K")
    if found.json and mode not in ("list", "resume"):
        raise UsageError("--json goes with -l, --get and --resume")
    if found.to is not None and mode != "resume":
        raise UsageError("--to goes with --get: it names the file for a secret that comes with a thing")
    if "starts_at" in found.terms and (mode != "run" or not found.if_owed or found.service != "jitsudo"):
        raise UsageError(
            "--at is for a command that jitsudo runs later; --at does not go with -n, --service, --resume, -l, -v or -K"
        )
    if found.argv and not found.argv[0] and not (found.login or found.shell):
        raise UsageError("the command is an empty word")


def _check_get(found: Options) -> None:
    """Check that the options can be used together with ``--get``, so that no approver gets a request that could not succeed.
    Raises UsageError.
    """
    if "uses" in found.terms:
        all_tickets = all(thing.startswith(TICKET) for thing in found.get)
        why = "a KDC cannot count uses" if all_tickets else "a thing is given once, for a time: --for says for how long"
        raise UsageError(f"--uses does not go with --get: {why}")
    refused = [(typed, why) for kept, typed, why in _NOT_WITH_GET if getattr(found, kept)]
    for name, term in TERMS.items():
        if term.not_with_get and term.field in found.terms:
            refused.append((f"-{term.letter}" if term.letter else f"--{name}", term.not_with_get))
    if found.variables:
        refused.append(("VAR=value", "set it before jitsudo, and the command has it"))
    for typed, why in refused:
        raise UsageError(f"{typed} does not go with --get: {why}")
    if found.service != "jitsudo":
        raise UsageError("--service does not go with --get: jitsudo itself requests the thing, and no other program")
    if not found.waits and not found.if_owed:
        raise UsageError("--no-wait does not go with -n")
    if not found.waits and found.argv:
        raise UsageError("--no-wait takes no command with --get: once it is approved, jitsudo --resume=ID gets the thing")
    if found.argv and not found.argv[0]:
        raise UsageError("the command is an empty word")
    if found.json and found.argv:
        raise UsageError("--json takes no command with --get: the command would use standard output itself")
    if found.to is not None and not found.waits:
        raise UsageError("--to does not go with --no-wait: give --to later, with the --resume=ID that gets the thing")
    if len(found.get) > MOST_THINGS:
        raise UsageError(f"--get may be given at most {MOST_THINGS} times")
    if len(set(found.get)) < len(found.get):
        raise UsageError("--get names the same thing twice")
    if found.waits:
        _check_secrets(found)


def _check_secrets(found: Options) -> None:
    """Check that a command or a file is named for each secret. For a request with --no-wait, call this function only when
    --resume gets the things.
    """
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
