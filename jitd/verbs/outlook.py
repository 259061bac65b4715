# SPDX-License-Identifier: Apache-2.0
"""Collects facts that a reviewer reads together with a request: the effects that its command allows, and the requester's last
approved request.

Law: this module makes no decisions. A reviewer reads about an earlier request only if they may also review the earlier request.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jitd.core.command import Command
from jitd.core.grade import Finding, grades
from jitd.core.policy import Rule
from jitd.core.request import Request, RequestState, Verdict
from jitd.deciding.findings import Findings
from jitd.store import Store
from jitd.verbs.rows import finding_rows, instant
from jitpam.wire import rows
from jitpam.wire.shown import shown

MOST_BYTES = 4 * 1024 * 1024  # bytes of a person's earlier requests that are read to find an approved one
LONGEST = 64 * 1024  # bytes of the words of an earlier command, and of its variables. Longer ones might not fit into a frame


def outlook(findings: Findings, request: Request) -> dict[str, Any]:
    """Return the fields that are added to the row of ``request`` and tell what its command gives beyond its words."""
    return graded(findings, request.command, request.requester.user)


def graded(findings: Findings, command: Command, requester: str) -> dict[str, Any]:
    """Return what ``command`` gives beyond its words, as it was seen when ``requester`` asked for it."""
    return _fields_of(findings.stored_with(command, requester))


def graded_rule(findings: Findings, rule: Rule) -> dict[str, Any]:
    """Return the fields that tell what the commands of ``rule`` can give beyond their words."""
    return _fields_of(findings.of_rule(rule))


def _fields_of(found: Sequence[Finding] | None) -> dict[str, Any]:
    return {**grades(found), "findings": finding_rows(found or ())}


def last_approved(store: Store, request: Request, may_review: Callable[[Request], bool]) -> rows.Earlier | None:
    """Return the row of the last approved request before ``request`` with the same person, rule, service and file, for which
    ``may_review`` is true, or None if the latest ones have none.
    """
    for earlier in store.lately(request.requester.person, MOST_BYTES):
        is_alike = (earlier.rule, earlier.service, earlier.command.path) == (request.rule, request.service, request.command.path)
        if not is_alike or earlier.id == request.id or earlier.submitted_at > request.submitted_at:
            continue
        given = [review for review in earlier.reviews if review.verdict is Verdict.APPROVE]
        if earlier.state is not RequestState.APPROVED or not given or not may_review(earlier):
            continue
        by = tuple(shown(review.by.principal) for review in given)
        return rows.Earlier(id=earlier.id, at=instant(given[-1].at), by=by, **compared(earlier))
    return None


def compared(earlier: Request) -> dict[str, Any]:
    """Return the members of an ``earlier`` request's row with which a later request is compared."""
    command = earlier.command
    return {
        "argv": tuple(map(shown, command.told_argv)) if sum(map(len, command.argv)) <= LONGEST else None,
        "path": shown(command.path),
        "digest": command.digest.hex(),
        "run_as": shown(command.run_as.user),
        "run_as_group": shown(command.run_as.group),
        "cwd": shown(command.cwd),
        "chdir": command.chdir,
        "variables": tuple((shown(name), shown(value)) for name, value in command.variables)
        if sum(len(name) + len(value) for name, value in command.variables) <= LONGEST
        else None,
        "options": tuple(map(shown, command.options)),
        "streams": tuple(command.streams),
        "files": (
            *((shown(one.path), one.digest.hex()) for one in command.operands),
            *((shown(one.path), one.digest.hex()) for one in command.interpreters),
        ),
        **earlier.terms.numbers,
    }
