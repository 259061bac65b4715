# SPDX-License-Identifier: Apache-2.0
"""The words that messages use: the codes of a refusal and their exit statuses (PROTOCOL.md section 6), stages, kinds of streams.

Law: a word that is not here is in no message.
"""

from __future__ import annotations

CODES = {
    "unauthenticated": "no proof of who you are, an expired one, or that of somebody else",
    "protocol": "the peer broke the protocol, or speaks another version of it",
    "usage": "what was asked for makes no sense",
    "denied": "a rule, the lack of one, a lock, or an error while deciding",
    "reason": "the rule wants a reason (or another one), and none was given; nothing was submitted",
    "owed": "an approval would be owed, and the client would not wait; nothing waits",
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
"""Every code of Refused → its meaning."""

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
"""Code → the exit status of ``jitsudo``, and of ``jitd`` (PROTOCOL.md section 6)."""

STAGES = ("auth", "account", "session")
"""The stages of a PAM stack in which an enforcement point may stand."""

KINDS = ("terminal", "pipe", "file", "socket", "device", "null", "closed")
"""The kinds of standard streams. A request that does not wait names none of its streams: its list is empty."""
