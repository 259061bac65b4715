# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-outside about sinks, which are the receivers of the record. Deliver is the question,
and Delivered is its answer. A message is one JSON object in ASCII, and is the body of one packet (``jitd.beside.packets``). A
question has its name in the field ``do``, and an answer has its name in the field ``said``. tests/outside/golden_deliveries
contains the bytes of each message. A message contains no secret: a destination contains only the names of files with secrets.
Law: pure. A message must have exactly the declared fields. Each field must have the right type and be within its limits. Every
other message raises ValueError. The text of an event is one line of printable ASCII, so no name in it can end a line, a frame or
a field of the transport.
Sources: RFC 5424, RFC 5425, RFC 6587 (syslog).
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jitd.outside.fields import Readers, addresses, authorities, checked, file_name, number, read_message, url
from jitpam.wire import notation

MOST_EVENTS = 128
"""Maximum number of events in one batch."""
MOST_TEXT = 64 * 1024
"""Maximum length of all texts of one batch, in bytes. Each text counts one byte more, which is the end of its line."""
LONGEST_DEADLINE = 120_000
"""Maximum deadline of one question, in milliseconds."""
LATEST_RETRY = 3_600
"""Maximum of ``retry_after``, in seconds."""
LONGEST_HEADER = 512
"""Maximum number of bytes that a syslog message has before the text of its event."""
SHORTEST_MESSAGE, LONGEST_MESSAGE = 2_048, MOST_TEXT + LONGEST_HEADER
"""Limits of ``longest`` of a Syslog, in bytes."""
LONGEST_WHY = 300
FACILITIES = (
    *("kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit"),
    *("alert", "clock", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7"),
)
"""The facilities of syslog. The index of a name is its number (RFC 5424, table 1)."""
TEMPLATES = ("splunk", "elastic", "loki", "lines", "array")
"""The forms of a body over HTTPS (``jitd.outside.batches``)."""
SCHEMES = ("Splunk", "ApiKey", "Bearer", "Basic")
"""The schemes of the header field ``Authorization``. The file of the secret contains what follows the scheme. For Basic, the file
contains ``user:password``, which is not encoded yet.
"""


@dataclass(frozen=True, slots=True)
class Syslog:
    """A receiver of syslog. ``transport`` is ``tls`` (RFC 5425), ``tcp`` (RFC 6587 with octet counting) or ``unix``. For ``tls``
    and ``tcp``, ``host`` and ``port`` are its address, and ``path`` is empty. For ``unix``, ``path`` is the absolute path of its
    socket, ``host`` is empty and ``port`` is 0. ``facility`` is one of FACILITIES. ``longest`` is the maximum length of a message
    that the receiver takes whole, in bytes. ``addresses``, ``ca`` and ``certificate`` are the same as in a Fetch (``messages``).
    """

    transport: str
    host: str = ""
    port: int = 0
    path: str = ""
    facility: str = "authpriv"
    longest: int = 8_096
    addresses: tuple[str, ...] = ()
    ca: str = ""
    certificate: str = ""


@dataclass(frozen=True, slots=True)
class Lines:
    """A file in the directory of jitd-outside's logs. ``name`` is the name of the file. A file that would become longer than
    ``rotate_at`` bytes is renamed to NAME.1, and ``keep`` older files are kept. If ``rotate_at`` is 0, the file is not rotated.
    """

    name: str
    rotate_at: int = 0
    keep: int = 4


@dataclass(frozen=True, slots=True)
class Https:
    """A server that takes batches by POST at ``url``. ``template`` is one of TEMPLATES. ``secret`` is the name of the file with
    the token. It is sent with the scheme ``scheme``, one of SCHEMES. ``secret`` may be empty. ``addresses``, ``ca`` and
    ``certificate`` are the same as in a Fetch (``messages``).
    """

    url: str
    template: str
    scheme: str = "Bearer"
    secret: str = ""
    addresses: tuple[str, ...] = ()
    ca: str = ""
    certificate: str = ""


Destination = Syslog | Lines | Https


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


@dataclass(frozen=True, slots=True)
class Deliver:
    """Deliver ``events``, in their order, to ``destination``. ``sink`` is the name of the sink. Between two questions,
    jitd-outside keeps the connection of each sink. ``host`` is the host's name in the record. ``events`` may be empty: then
    jitd-outside only finds out whether the connection still stands.
    """

    sink: str
    host: str
    destination: Destination
    events: tuple[Event, ...]
    deadline_ms: int


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

    n_done: int
    refused: tuple[tuple[int, str], ...] = ()
    why: str = ""
    retry_after: int = 0
    is_new: bool = False


def room(destination: Destination) -> int:
    """Return the maximum length of the text of an event for ``destination``, in bytes. A longer text is refused for ever, so the
    daemon shortens it first.
    """
    return min(destination.longest - LONGEST_HEADER, MOST_TEXT - 1) if isinstance(destination, Syslog) else MOST_TEXT - 1


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError("is not true or false")
    return value


_HOST = r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?"
_TIME = r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
_at = checked(_TIME, "a time such as 2026-01-31T12:00:00Z")
_name = checked(r"[a-z][a-z0-9_.-]{0,31}", "the name of an event")
_text = checked(rf"[ -~]{{1,{MOST_TEXT - 1}}}", "one line of printable ASCII")
_number, _severity = number(0, 2**53 - 1), number(0, 7)
_why = checked(rf"[ -~]{{1,{LONGEST_WHY}}}", "a reason")


def _texts(value: object) -> tuple[str, ...]:
    if type(value) is not str or len(value) > MOST_TEXT * 4 // 3 + 4:
        raise ValueError("is not the texts of events")
    found = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
    if len(found) > MOST_TEXT or _spelled(found) != value or (found and not found.endswith(b"\n")):
        raise ValueError(f"is not at most {MOST_TEXT} bytes of lines")
    return tuple(map(_text, found.decode("ascii").split("\n")[:-1]))


def _spelled(content: bytes) -> str:
    return binascii.b2a_base64(content, newline=False).decode("ascii")


def _heads(value: object) -> tuple[tuple[int, str, str, int], ...]:
    if type(value) is not list or len(value) > MOST_EVENTS:
        raise ValueError(f"is not a list of at most {MOST_EVENTS} events")
    found = []
    for head in value:
        if type(head) is not list or len(head) != 4:
            raise ValueError("contains an event that has not four parts")
        found.append((_number(head[0]), _at(head[1]), _name(head[2]), _severity(head[3])))
    if any(one[0] > following[0] for one, following in zip(found, found[1:], strict=False)):
        raise ValueError("contains events that are not in the order of their numbers")
    return tuple(found)


def _refused(value: object) -> tuple[tuple[int, str], ...]:
    if type(value) is not list or len(value) > MOST_EVENTS:
        raise ValueError(f"is not a list of at most {MOST_EVENTS} refusals")
    found = []
    for refusal in value:
        if type(refusal) is not list or len(refusal) != 2:
            raise ValueError("contains a refusal that has not two parts")
        found.append((number(0, MOST_EVENTS - 1)(refusal[0]), _why(refusal[1])))
    if any(one[0] >= following[0] for one, following in zip(found, found[1:], strict=False)):
        raise ValueError("contains refusals that are not in the order of the events")
    return tuple(found)


_SERVER: Readers = {"addresses": addresses, "ca": authorities, "certificate": file_name}
_DESTINATIONS: Mapping[str, tuple[type[Destination], Readers]] = {
    "deliver_syslog": (
        Syslog,
        {
            "transport": checked("tls|tcp|unix", "tls, tcp or unix"),
            "host": checked(rf"(?:{_HOST}|[0-9A-Fa-f:]{{2,45}})?", "a host"),
            "port": number(0, 65_535),
            "path": checked(r"(?:(?:/(?!\.\.?(?:/|$))[!-.0-~]+){1,32})?", "an absolute path"),
            "facility": checked("|".join(FACILITIES), "a facility"),
            "longest": number(SHORTEST_MESSAGE, LONGEST_MESSAGE),
            **_SERVER,
        },
    ),
    "deliver_lines": (
        Lines,
        {
            "name": checked(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", "the name of a file"),
            "rotate_at": number(0, 2**50),
            "keep": number(0, 999),
        },
    ),
    "deliver_https": (
        Https,
        {
            "url": url,
            "template": checked("|".join(TEMPLATES), "a template"),
            "scheme": checked("|".join(SCHEMES), "a scheme"),
            "secret": file_name,
            **_SERVER,
        },
    ),
}
_DELIVER: Readers = {
    "sink": checked(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}", "the name of a sink"),
    "sender": checked(_HOST, "a host"),
    "events": _heads,
    "texts": _texts,
    "deadline_ms": number(1, LONGEST_DEADLINE),
}
_DELIVERED: Readers = {
    "n_done": number(0, MOST_EVENTS),
    "refused": _refused,
    "why": checked(rf"[ -~]{{0,{LONGEST_WHY}}}", "a reason"),
    "retry_after": number(0, LATEST_RETRY),
    "is_new": _flag,
}


def sentence(text: str) -> str:
    """Return ``text`` as a reason for an answer: printable ASCII only, and at most LONGEST_WHY characters."""
    plain = "".join(c if c.isprintable() and c.isascii() else "?" for c in text) or "?"
    return plain if len(plain) <= LONGEST_WHY else plain[: LONGEST_WHY - 3] + "..."


def is_delivery(written: bytes) -> bool:
    """True if the question in ``written`` has the name of a Deliver."""
    return _word(written) in _DESTINATIONS


def write_question(question: Deliver) -> bytes:
    """Return the bytes of ``question``. Raises ValueError if ``read_question`` would refuse these bytes."""
    destination = question.destination
    do, (_, readers) = next((do, row) for do, row in _DESTINATIONS.items() if type(destination) is row[0])
    values = {field: getattr(destination, field) for field in readers}
    if "addresses" in values:
        values["addresses"] = list(values["addresses"])
    values |= {
        "sink": question.sink,
        "sender": question.host,
        "events": [[event.number, event.at, event.name, event.severity] for event in question.events],
        "texts": _spelled("".join(f"{event.text}\n" for event in question.events).encode("ascii")),
        "deadline_ms": question.deadline_ms,
    }
    written = notation.write({"do": do, **values})
    if read_question(written) != question:
        raise ValueError("the message changes when it is written and read again")
    return written


def read_question(written: bytes) -> Deliver:
    """Return the question in ``written``. Raises ValueError."""
    do = _word(written)
    if do not in _DESTINATIONS:
        raise ValueError("no such question")
    made, readers = _DESTINATIONS[do]
    found: dict[str, Any] = read_message(written, ("do", do), {**readers, **_DELIVER}, dict)
    destination = made(**{field: found[field] for field in readers})
    if isinstance(destination, Syslog):
        is_local = destination.transport == "unix"
        if (bool(destination.path), bool(destination.host), bool(destination.port)) != (is_local, not is_local, not is_local):
            raise ValueError("a Unix socket must have a path, and every other receiver must have a host and a port")
    if isinstance(destination, Https) and not destination.url.startswith("https://"):
        raise ValueError("a batch may go only to an https URL")
    if len(found["events"]) != len(found["texts"]):
        raise ValueError("there are more events than texts, or more texts than events")
    events = tuple(
        Event(n, at, name, severity, text) for (n, at, name, severity), text in zip(found["events"], found["texts"], strict=True)
    )
    return Deliver(found["sink"], found["sender"], destination, events, found["deadline_ms"])


def write_answer(answer: Delivered) -> bytes:
    """Return the bytes of ``answer``. Raises ValueError if ``read_answer`` would refuse these bytes."""
    values = {field: getattr(answer, field) for field in _DELIVERED}
    written = notation.write({"said": "delivered", **values, "refused": [list(refusal) for refusal in answer.refused]})
    if read_answer(written) != answer:
        raise ValueError("the message changes when it is written and read again")
    return written


def read_answer(written: bytes) -> Delivered:
    """Return the answer in ``written``. Raises ValueError."""
    found = read_message(written, ("said", "delivered"), _DELIVERED, Delivered)
    if any(index >= found.n_done for index, _ in found.refused):
        raise ValueError("an event was refused that is not done")
    if found.is_new and (found.n_done or found.why):
        raise ValueError("a new connection has no result yet")
    return found


def _word(written: bytes) -> str:
    """Return the name of the question in ``written``. Return an empty string if it has none."""
    try:
        found = notation.read(written)
    except ValueError:
        return ""
    word = found.get("do") if type(found) is dict else None
    return word if type(word) is str else ""
