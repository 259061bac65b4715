# SPDX-License-Identifier: Apache-2.0
"""What somebody who reviews a request is told beside it: what its command amounts to, and what the same person was given before.

Law: nothing here decides. A person is told of an earlier request only if they may review that one, too.
"""

from __future__ import annotations

from collections.abc import Callable

from jitd.core.command import Command
from jitd.core.consequence import gives_root_shell, of_command, of_pattern
from jitd.core.policy import Rule
from jitd.core.precious import precious
from jitd.core.request import Request, RequestState, Verdict
from jitd.store import Store
from jitd.verbs.rows import Row, instant
from jitpam.wire.shown import shown

MOST_BYTES = 4 * 1024 * 1024
"""How many bytes of a person's earlier requests are read in search of one."""
LONGEST = 64 * 1024
"""Bytes of a command's words up to which they are told once more. Longer ones might not fit into a frame."""


def outlook(request: Request) -> Row:
    """Return what the command of ``request`` amounts to, as far as is known: fields of the request's row."""
    return {
        "consequences": told_of(request.command),
        "precious": [[shown(path), what] for path, what in precious(request.command)],
        "root_shell": gives_root_shell(request.command),
    }


def told_of(command: Command) -> list[str]:
    """Return what ``command`` lets somebody do beyond its words, in sentences, as far as is known."""
    return [shown(str(one)) for one in of_command(command)]


def consequences_of(rule: Rule) -> list[str]:
    """Return what the commands that ``rule`` is about amount to, as far as is known."""
    found = (str(one) for pattern in rule.commands or () for one in of_pattern(pattern))
    return [shown(sentence) for sentence in dict.fromkeys(found)]


def last_approved(store: Store, request: Request, may_review: Callable[[Request], bool]) -> Row | None:
    """Return the row of the last request before ``request`` that somebody approved, by the same rule and for the same person, if
    ``may_review`` allows to tell of it. None if there is none among the person's latest requests.
    """
    for earlier in store.lately(request.requester.person, MOST_BYTES):
        is_alike = earlier.rule == request.rule and earlier.service == request.service
        if not is_alike or earlier.id == request.id or earlier.submitted_at > request.submitted_at:
            continue
        given = [review for review in earlier.reviews if review.verdict is Verdict.APPROVE]
        if earlier.state is not RequestState.APPROVED or not given or not may_review(earlier):
            continue
        command = earlier.command
        return {
            "id": earlier.id,
            "at": instant(given[-1].at),
            "by": [shown(review.by.principal) for review in given],
            "argv": [shown(word) for word in command.argv] if sum(map(len, command.argv)) <= LONGEST else None,
            "path": shown(command.path),
            "digest": command.digest.hex(),
            "run_as": shown(command.run_as.user),
            "run_as_group": shown(command.run_as.group),
            "cwd": shown(command.cwd),
        }
    return None
