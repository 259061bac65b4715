# SPDX-License-Identifier: Apache-2.0
"""The statement of a receipt: what an approver signs with a key of their own, beside the proof by Kerberos (PROTOCOL.md,
"Receipts").

Law: pure, for Python 3.9 and later. A statement has one spelling: what is read is written again as the same bytes, so nobody can
make a second statement out of a signed one. It has no word that somebody typed, and nothing from which one could be guessed.
Part of verify.py, so it imports nothing of jitd but other parts.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from jitd.audit.times import signed_time

FORM = "jitd receipt 1"
UNLOCK_FORM = "jitd unlock receipt 1"
NAMESPACE = "jitd-receipt"  # the namespace of the signature (OpenSSH, PROTOCOL.sshsig)
HASH = "sha256"  # the hash of the signature
VERDICTS = ("approve", "deny", "reviewed")
UNLOCK = "unlock"  # the verdict of a statement with UNLOCK_FORM
TIME_FORMAT = "%Y-%m-%dT%H:%M:%SZ"  # of a time in UTC
N_RANDOM = 16  # random bytes of the client
MOST = 8192  # characters of a statement

_IN_ORDER = (
    *("verdict", "host", "id", "requester", "approver", "rule", "policy", "expires", "terms", "at", "random"),
    *("submitted", "newest"),
)
_OF_UNLOCK = ("host", "lock", "on", "operator", "policy", "at", "random", "placed", "newest")
_VISIBLE = re.compile(rb"[!-$&-~]")  # what stands for itself in a word: visible ASCII, without the percent sign
_ESCAPED_WORD = re.compile(r"(?:[!-$&-~]|%[0-9A-F]{2})+")
_DIGEST_HEX = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,17}")  # below the 63 bits of a database
_RANDOM = re.compile(rf"[0-9a-f]{{{2 * N_RANDOM}}}")
_TERMS = re.compile(rf"lasts=({_NUMBER.pattern}) uses=({_NUMBER.pattern}) timeout=({_NUMBER.pattern}|-) starts=([0-9TZ:-]+)")


class Sealed(NamedTuple):
    """A record of the host's chain: its number, and its seal (32 bytes)."""

    number: int
    seal: bytes


class Terms(NamedTuple):
    """What is granted at most: for how many seconds, and for how many uses. ``timeout_for`` is the longest run in seconds, or
    None. ``starts_at`` is when the grant begins, or empty if it begins with the approval.
    """

    lasts_for: int
    uses: int
    timeout_for: int | None = None
    starts_at: str = ""


class Statement(NamedTuple):
    """What is signed. Times are ``2026-11-26T21:00:00Z``. ``policy`` has 32 bytes, and ``random`` N_RANDOM. ``at`` is when it was
    signed (``receipted.is_timely``). ``submitted`` is the record of the submission of the request, and ``newest`` the newest
    record about it that the signer has been told of.
    """

    verdict: str
    host: str
    id: str
    requester: str
    approver: str
    rule: str
    policy: bytes
    expires: str
    terms: Terms
    at: str
    random: bytes
    submitted: Sealed
    newest: Sealed

    @property
    def matter(self) -> Statement:
        """This statement without what each signer adds. What two statements are about is the same if their matters are."""
        return self._replace(at="", random=b"", newest=self.submitted)

    def text(self) -> str:
        """Return the text that is signed, in ASCII. Raises ValueError if it would not be read again."""
        starts, timeout = self.terms.starts_at or "-", "-" if self.terms.timeout_for is None else self.terms.timeout_for
        told = (
            self.verdict,
            *map(word, (self.host, self.id, self.requester, self.approver, self.rule)),
            self.policy.hex(),
            self.expires,
            f"lasts={self.terms.lasts_for} uses={self.terms.uses} timeout={timeout} starts={starts}",
            self.at,
            self.random.hex(),
            f"{self.submitted.number} {self.submitted.seal.hex()}",
            f"{self.newest.number} {self.newest.seal.hex()}",
        )
        made = "".join((FORM, "\n", *(f"{name} {one}\n" for name, one in zip(_IN_ORDER, told))))
        if _read(made) != self:
            raise ValueError("cannot be a receipt")
        return made


class Unlock(NamedTuple):
    """What is signed to lift the lock ``id``, which is on ``whom`` (``user``, ``principal`` or ``all``) and ``name``. ``placed``
    is the record that placed it, and ``newest`` the newest one about it that the signer has been told of. For the others see
    Statement.
    """

    host: str
    id: str
    whom: str
    name: str
    operator: str
    policy: bytes
    at: str
    random: bytes
    placed: Sealed
    newest: Sealed

    @property
    def matter(self) -> Unlock:
        """As of a Statement."""
        return self._replace(at="", random=b"", newest=self.placed)

    def text(self) -> str:
        """As of a Statement."""
        told = (
            word(self.host),
            word(self.id),
            f"{self.whom} {word(self.name)}" if self.name else self.whom,
            word(self.operator),
            self.policy.hex(),
            self.at,
            self.random.hex(),
            f"{self.placed.number} {self.placed.seal.hex()}",
            f"{self.newest.number} {self.newest.seal.hex()}",
        )
        made = "".join((UNLOCK_FORM, "\n", *(f"{name} {one}\n" for name, one in zip(_OF_UNLOCK, told))))
        if _read_unlock(made) != self:
            raise ValueError("cannot be a receipt")
        return made


