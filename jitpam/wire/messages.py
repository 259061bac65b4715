# SPDX-License-Identifier: Apache-2.0
"""Declares every message of PROTOCOL.md section 4, and the codes of section 6. ``coding`` turns messages into bytes.

Law: a message has exactly the declared fields, and cannot be changed. Standard library only, and only modules that are imported
fast, because every ``jitsudo`` imports this one.
"""

from __future__ import annotations

from jitpam.wire.faults import LocalProtocolError
from jitpam.wire.framing import LARGE, SMALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, dataclass_transform

    Declared = dict[str, "type[Message]"]  # declared here, because in the class below `type` is a field
else:

    def dataclass_transform(**_):
        """Replace the decorator of ``typing``, whose import would make each start several milliseconds longer; do nothing."""
        return lambda cls: cls


VERSION = 1
NONCE_LENGTH = 32

FROM_CLIENT: dict[str, type[Message]] = {}
FROM_DAEMON: dict[str, type[Message]] = {}


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Message:
    """A message with the declared fields, compared by value. ``type``, its name on the wire, is the class name in lower case."""

    type: ClassVar[str] = ""
    fields: ClassVar[dict[str, str]] = {}
    most: ClassVar[int] = SMALL
    """Most bytes of this message's body, if a client sends it."""
    __slots__ = ("__dict__",)

    def __init_subclass__(cls, by: Declared | None = None) -> None:
        if by is None:
            return
        cls.type = cls.__name__.removeprefix("Daemon").lower()
        cls.fields = {
            name: kind
            for parent in reversed(cls.__mro__)
            for name, kind in parent.__dict__.get("__annotations__", {}).items()
            if not kind.startswith("ClassVar")
        }
        by[cls.type] = cls

    def __init__(self, **values: Any) -> None:
        if values.keys() != self.fields.keys():
            odd = sorted(values.keys() ^ self.fields.keys())
            raise LocalProtocolError(f"{self.type}: missing or unknown: {', '.join(odd)}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"


# --- what a client may say ---------------------------------------------------------------------------------------


class Hello(Message, by=FROM_CLIENT):
    """The first message. ``authentication`` is ``krb5``, or ``root`` if the client's uid is 0."""

    version: int
    authentication: str
    nonce: bytes


class Token(Message, by=FROM_CLIENT):
    """One GSSAPI token of the initiator."""

    token: bytes


class Ask(Message):
    """The fields that Submit, Anew and Explain share: the command as the client knows it, and the client's claims.

    ``service`` names the program that is to run the command: ``jitsudo``, or a PAM service, for which a grant is made.
    """

    most = LARGE
    service: str
    argv: list[bytes]
    login: bool
    user: str | None
    group: str | None
    cwd: bytes
    cwd_device: int
    cwd_inode: int
    chdir: bool
    variables: list[list[bytes]]
    preserved: list[list[bytes]]
    locale: list[list[bytes]]
    streams: list[str]
    reason: str | None
    lasts_for: int | None
    uses: int | None
    timeout_for: int | None
    tty: bytes | None
    login_session: int
    parents: list[str]


class Submit(Ask, by=FROM_CLIENT):
    """Ask for a command. ``waits`` is False for ``--no-wait``. ``if_owed`` False (``-n``): refuse if an approval is owed."""

    waits: bool
    if_owed: bool


class Anew(Submit, by=FROM_CLIENT):
    """As Submit, but no earlier grant answers it (``-k COMMAND``)."""


class Explain(Ask, by=FROM_CLIENT):
    """Ask what jitd would decide about this command now. Nothing is submitted or recorded."""


class Resume(Message, by=FROM_CLIENT):
    """Wait for my request ``id`` again, or run it if it is approved."""

    id: str
    streams: list[str]


class Withdraw(Message, by=FROM_CLIENT):
    """Take back my request ``id``."""

    id: str


class Review(Message, by=FROM_CLIENT):
    """Review the request ``id``: ``verdict`` is ``approve`` or ``deny``, ``fingerprint`` that of the request as shown."""

    id: str
    verdict: str
    fingerprint: bytes
    comment: str


class List(Message, by=FROM_CLIENT):
    """Ask for every ``what`` (requests, grants, runs, rules, locks) that I may see; with ``ended`` also those that have ended."""

    what: str
    ended: bool


class Show(Message, by=FROM_CLIENT):
    """Ask for everything about the request, grant or run ``id``."""

    id: str


class Revoke(Message, by=FROM_CLIENT):
    """End the grant ``id``, or all grants of the principal ``of``, and what runs under them."""

    id: str | None
    of: str | None
    reason: str


class Giveback(Message, by=FROM_CLIENT):
    """End my own leases: those asked for in ``login_session``, or all of them if it is None."""

    login_session: int | None


class Stop(Message, by=FROM_CLIENT):
    """End the run ``id``; its grant stays."""

    id: str
    reason: str


class Lock(Message, by=FROM_CLIENT):
    """Permit nothing new to ``name``, and end what that person has. ``whom`` is ``user``, ``principal`` or ``all``; for ``all``
    the name is empty. ``lasts_for`` is in seconds; None: until it is lifted.
    """

    whom: str
    name: str
    lasts_for: int | None
    reason: str


class Unlock(Message, by=FROM_CLIENT):
    """Lift the lock ``id``, or all locks on ``whom`` and ``name``."""

    id: str | None
    whom: str | None
    name: str | None
    reason: str


class Reload(Message, by=FROM_CLIENT):
    """Read the policy again."""


class Audit(Message, by=FROM_CLIENT):
    """Ask for the records of the chain after number ``after``."""

    after: int


class Replay(Message, by=FROM_CLIENT):
    """Ask for the recording of the run ``id``; with ``follow`` also for what is still to be recorded."""

    id: str
    follow: bool


class Watch(Message, by=FROM_CLIENT):
    """As List for requests, and the whole list again after every change."""

    ended: bool


class Enforce(Message, by=FROM_CLIENT):
    """Ask, as an enforcement point, whether the account ``uid`` may do this (PROTOCOL.md section 9)."""

    most = LARGE
    service: str
    stage: str
    user: str
    uid: int
    ruser: str | None
    rhost: bytes | None
    tty: bytes | None
    login_session: int
    authenticated: bytes | None
    words: list[bytes]
    posix: bool
    search_path: bytes
    shell: bytes
    cwd: bytes
    cwd_device: int
    cwd_inode: int
    reason: str | None
    waits: bool


class Proof(Message, by=FROM_CLIENT):
    """The proof that an enforcement point's helper has made; or None, and ``because`` says why there is none."""

    proof: bytes | None
    because: str


class Bye(Message, by=FROM_CLIENT):
    """The last message. A request that was submitted with ``--no-wait`` is not withdrawn by it."""


# --- what the daemon may say ---------------------------------------------------------------------------------------


class DaemonHello(Message, by=FROM_DAEMON):
    """The answer to Hello."""

    version: int
    nonce: bytes


class DaemonToken(Message, by=FROM_DAEMON):
    """One GSSAPI token of the acceptor."""

    token: bytes


class Welcome(Message, by=FROM_DAEMON):
    """The daemon knows who the client is. ``until`` (RFC 3339 UTC) is the end of the client's ticket; None for root."""

    principal: str
    user: str
    host: str
    until: str | None
    operator: bool


class Refused(Message, by=FROM_DAEMON):
    """The daemon refuses: ``code`` is one of CODES, ``text`` is a sentence for the user that says why."""

    code: str
    text: str


class Progress(Message, by=FROM_DAEMON):
    """News of a request that waits. ``state`` is a state of jitd.core.request; ``news`` are sentences for the user."""

    id: str
    state: str
    owed: bool
    news: list[str]
    until: str | None


class Challenge(Message, by=FROM_DAEMON):
    """The bytes that the proof of an enforcement point's helper has to be bound to."""

    binding: bytes


class Granted(Message, by=FROM_DAEMON):
    """The use is taken: the enforcement point may go on. ``boot_ms`` is the time of that, in milliseconds of CLOCK_BOOTTIME.

    ``places`` are paths without links, each with the device and inode that the point itself must see there (``8:1234``).
    """

    id: str
    boot_ms: int
    text: str
    places: list[list[bytes]]


class Start(Message, by=FROM_DAEMON):
    """The run ``id`` can begin. Its control socket comes with this frame (SCM_RIGHTS, unix(7))."""

    id: str
    news: list[str]


class Item(Message, by=FROM_DAEMON):
    """One row of an answer; the names in ``row`` are those of ``--json``."""

    row: dict[str, Any]


class Done(Message, by=FROM_DAEMON):
    """The answer is complete; ``text`` is a sentence for the person, or empty."""

    text: str


CODES = {
    "unauthenticated": "no, another's, or an expired proof of who you are",
    "protocol": "the peer broke the protocol, or speaks another version of it",
    "usage": "what was asked for makes no sense",
    "denied": "a rule, the lack of one, a lock, or an error while deciding",
    "reason": "the rule wants a reason (or another one), and none was given; nothing was submitted",
    "owed": "an approval would be owed, and the client would not wait; nothing was submitted",
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
