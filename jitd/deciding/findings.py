# SPDX-License-Identifier: Apache-2.0
"""Finds out what a command gives beyond its words (``core.grading``).

Law: findings only warn people, and no decision depends on them. Their texts are stored in the form of ``question.spelled``, from
which the same bytes can be restored, and are bounded in number and length.
"""

from __future__ import annotations

from jitd.core.changed import replace
from jitd.core.command import Command
from jitd.core.grade import Finding
from jitd.core.grading import findings_of, findings_of_pattern
from jitd.core.question import spelled
from jitd.core.rule import Rule

MOST = 12
"""Maximum number of findings that are stored with a command."""
LONGEST = 512
"""Maximum number of characters of each text of a finding. The rest of a longer text is replaced by ``…``."""


def of_rule(rule: Rule) -> tuple[Finding, ...]:
    """Return what the commands of ``rule`` can give beyond their words, the worst first."""
    found = [one for pattern in rule.commands or () for one in findings_of_pattern(pattern, as_root=rule.may_run_as_root)]
    return tuple(map(_stored, sorted(dict.fromkeys(found), key=lambda one: -one.grade)))


def of_words(command: Command, requester: str) -> tuple[Finding, ...]:
    """Return the findings about ``command`` without a look at any file. ``requester`` is the account that asks."""
    return _stored_all(findings_of(command, lambda path: None, requester=requester))


def stored_with(command: Command, requester: str) -> tuple[Finding, ...]:
    """Return the findings that are stored with ``command``. If jitd did not look when ``requester`` asked for it, return the
    findings about its words.
    """
    return of_words(command, requester) if command.findings is None else command.findings


def _stored_all(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    return tuple(map(_stored, found[:MOST]))


def _stored(one: Finding) -> Finding:
    return replace(one, what=_bounded(one.what), path=_bounded(one.path), matters=_bounded(one.matters))


def _bounded(text: str) -> str:
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
    return spelled(cut.encode("utf-8", "surrogateescape"))
