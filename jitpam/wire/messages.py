# SPDX-License-Identifier: Apache-2.0
"""Declares every message of PROTOCOL.md section 4. ``coding`` converts messages to bytes. ``codes`` has the codes of refusals.

Law: a message has exactly the declared fields, and cannot be changed. This module imports only modules of the standard library
that can be imported fast, because every ``jitsudo`` imports it.
"""

from __future__ import annotations

from jitpam.wire.framing import LARGE, SMALL, TOKEN
from jitpam.wire.message import Message

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Count = int  # at least 0: an offset, a number of a record, an id of the kernel
    Inode = int  # of 64 bits: the kernel's number of a file or of a device
    Typed = str  # the words of a person, which others read in quotes only

__all__ = [
    "CARRIERS",
    "FROM_CLIENT",
    "FROM_DAEMON",
    "MOST_COUNTED",
    "MOST_SOURCE",
    "NONCE_LENGTH",
    "SIGN_EVERY",
    "STAMPED_WITHIN",
    "VERSION",
    "Message",
]

VERSION = 1
NONCE_LENGTH = 32
CARRIERS = ("ssh", "tcp", "nats")
MOST_SOURCE = 128
STAMPED_WITHIN = 2.5
"""Maximum number of seconds from Stamp to the client's receipt of the answer, and from this answer until the daemon has read the
message that needs the stamp. So both together take 5 s at most, even if a carrier holds them back (ADR 0174).
"""
SIGN_EVERY = 60.0
"""Seconds between two signs of life that the daemon gives at the door, to who follows something that has no end."""
MOST_COUNTED = 1000
"""The rows that follow a Page are counted up to this number, because to count one is to read it."""

FROM_CLIENT: dict[str, type[Message]] = {}
FROM_DAEMON: dict[str, type[Message]] = {}


# --- what a client may say ---------------------------------------------------------------------------------------


class Hello(Message, by=FROM_CLIENT):
    """The first message. ``authentication`` is ``krb5``, ``root`` for uid 0, or ``local`` for a local password."""

    version: int
    authentication: str
    nonce: bytes


class Carried(Message, by=FROM_CLIENT):
    """The first frame at the door, which the carrier sends and not the client (PROTOCOL.md section 13). ``carrier`` is one of
    CARRIERS. ``source`` says where the carrier has the bytes from, in 1 to MOST_SOURCE visible characters of ASCII. Both are
    claims.
    """

    carrier: str
    source: str


class Token(Message, by=FROM_CLIENT):
    """One GSSAPI token of the initiator."""

    most = TOKEN
    token: bytes


class Ask(Message):
    """The fields that Submit, Anew and Explain share: the command as the client sees it, and the client's claims. ``service``
    names the program that will run the command: ``jitsudo``, or a PAM service. The terms that the requester asks for are None if
    the rule decides: ``lasts_for`` and ``timeout_for`` in seconds, ``uses``, and ``starts_at`` (RFC 3339 UTC), the time at which
    the grant begins.
    """

    most = LARGE
    service: str
    argv: list[bytes]
    login: bool
    user: str | None
    group: str | None
    cwd: bytes
    cwd_device: Inode
    cwd_inode: Inode
    chdir: bool
    variables: list[list[bytes]]
    preserved: list[list[bytes]]
    locale: list[list[bytes]]
    streams: list[str]
    reason: Typed | None
    lasts_for: int | None = None
    uses: int | None = None
    timeout_for: int | None = None
    tty: bytes | None
    login_session: Count
    parents: list[str]
    starts_at: str | None = None


class Submit(Ask, by=FROM_CLIENT):
    """Request a command. ``waits`` is False for ``--no-wait``. ``if_owed`` is False for ``-n`` (refuse if approvals are owed)."""

    waits: bool
    if_owed: bool


class Anew(Submit, by=FROM_CLIENT):
    """Like Submit, but jitd may not use an earlier grant for this request (``-k COMMAND``)."""


class Breakglass(Submit, by=FROM_CLIENT):
    """Like Submit, but under a rule that skips approvals (``--break-glass``)."""


class Edit(Submit, by=FROM_CLIENT):
    """Like Submit, to make ``text`` the content of a file. ``argv`` is ``sudoedit`` and the absolute path of the file. ``base``
    is the SHA-256 of the text from which it was made, or None if that is not known.
    """

    most = 3 * SMALL
    text: bytes
    base: bytes | None = None


class Edits(Submit, by=FROM_CLIENT):
    """Like Edit, for several files that get their texts together. ``argv`` is ``sudoedit`` and the absolute paths of the files.
    ``texts`` and ``bases`` are in the same order. A base that is not known is empty.
    """

    most = 4 * SMALL
    texts: list[bytes]
    bases: list[bytes]


