# SPDX-License-Identifier: Apache-2.0
"""One connection to jitd, which ``jitsudo`` and the verbs of ``jitd`` use. The client side has no other socket, but for the one
of a carrier (``carried``).

Law: before jitd has proved its identity, the client sends no question and believes nothing. jitd proves its identity by Kerberos.
For a client that runs as root, the uid of the socket's peer is the proof. Every wait has a time limit, except the wait for an
approval. The connection ends if a message is unexpected, is not sealed, or has unexpected descriptors.

    connection = connect()                          # or connect(with_ticket=True): root, too, proves its identity by Kerberos
    for row in connection.ask(List(what="grants", ended=False)):
        ...
    print(connection.said)                          # the text of Done
"""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer
import select
import time
from _socket import (  # importing `socket` would make each start 5 ms longer
    AF_UNIX,
    CMSG_SPACE,
    MSG_CMSG_CLOEXEC,
    MSG_CTRUNC,
    MSG_NOSIGNAL,
    SCM_RIGHTS,
    SO_PEERCRED,
    SOCK_CLOEXEC,
    SOCK_STREAM,
    SOL_SOCKET,
    socket,
)
from sys import getfilesystemencoding

from jitpam.initiator import CHANNEL, Initiator, NoProcess, NotAuthenticated, Unproved, channel_of, own_host
from jitpam.news import SLOW_DIRECTORY, News
from jitpam.wire.coding import MOST_COMMAS, decode, encode
from jitpam.wire.conversation import CLIENT, Conversation
from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import LIMIT, MOST_TOKEN, FrameReader, frame
from jitpam.wire.messages import (
    FROM_DAEMON,
    NONCE_LENGTH,
    VERSION,
    Bye,
    DaemonHello,
    DaemonToken,
    Done,
    Given,
    Hello,
    Item,
    Message,
    Prove,
    Refused,
    Slow,
    Start,
    Token,
    Welcome,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

__all__ = ["Connection", "NoDescriptor", "NoProcess", "NotAuthenticated", "RefusedByDaemon", "Unreachable", "connect"]

SOCKET = "/run/jitd/jitd.sock"
SET_UP = (
    "/etc/jitd/jitd.keytab",
    "/var/lib/jitd",
    "/etc/systemd/system/multi-user.target.wants/jitd.service",
    "/etc/systemd/system/sockets.target.wants/jitd.socket",
)
"""What a new package does not bring, and every way to set a host up does: one is enough."""
HANDSHAKE_WITHIN = 4.5  # seconds to Welcome, or to Slow. jitd must also read each frame within this time
SLOW_WITHIN = 90.0  # seconds at most from the first Slow to Welcome
ANSWER_WITHIN = 60.0  # seconds between two messages of an answer. Revoke and stop wait for processes
TOO_LARGE = "your Kerberos ticket for jitd has {} KiB, and jitd takes at most 96 KiB: you are in too many groups of the directory"
RETRY_EVERY = 0.02
_AT_LEAST, _GRACES = 0.5, 4  # seconds that a wait has in any case, so many times: this process may have been slow
_PIECE = 64 * 1024
_NOBODY = 65534
"""Shown by the kernel for a peer whose uid our user namespace lacks (overflowuid, proc(5)), and an account's."""
_MOST_DESCRIPTORS = 4


class Unreachable(Exception):
    """jitd cannot be reached, the peer is not jitd, or jitd closed the connection. The exit status is 125."""


def is_set_up(path: str) -> bool:
    """False if jitd is to listen at its usual ``path``, and nothing shows that anybody has set this host up."""
    if path != SOCKET:
        return True
    for trace in (path, *SET_UP):
        try:
            posix.lstat(trace)
        except FileNotFoundError:
            continue
        except OSError:  # who may not look does not know
            pass
        return True
    return False


class Unanswered(Unreachable):
    """The connection was lost after a message that changes something was sent, so nobody here knows whether it was done."""


class NoDescriptor(Unreachable):
    """The kernel gives this process no descriptor, mostly because too many files are open. To try again does not help."""


class TooLong(Unreachable):
    """The protocol has no room for the message, so nothing was sent. The exit status of jitsudo is 120."""


class RefusedByDaemon(Exception):
    """jitd refuses. ``code`` is one of wire.codes.CODES, and ``text`` is jitd's sentence."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class _OtherNamespace(Unreachable):
    """We have uid 0, but the daemon is not in our user namespace (user_namespaces(7)), so that for the daemon we are not root."""


def connect(*, with_ticket: bool = False, news: News | None = None, is_patient: bool = False) -> Connection:
    """Return a connection for questions. Its ``welcome`` tells which identity jitd has found for us.

    With uid 0, we are local root and need no ticket. But if ``with_ticket`` is True, root uses a ticket too. So does the root of
    a user namespace to which the daemon does not belong, because the daemon cannot prove itself to that root by its uid.
    ``news`` tells the user if jitd waits for a slow directory of accounts. For ``is_patient``, see
    ``begin``. Raises NotAuthenticated and Unreachable. Raises RefusedByDaemon if jitd refuses for another reason. Takes at most
    5 s, even if the KDC or jitd hangs; if jitd has said that the directory of accounts is slow, at most SLOW_WITHIN longer.
    """
    return begin(with_ticket=with_ticket, news=news if is_patient else None).ready(news)


def begin(*, with_ticket: bool = False, news: News | None = None) -> Connection:
    """Like ``connect``, but do not wait for jitd's answer to our proof. ``Connection.ready`` waits for that answer.

    With ``news``, the caller leaves Ctrl-C its effect. Then, if standard error is a terminal, a KDC that does not answer is
    waited for as long as libkrb5 waits, and ``news`` tells the user about this after TICKET_WITHIN seconds.
    """
    started_at = time.monotonic()
    if not is_set_up(socket_path()):  # before a ticket is looked for, which this host may not be able to get yet
        raise Unreachable("jitd is not set up on this host yet: run jitd setup as root")
    if news is not None and not posix.isatty(2):
        news = None
    if posix.geteuid() == 0 and not with_ticket:
        try:
            return _begin(None, started_at)
        except _OtherNamespace as fault:
            not_root = str(fault)
    else:
        not_root = ""
    initiator = Initiator(own_host())
    try:
        initiator.obtain_ticket(news=news)
    except NotAuthenticated as fault:
        if not_root:
            raise NotAuthenticated(fault.cause, f"{not_root}: {fault}") from None
        raise
    return _begin(initiator, started_at if news is None else time.monotonic())


def _begin(initiator: Initiator | None, started_at: float) -> Connection:
    connection = Connection(socket_path(), initiator)
    connection.open(min(time.monotonic() + HANDSHAKE_WITHIN, started_at + 5.0))
    return connection


def socket_path() -> str:
    """Return the path of jitd's socket, which is the value of JITD_SOCKET if that variable is set, otherwise SOCKET."""
    return posix.environ.get(b"JITD_SOCKET", b"").decode(getfilesystemencoding(), "surrogateescape") or SOCKET


class Connection:
    """One conversation with jitd, made by ``connect``."""

    _channel = CHANNEL
    _peer = "jitd"  # what sentences call the other end
    is_sent = True  # false if no part of the latest deed can be on its way yet

    def __init__(self, path: str, initiator: Initiator | None) -> None:
        self.welcome: Welcome
        self.said = ""  # the text of the latest Done
        self._path = path
        self._initiator = initiator
        self._is_sealed = False
        self._news: News | None = None
        self._until = 0.0  # the time limit for opening, on the monotonic clock
        self._n_graces = _GRACES
        try:
            self._socket = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        except OSError as fault:
            raise NoDescriptor(f"jitd cannot be reached: {fault.strerror} (see ulimit -n)") from None
        self.conversation = Conversation(CLIENT)
        self._frames = FrameReader()
        self._descriptors: list[int] = []
        self._followed: Connection | None = None

    # --- opening

    def open(self, until: float) -> None:
        """Connect, and send our proof. ``until`` is the time limit, on the monotonic clock. Raises the same as ``connect``."""
        self._until = until
        self._opening(self._introduce)

    def ready(self, news: News | None = None) -> Connection:
        """Wait until jitd is proved and has accepted our proof. Returns this. For ``news`` and exceptions, see ``connect``."""
        self._news = news
        self._opening(self._be_welcomed)
        return self

    def _opening(self, step: Callable[[float], None]) -> None:
        try:
            step(self._until)
        except BaseException as fault:
            self.close()
            if isinstance(fault, Unproved):
                raise self._fault(f"what answers at {self._path} is not jitd: {fault}") from None
            if isinstance(fault, RefusedByDaemon) and fault.code == "unauthenticated":
                raise NotAuthenticated("refused", self._whose(fault.text)) from None
            raise

    @property
    def ticket_of(self) -> str:
        """The principal of the ticket that was used, or an empty text without one. ``welcome`` has what jitd makes of it."""
        return self._initiator.principal if self._initiator else ""

    def _whose(self, refusal: str) -> str:
        """Return ``refusal`` with whose ticket was used: the library may have chosen another cache than the person thinks."""
        who = self.ticket_of
        return refusal if not who or who in refusal else f"{refusal} (your ticket is for {who})"

    def _connect(self, until: float) -> None:
        self._socket.setblocking(False)
        while True:
            try:
                self._socket.connect(self._path)
                return
            except BlockingIOError:  # the listener's queue is full, and a nonblocking Unix socket does not wait for room
                if time.monotonic() >= until:
                    raise Unreachable(f"jitd does not answer at {self._path}: too many are waiting for it") from None
                time.sleep(RETRY_EVERY)
            except FileNotFoundError:
                raise Unreachable(f"jitd cannot be reached: there is no {self._path} (is it running?)") from None
            except ConnectionRefusedError:
                raise Unreachable(f"jitd cannot be reached: nobody listens at {self._path} (is it running?)") from None
            except OSError as fault:
                raise Unreachable(f"jitd cannot be reached at {self._path}: {fault.strerror or fault}") from None

    def _peer_must_be_root(self) -> None:
        _, uid, _ = memoryview(self._socket.getsockopt(SOL_SOCKET, SO_PEERCRED, 12)).cast("I")
        if uid == _NOBODY and not _is_initial_namespace():
            raise _OtherNamespace("root of this user namespace is not root of the host, and needs a ticket")
        if uid != 0:
            raise Unreachable(f"what answers at {self._path} is not jitd: it runs as uid {uid}, and jitd runs as root")

    def _introduce(self, until: float) -> None:
        self._connect(until)
        initiator = self._initiator
        if initiator is None:
            self._peer_must_be_root()
        ours = Hello(version=VERSION, authentication="krb5" if initiator else "root", nonce=posix.urandom(NONCE_LENGTH))
        sent = self._say(ours, until)
        hello, received = self._hear_body(until)
        if not isinstance(hello, DaemonHello):
            raise self._unexpected(hello)
        if hello.version != VERSION:
            raise self._fault(f"jitd speaks version {hello.version} of the protocol, this command version {VERSION}")
        if initiator is not None:
            if len(hello.nonce) != NONCE_LENGTH:
                raise self._fault("jitd broke the protocol: its nonce has the wrong length")
            token = initiator.first_token(channel_of(sent, received, self._channel))
            if len(token) > MOST_TOKEN:
                raise NotAuthenticated("too large", TOO_LARGE.format(len(token) // 1024))
            self._say(Token(token=token), until)

    def _be_welcomed(self, until: float) -> None:
        if self._initiator is not None:
            answer = self.hear(until)
            if not isinstance(answer, DaemonToken):
                raise self._unexpected(answer)
            self._initiator.finish(answer.token)
            self._is_sealed = True
        self._frames.limit = LIMIT
        welcome = self.hear(until)
        if isinstance(welcome, Slow):
            if self._news is not None:
                self._news.say(SLOW_DIRECTORY)
            until = time.monotonic() + min(welcome.left_ms / 1000, SLOW_WITHIN) + HANDSHAKE_WITHIN
            while isinstance(welcome, Slow):  # jitd says it again for its next look-up, and has no more time for it
                if time.monotonic() > until:  # what comes all the time is heard without a wait
                    raise Unreachable(f"{self._peer} does not answer")
                welcome = self.hear(until)
        if not isinstance(welcome, Welcome):
            raise self._unexpected(welcome)
        self.welcome = welcome

    # --- asking

    def ask(self, message: Message) -> Iterator[dict[str, Any]]:
        """Yield the rows that answer ``message``. After the last row, ``said`` is the text of Done. ``message`` is sent when the
        caller requests the first row. Raises RefusedByDaemon and Unreachable.
        """
        self._say(message, time.monotonic() + HANDSHAKE_WITHIN)
        while True:
            until, current_until = time.monotonic() + ANSWER_WITHIN, self._current_until()
            heard = self.hear(until if current_until is None else min(until, current_until))
            if isinstance(heard, Done):
                self.said = heard.text
                return
            yield self._row(heard)

    def do(self, message: Message) -> str:
        """Send what is answered by Done alone (review, revoke, stop, …), and return its text. Raises as ``ask``."""
        for _ in self.ask(message):
            pass
        return self.said

    def watch(self, message: Message) -> Iterator[list[dict[str, Any]]]:
        """Yield all rows that answer ``message`` (Watch). Yield all rows again after each change, until the caller stops."""
        self._say(message, time.monotonic() + HANDSHAKE_WITHIN)
        while True:
            said = self.followed(-1, None)
            yield [self._row(heard) for heard in said if heard is not None and not isinstance(heard, Done)]

    def follow(self, message: Message, wake: int = -1, every: float | None = None) -> Iterator[Message | None]:
        """Send ``message`` (Submit, Get or Resume) at once. Then yield jitd's messages until the decision, which is Start, Given
        or Done. After Start, call ``take_control``.

        The iterator yields None when the descriptor ``wake`` is readable, and after ``every`` seconds without a message. The
        caller then handles its signals and redraws its line. Raises RefusedByDaemon and Unreachable.
        """
        self._say(message, time.monotonic() + HANDSHAKE_WITHIN)
        return self.followed(wake, every)

    def followed(self, wake: int, every: float | None) -> Iterator[Message | None]:
        """Yield jitd's messages from now on, as ``follow`` does. Callers also use this method after Given."""
        poll = select.poll()
        poll.register(self._socket.fileno(), select.POLLIN)
        if wake >= 0:
            poll.register(wake, select.POLLIN)
        while True:
            heard = self._next_message()
            while heard is None:
                until = self._current_until()
                left = every if until is None else min(until - time.monotonic(), every or ANSWER_WITHIN)
                ready = {descriptor for descriptor, _ in poll.poll(None if left is None else max(0.0, left) * 1000)}
                if self._socket.fileno() in ready:
                    self._receive()
                elif until is not None and time.monotonic() >= until:
                    raise self._silent()
                else:
                    yield None
                heard = self._next_message()
            yield heard[0]
            if isinstance(heard[0], (Start, Given, Done)):
                return

    def say(self, message: Message) -> None:
        """Send ``message`` during ``follow``. The protocol allows only Withdraw, Seen and Stop then. Raises Unreachable."""
        self._say(message, time.monotonic() + HANDSHAKE_WITHIN)

    def hear(self, until: float | None) -> Message:
        """Return the next message. ``until`` is on the monotonic clock, or None. Raises RefusedByDaemon, Unreachable."""
        return self._hear_body(until)[0]

    def take_control(self) -> int:
        """Return the descriptor that came with Start or Prove (a socket) or Given (a secret). The caller must close it."""
        return self._descriptors.pop()

    def close(self) -> None:
        """Send Bye if the conversation allows it now, and close the connection. Never raises."""
        try:
            if self.conversation.state in ("ready", "watching", "waiting", "started", "holding", "observing", "stopping"):
                self._say(Bye(), time.monotonic())
        except (Unreachable, Unproved):
            pass
        self._socket.close()
        for descriptor in self._descriptors:
            posix.close(descriptor)
        self._descriptors.clear()
        if self._initiator is not None:
            self._initiator.close()

    # --- frames

    def _say(self, message: Message, until: float) -> bytes:
        """``until`` is on the monotonic clock. Returns the sent body. Raises TooLong, Unreachable and LocalProtocolError."""
        self.conversation.say(message)
        body = encode(message)
        sealed = self._initiator.wrap(body) if self._is_sealed and self._initiator else body
        if len(body) > message.most or len(sealed) > LIMIT:
            n_bytes = f"{message.most // 1024} KiB"
            raise TooLong(f"the request is too long: the protocol's {message.type} has at most {n_bytes}; nothing was asked")
        if body.count(b",") > MOST_COMMAS:
            raise TooLong(
                f"the request has too many words: at most about {MOST_COMMAS:,} arguments and variables; nothing was asked"
            )
        rest = memoryview(frame(sealed))
        try:
            while rest:
                try:
                    rest = rest[self._socket.send(rest, MSG_NOSIGNAL) :]
                except BlockingIOError:
                    self._wait(select.POLLOUT, until)
        except (BrokenPipeError, ConnectionResetError):
            pass  # jitd has closed the connection; its last message can still be read
        except OSError as fault:
            raise self._ended(fault) from None
        return body

    def _hear_body(self, until: float | None) -> tuple[Message, bytes]:
        """Return the next message and its body. For ``until`` and the exceptions, see ``hear``."""
        while True:
            heard = self._next_message()
            if heard is not None:
                return heard
            self._wait(select.POLLIN, until)
            self._receive()

    def _next_message(self) -> tuple[Message, bytes] | None:
        try:
            body = self._frames.next_frame()
            if body is None:
                return None
            if self._is_sealed and self._initiator:
                body = self._initiator.unwrap(body)
            message = decode(body, FROM_DAEMON)
            self.conversation.hear(message)
        except (RemoteProtocolError, Unproved) as fault:
            raise self._fault(f"jitd broke the protocol: {fault}") from None
        is_due = isinstance(message, (Start, Prove)) or (isinstance(message, Given) and message.secret == "here")
        if (is_due and len(self._descriptors) != 1) or (not is_due and self._descriptors and self._frames.is_empty):
            raise self._fault("jitd broke the protocol: unexpected descriptors, or none where one was due")
        if isinstance(message, Refused):
            from jitpam.wire.codes import EXITS  # imported only after a refusal, so that starts are fast

            if message.code not in EXITS:
                raise self._fault(f"jitd broke the protocol: there is no code {message.code[:40]}")
            raise self._refusal(message)
        return message, body

    def _receive(self) -> None:
        """``recv`` and asyncio would drop the descriptors that have arrived with the bytes. Raises Unreachable."""
        try:
            data, extra, flags, _ = self._socket.recvmsg(_PIECE, CMSG_SPACE(4 * _MOST_DESCRIPTORS), MSG_CMSG_CLOEXEC)
        except BlockingIOError:
            return
        except OSError as fault:
            raise self._ended(fault) from None
        room = _MOST_DESCRIPTORS
        for level, kind, value in extra:
            if level == SOL_SOCKET and kind == SCM_RIGHTS:
                room -= len(value) // 4
                self._descriptors += memoryview(value[: len(value) // 4 * 4]).cast("i")
        if flags & MSG_CTRUNC and room:  # the kernel could not open what would have had room (unix(7))
            raise NoDescriptor("what jitd has sent cannot be received: no further file can be opened (see ulimit -n)")
        if flags & MSG_CTRUNC or len(self._descriptors) > 1:
            raise self._fault("jitd broke the protocol: more than one descriptor")
        if not data:
            raise self._ended()
        self._frames.feed(data)

    def _wait(self, event: int, until: float | None) -> None:
        """Wait until the socket is ready for ``event``. Raises Unreachable at ``until`` (a time on the monotonic clock)."""
        poll = select.poll()
        poll.register(self._socket.fileno(), event)
        left = None if until is None else max(0.0, until - time.monotonic())
        if left is not None and left < _AT_LEAST and self._n_graces:
            self._n_graces -= 1
            left = _AT_LEAST  # perhaps this process had no processor time, so jitd must not be called silent
        if not poll.poll(None if left is None else left * 1000):
            raise self._silent()

    def asks_beside(self, followed: Connection) -> None:
        """From now on, wait for an answer only while what ``followed`` follows counts: meanwhile, nobody listens there."""
        self._followed = followed

    def _current_until(self) -> float | None:
        """Return until when what is followed counts as current if nothing more is heard (monotonic clock), or None: for ever."""
        return None if self._followed is None else self._followed._current_until()

    # --- faults

    def _silent(self) -> Unreachable:
        return Unreachable(f"{self._peer} does not answer")

    def _fault(self, words: str) -> Unreachable:
        """Return the fault that ``words`` describe: the other end broke the protocol, or is not jitd."""
        return Unreachable(words)

    def _refusal(self, refused: Refused) -> Exception:
        return RefusedByDaemon(refused.code, refused.text)

    def _ended(self, fault: OSError | None = None) -> Unreachable:
        return Unreachable(f"the connection to jitd broke: {fault.strerror or fault}" if fault else "jitd closed the connection")

    def _unexpected(self, heard: Message) -> Unreachable:
        return self._fault(f"jitd broke the protocol: it said {heard.type}")

    def _row(self, heard: Message) -> dict[str, Any]:
        if not isinstance(heard, Item):
            raise self._unexpected(heard)
        return heard.row


def _is_initial_namespace() -> bool:
    """True if our user namespace has all uids, as the host's own has: each uid that we see is then what it is."""
    with open("/proc/self/uid_map", "rb") as file:
        return file.read().split() == [b"0", b"0", b"4294967295"]
