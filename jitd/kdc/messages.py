# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-kdc. Each request gets one answer. Answers are sent in the same order as the requests.

A message is one JSON object in ASCII, in one packet of a Unix socket (SOCK_SEQPACKET). A request has its name in the field
``do``. An answer has its name in the field ``said``. tests/kdc/golden contains the bytes of each message.
Law: pure. A message must have exactly the declared fields. Each field must have the declared type and be within its limits. Any
other message raises ValueError.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from jitd.kdc.strings import MOST_GRANTS, OFF, ON, SILENT, Grant, Sighting, is_end, is_grant_id, is_host, is_principal
from jitpam.wire import notation

MAX_PACKET = 64 * 1024
"""Maximum number of bytes in one message."""
LONGEST_WHY = 1_000
"""Maximum number of characters in the sentence ``why``."""
MOST_TRIED = 8
"""Maximum number of services in one Try. Because of this limit, the answer fits into one message even if the realm has several
KDCs.
"""


@dataclass(frozen=True, slots=True)
class Give:
    """Write a grant. ``client`` may get tickets for ``service`` until ``end``, in seconds since the epoch.

    If exactly this grant exists already, nothing is written and the answer is Done. If the grant exists with another end, the new
    end replaces it. If a grant with the same ``id`` for another client exists and has not ended, the answer is Refused. If
    ``renews`` is True and there is no grant with this ``id``, the answer is Refused, because somebody has deleted the grant.
    """

    id: str
    service: str
    end: int
    client: str
    renews: bool = False


@dataclass(frozen=True, slots=True)
class Take:
    """Delete a grant. The answer is also Done if the grant or the service does not exist."""

    id: str
    service: str


@dataclass(frozen=True, slots=True)
class Look:
    """Read the entry of a service: the settings of its gate, and its grants. The answer is Grants."""

    service: str


@dataclass(frozen=True, slots=True)
class Try:
    """Request tickets for ``services`` from each KDC of the realm. Nobody has granted these tickets to jitd-kdc, so each KDC must
    refuse them. The answer is Tried.
    """

    services: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Done:
    """kadmind has carried out the request."""


@dataclass(frozen=True, slots=True)
class Grants:
    """The data about grants in the entry of a service. ``approval`` is the value of the string ``jit_approval``. ``approval`` is
    "" if the entry does not have this string.

    ``granted_by`` are the hosts that may grant tickets for the service. If the entry does not name any host, ``granted_by`` is
    the host in the service's name. If the service is not gated, ``granted_by`` is empty. ``grants`` are the grants that have the
    right form and have not ended. The KDC does not honour a grant that ends more than a day from now, but ``grants`` may contain
    such a grant.
    """

    approval: str
    granted_by: tuple[str, ...]
    grants: tuple[Grant, ...]


@dataclass(frozen=True, slots=True)
class Tried:
    """The answers of the KDCs to requests for tickets, one for each pair of KDC and service."""

    sightings: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """The request was not carried out. A repetition of the request would not help. ``why`` is a sentence for people."""

    why: str


@dataclass(frozen=True, slots=True)
class Failed:
    """It is not known whether the request was carried out, because kadmind or jitd-kdc was down or did not answer. Repeat the
    request later. ``why`` is a sentence for people.
    """

    why: str


OfEntry = Give | Take | Look
"""The requests that kadmind carries out. Each request is about the entry of one service in the KDC's database."""
Request = OfEntry | Try
Answer = Done | Grants | Tried | Refused | Failed
M = TypeVar("M")