def read_unlock(text: str) -> Unlock:
    """Read a statement about a lock, as ``read`` does."""
    found = _read_unlock(text)
    if found.text() != text:
        raise ValueError("is not in the one form that a receipt has")
    return found


def read(text: str) -> Statement:
    """Read a statement. Raises ValueError; its text is the end of a sentence about the statement."""
    found = _read(text)
    if found.text() != text:
        raise ValueError("is not in the one form that a receipt has")
    return found


def word(text: str) -> str:
    """Return ``text`` as a word of a statement: each byte of its UTF-8 that is not visible ASCII is a percent sign and two
    hexadecimal digits, and so is the percent sign.
    """
    return "".join(chr(one) if _VISIBLE.match(bytes((one,))) else f"%{one:02X}" for one in text.encode("utf-8"))


def _unworded(text: str) -> str:
    if not _ESCAPED_WORD.fullmatch(text):
        raise ValueError("has a field that cannot be a word of a receipt")
    try:
        return re.sub(rb"%([0-9A-F]{2})", lambda found: bytes((int(found[1], 16),)), text.encode("ascii")).decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("has a field that is not UTF-8") from None


def _read(text: str) -> Statement:
    told = _fields(text, FORM, _IN_ORDER)
    verdict, host, id, requester, approver, rule, policy, expires, terms, at, random, submitted, newest = told
    if verdict not in VERDICTS:
        raise ValueError("has a verdict that this program does not know")
    _has_forms(policy=(_DIGEST_HEX, policy), random=(_RANDOM, random))
    _has_times(expires=expires, at=at)
    return Statement(
        verdict,
        _unworded(host),
        _unworded(id),
        _unworded(requester),
        _unworded(approver),
        _unworded(rule),
        bytes.fromhex(policy),
        expires,
        _terms(terms),
        at,
        bytes.fromhex(random),
        _sealed(submitted, "submitted"),
        _sealed(newest, "newest"),
    )


def _read_unlock(text: str) -> Unlock:
    host, id, on, operator, policy, at, random, placed, newest = _fields(text, UNLOCK_FORM, _OF_UNLOCK)
    _has_forms(policy=(_DIGEST_HEX, policy), random=(_RANDOM, random))
    _has_times(at=at)
    whom, space, name = on.partition(" ")
    if whom not in ("user", "principal", "all") or (whom == "all") is bool(space):
        raise ValueError("has a wrong field on")
    return Unlock(
        _unworded(host),
        _unworded(id),
        whom,
        _unworded(name) if space else "",
        _unworded(operator),
        bytes.fromhex(policy),
        at,
        bytes.fromhex(random),
        _sealed(placed, "placed"),
        _sealed(newest, "newest"),
    )


def _fields(text: str, form: str, names: tuple[str, ...]) -> list[str]:
    lines = text.split("\n")
    if len(text) > MOST or lines[0] != form or len(lines) != len(names) + 2 or lines[-1]:
        raise ValueError(f"does not have the form {form}")
    told = []
    for line, name in zip(lines[1:], names):
        if not line.startswith(f"{name} "):
            raise ValueError(f"has no field {name} in its place")
        told.append(line[len(name) + 1 :])
    return told


def _has_forms(**fields: tuple[re.Pattern[str], str]) -> None:
    for name, (form, one) in fields.items():
        if not form.fullmatch(one):
            raise ValueError(f"has a wrong field {name}")


def _has_times(**fields: str) -> None:
    for name, one in fields.items():
        try:
            signed_time(one)
        except ValueError:
            raise ValueError(f"has a wrong field {name}") from None


def _terms(text: str) -> Terms:
    found = _TERMS.fullmatch(text)
    if found is None:
        raise ValueError("has a wrong field terms")
    lasts, uses, timeout, starts = found.groups()
    if starts != "-":
        _has_times(terms=starts)
    return Terms(int(lasts), int(uses), None if timeout == "-" else int(timeout), "" if starts == "-" else starts)


def _sealed(text: str, name: str) -> Sealed:
    number, _, seal = text.partition(" ")
    if not _NUMBER.fullmatch(number) or not _DIGEST_HEX.fullmatch(seal):
        raise ValueError(f"has a wrong field {name}")
    return Sealed(int(number), bytes.fromhex(seal))