class Undo(Message, by=FROM_CLIENT):
    """Request the edit that takes that of request ``id`` back: with the text before, which the daemon has. See Submit."""

    id: str
    streams: list[str]
    reason: Typed | None
    tty: bytes | None
    login_session: Count
    parents: list[str]
    starts_at: str | None
    waits: bool
    if_owed: bool


class Explain(Ask, by=FROM_CLIENT):
    """Ask what jitd would decide about this command now. Nothing is submitted or recorded."""


class Suppose(Ask, by=FROM_CLIENT):
    """Like Explain, but suppose that ``principal`` asks (or breaks glass), and that ``facts`` are true, such as ``risk=40``."""

    principal: str
    groups: list[str] | None  # None: the real groups of the principal
    at: str | None  # None: the present time
    facts: list[str]
    breaks_glass: bool = False


class Get(Message, by=FROM_CLIENT):
    """Request ``thing``, such as ``sudoers:logs``, and all things in ``also``. jitd gives all of them or none. If ``stays`` is
    true, the person keeps them until the grant ends. Otherwise the person keeps them until this connection ends. ``brought`` is
    data that the person sends for the things, such as a public key. Often ``brought`` is empty. See also Submit.
    """

    thing: str
    stays: bool
    reason: Typed | None
    lasts_for: int | None
    tty: bytes | None
    login_session: Count
    parents: list[str]
    also: list[str] = []  # never changed: a message is frozen
    brought: str = ""
    waits: bool
    if_owed: bool


class Keep(Message, by=FROM_CLIENT):
    """Let the person keep the given things after this connection ends. Allowed only if they were requested with ``stays``."""


class Resume(Message, by=FROM_CLIENT):
    """Wait again for the client's own request ``id``. If it is approved, use its grant. ``place`` is where the client has room
    for the secrets of given things: ``command`` (all), ``file`` (one) or ``none``.
    """

    id: str
    streams: list[str]
    place: str = "none"


class Withdraw(Message, by=FROM_CLIENT):
    """Withdraw the client's own request ``id``."""

    id: str


class Review(Message, by=FROM_CLIENT):
    """Give a ``verdict`` on the request ``id``: ``approve``, ``deny`` or ``reviewed``. ``fingerprint`` tells what was shown."""

    id: str
    verdict: str
    fingerprint: bytes
    comment: Typed


class Basis(Message, by=FROM_CLIENT):
    """Ask what a receipt of this person's ``verdict`` on the request ``id`` would state, and for the record of its submission. If
    ``verdict`` is ``unlock``, ``id`` is a lock, and the record that of its placing.
    """

    id: str
    verdict: str


class SignedReview(Review, by=FROM_CLIENT):
    """Like Review, with a receipt: the statement ``receipt``, and its ``signature`` by a key of the person."""

    receipt: str
    signature: str


class List(Message, by=FROM_CLIENT):
    """List the requests, grants, leases, runs, rules, locks or reviews (``what``) that the person may see."""

    what: str
    ended: bool  # also list those that have ended


class Page(List, by=FROM_CLIENT):
    """Like List, but only the newest ``limit`` rows, the newest first. If ``before`` is not None, only rows that are older than
    the one with this id. The last row says how many more there are.
    """

    before: str | None
    limit: Count


class Show(Message, by=FROM_CLIENT):
    """Request all that is known about the request, grant or run ``id``."""

    id: str


class Revoke(Message, by=FROM_CLIENT):
    """End the grant ``id``, or all grants of the principal ``of``. Also end everything that runs under these grants."""

    id: str | None
    of: str | None
    reason: Typed


class Giveback(Message, by=FROM_CLIENT):
    """End the person's own leases that were requested in ``login_session``. If that is None, end all of the person's leases."""

    login_session: Count | None


class Stop(Message, by=FROM_CLIENT):
    """End the run ``id``, but not the grant of this run."""

    id: str
    reason: Typed


class Lock(Message, by=FROM_CLIENT):
    """Lock one person, or all people. End the requests, grants and runs of the locked people."""

    whom: str  # ``user``, ``principal`` or ``all``
    name: str  # the name of the user or principal; empty for ``all``
    lasts_for: int | None
    reason: Typed


class Unlock(Message, by=FROM_CLIENT):
    """Lift the lock ``id``. If ``id`` is None, lift all locks on ``whom`` and ``name`` (see Lock)."""

    id: str | None
    whom: str | None
    name: str | None
    reason: Typed


