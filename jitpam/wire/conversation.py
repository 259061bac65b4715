# SPDX-License-Identifier: Apache-2.0
"""The tables of the messages that client and daemon may send in each state (PROTOCOL.md sections 3 and 13).

Law: only a table decides whether a message is allowed: LAW at the local socket, and DOOR at the door. If the table does not
allow a message, the connection is closed. The message then has no effect, and the state does not change.
"""

from __future__ import annotations

from jitpam.wire.faults import LocalProtocolError, RemoteProtocolError
from jitpam.wire.messages import Message

CLIENT = "client"
DAEMON = "daemon"

_ASKS = (
    *("explain", "suppose", "review", "basis", "signedreview", "list", "page", "show", "revoke", "giveback", "stop"),
    *("lock", "unlock", "signedunlock", "mute"),
    *("reload", "reloadtested", "audit", "signingkey", "metrics", "status", "export", "report", "keptreport", "pack"),
    *("replay", "withdraw"),
)
"""The questions that are answered by items, followed by Done or Refused."""

LAW: dict[str, dict[tuple[str, str], str]] = {
    "greeting": {(CLIENT, "hello"): "greeted"},
    "greeted": {
        (DAEMON, "hello"): "authenticating",
        (DAEMON, "refused"): "closed",
    },
    "authenticating": {
        (CLIENT, "token"): "authenticating",
        (DAEMON, "token"): "authenticating",
        (DAEMON, "prove"): "authenticating",
        (DAEMON, "slow"): "authenticating",
        (DAEMON, "welcome"): "ready",
        (DAEMON, "refused"): "closed",
    },
    "ready": {
        (CLIENT, "submit"): "waiting",
        (CLIENT, "anew"): "waiting",
        (CLIENT, "breakglass"): "waiting",
        (CLIENT, "edit"): "waiting",
        (CLIENT, "edits"): "waiting",
        (CLIENT, "undo"): "waiting",
        (CLIENT, "get"): "waiting",
        (CLIENT, "resume"): "waiting",
        **{(CLIENT, asked): "asked" for asked in _ASKS},
        (CLIENT, "keep"): "asked",  # this message may cross the daemon's "taken"
        (CLIENT, "watch"): "watching",
        (CLIENT, "observe"): "observing",
        (CLIENT, "seen"): "ready",  # this message may cross the end of the observed run
        (CLIENT, "enforce"): "proving",
        (CLIENT, "enforcecommand"): "proving",
        (CLIENT, "bye"): "closed",
    },
    "asked": {
        (DAEMON, "item"): "asked",
        (DAEMON, "done"): "ready",
        (DAEMON, "refused"): "ready",
    },
    "watching": {
        (CLIENT, "bye"): "closed",
        (DAEMON, "item"): "watching",
        (DAEMON, "done"): "watching",
        (DAEMON, "refused"): "ready",
    },
    "observing": {
        (CLIENT, "seen"): "observing",
        (CLIENT, "stop"): "stopping",
        (CLIENT, "bye"): "closed",
        (DAEMON, "item"): "observing",
        (DAEMON, "done"): "ready",
        (DAEMON, "refused"): "ready",
    },
    "stopping": {  # first the observation is answered, because its end may have crossed the stop; then the stop is answered
        (CLIENT, "bye"): "closed",
        (DAEMON, "item"): "stopping",
        (DAEMON, "done"): "asked",
        (DAEMON, "refused"): "asked",
    },
    "proving": {
        (DAEMON, "challenge"): "proving",
        (CLIENT, "token"): "proving",
        (DAEMON, "token"): "proving",
        (CLIENT, "proof"): "waiting",
        (CLIENT, "bye"): "closed",
        (DAEMON, "refused"): "ready",
    },
    "waiting": {
        (CLIENT, "withdraw"): "waiting",
        (CLIENT, "bye"): "closed",
        (DAEMON, "slow"): "waiting",
        (DAEMON, "progress"): "waiting",
        (DAEMON, "done"): "ready",
        (DAEMON, "start"): "started",
        (DAEMON, "granted"): "ready",
        (DAEMON, "given"): "holding",
        (DAEMON, "refused"): "ready",
    },
    "holding": {
        (CLIENT, "keep"): "kept",
        (CLIENT, "bye"): "closed",
        (CLIENT, "withdraw"): "holding",  # this message may cross the daemon's "given"
        (DAEMON, "given"): "holding",  # the next thing, if several are given
        (DAEMON, "taken"): "ready",
    },
    "kept": {
        (CLIENT, "bye"): "closed",
        (DAEMON, "done"): "ready",
        (DAEMON, "refused"): "ready",
        (DAEMON, "taken"): "asked",  # this message crossed the client's "keep", which is now refused
    },
    "started": {(CLIENT, "bye"): "closed", (CLIENT, "withdraw"): "started"},  # the withdrawal may cross the daemon's "start"
    "closed": {},
}
"""Maps a state, a speaker and a message type to the next state. In ``closed``, nothing is allowed."""

_AT_THE_DOOR = frozenset(
    (
        *("hello", "token", "slow", "welcome", "refused", "item", "done"),
        *("list", "page", "show", "review", "basis", "signedreview", "revoke", "stop", "lock", "unlock", "signedunlock"),
        *("watch", "observe", "seen", "replay", "status", "audit"),
        "bye",
    )
)
_STATES = ("greeting", "greeted", "authenticating", "ready", "asked", "watching", "observing", "stopping", "closed")
DOOR: dict[str, dict[tuple[str, str], str]] = {
    "dialled": {(CLIENT, "carried"): "greeting", (CLIENT, "roll"): "rolling"},
    "rolling": {(DAEMON, "item"): "rolling", (DAEMON, "refused"): "closed"},
    **{state: {step: after for step, after in LAW[state].items() if step[1] in _AT_THE_DOOR} for state in _STATES},
}
"""As LAW, at the door: of LAW's messages those in _AT_THE_DOOR, and three of its own. It begins with a state in which only the
carrier speaks. In ``rolling``, it speaks for itself, and never gets further.
"""
DOOR["greeting"][DAEMON, "refused"] = "closed"  # there are too many others
DOOR["ready"][CLIENT, "stamp"] = "asked"
DOOR["ready"][CLIENT, "roll"] = "asked"

UNPROVED = frozenset(("dialled", "greeting", "greeted", "authenticating"))  # the states in which nobody is known yet


class Conversation:
    """The state of one connection, by ``law`` (LAW or DOOR). Each end passes all its messages through its own."""

    __slots__ = ("_law", "role", "state")

    def __init__(self, role: str, law: dict[str, dict[tuple[str, str], str]] = LAW) -> None:
        self.role = role
        self._law = law
        # the client at the door does not see the carrier's frame
        self.state = "dialled" if "dialled" in law and role == DAEMON else "greeting"

    def say(self, message: Message) -> None:
        """Note that we send ``message``. Raises LocalProtocolError if ``message`` is not allowed in this state."""
        after = self._law[self.state].get((self.role, message.type))
        if after is None:
            raise LocalProtocolError(f"the {self.role} may not say {message.type} when {self.state}")
        self.state = after

    def hear(self, message: Message) -> None:
        """Note that the peer sent ``message``. Raises RemoteProtocolError if ``message`` is not allowed in this state."""
        peer = DAEMON if self.role == CLIENT else CLIENT
        after = self._law[self.state].get((peer, message.type))
        if after is None:
            raise RemoteProtocolError(f"the {peer} may not say {message.type} when {self.state}")
        self.state = after
