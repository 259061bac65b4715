# SPDX-License-Identifier: Apache-2.0
"""The command line of sudo, as sudo 1.9.13 and 1.9.16 read it. This module repeats the rules of sudo's parse_args, and the
changes that the sudoers plugin makes to the command.

Law: sudo refuses some command lines before it calls PAM. The result for such a command line is a Doubt, because a running sudo
cannot have such a command line.
"""

from __future__ import annotations

from jitd.invocation.form import Doubt, Invocation, canonical, name_or_id
from jitd.invocation.getopt import END, Getopt
from jitd.invocation.sudo_rs import Read, read_sudo_rs

_SHORT = {
    b"A": "askpass", b"a": "auth-type", b"b": "background", b"B": "bell", b"C": "close-from", b"c": "login-class", b"D": "chdir",
    b"E": "preserve-env", b"e": "edit", b"g": "group", b"H": "set-home", b"h": "-h", b"i": "login", b"K": "remove-timestamp",
    b"k": "reset-timestamp", b"l": "list", b"N": "no-update", b"n": "non-interactive", b"P": "preserve-groups", b"p": "prompt",
    b"R": "chroot", b"r": "role", b"S": "stdin", b"s": "shell", b"T": "command-timeout", b"t": "type", b"U": "other-user",
    b"u": "user", b"V": "version", b"v": "validate",
}  # fmt: skip
_LONG = frozenset(_SHORT.values()) - {"-h"} | {"help", "host"}
_NOT_SUDOEDIT = {
    "background", "preserve-env", "edit", "set-home", "login", "remove-timestamp", "list", "preserve-groups", "shell",
    "other-user", "validate",
}  # fmt: skip
"""Long options that sudo does not accept when somebody calls sudo as sudoedit. sudoedit does not know the short forms of these
options. The only exception is -K, which sudoedit knows, but refuses.
"""
_TAKES = {
    "auth-type", "close-from", "login-class", "chdir", "group", "host", "prompt", "chroot", "role", "command-timeout", "type",
    "other-user", "user",
}  # fmt: skip
_MAY_TAKE = {"-h", "--preserve-env"}
_MAY_BE_EMPTY = {"prompt", "command-timeout"}

_ASKS_NOBODY = {"version": "its version", "help": "help", "remove-timestamp": "the deletion of stored authentication"}
_NOT_BUILT_IN = {"auth-type", "login-class"}
_MODES = {"list", "validate", "edit"}
_RUNS_ONLY = {"background", "preserve-env", "set-home", "login", "preserve-groups", "shell"}
"""Options without an argument that sudo accepts only together with a command."""
_KEPT = ("chroot", "role", "type", "command-timeout", "close-from", "host", "other-user")
"""Options with an argument for which Invocation has no separate field. These options are stored in its field ``options``.
chroot, role, type and host change what runs, or where. command-timeout ends the command. close-from changes the set of
descriptors that the command inherits. other-user names the person whose rights are listed.
"""
_KEPT_FLAGS = ("preserve-env", "preserve-groups", "set-home")
"""The flags of sudo that are stored in the Invocation. The other flags do not change the command that sudo executes. askpass,
bell, prompt and stdin change how sudo asks for a password, and non-interactive says that it asks nobody (``Invocation.waits``).
reset-timestamp and no-update change what sudo stores about the password. With background, another process waits for the command.
A second --list makes the list more detailed.
"""

