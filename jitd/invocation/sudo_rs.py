# SPDX-License-Identifier: Apache-2.0
"""The command line of sudo, as sudo-rs 0.2.5 reads it. sudo-rs has the same PAM services as sudo, and nothing says for certain
which of the two asks. So this reading is only compared with that of sudo.

Law: a command line that sudo-rs refuses, or for which it runs no command, has no reading.
"""

from __future__ import annotations

from jitd.invocation.form import Doubt

_FLAGS = {
    "B": "bell", "E": "preserve-env", "e": "edit", "H": "set-home", "h": "help", "i": "login", "K": "remove-timestamp",
    "k": "reset-timestamp", "l": "list", "n": "non-interactive", "S": "stdin", "s": "shell", "V": "version", "v": "validate",
}  # fmt: skip
_TAKES = {
    "D": "chdir", "g": "group", "h": "host", "p": "prompt", "R": "chroot", "U": "other-user", "u": "user",
}  # fmt: skip
_REFUSED = {"host", "chroot"}  # options whose argument sudo-rs reads, before it refuses them
_RUNS_NOTHING = {"help", "version", "remove-timestamp", "validate", "list", "edit"}

Read = tuple[tuple[bytes, ...], str, bytes | None, bytes | None, bytes | None, dict[bytes, bytes]]
"""What is executed: the command and its arguments, the kind of shell, the user, the group, the directory, the variables."""


def read_sudo_rs(words: tuple[bytes, ...]) -> Read | None:
    """Return what sudo-rs executes for ``words``, or None for nothing. Raises Doubt if that depends on Unicode."""
    flags: set[str] = set()
    given: dict[str, bytes] = {}
    variables: dict[bytes, bytes] = {}
    rest = list(words[1:])
    try:
        b"".join(words).decode("utf-8")
        while rest:
            word = rest.pop(0)
            if word == b"--":
                break
            if word.startswith(b"--"):
                _take_long(word[2:].decode(), rest, flags, given)
            elif word.startswith(b"-"):
                _take_short(word[1:].decode(), rest, flags, given)
            elif _is_variable(word):
                name, _, value = word.partition(b"=")
                variables[name] = value
            else:
                rest.insert(0, word)
                break
    except (UnicodeDecodeError, _Refused):
        return None
    shell = "login" if "login" in flags else "own" if "shell" in flags else ""
    is_refused = given.keys() & {*_REFUSED, "other-user"} or {"bell", "stdin"} <= flags or {"login", "shell"} <= flags
    if is_refused or flags & _RUNS_NOTHING or not (rest or shell):
        return None
    return tuple(rest), shell, given.get("user"), given.get("group"), given.get("chdir"), variables


class _Refused(Exception):
    """sudo-rs ends with a message about its options."""


def _take_long(word: str, rest: list[bytes], flags: set[str], given: dict[str, bytes]) -> None:
    name, equals, value = word.partition("=")
    if name in _TAKES.values():
        given[name] = value.encode() if equals else _next(rest)
    elif name not in _FLAGS.values() or (equals and name != "preserve-env"):
        raise _Refused
    else:
        flags.add(name)


def _take_short(letters: str, rest: list[bytes], flags: set[str], given: dict[str, bytes]) -> None:
    """One word may have several letters. What follows a letter that takes an argument is this argument."""
    for at, letter in enumerate(letters):
        if letter in _TAKES and not (letter == "h" and at == len(letters) - 1 and not rest):
            value = letters[at + 1 :]
            if value.startswith("="):
                raise _Refused
            given[_TAKES[letter]] = value.encode() if value else _next(rest)
            return
        if letter not in _FLAGS:
            raise _Refused
        flags.add(_FLAGS[letter])


def _next(rest: list[bytes]) -> bytes:
    if not rest:
        raise _Refused
    return rest.pop(0)


def _is_variable(word: bytes) -> bool:
    """True if sudo-rs takes ``word`` for the assignment of a variable. The name has letters, digits and ``_``, or is empty."""
    name, equals, _ = word.partition(b"=")
    if equals and not name.isascii():
        raise Doubt("the name of a variable has letters beyond ASCII")
    return bool(equals) and (not name or name.replace(b"_", b"a").isalnum())
