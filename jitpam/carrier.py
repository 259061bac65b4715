# SPDX-License-Identifier: Apache-2.0
"""A conversation with the jitd of another host, at its door (PROTOCOL.md section 13). A carrier takes it there: a command such as
``ssh -T jitd-door@db17``, whose standard input and output lead to the door.

Law: nothing on the way is believed. Until the host has proved by Kerberos that it is ``jitd/HOST``, no text that came over the
wire is shown, and a refusal is a fault like any other. What permits is sent only after the host has answered a stamp on this
connection. What the carrier writes to its standard error is shown as the carrier's words, and never as those of jitd. So is a
line of text in the place of the first frame: a shell on the way has written it.
"""

from __future__ import annotations

import math
import os
import select
import signal
import subprocess
import threading
import time
from _socket import AF_UNIX, SOCK_CLOEXEC, SOCK_STREAM, socket, socketpair
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple, Protocol, runtime_checkable

from jitpam.client import (
    HANDSHAKE_WITHIN,
    Connection,
    NoDescriptor,
    NoProcess,
    RefusedByDaemon,
    TooLong,
    Unanswered,
    Unreachable,
)
from jitpam.initiator import DOOR as CHANNEL_OF_THE_DOOR
from jitpam.initiator import Initiator
from jitpam.news import News
from jitpam.saying import say
from jitpam.wire.conversation import CLIENT, DOOR, Conversation
from jitpam.wire.messages import (
    STAMPED_WITHIN,
    Audit,
    Basis,
    Done,
    Item,
    List,
    Lock,
    Message,
    Refused,
    Replay,
    Review,
    Revoke,
    Show,
    Stamp,
    Status,
    Stop,
    Unlock,
    Watch,
)

CARRIED_WITHIN = 60.0  # seconds from its start to the proof of the host. A person may have to type a passphrase
ENDED_WITHIN = 1.0  # seconds for a carrier to end by itself, before it gets a signal, and after each signal
MOST_LINES, MOST_OF_LINE = 50, 400  # how many lines of a carrier's standard error are shown, and how many bytes of one
CURRENT_FOR = 120.0  # seconds after the latest sign of life, for which what is followed is current. See SIGN_EVERY
MOST_ROWS = 20_000  # rows that a host may say to a question for what is there now: all are laid out again and again
MOST_BYTES = 64 * 1024 * 1024  # bytes of rows for one question: a hostile host would otherwise fill the memory
DEEDS = (Review, Revoke, Stop, Lock, Unlock)
QUESTIONS = (List, Show, Watch, Basis)
LISTS = (List, Watch, Status)

NOT_PROVED = "what answers has not proved to be {host}, and "  # first: who reads on must not think that the host answered
UNPROVED = {
    "unauthenticated": "does not accept the proof of who you are; if it is {host}, nobody may know you at its door",
    "protocol": "does not speak this version of the protocol",
    "not_done": "says that it has too much to do: try again in a moment",
    "failed": "says that it cannot check the proof of who you are; if it is {host}, root types jitd doctor there",
}
"""Maps the code of a refusal that comes before the host has proved itself to our own words, after NOT_PROVED."""
OTHERWISE = "refuses"
_QUOTES = str.maketrans(dict.fromkeys('"“”„‟«»″‴‶ʺ＂〝〞〟❝❞', "'"))  # any of these reads as the end of what is quoted
_running: set[_Process] = set()  # the carriers that have not been ended


class Stream(Protocol):
    """Bytes to the door of a host and back. The conversation has ``socket``, and closes it."""

    socket: socket

    def has_ended(self) -> bool:
        """True if what carries the bytes ends, within a moment. All that it has said is shown then."""

    def how_it_ended(self) -> str:
        """Return how it has ended, as a sentence. Call this once ``has_ended`` is true."""

    def end(self) -> None:
        """End what carries the bytes. Never raises."""


class Carrier(Protocol):
    """One way to the door of a host. ``name`` is how sentences name it: a command, or an address."""

    @property
    def name(self) -> str: ...

    def dial(self, host: str, within: float) -> Stream:
        """Begin a stream to the door of ``host`` with a socket that does not block. Raises Unreachable and NoProcess."""


