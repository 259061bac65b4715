# SPDX-License-Identifier: Apache-2.0
"""Parses the command line of su in the same way as su of util-linux 2.38 and 2.41.

Law: options after the user's name belong to su or to the shell, depending on POSIXLY_CORRECT in the caller's environment. If
POSIXLY_CORRECT is not known, both ways to read the command line must have the same result.
"""

from __future__ import annotations

from jitd.invocation.form import Doubt, Invocation, canonical, plain_name
from jitd.invocation.getopt import Getopt

_SHORT = {
    b"c": "command", b"f": "fast", b"g": "group", b"G": "supp-group", b"l": "login", b"m": "preserve-environment",
    b"p": "preserve-environment", b"P": "pty", b"s": "shell", b"u": "user", b"h": "help", b"V": "version",
    b"w": "whitelist-environment",
}  # fmt: skip
_LONG = frozenset(_SHORT.values()) | {"session-command"}
_TAKES = {"command", "session-command", "group", "supp-group", "shell", "user", "whitelist-environment"}
_ENDS = {"user": "runuser's", "help": "one that asks for help", "version": "one that asks for the version"}


def read_su(service: str, words: tuple[bytes, ...], posix: bool | None) -> Invocation:
    """Return the action of a su that has the command line ``words``. Raises Doubt."""
    if any(b"\0" in word for word in words):
        raise Doubt("there is a NUL byte in a word")
    readings = [_read(words, permutes) for permutes in (True, False) if posix is None or permutes is not posix]
    fitting = [reading for reading in readings if (service == "su-l") is (reading.shell == "login")]
    if not fitting:
        raise Doubt("su does not use this PAM service for this command line")
    if any(_executed(reading) != _executed(fitting[0]) for reading in fitting):
        raise Doubt("there are options after the user's name: POSIXLY_CORRECT decides whether su or the shell reads them")
    return fitting[0]


def _executed(reading: Invocation) -> tuple[object, ...]:
    """Return what of ``reading`` decides what su executes: equal values, the same reading. su passes some of its options on, so
    that two readings may give the shell the same words.
    """
    fast = (b"-f",) if b"--fast" in reading.options else ()
    line = () if reading.line is None else (b"-c", reading.line)
    options = tuple(option for option in reading.options if option != b"--fast")
    arguments = (*fast, *line, *reading.shell_arguments)
    return reading.user, reading.group, reading.shell, reading.shell_path, options, arguments


def _read(words: tuple[bytes, ...], permutes: bool) -> Invocation:
    reader = Getopt(words, _SHORT, _LONG, _TAKES, permutes=permutes)
    flags: set[str] = set()
    last: dict[str, bytes] = {}
    groups: list[bytes] = []
    whitelist: set[bytes] = set()
    while (option := reader.next()) is not None:
        name, value = option
        if name in _ENDS:
            raise Doubt(f"one option is {_ENDS[name]}: with this option, su does not call PAM")
        flags.add(name)
        if value is None:
            continue
        if name == "session-command":  # the only difference: with --session-command, the command stays in the session
            name = "command"
        last[name] = value  # if an option is given twice, the last one counts
        if name in ("group", "supp-group"):
            groups.append(value)
        elif name == "whitelist-environment":
            whitelist.update(part for part in value.split(b",") if part)
    if {"preserve-environment", "whitelist-environment"} <= flags:
        raise Doubt("-p and -w do not go together")
    operands = reader.operands()
    if operands[:1] == (b"-",):
        flags.add("login")
        operands = operands[1:]
    is_login = "login" in flags
    keeps = "preserve-environment" in flags and not is_login  # with --login, su ignores this option
    options = {b"--supp-group=" + plain_name(group, "group").encode() for group in groups}
    if "fast" in flags:
        options.add(b"--fast")
    if keeps:
        options.add(b"--preserve-environment")
    if is_login:  # without --login, su keeps the whole environment anyway
        options |= {b"--whitelist-environment=" + variable for variable in whitelist}
    primary = last.get("group", groups[0] if groups else None)
    # --pty does not change the command: the same command runs at a new terminal
    return Invocation(
        "run",
        (),
        "login" if is_login else "kept" if keeps and "shell" not in last else "target",
        user=plain_name(operands[0], "user") if operands else "root",
        group=None if primary is None else plain_name(primary, "group"),
        line=last.get("command"),
        shell_path=last.get("shell"),
        shell_arguments=operands[1:],
        options=canonical(options),
    )
