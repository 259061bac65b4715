# SPDX-License-Identifier: Apache-2.0
"""The lines in which the record leaves the host: a record, a digest of one, a checkpoint, a countersignature, a
conviction. Each line is one JSON object. Its member ``form`` names what it is, with a version (PROTOCOL.md, "The record").

Law: pure. What was read is written again as the same line, but for spaces and the order of the members. A reader raises
ValueError for every line that does not mean exactly one thing: a member that is missing, occurs twice or has the wrong type, or
a signed text that differs from the members beside it. Whether a seal, a value or a signature is right is not judged here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, ClassVar, TypeVar

from jitd.audit.strict_json import Twice, finite, is_deep, no_constant, unique
from jitd.audit.times import signed_time

CHECKPOINT_NAMESPACE = "jitd-checkpoint"  # the namespace of a host's signature of a checkpoint (OpenSSH, PROTOCOL.sshsig)
COUNTERSIGNATURE_NAMESPACE = "jitd-countersignature"  # the namespace of a witness's signature
KEY_NAMESPACE = "jitd-key"  # the namespace of the two signatures of a host's keys, if one follows the other

_WORD = re.compile(r"[!-~]{1,255}")
_HEX = re.compile(r"[0-9a-f]{64}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,31}")
_ARMORED = re.compile(r"-----BEGIN SSH SIGNATURE-----\n(?:[A-Za-z0-9+/=]{1,76}\n){1,64}-----END SSH SIGNATURE-----\n?")
_MOST_BRACES = 8  # in a line of another program, jitd's object begins at one of the first braces


@dataclass(frozen=True, slots=True)
class Said:
    """A value to which a record commits. ``committed`` and ``salt`` have 32 bytes, and ``value`` is any value of JSON."""

    committed: bytes
    field: str
    salt: bytes
    value: Any


@dataclass(frozen=True, slots=True)
class Record:
    """One record. ``seal`` has 32 bytes, and ``sealed`` is the body exactly as it was sealed. ``values`` are those values that
    the reader of the line may see. With the number, these three prove the record. If the body says in clear what the reader may
    not see, ``sealed`` is empty, and ``digest`` is the SHA-256 of the body: it proves that the chain goes on over the record.

    ``told`` contains the members of the body, for programs that know nothing of seals: values stand in the place of their
    commitments, or a word such as ``‹hidden›``. ``about`` says of which request the record tells. It is None for a note.
    """

    FORM: ClassVar[str] = "jitd record 1"
    host: str
    number: int
    seal: bytes
    sealed: bytes
    told: Mapping[str, Any]
    values: tuple[Said, ...] = ()
    about: Mapping[str, Any] | None = None
    digest: bytes = b""

    def line(self) -> str:
        values = [
            {"committed": said.committed.hex(), "field": said.field, "salt": said.salt.hex(), "value": said.value}
            for said in self.values
        ]
        about = {} if self.about is None else {"about": dict(self.about)}
        first = {"form": self.FORM, "host": self.host, "number": self.number, "seal": self.seal.hex()}
        proof = {"sealed": self.sealed.decode("ascii")} if self.sealed else {"digest": self.digest.hex()}
        return _written({**first, **self.told, **first, **about, **proof, "values": values})


@dataclass(frozen=True, slots=True)
class Digest:
    """What proves that the chain goes on over a record, and shows nothing of it. ``digest`` is the SHA-256 of its body."""

    FORM: ClassVar[str] = "jitd digest 1"
    host: str
    number: int
    digest: bytes

    def line(self) -> str:
        return _written({"form": self.FORM, "host": self.host, "number": self.number, "digest": self.digest.hex()})


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of the chain of ``host`` with its signature of ``signed`` (PROTOCOL.sshsig), ``at`` in whole seconds."""

    FORM: ClassVar[str] = "jitd checkpoint 1"
    NAMESPACE: ClassVar[str] = CHECKPOINT_NAMESPACE
    host: str
    number: int
    seal: bytes
    at: datetime
    signature: str = field(default="", repr=False)

    @property
    def signed(self) -> str:
        """The text that is signed, in ASCII."""
        return f"{self.FORM}\n{_head(self)}"

    def line(self) -> str:
        return _written({"form": self.FORM, **_signed_members(self)})