@runtime_checkable
class CallsRoll(Protocol):
    """What a carrier may have, too, if it knows many hosts. One object is then the carrier of all of them."""

    def roll(self, hosts: Collection[str]) -> Mapping[str, bytes]:
        """Return the newest word of each of ``hosts`` that has said one (PROTOCOL.md section 13): the JSON object, by the name of
        the host. Nothing of it is believed. Raises Unreachable. Ends within seconds.
        """


class Command(NamedTuple):
    """The carrier that a command is, such as ``ssh -T jitd-door@db17``. Its standard input and output lead to the door."""

    words: tuple[str, ...]

    @property
    def name(self) -> str:
        return " ".join(self.words)

    def dial(self, host: str, within: float) -> Stream:
        try:
            ours, theirs = socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC)
        except OSError as fault:
            raise NoDescriptor(f"no carrier can be started: {fault.strerror} (see ulimit -n)") from None
        ours.setblocking(False)
        try:
            return _Process(self, host, ours, theirs)
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()


class _Process:
    """The process of ``command``, with the socket ``end`` as its standard input and output. Raises Unreachable and NoProcess."""

    def __init__(self, command: Command, host: str, ours: socket, end: socket) -> None:
        self.socket = ours
        self._host = host
        self._name = command.name
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # who types Ctrl-C may still have to say: stop it
        try:
            self._process = subprocess.Popen(command.words, stdin=end.fileno(), stdout=end.fileno(), stderr=subprocess.PIPE)
        except BlockingIOError:
            raise NoProcess from None
        except (OSError, ValueError) as fault:
            because = fault.strerror if isinstance(fault, OSError) else str(fault)
            raise Unreachable(f"the carrier cannot be started: {self._name}: {because}") from None
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        try:
            self._ended = os.pidfd_open(self._process.pid)
        except OSError as fault:
            self._process.kill()
            self._process.wait()
            raise NoDescriptor(f"no carrier can be started: {fault.strerror} (see ulimit -n)") from None
        _running.add(self)
        self._telling = telling(self._process, f"the carrier to {self._host}")

    def has_ended(self) -> bool:
        poll = select.poll()
        poll.register(self._ended, select.POLLIN)
        if not poll.poll(ENDED_WITHIN * 1000):
            return False
        self._process.wait()
        self._telling.join(ENDED_WITHIN)
        return True

    def how_it_ended(self) -> str:
        status = self._process.returncode
        return f"the carrier ended: {self._name} ({f'status {status}' if status >= 0 else f'signal {-status}'})"

    def end(self) -> None:
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self.has_ended():
                break
            self.send_signal(number)
        self._process.wait()
        _running.discard(self)
        os.close(self._ended)

    def send_signal(self, number: int) -> None:
        """Send the signal ``number`` to the process, if it still runs."""
        self._process.send_signal(number)

    def is_running(self) -> bool:
        return self._process.poll() is None


def telling(process: subprocess.Popen[bytes], who: str) -> threading.Thread:
    """Return a thread that shows what ``process``, which sentences call ``who``, writes to its standard error. A hostile one can
    make neither many lines nor a line of jitd's, and does not end the quotes.
    """

    def tell() -> None:
        stream = process.stderr
        assert stream is not None
        n_lines = 0
        with stream:
            while line := stream.readline(MOST_OF_LINE):
                n_lines += 1
                if n_lines <= MOST_LINES:
                    _tell(line, who)
                elif n_lines == MOST_LINES + 1:
                    say(f"{who} says more, which is not shown", "jitd")

    thread = threading.Thread(target=tell, name="telling", daemon=True)
    thread.start()
    return thread


def _tell(line: bytes, who: str) -> None:
    if text := line.decode("utf-8", "backslashreplace").strip():
        say(f"{who} says: {_quoted(text)}", "jitd")


def end_all() -> None:
    """End the carriers of all conversations that other threads have left open. Never raises."""
    left = list(_running)
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in left:
            process.send_signal(number)
        until = time.monotonic() + ENDED_WITHIN
        while (left := [process for process in left if process.is_running()]) and time.monotonic() < until:
            time.sleep(0.02)


