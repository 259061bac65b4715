# SPDX-License-Identifier: Apache-2.0
"""Asks the person before jitsudo sends words that look like a secret: approvers read them, and the record keeps them.

Law: before the person's answer, jitsudo sends nothing to jitd. The question does not repeat the secret. After any other answer
than yes, jitsudo sends nothing. If nobody can be asked, jitsudo requests the command only if jitd says that a rule masks all of
these words. It asks jitd with ``explain``, of which nothing is recorded (ADR 0091).
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer

from jitpam.options import Options, UsageError
from jitpam.secret_words import secret_places, secrets_in

MOST_TOLD = 4  # places that are named in one question
MASKED = "‹masked›"  # the end of a word in which a mask of a rule hides what people do not read (PROTOCOL.md, `explain`)


def confirm(options: Options, kinds: list[str]) -> None:
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
        is_maskable = len(found) == len(secret_places(argv)) and not (options.login or options.shell)
        _confirm(found, options, kinds if is_maskable else None)


def confirm_reason(options: Options) -> None:
    """Like ``confirm``, for a reason that the person has just typed."""
    found = [] if options.yes_show else secrets_in([], [], options.reason)
    if found:
        _confirm(found, options)


def _confirm(found: list[tuple[str, str]], options: Options, kinds: list[str] | None = None) -> None:
    """``kinds`` are the kinds of the standard streams, or None if no rule can mask all that was found: masks hide arguments."""
    unless = "unless a rule masks it"
    who = f"jitd reads it; if you request the command, approvers and the record will see it, {unless}"
    told = who if options.mode == "list" else f"approvers and the record will see it, {unless}"
    if not options.if_owed:
        if kinds is not None and _is_masked(options, kinds):
            return
        raise UsageError(f"{_what(found)}: {told}; with -n, jitsudo does not ask: --yes-show sends it; nothing was requested")
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
        if kinds is not None and _is_masked(options, kinds):
            return
        raise UsageError(
            f"{_what(found)}: {told}; instead: {found[0][1]}; --yes-show sends it as it is; nothing was requested"
        ) from None
    except (OSError, termios.error) as fault:
        raise UsageError(f"the terminal cannot be used for the question: {fault}; nothing was sent") from None
    if typed.strip().lower() not in (b"y", b"yes") or not typed.endswith(b"\n"):
        raise UsageError("nothing was sent")


def _is_masked(options: Options, kinds: list[str]) -> bool:
    """Ask jitd whether masks hide each word that looks like a secret. Raises the errors that the request itself would."""
    from jitpam.local_proof import connect, never_ask
    from jitpam.submission import asked
    from jitpam.wire.messages import Explain
    from jitpam.wire.rows import Decision

    never_ask()
    asking = asked(options, kinds)
    connection = connect()
    read = Decision.read(next(iter(list(connection.ask(Explain(**asking)))), None)).argv
    connection.close()
    return len(read) == len(asked_for := asking["argv"]) and all(read[at].endswith(MASKED) for at in secret_places(asked_for))


def _what(found: list[tuple[str, str]]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return f"{found[0][0]}{more} looks like a secret"