@dataclass(frozen=True, slots=True)
class Word:
    """What ``host`` says of itself when a roll is called (PROTOCOL.md section 13): ``waiting`` requests are open or
    reviews owed, and the latest checkpoint is of record ``number`` with ``seal``. ``at`` and ``signature`` are as in a
    checkpoint. It is not in the record.
    """

    FORM: ClassVar[str] = "jitd roll 1"
    NAMESPACE: ClassVar[str] = "jitd-roll"
    host: str
    waiting: int
    number: int
    seal: bytes
    at: datetime
    signature: str = field(default="", repr=False)

    @property
    def signed(self) -> str:
        """The text that is signed, in ASCII."""
        head = f"number {self.number}\nseal {self.seal.hex()}\nat {_time(self.at)}\n"
        return f"{self.FORM}\nhost {self.host}\nwaiting {self.waiting}\n{head}"

    def members(self) -> dict[str, Any]:
        """Return the members of its JSON object, which are also those of the row."""
        return {"form": self.FORM, "waiting": self.waiting, **_signed_members(self)}


@dataclass(frozen=True, slots=True)
class _Witnessed:
    """What the witness ``witness`` has signed of ``host``. ``at`` is the time of the witness (UTC, whole seconds)."""

    FORM: ClassVar[str]
    NAMESPACE: ClassVar[str]
    witness: str
    host: str
    number: int
    seal: bytes
    at: datetime
    signature: str = field(default="", repr=False)

    @property
    def signed(self) -> str:
        """The text that is signed, in ASCII."""
        return f"{self.FORM}\nwitness {self.witness}\n{_head(self)}"

    def line(self) -> str:
        return _written({"form": self.FORM, "witness": self.witness, **_signed_members(self)})


class Countersignature(_Witnessed):
    """A head of the chain of ``host``. The witness has seen that the chain leads there from the head that it signed before."""

    __slots__ = ()
    FORM = "jitd countersignature 1"
    NAMESPACE = COUNTERSIGNATURE_NAMESPACE


class Conviction(_Witnessed):
    """``host`` is convicted: it has signed record ``number`` with ``seal``, and then something that cannot be true beside it."""

    __slots__ = ()
    FORM = "jitd conviction 1"
    NAMESPACE = "jitd-conviction"


SignedLine = Checkpoint | Countersignature | Conviction | Word
RecordLine = Record | Digest | Checkpoint | Countersignature  # a line about the record. A conviction is about the host.
S = TypeVar("S", bound=SignedLine)


def is_name(text: str) -> bool:
    """True if ``text`` may be the name of a host or a witness: 1 to 255 visible characters of ASCII."""
    return _WORD.fullmatch(text) is not None


def read(text: str) -> RecordLine | Conviction:
    """Read one line. Raises ValueError; its text is the end of a sentence about the line."""
    return _line(_object(text))


def read_word(text: str) -> Word:
    """Read the word of a host. Raises ValueError; its text is the end of a sentence about the word."""
    found = _object(text)
    if found.get("form") != Word.FORM:
        raise ValueError("has a form that this jitd does not know")
    waiting = found.get("waiting")
    if type(waiting) is not int or not 0 <= waiting < 1 << 63:
        raise ValueError("has no number of requests")
    host, number, seal, at, signature = _signed(found)
    return _as_signed(found, Word(host, waiting, number, seal, at, signature))


def find(text: str) -> RecordLine | Conviction | None:
    """Read the line in ``text``, which another program may have written: syslog puts its own words before the object, and a
    collector may put the object into one of its own. Return None if there is no line of jitd. Raises ValueError if there is one
    that cannot be read.
    """
    at, decoder = -1, _DECODER
    for _ in range(_MOST_BRACES):
        at = text.find("{", at + 1)
        if at < 0:
            break
        try:
            found, _ = decoder.raw_decode(text, at)
        except Twice:
            raise ValueError("has a member twice") from None
        except (ValueError, RecursionError):
            continue
        for one in (found, *(found.values() if isinstance(found, dict) else ())):
            if isinstance(one, dict) and str(one.get("form")).startswith("jitd "):
                return _line(one)
    if '"form":"jitd ' in text or '"form": "jitd ' in text:
        raise ValueError("is cut or damaged: it is not JSON")
    return None


# --- reading -------------------------------------------------------------------------------------------------------------


_DECODER = json.JSONDecoder(object_pairs_hook=unique, parse_constant=no_constant, parse_float=finite)


