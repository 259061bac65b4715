# SPDX-License-Identifier: Apache-2.0
"""Asks the person before jitsudo sends words that look like a secret: approvers read them, and the record keeps them (ADR 0091).

Law: before the person's answer, jitsudo sends nothing to jitd. The question does not repeat the secret. Without a terminal, and
after any other answer than yes, jitsudo sends nothing.
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer

from jitpam.options import Options, UsageError
from jitpam.secret_words import secrets_in

MOST_TOLD = 4
"""Maximum number of places that are named in one question."""


def confirm(options: Options) -> None:
    """Let the person confirm that words of their command line that look like a secret are sent. If there are none, return at
    once. Raises UsageError if the person does not confirm, or cannot be asked.
    """
    argv, variables = options.argv, options.variables
    if options.mode == "get":  # the command is the person's own, and is not sent
        argv, variables = [], []
    kept = [[name, posix.environ[name]] for name in options.preserve if name in posix.environ]
    reason = options.reason or posix.environ.get(b"JITSUDO_REASON", b"").decode("utf-8", "replace")
    found = secrets_in(argv, variables + kept, reason)
    if found:
        _confirm(found, options)


def confirm_reason(options: Options) -> None:
    """Like ``confirm``, for a reason that the person has just typed."""
    found = [] if options.yes_show else secrets_in([], [], options.reason)
    if found:
        _confirm(found, options)


def _confirm(found: list[tuple[str, str]], options: Options) -> None:
    unless = "unless a rule masks it"
    who = f"jitd reads it; if you request the command, approvers and the record will see it, {unless}"
    told = who if options.mode == "list" else f"approvers and the record will see it, {unless}"
    if not options.if_owed:
        raise UsageError(f"{_what(found)}: {told}; with -n, jitsudo does not ask: --yes-show sends it; nothing was sent")
    import termios

    from jitpam.confirmation import NoTerminal, ask

    lines = [f"{place} looks like a secret: {told}" for place, _ in found[:MOST_TOLD]]
    if len(found) > MOST_TOLD:
        lines.append(f"{len(found) - MOST_TOLD} more words look like a secret")
    lines += [f"instead: {instead}" for instead in dict.fromkeys(instead for _, instead in found[:MOST_TOLD])]
    question = "".join(f"jitsudo: {line}\n" for line in lines) + "jitsudo: send it as it is? [y/N] "
    try:
        typed = ask(question)
    except NoTerminal:
        raise UsageError(
            f"{_what(found)}: {told}; instead: {found[0][1]}; --yes-show sends it as it is; nothing was sent"
        ) from None
    except (OSError, termios.error) as fault:
        raise UsageError(f"the terminal cannot be used for the question: {fault}; nothing was sent") from None
    if typed.strip().lower() not in (b"y", b"yes") or not typed.endswith(b"\n"):
        raise UsageError("nothing was sent")


def _what(found: list[tuple[str, str]]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0][0]}{more} looks like a secret"
