# SPDX-License-Identifier: Apache-2.0
"""Core objects as sentences for the requester. Law: all text that other people wrote goes through ``shown``. Nothing is cut."""

from __future__ import annotations

from jitd.core.duration import duration_in_words
from jitd.core.policy import describe_approvals
from jitd.core.request import Request, Review, Verdict
from jitpam.wire.shown import shown, shown_command


def asked(request: Request) -> list[str]:
    """Return the lines that a requester reads when a request begins to wait."""
    command = request.command
    host = request.host.partition(".")[0]
    lines = [f"request {request.id}: {shown_command(command.argv)} (as {shown(command.run_as.user)} on {shown(host)})"]
    if request.obligations is not None:
        within = duration_in_words(request.obligations.expires_for)
        lines.append(
            f"rule {shown(request.rule)} asks {shown(describe_approvals(request.obligations.approvals))}, within {within}"
        )
    return lines


def reviewed(review: Review) -> str:
    """Return one review in words, such as ``approved by bob@EXAMPLE.ORG: "go ahead"``."""
    word = "approved" if review.verdict is Verdict.APPROVE else "denied"
    comment = f': "{shown(review.comment)}"' if review.comment else ""
    return f"{word} by {shown(review.by.principal)}{comment}"