_PLAIN = frozenset(b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-$")


def read_sudo(service: str, words: tuple[bytes, ...], whole: bool) -> Invocation:
    """Return the Invocation that sudo reads from the command line ``words``. Raises Doubt."""
    read = _Line(words, whole)
    found = read.invocation()
    if (service == "sudo-i") is not (found.shell == "login"):
        raise Doubt("sudo does not use this PAM service for this command line")
    if found.mode == "run":
        _refuse_another_reading(found, read_sudo_rs(words))
    return found


def _refuse_another_reading(found: Invocation, other: Read | None) -> None:
    """Raise Doubt if sudo-rs would execute something else than ``found`` for the same command line."""
    if other is None:
        return
    argv, shell, user, group, chdir, variables = other
    is_same = (argv, shell, chdir, variables) == (found.argv, found.shell, found.chdir, dict(found.variables))
    for name, typed in ((found.user, user), (found.group, group)):
        is_same = is_same and (None if name is None else name.encode()) == typed
    if not is_same:
        raise Doubt("sudo and sudo-rs read this command line in different ways, and it is not certain which of them asks")


def joined(words: tuple[bytes, ...]) -> bytes:
    """Join ``words`` into one word for the shell's option -c, in the same way as sudo. Each character that is not a letter, a
    digit, _, - or $ gets a backslash before it. Raises Doubt.

    Only ASCII is accepted, because the caller's locale defines which other characters are letters. sudo -s loses newlines,
    because a shell drops a newline that follows a backslash. jitsudo's own option -s keeps newlines.
    """
    if not all(word.isascii() for word in words):
        raise Doubt("the words for a shell have bytes beyond ASCII, and the caller's locale decides how sudo quotes them")
    return b" ".join(b"".join(bytes((byte,)) if byte in _PLAIN else bytes((0x5C, byte)) for byte in word) for word in words)


def called_sudoedit(argv0: bytes) -> bool:
    """True if sudo acts as sudoedit: the first word of the command line, which the caller chooses, alone decides."""
    called = argv0.rpartition(b"/")[2]
    if called.startswith(b"lt-") and called != b"lt-":
        called = called[3:]
    return called == b"sudoedit"


def _is_variable(word: bytes) -> bool:
    return b"=" in word and not word.startswith((b"/", b"="))


class _Line:
    """The state of the parser of a command line."""

    def __init__(self, words: tuple[bytes, ...], whole: bool) -> None:
        self._words = words
        self._whole = whole
        self._mode = "edit" if called_sudoedit(words[0]) else ""
        self._flags: set[str] = set()
        self._given: dict[str, bytes] = {}
        self._preserved: set[bytes] = set()
        self._variables: dict[bytes, bytes] = {}
        self._cut = 0
        short, long = _SHORT, _LONG
        if self._mode:
            long = _LONG - _NOT_SUDOEDIT
            short = {letter: name for letter, name in _SHORT.items() if name in long or letter in b"hK"}
        self._reader = Getopt(words, short, long, _TAKES, _MAY_TAKE)
        self._read()

    def _read(self) -> None:
        reader = self._reader
        while True:
            option = reader.next()
            if option is not None:
                self._take(*option)
            elif self._is_before_a_variable(reader.at):
                name, _, value = self._words[reader.at].partition(b"=")
                self._variables[name] = value  # if a variable is set twice, the last value counts
                reader.at += 1
            else:
                break
        if sum(b"\0" in word for word in self._words) != (self._cut if self._whole else 0):
            raise Doubt("there is a NUL byte in a word")

    def _is_before_a_variable(self, at: int) -> bool:
        """sudo only checks that the word before it is not ``--``, even if that ``--`` is the argument of an option."""
        has_ended = at > 1 and self._words[at - 1] == END
        return at < len(self._words) and not has_ended and _is_variable(self._words[at])

    def _take(self, name: str, value: bytes | None) -> None:
        if name == "-h" and value is None:
            at = self._reader.at
            is_host = self._words[at - 1] == b"-h" and at < len(self._words) and not self._words[at].startswith(b"-")
            if is_host and not _is_variable(self._words[at]):
                value = self._words[at]
                self._reader.at += 1
        if name == "-h":
            name = "help" if value is None else "host"
        if name in _ASKS_NOBODY:
            raise Doubt(f"an option asks for {_ASKS_NOBODY[name]}: for this, sudo does not call PAM")
        if name in _NOT_BUILT_IN:
            raise Doubt("an option is not part of sudo on this system")
        if name == "preserve-env" and value is not None:
            self._preserve(value)
        elif value is not None:
            if name in self._given:
                raise Doubt("an option is given twice, but may be given only once")
            if not value and name not in _MAY_BE_EMPTY:
                raise Doubt("an option has an empty argument")
            self._given[name] = value
        elif name in _MODES:
            if self._mode not in ("", name):
                raise Doubt("only one of -e, -l and -v may be given")
            self._mode = name
        else:
            self._flags.add(name)
            if {"reset-timestamp", "no-update"} <= self._flags:
                raise Doubt("only one of -k and -N may be given")

    def _preserve(self, listed: bytes) -> None:
        """Store the variables of --preserve-env. sudo puts a NUL after each name in place, so that the rest looks like words of
        its own in /proc/PID/cmdline. Raises Doubt if the end of the list is not certain.
        """
        following = self._words[self._reader.at] if self._reader.at < len(self._words) else None
        self._cut += b"\0" in listed
        if not self._whole and b"," in listed.lstrip(b","):
            raise Doubt("the list of --preserve-env does not have the form that sudo leaves")
        if not self._whole and listed.strip(b",") and following is not None and _may_be_the_rest(following):
            raise Doubt("the words alone do not show where the list of --preserve-env ends")
        names = [name for name in listed.replace(b"\0", b",").split(b",") if name]
        if any(b"=" in name for name in names):
            raise Doubt("--preserve-env names something that is not a variable")
        self._preserved.update(names)

    def invocation(self) -> Invocation:
        """Return the Invocation. Call this method after the whole command line was parsed. Raises Doubt."""
        argv = self._reader.operands()
        mode = self._mode or "run"
        shell = "login" if "login" in self._flags else "own" if "shell" in self._flags else ""
        if mode == "run" and not argv and not shell:
            if "reset-timestamp" in self._flags:
                raise Doubt("-k alone only deletes stored authentication, so sudo does not call PAM")
            shell = "own"  # shell_noargs must be set in sudoers: otherwise sudo would not have called PAM
        self._check(mode, argv)
        if mode == "run" and not shell and argv[0].rpartition(b"/")[2] == b"sudoedit":
            mode, argv = "edit", argv[1:]  # sudoers treats this name as sudoedit, whatever file the path leads to
            if self._variables or self._preserved or "preserve-env" in self._flags:
                raise Doubt("sudo runs sudoedit and sets or preserves variables")
        user, group = self._given.get("user"), self._given.get("group")
        return Invocation(
            mode,
            (b"sudoedit", *argv) if mode == "edit" else argv,
            shell,
            user=None if user is None else name_or_id(user, "user"),
            group=None if group is None else name_or_id(group, "group"),
            line=joined(argv) if shell and argv else None,
            chdir=self._given.get("chdir"),
            variables=tuple(self._variables.items()),
            options=self._options(mode),
            waits="non-interactive" not in self._flags,
        )

    def _check(self, mode: str, argv: tuple[bytes, ...]) -> None:
        """Raise Doubt if the command line has options that sudo does not allow together."""
        flags, given = self._flags, self._given
        if "login" in flags and flags & {"shell", "preserve-env"}:
            raise Doubt("-i does not go with -s or -E")
        if mode != "run" and flags & _RUNS_ONLY:
            raise Doubt("sudo accepts one of the options only together with a command")
        if mode == "edit" and (not argv or self._variables):
            raise Doubt("sudoedit takes files, and no variables")
        if mode == "validate" and argv:
            raise Doubt("-v takes no command")
        if mode == "list" and not argv and given.keys() & {"user", "group"}:
            raise Doubt("-l takes -u or -g only together with a command")
        if mode != "list" and "other-user" in given:
            raise Doubt("-U goes only with -l")
        if {"askpass", "stdin"} <= flags:
            raise Doubt("-A and -S do not go together")
        number = given.get("close-from", b"3")
        if not number.isdigit() or len(number) > 9 or int(number) < 3:
            raise Doubt("-C takes a number from 3 on")
        if any(not given.get(name, b"/").startswith(b"/") for name in ("chdir", "chroot")):
            raise Doubt("a directory does not begin with a slash: sudo refuses it, or it begins with ~ and may be anybody's home")
        if self._preserved & self._variables.keys():
            raise Doubt("a variable is both set and preserved")

    def _options(self, mode: str) -> tuple[bytes, ...]:
        flags = self._flags - ({"set-home"} if "login" in self._flags else set())  # with -i sudo sets HOME anyway
        options = {b"--" + name.encode() for name in _KEPT_FLAGS if name in flags}
        options |= {b"--%s=%s" % (name.encode(), self._given[name]) for name in _KEPT if name in self._given}
        if mode != "edit":  # an editor gets all of the caller's variables
            options |= {b"--preserve-env=" + name for name in self._preserved}
        return canonical(options)


def _may_be_the_rest(word: bytes) -> bool:
    """A later part of a list that was cut at its commas has no ``=``, and a comma only at its beginning."""
    return b"=" not in word and b"," not in word.lstrip(b",")