class AtTheDoor(Connection):
    """One conversation with the jitd of ``host``, which ``carrier`` takes there. Made by ``connect``."""

    _channel = CHANNEL_OF_THE_DOOR

    def __init__(self, host: str, carrier: Carrier, initiator: Initiator) -> None:
        super().__init__(f"the door of {host}", initiator)
        self.conversation = Conversation(CLIENT, DOOR)
        self._host = host
        self._peer = f"jitd on {host}"
        self._carrier = carrier
        self._stream: Stream | None = None
        self.is_sent = False  # true once a part of the latest deed may be on its way
        self._latest: Message | None = None
        self._n_rows = self._n_bytes = 0
        self._most: tuple[float, float] = (0, 0)  # rows and bytes of the latest answer so far, and the most
        self._follows = False  # true if the answer to the latest message has no end
        self.number: int | None = None
        """The number of the newest record of the host when it had said the last row of the latest list, if it has said this."""
        self._followed_at = self._current_at = 0.0  # when the latest message was sent, and of when the newest sign is (boot)

    def _connect(self, until: float) -> None:
        self._socket.close()
        self._stream = self._carrier.dial(self._host, until - time.monotonic())
        self._socket = self._stream.socket

    def _be_welcomed(self, until: float) -> None:
        super()._be_welcomed(min(until, time.monotonic() + HANDSHAKE_WITHIN))
        if self.welcome.host != self._host:
            raise Unreachable(
                f"what answers has the key of jitd/{self._host}, but calls itself {_quoted(self.welcome.host)}:"
                " nothing was asked; its administrator can mend it (host in jitd.toml)"
            )

    def close(self) -> None:
        """Send Bye if the conversation allows it now, close the connection, and end the carrier. Never raises."""
        super().close()
        if self._stream is not None:
            self._stream.end()
            self._stream = None

    # --- stamps

    def _say(self, message: Message, until: float) -> bytes:
        if isinstance(message, Unlock) or (isinstance(message, Review) and message.verdict != "deny"):
            self._get_stamp()
            until = time.monotonic() + HANDSHAKE_WITHIN
        self.is_sent = isinstance(message, DEEDS)
        self._follows = isinstance(message, Watch) or (isinstance(message, Replay | Audit) and message.follow)
        self._followed_at = self._current_at = _boot_clock()
        self._latest, self.number = message, None
        self._n_rows = self._n_bytes = 0
        is_of_now = isinstance(message, List | Watch) and not message.ended
        is_bounded = is_of_now or isinstance(message, Basis)
        n_rows = 0 if isinstance(message, DEEDS) else 1 if isinstance(message, Show) else MOST_ROWS if is_bounded else math.inf
        self._most = n_rows, MOST_BYTES if n_rows < math.inf or isinstance(message, LISTS) else math.inf
        return super()._say(message, until)

    def _next_message(self) -> tuple[Message, bytes] | None:
        """As of any connection. Raises Unreachable if the host says more rows than its answer can have."""
        while (heard := super()._next_message()) is not None:
            message, body = heard
            if self._follows and isinstance(message, Item) and message.row.keys() == {"age"}:
                self._note_sign(message.row["age"])
                continue
            if isinstance(message, Item):
                self._n_rows, self._n_bytes = self._n_rows + 1, self._n_bytes + len(body)
                if self._n_rows > self._most[0] or self._n_bytes > self._most[1]:
                    raise Unreachable(f"{self._peer} says more than an answer can have")
                if isinstance(self._latest, List | Watch) and message.row.keys() == {"number"}:
                    self.number = number if type(number := message.row["number"]) is int else None
                    continue
            else:  # of what is watched, each change has all rows
                self._n_rows = self._n_bytes = 0
            return heard
        return None

    def _get_stamp(self) -> None:
        """Have the host note the time. The person has confirmed by now. If one of the two messages is held back on the way,
        the second one comes too late. Raises Unreachable if the answer takes too long.
        """
        began, until = _boot_clock(), time.monotonic() + STAMPED_WITHIN
        super()._say(Stamp(), until)
        try:
            heard = self.hear(until)
        except Unreachable as fault:
            raise Unreachable(f"{fault}; nothing was done") from None
        if not isinstance(heard, Done):
            raise self._unexpected(heard)
        if _boot_clock() > began + STAMPED_WITHIN:
            raise Unreachable(f"{self._peer} does not answer within {STAMPED_WITHIN:g} s; nothing was done: try again")

    def do(self, message: Message) -> str:
        """As of any connection. If the answer is lost on the way, the fault says so, because nobody here knows what was done."""
        self.is_sent = False
        try:
            return super().do(message)
        except TooLong:
            raise
        except Unreachable as fault:
            if self.is_sent:
                raise Unanswered(f"{fault}; whether it was done is not known: look before you try again") from None
            raise

    # --- signs of life

    def _note_sign(self, age: object) -> None:
        """The host has said ``age`` seconds after it had heard our message that it is there. It has heard this no earlier than we
        have sent it. So whatever a carrier holds back, all that the host had to say before this time has come.
        """
        if isinstance(age, int):
            self._current_at = max(self._current_at, min(self._followed_at + age, _boot_clock()))

    def _current_until(self) -> float | None:
        if not self._follows:
            return super()._current_until()
        return time.monotonic() + self._current_at + CURRENT_FOR - _boot_clock()

    def _silent(self) -> Unreachable:
        if not self._follows:
            return super()._silent()
        at = time.localtime(time.time() - (_boot_clock() - self._current_at))
        return Unreachable(f"{self._peer} has not been heard since {time.strftime('%H:%M', at)}")

    # --- faults

    def _fault(self, words: str) -> Unreachable:
        if self._is_sealed:
            return super()._fault(words)
        line, mend = self._frames.first_line(MOST_OF_LINE), ""
        if isinstance(self._carrier, Command) and line[:1] >= b" ":  # no frame begins so: the length of one has zeros before it
            _tell(line, f"the carrier to {self._host}")
            mend = "; if a shell on the way says that, its start files (.bashrc) must say nothing where there is no terminal"
        return Unreachable(f"what the carrier leads to does not answer as jitd on {self._host} would: {self._carrier.name}{mend}")

    def _refusal(self, refused: Refused) -> Exception:
        if self._is_sealed:
            return super()._refusal(refused)
        words = f"{NOT_PROVED}{UNPROVED.get(refused.code, OTHERWISE)}".format(host=self._host)
        return RefusedByDaemon(refused.code, words) if refused.code == "unauthenticated" else Unreachable(words)

    def _ended(self, fault: OSError | None = None) -> Unreachable:  # a fault: the carrier ends with what it has not read
        if self._stream is not None and self._stream.has_ended():
            return Unreachable(self._stream.how_it_ended())
        return Unreachable(f"the carrier closed the connection: {self._carrier.name}")

    def _row(self, heard: Message) -> dict[str, Any]:
        """As of any connection. Whatever the host says, what it tells is of the host that the ticket names."""
        row = super()._row(heard)
        return row | {"host": self._host} if isinstance(self._latest, QUESTIONS) and "host" in row else row


