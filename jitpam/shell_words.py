# SPDX-License-Identifier: Apache-2.0
"""What a word that names no file may be to the shell in which it was typed: a builtin, a keyword, an alias or a function.

Law: pure, except that ``explained`` looks whether a person reads standard error. No file of a shell is read, and no shell is
started: a file of the person's may run anything, and an alias is known to nobody but the shell that has it.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer

from jitpam.options import Options
from jitpam.wire.shown import shown

_DIRECTORY = frozenset((b"cd", b"pushd", b"popd", b"chdir"))
_VARIABLE = frozenset((b"export", b"declare", b"typeset", b"local", b"readonly", b"unset", b"setenv"))
_OTHER = frozenset(
    b". : [[ alias bg bind break builtin caller case command compgen complete continue dirs disown do enable eval exec exit fc "
    b"fg for function getopts hash help history if jobs let logout mapfile read readarray return select set shift shopt source "
    b"suspend times trap type ulimit umask unalias until wait while { }".split()
)
"""Builtins and keywords of POSIX sh, bash and zsh (POSIX.1-2017, XCU 2.4 and 2.14; bash(1), SHELL BUILTIN COMMANDS)."""


def explained(text: str, options: Options) -> str:
    """Return ``text``, which says that there is no such command, and what the first word of the command is to a shell."""
    is_own = options.mode == "get"
    more = "" if options.login or options.shell or not options.argv else _about(options.argv[0], is_own=is_own)
    return f"{text}; {more}" if more else text


def _about(word: bytes, *, is_own: bool) -> str:
    """``is_own``: the word begins a command of the person's own, which runs where jitsudo was typed (``--get``)."""
    said = shown(word)
    if word in _DIRECTORY:
        how = "cd before jitsudo" if is_own else "jitsudo -D DIR COMMAND"
        return f"{said} is a builtin of the shell, and changes only the shell's own directory: {how}"
    if word in _VARIABLE:
        how = "env" if is_own else "jitsudo"
        return f"{said} is a builtin of the shell, and changes only the shell's own variables: {how} NAME=VALUE COMMAND"
    if word in _OTHER:
        how = "sh -c understands it" if is_own else "jitsudo -s asks for a shell"
        return f"{said} is a word of the shell, and not a file: {how}"
    if b"/" in word or not posix.isatty(2):
        return ""  # only a person types aliases
    return f"if it is an alias or a function of your shell, `type {said}` shows the command that it stands for"
