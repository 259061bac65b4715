# SPDX-License-Identifier: Apache-2.0
"""The words that messages use: the stages, the kinds of streams, and the codes of refusals with their exit statuses (PROTOCOL.md
section 6).

Law: messages use only the words of this module.
"""

from __future__ import annotations

CODES = {
    "unauthenticated": "no proof of who you are, an expired one, or that of somebody else",
    "protocol": "the peer broke the protocol, or speaks another version of it",
    "usage": "what was asked for makes no sense",
    "denied": "a rule, the lack of one, a lock, or an error while deciding",
    "reason": "the rule wants a reason (or another one), and none was given; nothing was submitted",
    "owed": "an approval is required, and the client would not wait; nothing waits",
    "reviewed": "an approver denied it",
    "withdrawn": "the request was withdrawn",
    "expired": "nobody decided in time",
    "missing": "no such command",
    "unexecutable": "it is there and cannot be executed",
    "forbidden": "you may not do this",
    "unknown": "no such thing, as far as you may see",
    "late": "it has ended already",
    "not_done": "it could not be done",
    "failed": "the daemon failed",
}
"""Maps every code that the message Refused may contain to the meaning of the code."""

EXITS = {
    "unauthenticated": (119, 119),
    "protocol": (125, 125),
    "usage": (120, 2),
    "denied": (121, 3),
    "reason": (121, 1),
    "owed": (118, 1),
    "reviewed": (122, 1),
    "withdrawn": (123, 5),
    "expired": (124, 5),
    "missing": (127, 1),
    "unexecutable": (126, 1),
    "forbidden": (121, 3),
    "unknown": (121, 4),
    "late": (121, 5),
    "not_done": (125, 1),
    "failed": (125, 125),
}
"""Maps a code to the exit status of ``jitsudo`` and the exit status of ``jitd`` (PROTOCOL.md section 6)."""

STAGES = ("auth", "account", "session")  # the stages of a PAM stack that may contain an enforcement point

KINDS = ("terminal", "pipe", "file", "socket", "device", "null", "closed")
"""The kinds of standard streams. If a request does not wait, its list of streams is empty."""