class SignedUnlock(Unlock, by=FROM_CLIENT):
    """Like Unlock of the lock ``id``, with a receipt: see SignedReview."""

    receipt: str
    signature: str


class Mute(Message, by=FROM_CLIENT):
    """For ``lasts_for`` seconds, send the person no notices of waiting requests. If ``lasts_for`` is None, end the mute."""

    lasts_for: int | None


class Reload(Message, by=FROM_CLIENT):
    """Read the policy again."""


class Reloadtested(Message, by=FROM_CLIENT):
    """Like Reload, and says which rules the client has tried with their tables: ``digest`` is the SHA-256 of their files. It is
    None if the tables were not tried (``--untested``).
    """

    digest: str | None


class Audit(Message, by=FROM_CLIENT):
    """Request the records of the chain with a number above ``after``. The other fields select some of them; None selects all.
    ``since`` and ``until`` are RFC 3339 UTC, ``who`` is a principal or an account, ``event`` a prefix that ends with a full stop
    or a shell pattern. With ``follow``, the answer goes on with each new record until the client closes the connection.
    """

    after: Count = 0
    since: str | None = None
    until: str | None = None
    who: str | None = None
    rule: str | None = None
    event: str | None = None
    id: str | None = None
    follow: bool = False


class Export(Message, by=FROM_CLIENT):
    """Request the records of the chain that the fields select (see Audit) as lines for a file, with the digests of the others
    and the checkpoints that prove all of them.
    """

    since: str | None
    until: str | None
    who: str | None
    rule: str | None


class Report(Message, by=FROM_CLIENT):
    """Make a report about the requests that the fields select (see Audit). ``form`` is ``json`` or ``html``. ``standing`` is a
    JSON text of the form ``jitd standing 1``, which only root may send.
    """

    most = LARGE
    since: str | None
    until: str | None
    who: str | None
    rule: str | None
    form: str
    standing: bytes | None


class KeptReport(Message, by=FROM_CLIENT):
    """Request the report that was kept for ``month`` (``2026-11``). ``form`` is ``json`` or ``html``."""

    month: str
    form: str


class Pack(Message, by=FROM_CLIENT):
    """Request the files of a pack about the action ``id`` (PROTOCOL.md, "Packs"): a request or grant, or one of its runs. With
    ``recordings``, also request the recordings that the sender may watch.
    """

    id: str
    recordings: bool


class SigningKey(Message, by=FROM_CLIENT):
    """Request the public key by which the head of the chain is signed. With ``rotate``, make a new key first. With
    ``acknowledge``, first record that root knows why jitd has made this key.
    """

    rotate: bool
    acknowledge: bool = False


class Metrics(Message, by=FROM_CLIENT):
    """Request the daemon's counters and gauges."""


class Status(Message, by=FROM_CLIENT):
    """Request what the daemon knows of itself."""


class Replay(Message, by=FROM_CLIENT):
    """Request the recording of the run ``id``. With ``follow``, also request the part that will be recorded later."""

    id: str
    follow: bool


class Observe(Message, by=FROM_CLIENT):
    """Watch a run because its rule requires a watcher (``run.observed``). ``id`` is the id of the run or of its request. The
    first ``offset`` bytes of the recording are not sent again.
    """

    id: str
    offset: Count = 0


class Seen(Message, by=FROM_CLIENT):
    """The watcher's screen has shown everything that jitd sent before the heartbeat ``beat``."""

    beat: Count


class Stamp(Message, by=FROM_CLIENT):
    """Ask the daemon to note the time, so that it can tell whether the next message was held back (PROTOCOL.md section 13)."""


class Roll(Message, by=FROM_CLIENT):
    """Request the host's word: how many requests wait, and where its record ends. An agent sends this as the first frame at the
    door, and gets each new word (PROTOCOL.md section 13).
    """


class Watch(Message, by=FROM_CLIENT):
    """Request the list of requests, like ``List``. After every change, the whole list is sent again."""

    ended: bool


class Enforce(Message, by=FROM_CLIENT):
    """The question of an enforcement point: may the account ``uid`` do this? (PROTOCOL.md section 9)"""

    most = LARGE
    service: str
    stage: str
    user: str
    uid: Count
    ruser: str | None
    rhost: bytes | None
    tty: bytes | None
    login_session: Count
    authenticated: bytes | None
    words: list[bytes]
    posix: bool
    search_path: bytes
    shell: bytes
    cwd: bytes
    cwd_device: Inode
    cwd_inode: Inode
    reason: Typed | None
    waits: bool


