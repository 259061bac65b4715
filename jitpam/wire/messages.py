# SPDX-License-Identifier: Apache-2.0
"""Every message of PROTOCOL.md section 4, declared once. How they become bytes is in ``coding``, the codes of a
refusal are in ``codes``.

Law: a message has exactly the fields that are declared, and does not change. Standard library only, and of that only what
starts fast: this module is on the path of every ``jitsudo``.
"""

from __future__ import annotations

from jitpam.wire.faults import LocalProtocolError
from jitpam.wire.framing import LARGE, SMALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, dataclass_transform

    Declared = dict[str, "type[Message]"]  # here, because in the class below `type` is a field
else:

    def dataclass_transform(**_):
        """At run time a plain decorator: ``typing`` would cost several milliseconds of every start."""
        return lambda cls: cls


VERSION = 1
NONCE_LENGTH = 32

FROM_CLIENT: dict[str, type[Message]] = {}
FROM_DAEMON: dict[str, type[Message]] = {}


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Message:
    """A value with the declared fields. Compares by value; its ``type`` on the wire is its class name in lower case."""

    type: ClassVar[str] = ""
    fields: ClassVar[dict[str, str]] = {}
    most: ClassVar[int] = SMALL
    """Bytes of the longest body in which a client may say it."""
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
    """The first word. ``authentication`` is ``krb5``, or ``root`` for a peer whose uid is 0."""

    version: int
    authentication: str
    nonce: bytes


class Token(Message, by=FROM_CLIENT):
    """One GSSAPI token of the initiator."""

    token: bytes


class Ask(Message):
    """What is asked: the command as the client knows it, and what it claims beside it.

    ``service`` is whose it is to run it: jitsudo's own, or a PAM service's, which then finds a grant.
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
    """Ask for a command. ``waits`` is False for ``--no-wait``; ``if_owed`` False refuses rather than wait (``-n``)."""

    waits: bool
    if_owed: bool


class Anew(Submit, by=FROM_CLIENT):
    """As Submit, and nothing answers it that was granted before (``-k COMMAND``)."""


class Explain(Ask, by=FROM_CLIENT):
    """What would be decided about this, now? Nothing is submitted or recorded."""


class Get(Message, by=FROM_CLIENT):
    """Ask for ``thing`` to be given to me (``jitsudo --get``), such as ``service-ticket:postgres/db1.example.org``.

    ``stays``: it is mine for the whole time of the grant, also when this connection ends. Otherwise it is taken back when the
    connection ends. The other fields are those of Submit.
    """

    thing: str
    stays: bool
    reason: str | None
    lasts_for: int | None
    tty: bytes | None
    login_session: int
    parents: list[str]
    waits: bool
    if_owed: bool


class Keep(Message, by=FROM_CLIENT):
    """I have what was given, and it stays when this connection ends. Only for what was asked for with ``stays``."""


class Resume(Message, by=FROM_CLIENT):
    """Wait for my request ``id`` again, or run it if it is approved."""

    id: str
    streams: list[str]


class Withdraw(Message, by=FROM_CLIENT):
    """Take back my request ``id``."""

    id: str


class Review(Message, by=FROM_CLIENT):
    """``verdict`` is ``approve`` or ``deny``; ``fingerprint`` is of what was shown."""

    id: str
    verdict: str
    fingerprint: bytes
    comment: str


class List(Message, by=FROM_CLIENT):
    """Every ``what`` (requests, grants, runs, rules, locks) that I may see; ``ended`` ones too if asked."""

    what: str
    ended: bool


class Show(Message, by=FROM_CLIENT):
    """Everything about the request, grant or run ``id``."""

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
    """Permit nothing new to ``name``, and end what is theirs. ``whom``: ``user``, ``principal``, or ``all``, who have no name.

    ``lasts_for`` in seconds; None has no end.
    """

    whom: str
    name: str
    lasts_for: int | None
    reason: str


class Unlock(Message, by=FROM_CLIENT):
    """Lift the lock ``id``, or all that are on ``whom`` and ``name``."""

    id: str | None
    whom: str | None
    name: str | None
    reason: str


class Reload(Message, by=FROM_CLIENT):
    """Read the policy again."""


class Audit(Message, by=FROM_CLIENT):
    """Records of the chain after number ``after``."""

    after: int


class Replay(Message, by=FROM_CLIENT):
    """The recording of the run ``id``; with ``follow`` also what is still to come."""

    id: str
    follow: bool


class Watch(Message, by=FROM_CLIENT):
    """As List requests, and again with every change."""

    ended: bool


class Enforce(Message, by=FROM_CLIENT):
    """An enforcement point asks: may the account ``uid`` do this? (PROTOCOL.md section 9)"""

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
    """What the helper has wrapped, or None and why there is none."""

    proof: bytes | None
    because: str


class Bye(Message, by=FROM_CLIENT):
    """I am done; nothing is withdrawn by this that was submitted not to wait."""


# --- what the daemon may say ---------------------------------------------------------------------------------------


class DaemonHello(Message, by=FROM_DAEMON):
    """The answer to Hello."""

    version: int
    nonce: bytes


class DaemonToken(Message, by=FROM_DAEMON):
    """One GSSAPI token of the acceptor."""

    token: bytes


class Welcome(Message, by=FROM_DAEMON):
    """You are known. ``until`` (RFC 3339 UTC) is the end of your ticket; None for root."""

    principal: str
    user: str
    host: str
    until: str | None
    operator: bool


class Refused(Message, by=FROM_DAEMON):
    """No, and why: ``code`` is one of CODES, ``text`` a sentence for the person."""

    code: str
    text: str


class Progress(Message, by=FROM_DAEMON):
    """News of a request that waits: ``state`` as in the core; ``news`` are sentences for the person."""

    id: str
    state: str
    owed: bool
    news: list[str]
    until: str | None


class Challenge(Message, by=FROM_DAEMON):
    """What the proof of an enforcement point's helper has to be bound to."""

    binding: bytes


class Granted(Message, by=FROM_DAEMON):
    """The use is taken: the enforcement point lets them in. ``boot_ms`` is when, on CLOCK_BOOTTIME.

    ``places``: paths without links, each with the device and inode that the point itself has to see there (``8:1234``).
    """

    id: str
    boot_ms: int
    text: str
    places: list[list[bytes]]


class Start(Message, by=FROM_DAEMON):
    """Your turn: the control socket of run ``id`` comes along with this frame (SCM_RIGHTS)."""

    id: str
    news: list[str]


class Given(Message, by=FROM_DAEMON):
    """The thing is given: ``id`` is the holding. ``name`` says what to fetch (the service's principal, realm included), ``to``
    for
    whom (the client's principal). It is taken back at ``until`` (RFC 3339 UTC), which is in ``left_ms`` milliseconds.
    """

    id: str
    thing: str
    name: str
    to: str
    until: str
    left_ms: int
    stays: bool
    news: list[str]


class Taken(Message, by=FROM_DAEMON):
    """What was given is taken back; ``because`` is a sentence."""

    id: str
    because: str


class Item(Message, by=FROM_DAEMON):
    """One row of an answer; the names in ``row`` are those of ``--json``."""

    row: dict[str, Any]


class Done(Message, by=FROM_DAEMON):
    """The answer is complete; ``text`` is a sentence for the person, or empty."""

    text: str
