# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-outside about sinks, which are the receivers of the record. Deliver is the question,
and Delivered is its answer. tests/outside/golden_deliveries contains the bytes of each message. A message contains no secret: a
destination contains only the names of files with secrets.
Law: the text of an event is one line of printable ASCII, so no name in it can end a line, a frame or a field of the transport.
Sources: RFC 5424, RFC 5425, RFC 6587 (syslog).
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

from jitd_outsiders.outside.fields import ADDRESSES, AUTHORITIES, FILE_NAME, SOCKET, URL
from jitpam.wire.declared import HOST, INLINE, Scalar, Spread, base64, integer, list_of, one_of, row, text

MOST_EVENTS = 128  # events in one batch
MOST_TEXT = 64 * 1024  # bytes of all texts of one batch. Each text counts one byte more, which is the end of its line.
LONGEST_DEADLINE = 120_000  # milliseconds of one question
LATEST_RETRY = 3_600  # maximum of `retry_after`, in seconds
LONGEST_HEADER = 512  # bytes that a syslog message has before the text of its event
SHORTEST_MESSAGE, LONGEST_MESSAGE = 2_048, MOST_TEXT + LONGEST_HEADER  # limits of `longest` of a Syslog, in bytes
LONGEST_WHY = 300
FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit"),
    *("alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
)
"""The facilities of syslog. The index of a name is its number (RFC 5424, table 1)."""
TEMPLATES = ("splunk", "elastic", "loki", "lines", "array")  # forms of a body over HTTPS (`outside.batches`)
SCHEMES = ("Splunk", "ApiKey", "Bearer", "Basic")
"""Schemes of ``Authorization``. The secret's file has what follows; for Basic ``user:password``, not encoded yet."""
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
_HEAD = row(
    integer(0, 2**53 - 1),
    text("a time such as 2026-01-31T12:00:00Z", _TIME),
    text("the name of an event", "[a-z][a-z0-9_.-]{0,31}"),
    integer(0, 7),
)
"""An event without its text."""
_TEXT = base64(MOST_TEXT)
_LINES = re.compile(rb"(?:[ -~]+\n)*")
_WHY = text("a reason", r"[ -~]*", most=LONGEST_WHY)


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the events of a sink go. Each kind of sink (``sink.SinkKind``) has a subclass."""


@dataclass(frozen=True, slots=True)
class Syslog(Destination):
    """A receiver of syslog. ``transport`` is ``tls`` (RFC 5425), ``tcp`` (RFC 6587 with octet counting) or ``unix``. For ``tls``
    and ``tcp``, ``host`` and ``port`` are its address, and ``path`` is empty. For ``unix``, ``path`` is the absolute path of its
    socket, ``host`` is empty and ``port`` is 0. ``facility`` is one of FACILITIES. ``longest`` is the maximum length of a message
    that the receiver takes whole, in bytes. ``addresses``, ``ca`` and ``certificate`` are the same as in a Fetch (``messages``).
    """

    transport: Annotated[str, one_of(("tls", "tcp", "unix"), "tls, tcp or unix")]
    host: Annotated[str, text("a host", rf"(?:{HOST}|[0-9A-Fa-f:]{{2,45}})?")] = ""
    port: Annotated[int, integer(0, 65_535)] = 0
    path: Annotated[str, text("an absolute path", rf"(?:{SOCKET})?")] = ""
    facility: Annotated[str, one_of(FACILITIES, "a facility")] = "authpriv"
    longest: Annotated[int, integer(SHORTEST_MESSAGE, LONGEST_MESSAGE)] = 8_096
    addresses: Annotated[tuple[str, ...], ADDRESSES] = ()
    ca: Annotated[str, AUTHORITIES] = ""
    certificate: Annotated[str, FILE_NAME] = ""

    def check(self) -> None:
        is_local = self.transport == "unix"
        if (bool(self.path), bool(self.host), bool(self.port)) != (is_local, not is_local, not is_local):
            raise ValueError("a Unix socket must have a path, and every other receiver must have a host and a port")


@dataclass(frozen=True, slots=True)
class Lines(Destination):
    """A file in the directory of jitd-outside's logs. ``name`` is the name of the file. A file that would become longer than
    ``rotate_at`` bytes is renamed to NAME.1, and ``keep`` older files are kept. If ``rotate_at`` is 0, the file is not rotated.
    """

    name: Annotated[str, FILE_NAME.where(bool, "the name of a file")]
    rotate_at: Annotated[int, integer(0, 2**50)] = 0
    keep: Annotated[int, integer(0, 999)] = 4


@dataclass(frozen=True, slots=True)
class Https(Destination):
    """A server that takes batches by POST at ``url``. ``template`` is one of TEMPLATES. ``secret`` is the name of the file with
    the token. It is sent with the scheme ``scheme``, one of SCHEMES. ``secret`` may be empty. ``addresses``, ``ca`` and
    ``certificate`` are the same as in a Fetch (``messages``). A URL may contain a secret, so it is not in the repr.
    """

    url: Annotated[str, URL] = field(repr=False)
    template: Annotated[str, one_of(TEMPLATES, "a template")]
    scheme: Annotated[str, one_of(SCHEMES, "a scheme")] = "Bearer"
    secret: Annotated[str, FILE_NAME] = ""
    addresses: Annotated[tuple[str, ...], ADDRESSES] = ()
    ca: Annotated[str, AUTHORITIES] = ""
    certificate: Annotated[str, FILE_NAME] = ""

    def check(self) -> None:
        if not self.url.startswith("https://"):
            raise ValueError("a batch may go only to an https URL")


@dataclass(frozen=True, slots=True)
class Event:
    """One line for the sink. ``number`` is the number of the record. A checkpoint has the number of the record that it signs.
    ``at`` is the record's time (RFC 3339). ``name`` is the name of the event, such as ``request.approved``. ``severity`` is a
    number from 0 (emergency) to 7 (debug). ``text`` is JSON in ASCII without a control character.
    """

    number: int
    at: str
    name: str
    severity: int
    text: str


def _events(heads: Sequence[tuple[int, str, str, int]], texts: Sequence[str]) -> tuple[Event, ...]:
    """Raises ValueError."""
    if len(heads) != len(texts):
        raise ValueError("there are more events than texts, or more texts than events")
    if any(one[0] > following[0] for one, following in zip(heads, heads[1:], strict=False)):
        raise ValueError("the events are not in the order of their numbers")
    return tuple(Event(*head, one) for head, one in zip(heads, texts, strict=True))


def _heads_and_texts(events: Sequence[Event]) -> tuple[list[tuple[int, str, str, int]], list[str]]:
    return [(event.number, event.at, event.name, event.severity) for event in events], [event.text for event in events]


def _read_lines(value: object) -> list[str]:
    found: bytes = _TEXT.read(value)
    if not _LINES.fullmatch(found):
        raise ValueError(f"is not at most {MOST_TEXT} bytes of lines of printable ASCII")
    return found.decode("ascii").split("\n")[:-1]


def _write_lines(texts: Sequence[str]) -> object:
    return _TEXT.write("".join(f"{one}\n" for one in texts).encode("ascii"))


_EVENTS = Spread(
    {"events": list_of(_HEAD, 0, MOST_EVENTS), "texts": Scalar(_read_lines, _write_lines)}, _heads_and_texts, _events
)


@dataclass(frozen=True, slots=True)
class Deliver:
    """Deliver ``events``, in their order, to ``destination``. ``sink`` is the name of the sink. Between two questions,
    jitd-outside keeps the connection of each sink. ``sender`` is the host's name in the record. ``events`` may be empty: then
    jitd-outside only finds out whether the connection still stands.
    """

    destination: Annotated[Destination, INLINE]
    sink: Annotated[str, text("the name of a sink", r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}")]
    sender: Annotated[str, text("a host", HOST)]
    events: Annotated[tuple[Event, ...], _EVENTS]
    deadline_ms: Annotated[int, integer(1, LONGEST_DEADLINE)]


@dataclass(frozen=True, slots=True)
class Delivered:
    """What became of a batch. ``n_done`` is the number of events, from the first one, that are done: the receiver has taken them,
    or will never take them. ``refused`` contains the events that the receiver will never take: each with its index in the batch
    and with the reason, sorted by index. Each index is below ``n_done``. If ``n_done`` is less than the number of events, ``why``
    is the reason, and the other events must be delivered again later. Some of them may have arrived already.
    ``retry_after`` is the number of seconds after which the server wants to be asked again. It is 0 if the server did not say.
    ``is_new`` is True if jitd-outside had no connection to a receiver that confirms nothing. Then jitd-outside has connected, and
    has sent none of the events, so ``n_done`` is 0 and ``why`` is empty. What was delivered shortly before may be lost, so the
    daemon delivers some of the last events again.
    """

    n_done: Annotated[int, integer(0, MOST_EVENTS)]
    refused: Annotated[
        tuple[tuple[int, str], ...], list_of(row(integer(0, MOST_EVENTS - 1), _WHY.where(bool, "a reason")), 0, MOST_EVENTS)
    ] = ()
    why: Annotated[str, _WHY] = ""
    retry_after: Annotated[int, integer(0, LATEST_RETRY)] = 0
    is_new: bool = False

    def check(self) -> None:
        if any(one[0] >= following[0] for one, following in zip(self.refused, self.refused[1:], strict=False)):
            raise ValueError("the refusals are not in the order of the events")
        if any(index >= self.n_done for index, _ in self.refused):
            raise ValueError("an event was refused that is not done")
        if self.is_new and (self.n_done or self.why):
            raise ValueError("a new connection has no result yet")