def _checked(is_right: Callable[[str], bool], what: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if type(value) is not str or not is_right(value):
            raise ValueError(f"is not {what}")
        return value

    return read


_id = _checked(is_grant_id, "a grant's id")
_principal = _checked(is_principal, "a principal with its realm")
_host = _checked(is_host, "a host's name")
_word = _checked(lambda text: len(text) <= 256 and text.isascii() and (not text or text.isprintable()), "a short word")
_state = _checked((ON, OFF, SILENT).__contains__, "a state of a gate")
_why = _checked(lambda text: 0 < len(text) <= LONGEST_WHY and text.isascii(), "a sentence")


def _end(value: object) -> int:
    if type(value) is not int or not is_end(value):
        raise ValueError("is not a valid time")
    return value


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError("is not true or false")
    return value


def _list(value: object, most: int) -> list[object]:
    if type(value) is not list or len(value) > most:
        raise ValueError(f"is not a list of at most {most} items")
    return value


def _hosts(value: object) -> tuple[str, ...]:
    return tuple(_host(item) for item in _list(value, 1_000))


def _grants(value: object) -> tuple[Grant, ...]:
    found = []
    for item in _list(value, MOST_GRANTS * 2):
        grant_id, end, client = _triple(item)
        found.append(Grant(_id(grant_id), _end(end), _principal(client)))
    return tuple(found)


def _triple(value: object) -> list[object]:
    if type(value) is not list or len(value) != 3:
        raise ValueError("is not a list of grants")
    return value


def _services(value: object) -> tuple[str, ...]:
    return tuple(_principal(item) for item in _list(value, MOST_TRIED))


def _sightings(value: object) -> tuple[Sighting, ...]:
    found = []
    for item in _list(value, 4 * MOST_GRANTS):
        if type(item) is not list or len(item) != 4:
            raise ValueError("is not a list of sightings")
        found.append(Sighting(_word(item[0]), _principal(item[1]), _state(item[2]), _why(item[3])))
    return tuple(found)


_Readers = dict[str, Callable[[object], object]]
_REQUESTS: dict[str, tuple[type[Request], _Readers]] = {
    "give": (Give, {"id": _id, "service": _principal, "end": _end, "client": _principal, "renews": _flag}),
    "take": (Take, {"id": _id, "service": _principal}),
    "look": (Look, {"service": _principal}),
    "try": (Try, {"services": _services}),
}
_ANSWERS: dict[str, tuple[type[Answer], _Readers]] = {
    "done": (Done, {}),
    "grants": (Grants, {"approval": _word, "granted_by": _hosts, "grants": _grants}),
    "tried": (Tried, {"sightings": _sightings}),
    "refused": (Refused, {"why": _why}),
    "failed": (Failed, {"why": _why}),
}
DO, SAID = "do", "said"


def sentence(text: str) -> str:
    """Return ``text`` as a sentence for Refused and Failed. The sentence contains only printable ASCII, and at most LONGEST_WHY
    characters.
    """
    plain = "".join(c if c.isprintable() and c.isascii() else "?" for c in text) or "?"
    return plain if len(plain) <= LONGEST_WHY else plain[: LONGEST_WHY - 3] + "..."


def write(message: Request | Answer) -> bytes:
    """Return the packet with ``message``. Raises ValueError if ``read_request`` or ``read_answer`` would refuse the packet."""
    if isinstance(message, Request):
        packet = _write(message, DO, _REQUESTS)
        back: Request | Answer = read_request(packet)
    else:
        packet = _write(message, SAID, _ANSWERS)
        back = read_answer(packet)
    if back != message:
        raise ValueError("the message changes when it is written and read again")
    return packet


def read_request(packet: bytes) -> Request:
    """Return the request in ``packet``. Raises ValueError."""
    return _read(packet, DO, _REQUESTS)


def read_answer(packet: bytes) -> Answer:
    """Return the answer in ``packet``. Raises ValueError."""
    return _read(packet, SAID, _ANSWERS)


def _write(message: Request | Answer, tag: str, kinds: Mapping[str, tuple[type, _Readers]]) -> bytes:
    name, readers = next((name, readers) for name, (kind, readers) in kinds.items() if kind is type(message))
    values = {field: getattr(message, field) for field in readers}
    if isinstance(message, Try):
        values["services"] = list(message.services)
    if isinstance(message, Tried):
        values["sightings"] = [[one.kdc, one.service, one.state, one.why] for one in message.sightings]
    if isinstance(message, Grants):
        values["granted_by"] = list(message.granted_by)
        values["grants"] = [[grant.id, grant.end, grant.client] for grant in message.grants]
    return notation.write({tag: name, **values})


def _read(packet: bytes, tag: str, kinds: Mapping[str, tuple[type[M], _Readers]]) -> M:
    if len(packet) > MAX_PACKET:
        raise ValueError(f"the message has more than {MAX_PACKET} bytes")
    if not packet.isascii():
        raise ValueError("the message is not ASCII")
    found = notation.read(packet)
    if type(found) is not dict:
        raise ValueError("the message is not a JSON object")
    name = found.pop(tag, None)
    if type(name) is not str or name not in kinds:
        raise ValueError("no such message")
    kind, readers = kinds[name]
    if found.keys() != readers.keys():
        raise ValueError(f"{name}: these fields are missing or unknown: {', '.join(sorted(found.keys() ^ readers.keys()))}")
    values = {}
    for field, read in readers.items():
        try:
            values[field] = read(found[field])
        except ValueError as fault:
            raise ValueError(f"{name}: {field} {fault}") from None
    return kind(**values)
