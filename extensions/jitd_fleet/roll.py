# SPDX-License-Identifier: Apache-2.0
"""Which of many hosts are worth asking, by what a carrier has brought as their words (PROTOCOL.md section 13).

Law: pure. What was brought is believed only if it is signed by the key that the host itself has told in a proven conversation. It
is a reason not to ask, and nothing else: if anything is wrong with it, or not known, the host is asked. Each host is asked at
least every ASKED_EVERY seconds, whatever its words say.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from jitd.audit.forms import Word, read_word
from jitd_fleet.signatures import is_good, key_in

ASKED_EVERY = 600.0
OLD_AFTER = 120.0  # seconds after which a word is old. A host says one each minute.
AHEAD = 60.0  # seconds at most by which the clock of a host may be ahead of ours
MOST_BYTES = 4096
NOTHING, ANY = -1, 1 << 63  # `seen` of a `Pin`: nothing was seen; the host has not said in which record, so the highest number


@dataclass(frozen=True, slots=True)
class Pin:
    """What is known of a host. It has told its key ``public`` itself. ``at`` is the time of its newest word that was believed, by
    its own clock, or by ours if its own is far ahead. ``number`` and ``seal`` are those of this word. ``asked_at`` is when it was
    asked last, by our clock. If something was seen waiting there, ``seen`` is the record of that moment.
    """

    public: bytes
    number: int
    seal: bytes
    at: float
    asked_at: float
    seen: int = NOTHING


@dataclass(frozen=True, slots=True)
class Judged:
    """Whether a host has to be asked, and what is told about it (or an empty text). ``pin`` is what is known of it now."""

    asks: bool
    says: str = ""
    pin: Pin | None = None


def judged(host: str, brought: bytes | None, pin: Pin | None, now: float) -> Judged:
    """Judge what was ``brought`` as the word of ``host``. ``now`` is in seconds since 1970, by our clock."""
    if pin is None:
        return Judged(True)
    if brought is None:
        return Judged(True, _unheard(pin.at, now), pin)
    try:
        word = read_word(brought[: MOST_BYTES + 1].decode("ascii")) if len(brought) <= MOST_BYTES else None
    except ValueError:
        word = None
    if word is None:
        return Judged(True, "what was brought as its word is none", pin)
    if word.host != host:
        return Judged(True, "what was brought as its word is that of another host", pin)
    if not _is_signed(word, pin.public):
        return Judged(True, "what was brought as its word is not signed by its key", pin)
    at = word.at.timestamp()
    if at > now + AHEAD:
        return Judged(True, _to_come(at, now), pin)
    if says := _behind(word, pin, now):
        return Judged(True, says, pin)
    known = replace(pin, number=word.number, seal=word.seal, at=max(pin.at, at))
    if now - at > OLD_AFTER:
        return Judged(True, f"its word is {int((now - at) // 60)} minutes old" if now - at < 3600 else _unheard(at, now), known)
    asks = word.waiting > 0 or word.number <= pin.seen or not 0 <= now - pin.asked_at < ASKED_EVERY
    return Judged(asks, "", known)


def learnt(host: str, row: Mapping[str, Any], pin: Pin | None, now: float) -> Judged:
    """Take the word in ``row``, which ``host`` has given in a proven conversation. ``pin`` is what was known before."""
    try:
        word = read_word(json.dumps(row))
    except ValueError:
        return Judged(True, "what it gives as its word is none", pin)
    public = key_in(word.signature)
    if word.host != host or not _is_signed(word, public):
        return Judged(True, "what it gives as its word is not signed, or not its own", pin)
    at = word.at.timestamp()
    says = [_to_come(at, now) if at > now + AHEAD else ""]
    if pin is not None:
        if pin.public != public:
            says.append("it has another key than before (jitd audit key on the host), which is taken from now on")
        says.append(_behind(word, pin, now))
    seen = NOTHING if pin is None else pin.seen
    fresh = Pin(public, word.number, word.seal, now if at > now + AHEAD else at, now, seen)
    return Judged(True, "; ".join(filter(None, says)), fresh)


def merged(written: Pin, ours: Pin, now: float) -> Pin:
    """Return what is known of a host of which another desk of the same person has ``written`` something meanwhile. The key is the
    one that the host has told last. Nothing that is of a time to come takes the place of ``ours``. What one of the two has seen
    counts for both.
    """
    ours, written = (replace(pin, seen=max(ours.seen, written.seen)) for pin in (ours, written))
    if written.asked_at > now or written.at > now + AHEAD:
        return ours
    asked = max(ours, written, key=lambda pin: pin.asked_at)
    if ours.public != written.public:
        return asked
    return replace(max(ours, written, key=lambda pin: pin.at), asked_at=asked.asked_at)


def _behind(word: Word, pin: Pin, now: float) -> str:
    """Return what is told if the record of ``word`` does not go on from that of ``pin``, or an empty text."""
    if word.number < pin.number:
        return f"its record is older than what you saw at {_clock(pin.at, now)}"
    if word.number == pin.number and word.seal != pin.seal:
        return f"its record is not the one that you saw at {_clock(pin.at, now)}"
    return ""


def _is_signed(word: Word, public: bytes) -> bool:
    return is_good(public, Word.NAMESPACE, word.signed.encode("ascii"), word.signature)


def _to_come(at: float, now: float) -> str:
    return f"its word is of {_clock(at, now)}, which is to come: its clock or yours is wrong"


def _unheard(at: float, now: float) -> str:
    return f"not heard since {_clock(at, now)}"


def _clock(at: float, now: float) -> str:
    """Return the time ``at`` as people here read it: with the date if it is not of today."""
    then, today = time.localtime(at), time.localtime(now)
    return time.strftime("%H:%M" if then[:3] == today[:3] else "%Y-%m-%d %H:%M", then)