def _object(text: str) -> dict[str, Any]:
    try:
        found = _DECODER.decode(text)
    except Twice:
        raise ValueError("has a member twice") from None
    except (ValueError, RecursionError):
        raise ValueError("is not JSON") from None
    if not isinstance(found, dict):
        raise ValueError("is not a JSON object")
    return found


def _line(found: dict[str, Any]) -> RecordLine | Conviction:
    if is_deep(found):
        raise ValueError("has too many objects and lists within each other")
    form = found.get("form")
    if form == Record.FORM:
        return _record(found)
    if form == Digest.FORM:
        return Digest(_name(found, "host"), _number(found), _hex(found, "digest"))
    if form == Checkpoint.FORM:
        host, number, seal, at, signature = _signed(found)
        return _as_signed(found, Checkpoint(host, number, seal, at, signature))
    if form == Countersignature.FORM:
        return _as_signed(found, Countersignature(_name(found, "witness"), *_signed(found)))
    if form == Conviction.FORM:
        return _as_signed(found, Conviction(_name(found, "witness"), *_signed(found)))
    raise ValueError("has a form that this jitd does not know")


_PROOF = {"form", "host", "number", "seal", "sealed", "digest", "values", "about"}


def _record(found: dict[str, Any]) -> Record:
    if ("sealed" in found) == ("digest" in found):
        raise ValueError("has neither a member sealed nor digest, or both")
    sealed = _text(found, "sealed") if "sealed" in found else ""
    if not sealed.isascii() or (not sealed and "sealed" in found):
        raise ValueError("has a wrong member sealed")
    values, about = found.get("values"), found.get("about")
    if not isinstance(values, list):
        raise ValueError("has no list of values")
    if about is not None and not isinstance(about, dict):
        raise ValueError("has a wrong member about")
    return Record(
        _name(found, "host"),
        _number(found),
        _hex(found, "seal"),
        sealed.encode("ascii"),
        {name: value for name, value in found.items() if name not in _PROOF},
        tuple(map(_said, values)),
        about,
        _hex(found, "digest") if "digest" in found else b"",
    )


def _said(found: Any) -> Said:
    if not isinstance(found, dict) or found.keys() != {"committed", "field", "salt", "value"}:
        raise ValueError("has a value without commitment, field or salt")
    name = _text(found, "field")
    if not _FIELD.fullmatch(name):
        raise ValueError("has a value of a wrong field")
    return Said(_hex(found, "committed"), name, _hex(found, "salt"), found["value"])


def _signed(found: dict[str, Any]) -> tuple[str, int, bytes, datetime, str]:
    at, signature = _text(found, "at"), _text(found, "signature")
    moment = signed_time(at)
    if not _ARMORED.fullmatch(signature):
        raise ValueError("has no signature of SSH")
    return _name(found, "host"), _number(found), _hex(found, "seal"), moment, signature


def _as_signed(found: dict[str, Any], line: S) -> S:
    if _text(found, "signed") != line.signed:
        raise ValueError("says something else than what was signed")
    return line


def _text(found: dict[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise ValueError(f"has no member {name}")
    return value


def _name(found: dict[str, Any], name: str) -> str:
    value = _text(found, name)
    if not is_name(value):
        raise ValueError(f"has a wrong member {name}")
    return value


def _hex(found: dict[str, Any], name: str) -> bytes:
    value = _text(found, name)
    if not _HEX.fullmatch(value):
        raise ValueError(f"has a wrong member {name}")
    return bytes.fromhex(value)


def _number(found: dict[str, Any]) -> int:
    value = found.get("number")
    if type(value) is not int or not 0 < value < 1 << 63:
        raise ValueError("has no number of a record")
    return value


# --- writing -------------------------------------------------------------------------------------------------------------


def _head(line: Checkpoint | _Witnessed) -> str:
    return f"host {line.host}\nnumber {line.number}\nseal {line.seal.hex()}\nat {_time(line.at)}\n"


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _signed_members(line: Checkpoint | Word | _Witnessed) -> dict[str, Any]:
    return {
        "host": line.host,
        "number": line.number,
        "seal": line.seal.hex(),
        "at": _time(line.at),
        "signed": line.signed,
        "signature": line.signature,
    }


_encode = json.JSONEncoder(ensure_ascii=True, allow_nan=False, separators=(",", ":")).encode


def _written(line: dict[str, Any]) -> str:
    return _encode(line)
