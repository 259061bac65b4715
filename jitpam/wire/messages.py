# SPDX-License-Identifier: Apache-2.0
"""Every message of PROTOCOL.md section 4, declared once; ``coding`` makes bytes of them, ``codes`` has those of refusals.

Law: a message has exactly the declared fields, and cannot be changed. Standard library only, and only modules that are imported
fast, because every ``jitsudo`` imports this one.
"""

from __future__ import annotations

from jitpam.wire.framing import LARGE
from jitpam.wire.message import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

__all__ = ["FROM_CLIENT", "FROM_DAEMON", "NONCE_LENGTH", "VERSION", "Message"]

VERSION = 1
NONCE_LENGTH = 32

FROM_CLIENT: dict[str, type[Message]] = {}
FROM_DAEMON: dict[str, type[Message]] = {}


# --- what a client may say ---------------------------------------------------------------------------------------


class Hello(Message, by=FROM_CLIENT):
    """The first message. ``authentication`` is ``krb5``, ``root`` for uid 0, or ``local`` for a local password."""

    version: int
    authentication: str
    nonce: bytes


class Token(Message, by=FROM_CLIENT):
    """One GSSAPI token of the initiator."""

    token: bytes


class Ask(Message):
    """The fields that Submit, Anew and Explain share: the command as the client knows it, and the client's claims.

    ``service`` names the program that is to run the command: ``jitsudo``, or a PAM service, for which a grant is made.
    ``starts_at`` (RFC 3339 UTC) is when the grant is to begin; None: when it is approved.
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
    starts_at: str | None = None


class Submit(Ask, by=FROM_CLIENT):
    """Ask for a command. ``waits`` is False for ``--no-wait``. ``if_owed`` False (``-n``): refuse if an approval is owed."""

    waits: bool
    if_owed: bool


class Anew(Submit, by=FROM_CLIENT):
    """As Submit, but no earlier grant answers it (``-k COMMAND``)."""


class Breakglass(Submit, by=FROM_CLIENT):
    """As Submit, by a rule that skips approvals (``--break-glass``)."""


class Explain(Ask, by=FROM_CLIENT):
    """Ask what jitd would decide about this command now. Nothing is submitted or recorded."""


class Suppose(Ask, by=FROM_CLIENT):
    """As Explain, if ``principal`` asked (or broke glass), with ``facts`` (``risk=40``). None: ``groups``, ``at`` stay."""

    principal: str
    groups: list[str] | None
    at: str | None
    facts: list[str]
    breaks_glass: bool = False


class Get(Message, by=FROM_CLIENT):
    """Ask for ``thing`` to be given to me (``jitsudo --get``), such as ``service-ticket:postgres/db1.example.org``, and for all
    things in ``also`` with it: all are given, or none. ``stays``: they are mine for the whole time of the grant. Otherwise they
    are taken back when this connection ends. See Submit.
    """

    thing: str
    stays: bool
    reason: str | None
    lasts_for: int | None
    tty: bytes | None
    login_session: int
    parents: list[str]
    also: list[str] = []  # never changed: a message is frozen
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
    """Review ``id``: ``verdict`` is ``approve``, ``deny`` or ``reviewed``, ``fingerprint`` that of the request as shown."""

    id: str
    verdict: str
    fingerprint: bytes
    comment: str


class List(Message, by=FROM_CLIENT):
    """Ask for every ``what`` (requests, grants, runs, rules, locks, reviews) that I may see; ``ended``: also what has ended."""

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
    """Permit nothing new to ``name``, and end what they have. ``whom`` is ``user``, ``principal`` or ``all`` (without a name)."""

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


class Mute(Message, by=FROM_CLIENT):
    """Tell me nothing of requests that wait, for ``lasts_for`` seconds; None: tell me again."""

    lasts_for: int | None


class Reload(Message, by=FROM_CLIENT):
    """Read the policy again."""


class Audit(Message, by=FROM_CLIENT):
    """Ask for the records of the chain after number ``after``."""

    after: int


class Replay(Message, by=FROM_CLIENT):
    """Ask for the recording of the run ``id``; with ``follow`` also for what is still to be recorded."""

    id: str
    follow: bool


class Observe(Message, by=FROM_CLIENT):
    """Watch the run ``id``, or the run of the request ``id``, as its rule wants (``run.observed``). The first ``offset`` bytes of
    its recording are not sent again.
    """

    id: str
    offset: int = 0


class Seen(Message, by=FROM_CLIENT):
    """My screen has shown all that came before ``beat``."""

    beat: int


class Watch(Message, by=FROM_CLIENT):
    """Ask for the list of requests, as ``List`` does, and for the whole list again after every change."""

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


class Prove(Message, by=FROM_DAEMON):
    """A local password counts now. With this frame comes the end of a socket (SCM_RIGHTS): the client writes the password of
    ``account`` there, without a line end, and closes it. ``n_left`` is how many tries there are, this one included.
    """

    account: str
    n_left: int


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
    """News of a request that waits. ``state`` is a state of jitd.core.request; ``news`` are sentences for the user.

    For the line that a waiting client draws: ``answered`` has who approved, ``asked`` who could review now (None: cannot be
    known), ``owes`` what is still owed in words, ``left_ms`` the milliseconds until ``until``.
    """

    id: str
    state: str
    owed: bool
    news: list[str]
    until: str | None
    answered: list[str] | None = None
    asked: list[str] | None = None
    owes: str = ""
    left_ms: int | None = None


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
    """The run ``id`` can begin. Its control socket comes with this frame (SCM_RIGHTS, unix(7)). It is ended in ``left_ms``
    milliseconds, if it still runs then; None: that is not known.
    """

    id: str
    news: list[str]
    left_ms: int | None = None


class Given(Message, by=FROM_DAEMON):
    """The thing is given: ``id`` is the holding, ``name`` what to fetch (the service's principal, realm included), ``to`` for
    whom. It is taken back at ``until`` (RFC 3339 UTC), which is in ``left_ms`` milliseconds. ``more`` others follow, and the
    client has them all or none. ``secret``: ``here`` if a descriptor comes with this frame (SCM_RIGHTS), which holds what the
    client needs to use the thing; ``handed`` if it came before, and does not come again; empty if there is none.
    """

    id: str
    thing: str
    name: str
    to: str
    until: str
    left_ms: int
    stays: bool
    news: list[str]
    more: int = 0
    secret: str = ""


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
