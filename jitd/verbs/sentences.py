# SPDX-License-Identifier: Apache-2.0
"""Core objects as sentences for the requester. Law: all text that other people wrote goes through ``shown``. Nothing is cut."""

from __future__ import annotations

from jitd.core.duration import duration_in_words
from jitd.core.policy import describe_approvals
from jitd.core.request import Request, RequestState, Review, Verdict
from jitpam.wire.shown import shown, shown_command


def asking(names: tuple[str, ...]) -> str:
    """Return who is being asked outside jitd: ``asking change-calendar and ticket-check``."""
    return f"asking {' and '.join(filter(None, (', '.join(names[:-1]), names[-1])))}"


def asked(request: Request) -> list[str]:
    """Return the lines that a requester reads when a request begins to wait."""
    command = request.command
    host = request.host.partition(".")[0]
    lines = [f"request {request.id}: {shown_command(command.argv)} (as {shown(command.run_as.user)} on {shown(host)})"]
    if request.obligations is not None:
        lines.append(owing(request))
    return lines


def owing(request: Request) -> str:
    """Return what the rule of ``request`` asks for, in one sentence: approvals, and those outside jitd who are asked first."""
    assert request.obligations is not None, "what is owed is known"
    within = duration_in_words(request.obligations.expires_for)
    wants = shown(describe_approvals(request.obligations.approvals))
    names = request.obligations.gatekeepers
    if request.state is not RequestState.SCREENING or not names:
        return f"rule {shown(request.rule)} asks {wants}, within {within}"
    if not request.obligations.approvals:
        return f"rule {shown(request.rule)} is {asking(names)}, within {within}"
    return f"rule {shown(request.rule)} is {asking(names)}, and then asks {wants}, all within {within}"


def reviewed(review: Review) -> str:
    """Return one review in words, such as ``approved by bob@EXAMPLE.ORG: "go ahead"``."""
    word = "approved" if review.verdict is Verdict.APPROVE else "denied"
    comment = f': "{shown(review.comment)}"' if review.comment else ""
    return f"{word} by {shown(review.by.principal)}{comment}"