class EnforceCommand(Message, by=FROM_CLIENT):
    """The question of sudo's approval plugin: may the account ``uid`` have sudo run this command? (PROTOCOL.md section 9)"""

    most = LARGE
    service: str
    uid: Count
    tty: bytes | None
    login_session: Count
    path: bytes
    argv: list[bytes]
    environment: list[bytes]
    options: list[bytes]
    run_as: str
    run_as_uid: Count
    run_as_gid: Count
    cwd: bytes
    cwd_device: Inode
    cwd_inode: Inode
    chdir: bytes | None
    chroot: bytes | None
    reason: Typed | None
    waits: bool
    if_owed: bool


class Proof(Message, by=FROM_CLIENT):
    """The proof that an enforcement point's initiator has made. Without one, ``proof`` is None and ``because`` is the reason."""

    proof: bytes | None
    because: str


class Bye(Message, by=FROM_CLIENT):
    """The last message. Bye does not withdraw a request that was submitted with ``--no-wait``."""


# --- what the daemon may say ---------------------------------------------------------------------------------------


class DaemonHello(Message, by=FROM_DAEMON):
    """The answer to Hello."""

    version: int
    nonce: bytes


class DaemonToken(Message, by=FROM_DAEMON):
    """One GSSAPI token of the acceptor."""

    token: bytes


class Prove(Message, by=FROM_DAEMON):
    """A local password is accepted now. A socket comes with this frame (SCM_RIGHTS). To this socket, the client writes the
    password of ``account`` without a line end. Then the client closes the socket. ``n_left`` tries remain, including this one.
    """

    account: str
    n_left: int


class Welcome(Message, by=FROM_DAEMON):
    """jitd has authenticated the client. ``until`` (RFC 3339 UTC) is the end of the client's ticket, or None for root."""

    principal: str
    user: str
    host: str
    until: str | None
    operator: bool


class Refused(Message, by=FROM_DAEMON):
    """The daemon refuses. ``code`` is one of CODES. ``text`` is a sentence for the user that gives the reason."""

    code: str
    text: str


class Slow(Message, by=FROM_DAEMON):
    """The directory of accounts has not said yet who somebody is. jitd waits at most ``left_ms`` more milliseconds for it."""

    left_ms: int


class Progress(Message, by=FROM_DAEMON):
    """News about a waiting request. ``state`` is a state of jitd.core.request. ``news`` are sentences for the user.

    The fields ``answered``, ``asked``, ``owes`` and ``left_ms`` are for the waiting line.
    """

    id: str
    state: str
    owed: bool
    news: list[str]
    until: str | None
    answered: list[str] | None = None  # the people who approved
    asked: list[str] | None = None  # the people who could review now; None: they are not known
    owes: str = ""  # the missing approvals in words
    left_ms: int | None = None  # the number of milliseconds until ``until``


class Challenge(Message, by=FROM_DAEMON):
    """The bytes to which the initiator of an enforcement point must bind its proof."""

    binding: bytes


class Granted(Message, by=FROM_DAEMON):
    """The grant is used, and the enforcement point may continue. ``boot_ms`` is the time of this use (CLOCK_BOOTTIME in ms).
    ``places`` are paths without links. The enforcement point must check the device and inode (``8:1234``) at each path.
    """

    id: str
    boot_ms: int
    text: str
    places: list[list[bytes]]


class Start(Message, by=FROM_DAEMON):
    """The run ``id`` can begin. The run's control socket comes with this frame (SCM_RIGHTS, unix(7)). jitd ends the run after
    ``left_ms`` milliseconds (None: the time is not known).
    """

    id: str
    news: list[str]
    left_ms: int | None = None


class Given(Message, by=FROM_DAEMON):
    """The thing is given. ``id`` is the holding's id, and ``to`` is the receiver. ``name`` is the principal (with realm) of a
    service ticket. For other things, ``name`` says how to use the thing. jitd takes the thing back after ``left_ms``
    milliseconds, at the time ``until`` (RFC 3339 UTC). ``more`` is the number of messages Given that follow this one. The client
    gets all things or none. ``secret`` is ``here`` if a descriptor with the secret comes with this frame (SCM_RIGHTS). ``secret``
    is ``handed`` if the secret came earlier, and empty if there is no secret.
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
    """The given things were taken back. ``because`` is a sentence with the reason."""

    id: str
    because: str


class Item(Message, by=FROM_DAEMON):
    """One row of an answer. The names in ``row`` are the same as with ``--json``."""

    row: dict[str, Any]


class Done(Message, by=FROM_DAEMON):
    """The answer is complete. ``text`` is a sentence for the person, or empty."""

    text: str
