# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-givers. Each question names a thing. The answers are the classes of ``kind``.

A message is one JSON object in ASCII. The field ``do`` names the question, and the field ``said`` names the answer.
tests/givers/golden has the bytes of each message. A secret is not part of a message. The descriptor of the secret is sent in the
same packet as the answer ``given``. Law: pure. A message is accepted only if it has exactly the declared fields. Each field must
have the declared type, and its value must be within the declared bounds. Every other message raises ValueError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jitd.core.conditions import is_name
from jitd.core.thing import FORMER_KINDS, KINDS, read_giver
from jitd.givers.kind import HOLDING, MOST_BROUGHT, Failed, Given, Order, Refused, Seen, State, Strays, Taken
from jitpam.wire import notation

LONGEST_WHY = 1_000
"""Maximum number of characters of a sentence."""
MOST_ORDERS = 5_000
"""Maximum number of holdings in one message."""
LATEST = 253402300799
"""The last second of the year 9999, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Give:
    """Give the thing that ``order`` names. The thing is of the kind ``kind``."""

    kind: str
    order: Order


@dataclass(frozen=True, slots=True)
class Mend:
    """Repair the thing for its holder, so that the thing is again as it was given. Keep the secret that the holder has."""

    kind: str
    order: Order


@dataclass(frozen=True, slots=True)
class Take:
    """Take the thing back."""

    kind: str
    order: Order


@dataclass(frozen=True, slots=True)
class Look:
    """Report the present state of the thing."""

    kind: str
    order: Order


@dataclass(frozen=True, slots=True)
class Search:
    """Search for things of the giver ``name``, which is of the kind ``kind``. Return the holdings for which such things exist,
    without the holdings in ``holdings``.
    """

    kind: str
    name: str
    holdings: tuple[str, ...] = ()


Question = Give | Mend | Take | Look | Search
Answer = Given | Taken | Seen | Strays | Refused | Failed
_Deed = type[Give] | type[Mend] | type[Take] | type[Look]
_DEEDS: Mapping[str, _Deed] = {"give": Give, "mend": Mend, "take": Take, "look": Look}


def sentence(text: str) -> str:
    """Return ``text`` as a sentence for an answer. The sentence has only printable ASCII characters, and at most LONGEST_WHY
    characters.
    """
    plain = "".join(c if c.isprintable() and c.isascii() else "?" for c in text) or "?"
    return plain if len(plain) <= LONGEST_WHY else plain[: LONGEST_WHY - 3] + "..."


def write_question(question: Question) -> bytes:
    """Return the bytes of ``question``. Raises ValueError if the reader of the message would refuse it."""
    value: dict[str, object]
    if isinstance(question, Search):
        value = {"do": "search", "kind": question.kind, "name": question.name, "holdings": list(question.holdings)}
    else:
        do = next(name for name, made in _DEEDS.items() if type(question) is made)
        order = question.order
        value = {"do": do, "kind": question.kind} | {field: getattr(order, field) for field in _ORDER}
    written = notation.write(value)
    if read_question(written) != question:
        raise ValueError("the message changes when it is written and read again")
    return written


def read_question(written: bytes) -> Question:
    """Return the question in ``written``. Raises ValueError."""
    found = _object(written)
    do = found.pop("do", None)
    if do == "search":
        return Search(**_read(found, {"kind": _kind, "name": _name, "holdings": _holdings}, "search"))
    if type(do) is not str or do not in _DEEDS:
        raise ValueError("no such question")
    values = _read(found, {"kind": _kind, **_ORDER}, do)
    kind = values.pop("kind")
    return _DEEDS[do](kind, Order(**values))


def write_answer(answer: Answer) -> bytes:
    """Return the bytes of ``answer``. The secret is not part of these bytes. Raises ValueError if the reader of the message
    would refuse it.
    """
    said, (_, fields) = next((said, row) for said, row in _ANSWERS.items() if type(answer) is row[0])
    values = {field: getattr(answer, field) for field in fields}
    plain = {field: list(value) if isinstance(value, tuple) else str(value) for field, value in values.items()}
    written = notation.write({"said": said, **plain})
    back = read_answer(written)
    if any(getattr(back, field) != value for field, value in values.items()):
        raise ValueError("the message changes when it is written and read again")
    return written


def read_answer(written: bytes, secret: int | None = None) -> Answer:
    """Return the answer in ``written``. ``secret`` is the descriptor that came with the message. Raises ValueError. If
    ValueError is raised, the caller closes the descriptor.
    """
    found = _object(written)
    said = found.pop("said", None)
    if type(said) is not str or said not in _ANSWERS:
        raise ValueError("no such answer")
    made, readers = _ANSWERS[said]
    values = _read(found, readers, said)
    if secret is None:
        return made(**values)
    if made is not Given:
        raise ValueError(f"{said} came with a descriptor, but must have none")
    return Given(**values, secret=secret)


# --- fields ----------------------------------------------------------------------------------------------------------


def _object(written: bytes) -> dict[str, object]:
    if not written.isascii():
        raise ValueError("the message is not ASCII")
    found = notation.read(written)
    if type(found) is not dict:
        raise ValueError("the message is not a JSON object")
    return found


_Readers = Mapping[str, Callable[[object], object]]


def _read(found: dict[str, object], readers: _Readers, name: str) -> dict[str, Any]:
    if found.keys() != readers.keys():
        raise ValueError(f"{name}: these fields are missing or unknown: {', '.join(sorted(found.keys() ^ readers.keys()))}")
    values = {}
    for field, read in readers.items():
        try:
            values[field] = read(found[field])
        except ValueError as fault:
            raise ValueError(f"{name}: {field} {fault}") from None
    return values


def _checked(is_right: Callable[[str], object], what: str) -> Callable[[object], str]:
    def read(value: object) -> str:
        if type(value) is not str or not is_right(value):
            raise ValueError(f"is not {what}")
        return value

    return read


def _number(most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if type(value) is not int or not 0 <= value <= most:
            raise ValueError(f"is not a number from 0 to {most}")
        return value

    return read


def _holdings(value: object) -> tuple[str, ...]:
    if type(value) is not list or len(value) > MOST_ORDERS:
        raise ValueError(f"is not a list of at most {MOST_ORDERS} items")
    return tuple(_holding(item) for item in value)


def _state(value: object) -> State:
    if type(value) is not str:
        raise ValueError("is not a state")
    return State(value)


_kind = _checked((*KINDS, *FORMER_KINDS).__contains__, "a kind of thing")
_name = _checked(read_giver, "the name of a giver")
_holding = _checked(HOLDING.fullmatch, "the id of a holding")
_account = _checked(is_name, "the name of an account")
_brought = _checked(
    lambda text: len(text) <= MOST_BROUGHT and text.isascii() and (not text or text.isprintable()), "a line of ASCII"
)
_digest = _checked(lambda text: re.fullmatch(r"(?:[0-9a-f]{64})?", text), "a digest in hexadecimal, or nothing")
_why = _checked(lambda text: sentence(text) == text, "a sentence")
_perhaps = _checked(lambda text: not text or sentence(text) == text, "a sentence or nothing")
_ORDER: _Readers = {
    "holding": _holding,
    "name": _name,
    "account": _account,
    "uid": _number(2**32 - 2),
    "until": _number(LATEST),
    "brought": _brought,
    "approved": _digest,
}
_ANSWERS: Mapping[str, tuple[Callable[..., Answer], _Readers]] = {
    "given": (Given, {"tell": _perhaps}),
    "taken": (Taken, {"left": _perhaps}),
    "seen": (Seen, {"state": _state, "why": _perhaps}),
    "strays": (Strays, {"holdings": _holdings}),
    "refused": (Refused, {"why": _why}),
    "failed": (Failed, {"why": _why}),
}