def _boot_clock() -> float:
    """Return the time of a clock that goes on while this machine is suspended, as that of the host does."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _quoted(words: str) -> str:
    """Return ``words``, which somebody on the way has chosen, such that they do not read as a part of our sentence."""
    return '"' + words[:MOST_OF_LINE].translate(_QUOTES) + '"'


def connect(
    host: str,
    carrier: Carrier,
    news: News | None = None,
    *,
    realm: str = "",
    copies: dict[bytes, bytes] | None = None,
    within: float | None = None,
) -> AtTheDoor:
    """Return a connection to the jitd of ``host``, which ``carrier`` takes to its door. ``host`` is the name in its principal
    ``jitd/HOST``, in lower case, and is not looked up. For ``realm`` and ``copies``, see Initiator; ``news`` as for
    ``client.connect``.

    Raises NotAuthenticated, RefusedByDaemon and Unreachable. Takes at most ``within`` seconds, by default CARRIED_WITHIN, after
    there is a ticket.
    """
    initiator = Initiator(host, realm=realm, copies=copies)
    initiator.obtain_ticket(news=news if news is not None and os.isatty(2) else None)
    connection = AtTheDoor(host, carrier, initiator)
    connection.open(time.monotonic() + (CARRIED_WITHIN if within is None else within))
    connection.ready(news)
    return connection
