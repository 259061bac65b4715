# SPDX-License-Identifier: Apache-2.0
"""Verifies a pack of jitd, on any computer: `python3 verify.py PACK.zip`. It needs Python 3.9 or later and the package
cryptography, and nothing else of jitd (PROTOCOL.md, "Packs").

Law: a pack is believed in nothing. Each byte of it is either one that this file would have written, or covered by a digest that
the signed head of the host's chain covers. What is told of a value, a record or an object is computed here from what was sealed.
A page is a function of the files of a pack alone, on every version of Python.
"""

from __future__ import annotations

import sys

if __name__ == "__main__" and not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
    del sys.path[0]  # the directory of this file, where the files of a stranger may lie

import argparse
import base64
import hashlib
import html
import io
import json
import mmap
import re
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from jitd.audit.allowed_signers import NamedKey, read_named
from jitd.audit.host_names import name_at, renamed_in
from jitd.audit.moves import ENDED, Held, Illegal, Together, fault_of, held_of, is_id, link_of, step_of, wider
from jitd.audit.receipt import UNLOCK_FORM, Statement, Unlock, read
from jitd.audit.receipted import (
    ISSUED,
    SCREENED,
    BadReceipt,
    Told,
    check_begun,
    check_issued,
    check_receipt,
    check_screened,
    check_sealed,
    check_time,
    countersigns,
)
from jitd.audit.ssh_signatures import BadSignature, Checked
from jitd.audit.sshsig import ForeignKey, check_signature, fingerprint, read_public, signer
from jitd.audit.strict_json import Wrong, canonical, is_same, read_json
from jitd.audit.times import recorded_time, signed_time
from jitd.core.differences import Work, differences
from jitd.core.instead import FORGOTTEN, HIDDEN, INSTEAD, NOT_OF_VALUES, sealed_instead
from jitd.core.moves import IDS, MAY_BE_SET_ASIDE, NOTHING, SET_ASIDE
from jitd_evidence.pack.zipped import MOST_SIZE, Bytes, read_zip

Files = Mapping[str, Bytes]

MOST_TEXT = 1 << 26  # bytes of a file that is read as text. The daemon makes smaller ones.
MOST_SHOWN = 1 << 14  # records that a pack shows. The daemon shows fewer.
MOST_KEYS = 1000  # keys of a host that a pack names
MOST_TOLD = 100  # findings that are printed. The others are counted.

README, PAGE, OWN_COPY, RECORDS, DOCUMENTS = "README.txt", "index.html", "verify.py", "records.jsonl", "documents.jsonl"
TRACE, TEXTS, MANIFEST, PROOF = "trace.json", "texts/", "manifest.json", "proof.jsonl"
ALWAYS = (README, PAGE, OWN_COPY, RECORDS, DOCUMENTS, MANIFEST, PROOF)
_RUN = IDS["run"]
_NAMES = (
    re.escape(README),
    re.escape(PAGE),
    re.escape(OWN_COPY),
    re.escape(RECORDS),
    re.escape(DOCUMENTS),
    r"policy-[0-9a-f]{64}\.json",
    re.escape(TRACE),
    r"texts/[0-9a-f]{64}",
    rf"recordings/{_RUN}\.(?:jitd|cast)",
    re.escape(MANIFEST),
    re.escape(PROOF),
)
"""Patterns of all names that a file of a pack can have, in the order of the pack."""


class Finding(NamedTuple):
    """One thing that is wrong. ``file`` is the name of a file, or empty for the pack itself. ``line`` is 0 if no line of it is
    meant. ``what`` is a sentence without a full stop.
    """

    file: str
    line: int
    what: str

    def __str__(self) -> str:
        where = self.file or "the pack"
        return f"{where}, line {self.line}: {self.what}" if self.line else f"{where}: {self.what}"


# --- the zip file --------------------------------------------------------------------------------------------------------


def _rank(name: str, least: int) -> int:
    """Return the place of ``name`` in the order of a pack. Raises Wrong."""
    for rank, pattern in enumerate(_NAMES):
        if re.fullmatch(pattern, name):
            if rank < least:
                raise Wrong(f"{name} stands in the wrong place")
            return rank
    raise Wrong(f"no pack has a file with the name {_ascii(name)}")


# --- JSON ----------------------------------------------------------------------------------------------------------------


_ENCODER = json.JSONEncoder(separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def _text_of(files: Files, name: str) -> str:
    content = files[name]
    if len(content) > MOST_TEXT:
        raise Wrong("is too long to be read")
    try:
        return bytes(content).decode("ascii")
    except UnicodeDecodeError:
        raise Wrong("has characters that are not ASCII") from None


def _object(files: Files, name: str, form: str) -> dict[str, Any]:
    found = read_json(_text_of(files, name))
    if not isinstance(found, dict) or found.get("form") != form:
        raise Wrong(f"is not a file of the form {form}")
    return found


def _lines(files: Files, name: str) -> Iterator[tuple[int, str]]:
    text = _text_of(files, name)
    if text and not text.endswith("\n"):
        raise Wrong("ends within a line")
    yield from enumerate(text.split("\n")[:-1], 1)


# --- signatures ----------------------------------------------------------------------------------------------------------


def public_in(line: str) -> bytes:
    """As ``read_public``. Raises Wrong with the end of a sentence."""
    try:
        return read_public(line)
    except ValueError:
        raise Wrong("is not a public key of the form 'ssh-ed25519 BASE64'") from None


def signer_of(armored: str) -> bytes:
    """As ``signer``. Raises Wrong."""
    try:
        return signer(armored)
    except BadSignature:
        raise Wrong("is not a signature of OpenSSH by an Ed25519 key") from None


def check(public: bytes, namespace: str, message: str, armored: str) -> None:
    """As ``check_signature``. Raises Wrong with the end of a sentence that begins with "the signature"."""
    signer_of(armored)
    try:
        check_signature(public, namespace, message.encode("ascii"), armored)
    except ForeignKey as fault:
        raise Wrong(str(fault)) from None
    except (BadSignature, ValueError):
        raise Wrong("does not fit what was signed") from None


def read_keys(text: str) -> list[NamedKey]:
    """Read public keys, one on each line, each alone or in a line of allowed signers (ssh-keygen(1)). Raises Wrong."""
    found = []
    for number, line in enumerate(text.split("\n"), 1):
        line = line.strip()
        if not line or line.startswith("#"):
            continue
        try:
            found.append(read_named(line))
        except ValueError:
            raise Wrong(f"line {number} is not a public key, or has other options than namespaces") from None
    if not found:
        raise Wrong("there is no public key in it")
    return found


# --- the lines of the record -----------------------------------------------------------------------------------------------


class Value(NamedTuple):
    """A value to which a record commits."""

    committed: str
    field: str
    salt: bytes
    value: Any


class Line(NamedTuple):
    """A line of the record. ``at`` is its place in the file, ``form`` the second word of its form. ``sealed`` and ``content`` are
    the record as it was sealed; ``sealed`` is empty and ``content`` is None if its reader may not see all of it. ``told`` has the
    members of the record as they are told, and ``values`` the values of it. ``signed``, ``signature``, ``time`` and ``witness``
    are those of a checkpoint or a countersignature.
    """

    at: int
    form: str
    host: str
    number: int
    seal: bytes = b""
    digest: bytes = b""
    sealed: bytes = b""
    content: dict[str, Any] | None = None
    told: Mapping[str, Any] = {}
    values: tuple[Value, ...] = ()
    about: Mapping[str, Any] = {}
    signed: str = ""
    signature: str = ""
    time: str = ""
    witness: str = ""

    @property
    def body(self) -> Mapping[str, Any]:
        """The record: as it was sealed, if that is known, or as it is told."""
        return self.told if self.content is None else self.content


_WORD = re.compile(r"[!-~]{1,255}")
_HEX = re.compile(r"[0-9a-f]{64}")
_FIELD = re.compile(r"[a-z][a-z0-9_]{0,31}")


def read_line(at: int, text: str) -> Line:
    """Read a line of the record, which has exactly one spelling. Raises Wrong with the end of a sentence about the line."""
    found = read_json(text)
    if not isinstance(found, dict) or _ENCODER.encode(found) != text:
        raise Wrong("is not a line as jitd writes it")
    form, host, number = found.get("form"), found.get("host"), found.get("number")
    if not isinstance(host, str) or not _WORD.fullmatch(host):
        raise Wrong("has no name of a host")
    if type(number) is not int or not 0 < number < 1 << 63:
        raise Wrong("has no number of a record")
    if form == "jitd digest 1":
        _has(found, "form", "host", "number", "digest")
        return Line(at, "digest", host, number, digest=_hex(found, "digest"))
    if form == "jitd checkpoint 1":
        _has(found, "form", "host", "number", "seal", "at", "signed", "signature")
        return _signed(at, "checkpoint", found, host, number, "jitd checkpoint 1\n")
    if form == "jitd countersignature 1":
        _has(found, "form", "witness", "host", "number", "seal", "at", "signed", "signature")
        witness = _text(found, "witness")
        if not _WORD.fullmatch(witness):
            raise Wrong("has no name of a witness")
        head = f"jitd countersignature 1\nwitness {witness}\n"
        return _signed(at, "countersignature", found, host, number, head)._replace(witness=witness)
    if form == "jitd record 1":
        return _record(at, found, host, number)
    raise Wrong("has a form that no pack has")


def _signed(at: int, form: str, found: Mapping[str, Any], host: str, number: int, head: str) -> Line:
    time, seal = _text(found, "at"), _hex(found, "seal")
    _check_time(signed_time, time)
    signed = f"{head}host {host}\nnumber {number}\nseal {seal.hex()}\nat {time}\n"
    if _text(found, "signed") != signed:
        raise Wrong("says something else than what was signed")
    return Line(at, form, host, number, seal=seal, signed=signed, signature=_text(found, "signature"), time=time)


def _record(at: int, found: dict[str, Any], host: str, number: int) -> Line:
    own = {"form", "host", "number", "seal", "about", "sealed", "digest", "values"}
    told = {name: part for name, part in found.items() if name not in own}
    about = ("about",) if "about" in found else ()
    proof = "sealed" if "sealed" in found else "digest"
    _has(found, "form", "host", "number", "seal", *sorted(told), *about, proof, "values")
    content, sealed = None, b""
    if proof == "sealed":
        try:
            sealed = _text(found, "sealed").encode("ascii")
            content = read_json(sealed.decode("ascii"))
        except (UnicodeEncodeError, Wrong):
            content = None
        if not isinstance(content, dict) or canonical(content) != sealed:
            raise Wrong(f"has something sealed that is not a record of jitd in canonical form (record {number})")
    if not isinstance(found["values"], list) or not isinstance(found.get("about", {}), dict):
        raise Wrong("has a member of a wrong type")
    if not sealed and not all(told.get(name, HIDDEN) == HIDDEN for name in ("random", "document")):
        raise Wrong("hides a part of a record, and not what is always hidden then: its random bytes and its document's digest")
    _check_time(recorded_time, told.get("at") if content is None else content.get("at"))
    digest = hashlib.sha256(sealed).digest() if sealed else _hex(found, "digest")
    values = tuple(map(_value, found["values"]))
    return Line(at, "record", host, number, _hex(found, "seal"), digest, sealed, content, told, values, found.get("about", {}))


def _check_time(read: Callable[[Any], datetime], text: Any) -> None:
    try:
        read(text)
    except ValueError as fault:
        raise Wrong(str(fault)) from None


def _value(found: Any) -> Value:
    if not isinstance(found, dict):
        raise Wrong("has a value without commitment, field or salt")
    _has(found, "committed", "field", "salt", "value")
    if not _FIELD.fullmatch(_text(found, "field")):
        raise Wrong("has a value of a wrong field")
    return Value(_hex(found, "committed").hex(), found["field"], _hex(found, "salt"), found["value"])


def _has(found: Mapping[str, Any], *names: str) -> None:
    if tuple(found) != names:
        raise Wrong("does not have exactly the members of its form, in their order")


def _text(found: Mapping[str, Any], name: str) -> str:
    value = found.get(name)
    if not isinstance(value, str):
        raise Wrong(f"has no member {name}")
    return value


def _hex(found: Mapping[str, Any], name: str) -> bytes:
    value = _text(found, name)
    if not _HEX.fullmatch(value):
        raise Wrong(f"has a wrong member {name}")
    return bytes.fromhex(value)


def committed_in(part: Any) -> str | None:
    """If ``part`` is a commitment, return its 64 hexadecimal digits."""
    if isinstance(part, dict) and len(part) == 1 and isinstance(found := part.get("committed"), str) and len(found) == 64:
        return found
    return None


def commitments_in(sealed: bytes) -> set[str]:
    """Return the commitments in a record or an object as it was sealed."""
    return {found.decode("ascii") for found in re.findall(rb'\{"committed":"([0-9a-f]{64})"\}', sealed)}


def commitment(field: str, salt: bytes, value: Any) -> str:
    """Return the commitment to ``value`` in 64 hexadecimal digits (PROTOCOL.md, "Values")."""
    name, content = field.encode("ascii"), canonical(value)
    lengths = len(name).to_bytes(8, "big"), len(content).to_bytes(8, "big")
    return hashlib.sha256(b"jitd value 1\n" + salt + lengths[0] + name + lengths[1] + content).hexdigest()


def seal_over(number: int, before: bytes, digest: bytes) -> bytes:
    """Return the seal of record ``number`` (PROTOCOL.md, "The chain")."""
    return hashlib.sha256(b"jitd chain 2\n" + number.to_bytes(8, "big") + before + digest).digest()


def _is_told(told: Any, sealed: Any, values: Mapping[str, Any]) -> bool:
    """True if ``told`` is ``sealed`` with ``values`` in the places of their commitments, and words in those of others."""
    if (committed := committed_in(sealed)) is not None:
        return is_same(told, values[committed]) if committed in values else told in INSTEAD
    if isinstance(sealed, dict):
        return (
            isinstance(told, dict)
            and told.keys() == sealed.keys()
            and all(_is_told(told[name], part, values) for name, part in sealed.items())
        )
    if not isinstance(sealed, list) or not isinstance(told, list):
        return is_same(told, sealed)
    expected: list[Any] = []
    n_hidden = 0
    for part in sealed:
        committed = committed_in(part)
        if committed is None:
            expected.append(part)
        elif committed not in values:
            n_hidden += 1
        elif isinstance(values[committed], list):
            expected += values[committed]
        else:
            expected.append(values[committed])
    words = set(INSTEAD) - {one for one in expected if isinstance(one, str)}
    rest = [one for one in told if not isinstance(one, str) or one not in words] if n_hidden else told
    n_words = len(told) - len(rest)
    return (
        len(rest) == len(expected)
        and min(n_hidden, 1) <= n_words <= n_hidden
        and all(_is_told(one, part, values) for one, part in zip(rest, expected))
    )


# --- the files of a pack -------------------------------------------------------------------------------------------------

Report = Callable[[Finding], None]


class Object(NamedTuple):
    """A stored object. ``at`` is the line of ``documents.jsonl``, and ``digest`` the SHA-256 of its document."""

    at: int
    content: Mapping[str, Any]
    digest: str


class Contents(NamedTuple):
    """What the files of a pack say. ``values`` maps a commitment to its value, if something that is there as it was sealed has
    this commitment, ``objects`` a life and an id to the object, and
    ``policies`` a digest to the names and texts of the files of the policy. ``forgotten`` contains the owners of values that were
    forgotten.
    """

    lines: list[Line]
    values: dict[str, Value]
    objects: dict[tuple[str, str], Object]
    policies: dict[str, list[tuple[str, str]]]
    trace: dict[str, Any] | None
    forgotten: frozenset[str]

    @property
    def records(self) -> list[Line]:
        """The records that are shown."""
        return [line for line in self.lines if line.form == "record"]

    @property
    def partial(self) -> list[Line]:
        """Those of which a part is hidden. Nothing but their digests was sealed: the host alone says what they tell."""
        return [line for line in self.records if line.content is None]


def read_contents(files: Files, report: Report) -> Contents:
    """Read what ``files`` say. Report what cannot be read, and go on with the rest."""
    lines = read_record(files, RECORDS, report)
    values: dict[str, Value] = {}
    forgotten: set[str] = set()

    def take(name: str, at: int, what: str, said: Sequence[Value], sealed: bytes) -> None:
        known = commitments_in(sealed) if said else ()
        for value in said:
            if commitment(value.field, value.salt, value.value) != value.committed:
                report(Finding(name, at, f"the value {value.field} is not the one to which {what} commits"))
            elif sealed and value.committed not in known:
                report(Finding(name, at, f"there is a value {value.field} to which {what} does not commit"))
            elif sealed:
                values[value.committed] = value

    for line in lines:
        take(RECORDS, line.at, f"record {line.number}", line.values, line.sealed)
        if line.content is not None and not _is_told(line.told, line.content, {v.committed: v.value for v in line.values}):
            report(Finding(RECORDS, line.at, f"record {line.number} is told otherwise than it was sealed"))
        owners = _member(line.content, "detail", "owners")
        if _member(line.content, "event") == "value.forgotten" and isinstance(owners, list):
            forgotten.update(map(str, owners))
    objects = {}
    for life, id, found, said, document in _read_objects(files, report):
        take(DOCUMENTS, found.at, f"{life} {_ascii(id)}", said, document)
        if (life, id) in objects:
            report(Finding(DOCUMENTS, found.at, f"{life} {_ascii(id)} is there twice"))
        objects[life, id] = found
    policies: dict[str, list[tuple[str, str]]] = {}
    trace = None
    for name in files:
        try:
            if name.startswith("policy-"):
                policies[name[len("policy-") : -len(".json")]] = _read_policy(files, name)
            elif name == TRACE:
                trace = _object(files, name, "jitd trace 1")
        except Wrong as fault:
            report(Finding(name, 0, str(fault)))
    return Contents(lines, values, objects, policies, trace, frozenset(forgotten))


def check_words(contents: Contents, report: Report) -> None:
    """Report each record that is shown whole, and has a word which stands for what is not told."""
    for line in contents.records:
        if word := sealed_instead(line.content):
            report(Finding(RECORDS, line.at, f"record {line.number} has {word} as it was sealed: no jitd has written it"))
        for value in line.values:
            if word := sealed_instead(value.value, NOT_OF_VALUES):
                what = f"the value {value.field} of record {line.number} is {word}, which nobody can type"
                report(Finding(RECORDS, line.at, what))


def read_record(files: Files, name: str, report: Report) -> list[Line]:
    found = []
    try:
        for at, text in _lines(files, name):
            try:
                found.append(read_line(at, text))
            except Wrong as fault:
                report(Finding(name, at, f"the line {fault}"))
    except Wrong as fault:
        report(Finding(name, 0, str(fault)))
    return found


def _read_objects(files: Files, report: Report) -> Iterator[tuple[str, str, Object, tuple[Value, ...], bytes]]:
    """Yield the life, the id, the object, its values and its document."""
    try:
        for at, text in _lines(files, DOCUMENTS):
            try:
                line = read_json(text)
                _has(line if isinstance(line, dict) else {}, "life", "id", "document", "values")
                life, id, document = (_text(line, name) for name in ("life", "id", "document"))
                content, stored = read_json(document), document.encode("utf-8")
                if life not in ENDED or not isinstance(content, dict) or content.get("id") != id:
                    raise Wrong("is not an object of jitd")
                said = tuple(map(_value, line["values"] if isinstance(line["values"], list) else [None]))
                yield life, id, Object(at, content, _sha256(stored)), said, stored
            except (Wrong, UnicodeEncodeError) as fault:
                report(Finding(DOCUMENTS, at, f"the line {fault}"))
    except Wrong as fault:
        report(Finding(DOCUMENTS, 0, str(fault)))


_ESCAPED = re.compile(rb"\\(\\|x[0-9a-f]{2})")


def unspelled(text: str) -> bytes:
    """Return the bytes that are spelled as ``text`` (PROTOCOL.md, section 4)."""
    return _ESCAPED.sub(lambda found: b"\\" if found[1] == b"\\" else bytes([int(found[1][1:], 16)]), text.encode("utf-8"))


def _read_policy(files: Files, name: str) -> list[tuple[str, str]]:
    parts = _object(files, name, "jitd policy 1").get("files")
    found = []
    digest = hashlib.sha256()
    for part in parts if isinstance(parts, list) else ():
        _has(part if isinstance(part, dict) else {}, "name", "text")
        found.append((_text(part, "name"), _text(part, "text")))
        for one in found[-1]:
            try:
                content = unspelled(one)
            except UnicodeEncodeError:
                raise Wrong("has half of a character") from None
            digest.update(len(content).to_bytes(8, "big") + content)
    if name != f"policy-{digest.hexdigest()}.json":
        raise Wrong(f"this is not the policy with this digest, but the one with {digest.hexdigest()}")
    return found


# --- the chain, the signatures and the witnesses -----------------------------------------------------------------------------


class Segment(NamedTuple):
    """Records without a gap, of which the seals are known. ``seals`` maps the number of each to its seal."""

    seals: dict[int, bytes]
    last: int


def read_segments(lines: Sequence[Line], name: str, report: Report) -> list[Segment]:
    """Follow the chain through the lines of the file ``name``. Report where it does not hold."""
    found: list[Segment] = []
    seals: dict[int, bytes] = {}
    at = known = last_rank = signed = 0
    witness = ""
    for line in lines:
        rank = ("record", "checkpoint", "countersignature").index("record" if line.form == "digest" else line.form)
        if rank == 0 and line.number != at + 1 or rank == 1 and line.number > at:
            if at and signed != at:
                what = f"no checkpoint of record {at} is there, so nothing says that the records up to {at} are the host's"
                report(Finding(name, line.at, what))
            if rank == 0:
                what = (
                    f"records {at + 1} to {line.number - 1} are missing"
                    if line.number > at
                    else f"record {line.number} is there twice"
                )
                report(Finding(name, line.at, what))
            seals = {line.number: line.seal} if line.seal else {}
            found.append(Segment(seals, line.number))
            at, known, last_rank, witness = line.number, line.number, rank, ""
            signed = line.number if rank == 1 else 0
            continue
        if not found:
            seals = {0: bytes(32)}
            found.append(Segment(seals, 0))
        if rank == 0:
            at = line.number
            found[-1] = found[-1]._replace(last=at)
            if at - 1 in seals:
                seals[at] = seal_over(at, seals[at - 1], line.digest)
            if line.seal and seals.get(at) not in (None, line.seal):
                report(Finding(name, line.at, f"{_of(known, at)} not what was sealed"))
            if line.seal:
                seals[at], known = line.seal, at
            witness = ""
        elif line.number != at or rank < last_rank or (rank == 2 and line.witness <= witness) or rank == last_rank == 1:
            report(Finding(name, line.at, f"the {line.form} of record {line.number} stands in the wrong place"))
        elif seals.get(at) not in (None, line.seal):
            report(Finding(name, line.at, f"{_of(known, at)} not what led to this {line.form}"))
            seals[at], known, signed = line.seal, at, at
        else:
            seals[at], known = line.seal, at
            signed = at if rank == 1 else signed
        witness = line.witness or witness
        last_rank = rank
    if at and signed != at:
        what = f"no checkpoint of record {at} is there, so nothing says yet that the records up to {at} are the host's"
        report(Finding(name, 0, what))
    return found


def _of(known: int, at: int) -> str:
    """Return the beginning of a sentence: which record is wrong, if the seal of ``known`` is right."""
    return f"record {at} is" if at - known <= 1 else f"one of the records {known + 1} to {at} is"


class Change(NamedTuple):
    """A record that names the key from which on the host signs. ``is_proved`` is True if ``before`` has signed it as well."""

    number: int
    public: bytes
    before: bytes | None
    is_proved: bool


def change_in(line: Line) -> Change | None:
    """Return what a record says about keys, or None. Raises Wrong if it names a key and does not prove it."""
    event = line.body.get("event")
    if event not in ("key.made", "key.rotated"):
        return None
    if line.content is None:
        raise Wrong("is there in part only")
    said = line.content.get("detail")
    if not isinstance(said, dict) or said.get("host") != line.host:
        raise Wrong("is about another host")
    public = public_in(_text(said, "public"))
    before = public_in(_text(said, "before")) if "before" in said else None
    if event == "key.made":
        return Change(line.number, public, before, is_proved=False)
    if before is None:
        raise Wrong("does not say which key it replaces")
    text = _text(said, "signed")
    head = f"jitd key 1\nhost {line.host}\nbefore {said['before']}\npublic {said['public']}\nat "
    if not text.startswith(head) or text[-1:] != "\n":
        raise Wrong("says something else than what was signed")
    _check_time(signed_time, text[len(head) : -1])
    for key, by in ((before, "by_before"), (public, "by_public")):
        try:
            check(key, "jitd-key", text, _text(said, by))
        except Wrong as fault:
            raise Wrong(f"has a signature that {fault}") from None
    return Change(line.number, public, before, is_proved=True)


class Signatures(NamedTuple):
    """What good signatures prove. ``keys`` are the keys of the host that have signed. ``followed`` has those of them that the
    reader was given or that follow such a key by both signatures. ``witnesses`` maps the name of a witness that the reader knows
    to the number and the time of each of its countersignatures. ``strangers`` are the names of the others.
    """

    keys: list[bytes]
    followed: frozenset[bytes]
    witnesses: dict[str, list[tuple[int, str]]]
    strangers: frozenset[str]


def check_signatures(
    lines: Sequence[tuple[str, Line]], given: Sequence[NamedKey], witnesses: Sequence[NamedKey], report: Report
) -> Signatures:
    """Check each checkpoint and each countersignature of ``lines``, which are lines with the names of their files."""
    changes: list[Change] = []
    for name, line in lines:
        try:
            change = change_in(line) if line.form == "record" else None
        except Wrong as fault:
            report(Finding(name, line.at, f"record {line.number}, which names a key of the host, {fault}"))
            continue
        if len(changes) == MOST_KEYS:
            report(Finding(name, line.at, f"there are more records about keys than {MOST_KEYS}"))
            break
        if change is not None:
            if changes and change.number > changes[-1].number and change.before not in (None, changes[-1].public):
                what = f"record {change.number} names another key before it than record {changes[-1].number} has named"
                report(Finding(name, line.at, what))
            if any(change.public == one.public for one in changes if one.number < change.number):
                what = (
                    f"record {change.number} names a key that the host had before: who has kept or got it could write this record"
                )
                report(Finding(name, line.at, what))
            changes.append(change)
    keys: list[bytes] = []
    seen: dict[str, list[tuple[int, str]]] = {}
    strangers: set[str] = set()
    names = {line.host for _, line in lines[-1:]}  # of now: who may sign for it may for the names before
    followed = _followers(
        {
            key.public
            for host in names
            for key in given
            if any(key.may_sign(name, "jitd-checkpoint") for name in (host, f"jitd@{host}"))
        },
        changes,
    )
    for name, line in lines:
        if line.form not in ("checkpoint", "countersignature"):
            continue
        try:
            key = signer_of(line.signature)
            check(key, f"jitd-{line.form}", line.signed, line.signature)
        except Wrong as fault:
            report(Finding(name, line.at, f"the signature of the {line.form} of record {line.number} {fault}"))
            continue
        if line.form == "countersignature":
            if any(one.public == key and one.may_sign(line.witness, "jitd-countersignature") for one in witnesses):
                seen.setdefault(line.witness, []).append((line.number, line.time))
            else:
                strangers.add(line.witness)
            continue
        named = [change.public for change in changes if change.number <= line.number][-1:]
        if named != [key]:
            what = f"checkpoint {line.number} is signed by {fingerprint(key)}, which is not the key that the record names for it"
            report(Finding(name, line.at, what))
        elif given and key not in followed:
            what = f"checkpoint {line.number} is signed by {fingerprint(key)}, and does not follow the key that you gave"
            report(Finding(name, line.at, what))
        if key not in keys:
            keys.append(key)
    return Signatures(keys, frozenset(followed), seen, frozenset(strangers - set(seen)))


def _followers(given: set[bytes], changes: Sequence[Change]) -> set[bytes]:
    """Return ``given``, and the keys that have followed them or that they have followed, each time by both signatures."""
    good, n = set(given), -1
    while len(good) != n:
        n = len(good)
        for change in changes:
            if change.is_proved and change.before is not None and good & {change.public, change.before}:
                good |= {change.public, change.before}
    return good


# --- receipts ------------------------------------------------------------------------------------------------------------


class Receipted(NamedTuple):
    """A record of a review, or of a lock that was lifted, that its author has signed with a key of their own, by which key, and
    what the signature proves.
    """

    line: Line
    statement: Statement | Unlock
    by: Checked


def check_receipts(contents: Contents, segments: Sequence[Segment], own: str, report: Report) -> list[Receipted]:
    """Check what approvers have signed: the signature, and that the chain has both records that it countersigns. Return what is
    good. Whose key it is, a pack cannot prove. A pack has all that happened to the request ``own``, and of the request that made
    a lease only a part, so a record that a receipt of that one countersigns may be absent.
    """
    found = []
    first: dict[str, int] = {}
    events = {line.number: line for line in contents.records}
    for line in contents.records:
        said = _member(line.body, "detail", "receipt")
        if said is None or said in INSTEAD:
            continue
        try:
            if (before := first.setdefault(str(_member(said, "statement")), line.number)) != line.number:
                raise BadReceipt(f"has the statement of record {before} again: what was signed once was used twice")
            one = Receipted(line, *check_receipt(_told(line)))
            if _is_countersigned(one, segments, events, own):
                found.append(one)
        except BadReceipt as fault:
            report(Finding(RECORDS, line.at, f"the receipt of record {line.number} {fault}"))
    return found


def _told(line: Line) -> Told:
    return Told(line.number, line.host, line.body, INSTEAD if line.content is None else ())


def _is_countersigned(one: Receipted, segments: Sequence[Segment], events: Mapping[int, Line], own: str) -> bool:
    """True if the chain has both records that a receipt countersigns, and they are what it says. False if one is not here, and
    need not be. Raises BadReceipt.
    """
    statement, is_here = one.statement, True
    begun, newest = countersigns(_told(one.line), statement)
    for sealed in (begun, newest):
        seals = {segment.seals[sealed.number] for segment in segments if sealed.number in segment.seals}
        about = events.get(sealed.number)
        check_sealed(statement, sealed, bool(seals - {sealed.seal}), None if about is None else _told(about))
        if not seals or about is None:
            if statement.id == own:
                raise BadReceipt(f"countersigns record {sealed.number}, which is not among those of {_ascii(own)} here")
            is_here = False
    if (first := events.get(begun.number)) is not None:
        check_begun(statement, _told(first))
    if (last := events.get(newest.number)) is not None:
        check_time(_told(one.line), statement, _told(last))
    if isinstance(statement, Statement):
        for event, check_it in ((SCREENED, check_screened), (ISSUED, check_issued)):
            found = (line for line in events.values() if (line.body.get("event"), line.body.get("id")) == (event, statement.id))
            if (line := next(found, None)) is not None:
                check_it(statement, _told(line))
    return is_here


# --- recordings ----------------------------------------------------------------------------------------------------------

_MAGIC = b"jitd recording 1\n"


def recording_root(data: Bytes) -> tuple[int, int, str]:
    """Return the number of chunks of a recording, its size, and the digest of its last chunk (PROTOCOL.md, section 8). Raises
    Wrong.
    """
    view = memoryview(data)
    n_head = len(_MAGIC) + 8
    if bytes(view[: len(_MAGIC)]) != _MAGIC or len(view) < n_head:
        raise Wrong("is not a recording")
    end = n_head + int.from_bytes(view[len(_MAGIC) : n_head - 4], "big")
    root = hashlib.sha256(view[:end]).digest()
    if bytes(view[end : end + 32]) != root:
        raise Wrong("has a header that was changed or damaged")
    at, n = end + 32, 0
    while at < len(view):
        n += 1
        n_stored = int.from_bytes(view[at + 1 : at + 5], "big")
        content = at + 45
        hashing = hashlib.sha256(root)
        hashing.update(view[at : at + 13])
        hashing.update(view[content : content + n_stored])
        root = hashing.digest()
        if content + n_stored > len(view) or bytes(view[at + 13 : content]) != root:
            raise Wrong(f"has a chunk that was changed or damaged: number {n}, at byte {at}")
        at = content + n_stored
    return n, len(view), root.hex()


# --- the page ------------------------------------------------------------------------------------------------------------


class Gone(NamedTuple):
    """Stands for a value that is not in the pack. ``word`` is what is told in its place."""

    committed: str
    word: str


class _Html(str):
    """Text that is HTML already."""


class _Typed(str):
    """Text that somebody has chosen. Wherever it stands, it is shown in quotes and as code, so that it is not read as ours."""


class _Sentence(str):
    """A sentence of jitd's. What somebody has typed or chosen stands in quotes in it."""


_OF_THE_HOST: Mapping[str, Callable[[Any], Any]] = {"digest": lambda value: value, "because": _Sentence}
"""The fields of values that nobody can choose as they like, and what they are."""
_QUOTED = re.compile('("[^"]*")')


def _typed(part: Any) -> Any:
    """Return ``part`` with all its texts as text that somebody has chosen."""
    if isinstance(part, str):
        return _Typed(part)
    if isinstance(part, dict):
        return {name: _typed(one) for name, one in part.items()}
    return [_typed(one) for one in part] if isinstance(part, list) else part


_CLEAR = (
    (0x00C0, 0x024F), (0x0386, 0x0386), (0x0388, 0x03CE), (0x0400, 0x045F), (0x3041, 0x3096), (0x30A1, 0x30FA), (0x4E00, 0x9FA5),
    (0xAC00, 0xD7A3),
)  # fmt: skip
"""Letters that are shown as they are: Latin, Greek, Cyrillic, kana, Han and Hangul, each as old as the oldest Python."""
_SIGNS = "‹›«»–—…·§°µ£€"
_LATIN = r"A-Za-z0-9_\u00C0-\u024F"
_ALIKE = r"\u0386-\u03CE\u0400-\u045F"
_MIXED = re.compile(f"(?<![{_LATIN}{_ALIKE}])(?:[{_LATIN}]+[{_ALIKE}]|[{_ALIKE}]+[{_LATIN}])[{_LATIN}{_ALIKE}]*")
"""A word with Latin letters and letters that look like Latin ones. Each character is looked at twice at most."""


def shown(text: str, *, is_spelled: bool = False, is_name: bool = False) -> str:
    r"""Return ``text`` as one visible line from which the same text can be made again: what moves, hides or reorders other text
    is escaped, and so is what may be read as something else. A backslash is doubled, unless ``is_spelled`` (PROTOCOL.md,
    section 4). In a name or an argument (``is_name``), only Latin letters are shown as they are.
    """
    if text.isascii() and text.isprintable():
        return text if is_spelled else text.replace("\\", "\\\\")
    mixed: set[int] = set()
    for found in _MIXED.finditer(text):
        mixed.update(range(found.start(), found.end()))
    return "".join(_shown(char, is_spelled=is_spelled, only_latin=is_name or at in mixed) for at, char in enumerate(text))


def _shown(char: str, *, is_spelled: bool, only_latin: bool) -> str:
    code = ord(char)
    if 0x20 <= code < 0x7F:
        return "\\\\" if char == "\\" and not is_spelled else char
    if char in _SIGNS or any(low <= code <= high for low, high in (_CLEAR[:1] if only_latin else _CLEAR)):
        return char
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _ascii(text: str) -> str:
    return text if text.isascii() and text.isprintable() else ascii(text)


def _e(value: Any, *, is_spelled: bool = False, is_name: bool = False) -> _Html:
    """Return any JSON, or a value that is gone, as HTML."""
    if isinstance(value, _Html):
        return value
    if isinstance(value, Gone):
        word = value.word.strip("‹›")
        return _Html(f'<span class="gone">{html.escape(word)} <small>{value.committed[:16]}…</small></span>')
    if value is None or value == "" or value == []:
        return _Html("–")
    if isinstance(value, _Typed):
        text = shown(value, is_spelled=is_spelled, is_name=is_name).replace('"', "\\x22")
        return _Html(f'<code>"{html.escape(text)}"</code>')
    if isinstance(value, _Sentence):
        parts = [html.escape(shown(part, is_spelled=True), quote=False) for part in _QUOTED.split(value)]
        return _Html("".join(f"<code>{part}</code>" if at % 2 else part for at, part in enumerate(parts)))
    if isinstance(value, bool):
        return _Html("yes" if value else "no")
    if isinstance(value, list):
        return _Html(", ".join(_e(one, is_spelled=is_spelled, is_name=is_name) for one in value))
    if isinstance(value, dict):
        return _Html(", ".join(f"{_e(name, is_name=True)} {_e(part, is_spelled=is_spelled)}" for name, part in value.items()))
    return _Html(html.escape(shown(str(value), is_spelled=is_spelled, is_name=is_name)))


def _name(value: Any) -> _Html:
    return _e(value, is_name=True)


_UNPLAIN = re.compile(r"[^A-Za-z0-9%+,\-./:=@_]")


def quoted(text: str) -> str:
    """Return an argument, which is spelled, as bash and zsh read it. Both of its ends are visible."""
    end = next((word for word in INSTEAD if text.endswith(word)), "")
    text = text[: len(text) - len(end)]
    if (text or end) and not _UNPLAIN.search(text):
        return text + end
    if "\\" in text.replace("\\\\", ""):
        return "$'" + text.replace("'", "\\'") + end + "'"
    return "'" + text.replace("\\\\", "\\").replace("'", "'\\''") + end + "'"


def _argument(value: Any) -> _Html:
    if isinstance(value, Gone) or not isinstance(value, str):
        return _Html(f"<code>{_e(value)}</code>")
    return _Html(f"<code>{html.escape(quoted(shown(value, is_spelled=True, is_name=True)))}</code>")


def _command(words: Any) -> _Html:
    return _Html(f'<span class="argv">{" ".join(map(_argument, words if isinstance(words, list) else [words]))}</span>')


def _edited(detail: Any) -> _Html:
    words = _member(detail, "argv")
    return _command(words[1:] if isinstance(words, list) and words[1:] else words)


def _time(value: Any) -> _Html:
    """Return a time, which every record and object has in UTC."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d+)?(?:Z|\+00:00)", str(value), re.ASCII)
    if found:
        signed_time(f"{found[1]}T{found[2]}Z")
    return _Html(f"<time>{found[1]} {found[2]} UTC</time>") if found else _Html("–") if value in (None, "None") else _e(value)


def _span(value: Any) -> _Html:
    """Return a number of seconds in words."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return _e(value)
    rest, parts = int(value), []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        n, rest = divmod(rest, size)
        parts += [f"{n} {unit}"] if n else []
    return _Html(" ".join(parts[:2]) or "0 s")


def _rows(rows: Iterable[tuple[str, Any]]) -> _Html:
    """Return a table of two columns. What is None is left out."""
    told = "".join(f'<tr><th scope="row">{label}</th><td>{_e(value)}</td></tr>\n' for label, value in rows if value is not None)
    return _Html(f'<table class="facts">\n<tbody>\n{told}</tbody>\n</table>\n') if told else _Html("")


def _table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> _Html:
    head = "".join(f'<th scope="col">{column}</th>' for column in columns)
    told = "".join("<tr>" + "".join(f"<td>{_e(cell)}</td>" for cell in row) + "</tr>\n" for row in rows)
    return _Html(f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{told}</tbody>\n</table>\n")


_HEADING_OR_TABLE = re.compile(r"<h[2-4]>(.*?)</h[2-4]>|<table[^>]*>")


def _captioned(body: str) -> str:
    """Return ``body`` with a caption in each table, for who has the page read aloud: the heading above it."""
    heading = ""

    def with_caption(found: re.Match[str]) -> str:
        nonlocal heading
        heading = found[1] or heading
        return found[0] if found[1] else f"{found[0]}\n<caption>{heading}</caption>"

    return _HEADING_OR_TABLE.sub(with_caption, body)


def _block(text: str, marked: tuple[int, int] = (0, 0)) -> _Html:
    """Return a text of several lines. The lines from the first number of ``marked`` to the second are marked."""
    out = []
    for at, line in enumerate(text.split("\n"), 1):
        told = html.escape("\t".join(shown(part, is_spelled=True) for part in line.split("\t")))
        out.append(f"<mark>{told or ' '}</mark>" if marked[0] <= at <= marked[1] else told)
    return _Html("<pre>" + "\n".join(out) + "</pre>\n")


def _member(part: Any, *names: str) -> Any:
    """Return the member of a member … of ``part``, or None."""
    for name in names:
        part = part.get(name) if isinstance(part, dict) else None
    return part


def _dicts(part: Any) -> list[dict[str, Any]]:
    return [one for one in part if isinstance(one, dict)] if isinstance(part, list) else []


def _base64(part: Any) -> Any:
    """Return the text of bytes that a document has in base64."""
    try:
        return base64.b64decode(part, validate=True).replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    except (ValueError, TypeError):
        return part


def _from_base64(part: Any) -> Any:
    """Return the texts of all bytes in ``part``, a list of lists."""
    return [_from_base64(one) for one in part] if isinstance(part, list) else _base64(part)


def _digest(part: Any) -> _Html:
    """Return a digest that a document has in base64, in hexadecimal digits."""
    try:
        return _Html(f"<code>{base64.b64decode(part, validate=True).hex()}</code>") if part else _Html("–")
    except (ValueError, TypeError):
        return _e(part)


AROUND = 2  # equal lines that are shown before and after a change


def _line(text: bytes) -> str:
    """Return a line of a text as HTML. Tabs stay, and a line feed is told where it is missing."""
    end = "" if text.endswith(b"\n") else " <small>no line feed</small>"
    line = text[: len(text) - (not end)].replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")
    return html.escape("\t".join(shown(part, is_spelled=True) for part in line.split("\t"))) + end


def _changes(before: bytes, now: bytes) -> _Html:
    """Return how the text ``before`` becomes ``now``: what is taken out (-), what is put in (+), and what is around it."""
    old, new = _lines_of(before), _lines_of(now)
    out: list[str] = []
    blocks = differences(old, new, Work())
    for number, (same, since, until, at, end) in enumerate(blocks):
        if not same:
            out += [f"<mark>- {_line(line)}</mark>" for line in old[since:until]]
            out += [f"<mark>+ {_line(line)}</mark>" for line in new[at:end]]
            continue
        first = at if number == 0 else min(end, at + AROUND)
        second = end if number == len(blocks) - 1 else max(first, end - AROUND)
        out += [f"  {_line(line)}" for line in new[at:first]]
        out += [f"<small>{_n(second - first, 'line')} not changed</small>"] if second > first else []
        out += [f"  {_line(line)}" for line in new[second:end]]
    return _Html("<pre>" + "\n".join(out) + "</pre>\n")


def _lines_of(text: bytes) -> list[bytes]:
    *lines, rest = text.split(b"\n")
    return [line + b"\n" for line in lines] + ([rest] if rest else [])


class _Page:
    def __init__(self, files: Files, id: str, contents: Contents) -> None:
        self._files = files
        self._contents = contents
        self._gone: dict[str, str] = {}
        self._records = [(line, self._filled(line)) for line in contents.records]
        own = [one for one in self._records if one[1].get("event") == "request.submitted" and one[1].get("id") == id]
        if not own:
            raise Wrong(f"no record tells that the request {_ascii(id)} was submitted")
        self._id = id
        self._line, self._asked = own[0]
        self._host = self._line.host
        self._request = self._object("request", self._id)

    # --- reading

    def _fill(self, part: Any, owner: str) -> Any:
        """Return ``part`` with its values in their places, and with what stands for the others."""
        if (committed := committed_in(part)) is not None:
            known = self._contents.values.get(committed)
            if known is not None:
                return _OF_THE_HOST.get(known.field, _typed)(known.value)
            is_forgotten = owner.partition(".")[0] in self._contents.forgotten
            self._gone[committed] = FORGOTTEN if is_forgotten else HIDDEN
            return Gone(committed, self._gone[committed])
        if isinstance(part, dict):
            return {name: self._fill(one, owner) for name, one in part.items()}
        if isinstance(part, list):
            out: list[Any] = []
            for one in part:
                what = self._fill(one, owner)
                out += what if committed_in(one) is not None and isinstance(what, list) else [what]
            return out
        return part

    def _filled(self, line: Line) -> dict[str, Any]:
        if line.content is None:  # nothing says which of its texts are values
            return {name: _typed(part) if name == "detail" else part for name, part in line.told.items()}
        filled = self._fill(line.content, str(line.content.get("id", line.content.get("owner", ""))))
        return dict(filled)

    def _object(self, life: str, id: str) -> dict[str, Any] | None:
        found = self._contents.objects.get((life, id))
        return None if found is None else dict(self._fill(found.content, id))

    def _objects(self, life: str) -> list[dict[str, Any]]:
        return [dict(self._fill(found.content, id)) for (of, id), found in self._contents.objects.items() if of == life]

    def _events(self, *names: str) -> list[tuple[Line, dict[str, Any]]]:
        return [one for one in self._records if one[1].get("event") in names]

    def _own(self, *names: str) -> list[tuple[Line, dict[str, Any]]]:
        return [one for one in self._events(*names) if one[1].get("id") == self._id]

    def _reviewed(self) -> list[tuple[Line, dict[str, Any]]]:
        """Return the reviews of the request, and those of the request that made the lease by which it was permitted."""
        leases = {_member(body, "detail", "lease") for _, body in self._own("request.screened")}
        found = [one for one in self._events("request.reviewed") if one[1].get("id") in leases - {None}]
        return found + self._own("request.reviewed")

    # --- the parts

    def bytes(self) -> bytes:
        parts = (
            ("Summary", self._summary()),
            ("What was asked", self._what()),
            ("The rule", self._rule()),
            ("The decision", self._decision()),
            ("Approvals and reviews", self._reviews()),
            ("What was permitted", self._granted()),
            ("What was done", self._done()),
            ("What was begun and left behind", self._left()),
            ("Every record about it", self._timeline()),
            ("What is not shown", self._not_shown()),
            ("How this page is proved", self._proof()),
        )
        body = "".join(f"<section>\n<h2>{title}</h2>\n{part}</section>\n" for title, part in parts if part)
        title = f"{_name(self._id)} on {_name(self._host)}"
        page = f"{_HEAD.replace('TITLE', title)}<h1>{title}</h1>\n{_captioned(body)}</body>\n</html>\n"
        return page.encode("utf-8")

    def _state(self) -> str:
        own = [body for _, body in self._records if body.get("id") == self._id and str(body.get("event")).startswith("request.")]
        return str(own[-1].get("state")) if own else ""

    def _summary(self) -> _Html:
        detail = self._asked.get("detail")
        is_thing = bool(_member(detail, "gives"))
        is_edit = any(_member(detail, name) for name in ("text_after", "texts", "undoes"))
        what = _e(_member(detail, "gives"), is_name=True) if is_thing else _command(_member(detail, "argv"))
        if is_edit:
            leads = {"texts": "edits of", "makes": "a new file,", "removes": "the removal of"}
            lead = next((lead for name, lead in leads.items() if _member(detail, name) is not None), "an edit of")
            what = _Html(f"{lead} {_edited(detail)}")
        approvers: list[str] = []
        deniers: list[str] = []
        for _, body in self._reviewed():
            lease = "" if body.get("id") == self._id else f", by the lease {_name(body.get('id'))}"
            (deniers if _member(body, "detail", "verdict") == "deny" else approvers).append(f"{_name(body.get('actor'))}{lease}")
        glass = bool(_member(detail, "break_glass"))
        rows = [
            ("who", _name(self._asked.get("actor"))),
            ("asked for", what),
            ("as", _name(_member(detail, "run_as"))),
            ("reason", _member(detail, "reason")),
            ("when", _time(self._asked.get("at"))),
            ("it was", _Html(f"<b>{_e(self._state())}</b>" + (", <b>by breaking glass</b>" if glass else ""))),
            ("approved by", _Html(", ".join(approvers)) if approvers else None),
            ("denied by", _Html(", ".join(deniers)) if deniers else None),
            ("runs", _Html("; ".join(self._ends())) if self._ends() else None),
            ("not proved", _Html(f"<b>{self._in_part()}</b>") if self._contents.partial else None),
        ]
        return _rows(rows)

    def _in_part(self) -> str:
        return f"what is told of records {_numbers(self._contents.partial)}: a part is hidden, and the host alone says the rest"

    def _ends(self) -> list[_Html]:
        ends = [(body.get("id"), _ending(body.get("detail"))) for _, body in self._events("run.ended")]
        return [_Html(f"{_name(id)} {end}") for id, end in ends]

    def _difference(self, edit: Any, makes: Any, removes: Any = None) -> str:
        before, after = (self._files.get(f"{TEXTS}{_member(edit or makes or removes, name)}") for name in ("before", "after"))
        if removes and before is not None:
            return f"<h3>The text that goes</h3>\n<p>Nothing takes its place.</p>\n{_block(_base64(base64.b64encode(before)))}"
        if after is None:
            return "<h3>What it changes</h3>\n<p>Its texts are not here: they are not kept, or not told to the reader.</p>\n"
        if before is None:
            told = _block(_base64(base64.b64encode(after)))
            what = "It replaces nothing" if makes else "The text that it replaces is not in this pack"
            return f"<h3>Its new text</h3>\n<p>{what}.</p>\n{told}"
        return f"<h3>What it changes</h3>\n{_changes(bytes(before), bytes(after))}"

    def _what(self) -> _Html:
        body, request = self._asked, self._request
        detail, command = body.get("detail"), _member(request, "command")
        requester, terms = _member(request, "requester"), _member(request, "lasts_for")
        is_edit = any(_member(detail, name) for name in ("text_after", "texts", "undoes"))
        facts: list[tuple[str, Any]] = [
            ("requester", _name(body.get("actor"))),
            (
                "account",
                _Html(f"{_name(_member(requester, 'user'))}, uid {_e(body.get('uid'))}")
                if requester
                else _Html(f"uid {_e(body.get('uid'))}"),
            ),
            ("person", _name(_member(requester, "person")) if requester else None),
            ("groups", _e(_member(detail, "groups"), is_name=True)),
            ("authenticated", _how(body.get("actor"), detail)),
            ("asked through", _name(_member(detail, "service"))),
            ("entered from", _e(_member(detail, "point"), is_name=True) if _member(detail, "point") else None),
            ("things", _e(_member(detail, "gives"), is_name=True) if _member(detail, "gives") else None),
            ("what they let", _command(_member(detail, "lets")) if _member(detail, "lets") else None),
            ("file", _edited(detail) if is_edit else None),
            ("keeps", _e(_member(detail, "keeps"), is_name=True) if _member(detail, "keeps") else None),
            ("mounted in", _e(_member(detail, "mounted")) if _member(detail, "mounted") else None),
            ("covered in", _e(_member(detail, "covered")) if _member(detail, "covered") else None),
            ("new, with", _e(_member(detail, "makes"), is_name=True) if _member(detail, "makes") else None),
            ("removed, with", _e(_member(detail, "removes"), is_name=True) if _member(detail, "removes") else None),
            ("SHA-256 before", _argument(_member(detail, "text_before")) if _member(detail, "text_before") else None),
            ("SHA-256 of its new text", _argument(_member(detail, "text_after")) if _member(detail, "text_after") else None),
            ("takes back", _member(detail, "undoes")),
            ("command", None if _member(detail, "gives") or is_edit else _command(_member(detail, "argv"))),
            ("program", None if _member(detail, "gives") or is_edit else _argument(_member(detail, "path"))),
            ("its SHA-256", _Html(f"<code>{_e(_member(detail, 'digest'))}</code>") if _member(detail, "digest") else None),
            ("runs as", _name(_member(detail, "run_as"))),
            ("directory", _argument(_member(detail, "cwd")) if _member(detail, "cwd") and not is_edit else None),
            ("options", _command(_member(detail, "options")) if _member(detail, "options") else None),
            ("in doubt", _member(detail, "doubt")),
            ("gives more than its words", _e(_member(detail, "grade")) if _member(detail, "grade") else None),
            ("is lost if it is wrong", _e(_member(detail, "damage")) if _member(detail, "damage") else None),
            ("brought", _member(detail, "brought")),
            ("to begin at", _time(_member(detail, "starts_at")) if _member(detail, "starts_at") else None),
            ("extends the lease", _member(detail, "extends")),
            ("breaks glass", "yes" if _member(detail, "break_glass") else None),
            ("lease asked for", _span(terms) if terms else None),
            ("uses asked for", _member(request, "uses")),
            ("may run for", _span(_member(request, "timeout_for")) if _member(request, "timeout_for") else None),
            ("streams", _e(_member(command, "streams")) if _member(command, "streams") else None),
            ("submitted", _time(body.get("at"))),
            ("its clock was", "synchronised" if body.get("synchronised") is True else "not said to be synchronised"),
            ("fingerprint", _Html(f"<code>{_e(body.get('fingerprint'))}</code>")),
        ]
        out = f"<h3>Facts</h3>\n<p>Found by the host itself.</p>\n{_rows(facts)}"
        if is_edit:
            several = _dicts(_member(command, "edits"))
            words = _member(detail, "argv")
            for number, edit in enumerate(several, 1):
                path = words[number] if isinstance(words, list) and len(words) == len(several) + 1 else ""
                out += f"<h3>{_argument(path)}</h3>\n{self._difference(edit, None)}"
            if not several:
                out += self._difference(*(_member(command, name) for name in ("edit", "makes", "removes")))
        pairs = [
            *(("variable", pair) for pair in _pairs(_member(command, "variables"))),
            *(("locale", pair) for pair in _pairs(_from_base64(_member(command, "locale")))),
        ]
        if pairs:
            out += "<h3>Environment</h3>\n" + _table(("kind", "name and value"), [(kind, _command(pair)) for kind, pair in pairs])
        found = [*_dicts(_member(command, "operands")), *_dicts(_member(command, "interpreters"))]
        if found:
            cells = [(_argument(_base64(one.get("path"))), _digest(one.get("digest")), one.get("because")) for one in found]
            out += "<h3>Files that it names</h3>\n" + _table(("file", "bound to the SHA-256", "who can change it"), cells)
        seen = _member(request, "seen")
        if isinstance(seen, (list, dict)) and seen:
            items = seen.items() if isinstance(seen, dict) else [one for one in seen if isinstance(one, list) and len(one) == 2]
            out += "<h3>Facts that rules asked for</h3>\n" + _table(
                ("fact", "value"), [(_name(name), value) for name, value in items]
            )
        claims = _member(request, "claims")
        said = [
            ("reason", _member(detail, "reason")),
            ("terminal", _argument(_member(claims, "tty")) if _member(claims, "tty") else None),
            ("login session", _member(claims, "login_session")),
            ("programs above it", _command(_member(claims, "parents")) if _member(claims, "parents") else None),
        ]
        return _Html(f"{out}<h3>Claims</h3>\n<p>Said by the requester's side. Nobody has checked them.</p>\n{_rows(said)}")

    def _rule(self) -> _Html:
        out = []
        decided = [body for _, body in self._own("request.screened", "request.reviewed")]
        rules = {_member(body, "detail", "rule") for body in decided} - {None, ""}
        rules |= {_member(self._request, "rule")} - {None, ""}
        for digest in sorted({str(body.get("policy")) for _, body in self._records if body.get("id")}):
            files = self._contents.policies.get(digest)
            if files is None:
                out.append(f"<p>Policy <code>{_e(digest)}</code>: its text is not in this pack.</p>\n")
                continue
            decides = any(body.get("policy") == digest for body in decided)
            if not decides:
                out.append(f"<p>Policy <code>{_e(digest)}</code> came into force later. Its text is in this pack.</p>\n")
                continue
            out.append(f"<p>Policy <code>{_e(digest)}</code></p>\n")
            for name, text in files:
                place = next((place for rule in rules if (place := _place_of(str(rule), text))), None)
                if place is not None:
                    out.append(f'<p class="file">{_name(name)}, lines {place[0]} to {place[1]}</p>\n{_block(text, place)}')
            others = [_name(name) for name, text in files if not any(_place_of(str(rule), text) for rule in rules)]
            if others:
                out.append(f"<p>Other files of this policy, which are in the pack: {', '.join(others)}.</p>\n")
        return _Html("".join(out))

    def _decision(self) -> _Html:
        out = []
        for line, body in self._own("request.screened"):
            detail = body.get("detail")
            out.append(f"<h3>Record {line.number}, {_time(body.get('at'))}</h3>\n")
            out.append(
                _rows((
                    ("the policy said", _Html(f"<b>{_e(_member(detail, 'decision'))}</b>")),
                    ("by rule", _name(_member(detail, "rule")) if _member(detail, "rule") else None),
                    ("why", _member(detail, "why")),
                    ("because", _member(detail, "because")),
                    ("approvals it needs", _asked(_member(detail, "approvals"))),
                    ("other ways", _e(_member(detail, "ways"), is_name=True) if _member(detail, "ways") else None),
                    ("the approvers must have", _member(detail, "demands")),
                    ("covered by the lease", _member(detail, "lease")),
                    ("glass", _e(_member(detail, "break_glass"), is_name=True) if _member(detail, "break_glass") else None),
                    ("facts", _e(_member(detail, "facts"), is_name=True) if _member(detail, "facts") else None),
                ))
            )  # fmt: skip
            heard = [one for one in _member(detail, "gatekeepers") or () if isinstance(one, list) and len(one) > 1]
            if heard:
                rows = [(_name(one[0]), one[1], _e(one[2:])) for one in heard]
                out.append("<h4>Gatekeepers</h4>\n" + _table(("gatekeeper", "answer", "what it said"), rows))
        out.append(self._trace())
        return _Html("".join(out))

    def _trace(self) -> str:
        trace = self._contents.trace
        if trace is None:
            return (
                "<p>The decision was not traced: the text of the policy or the request is not there, or may not be shown.</p>\n"
            )
        rows = []
        for rule in _dicts(trace.get("rules")):
            conditions = []
            for one in _dicts(rule.get("conditions")):
                told = [_e(one.get("outcome"))]
                told += [
                    _Html(f"{word} {_e(_typed(one.get(name)) if name == 'value' else one.get(name))}")
                    for name, word in (("wants", "wants"), ("value", "found"))
                    if one.get(name)
                ]
                conditions.append(f"<li>{_e(one.get('condition'), is_name=True)}: {'; '.join(told)}</li>")
            because = f": {_e(rule['because'])}" if rule.get("because") else ""
            says = _Html(f"{_e(rule.get('says'))}{because}")
            rows.append((_name(rule.get("rule")), rule.get("verdict"), says, _Html(f"<ul>{''.join(conditions)}</ul>")))
        head = (
            "<h3>Trace</h3>\n<p>Made again from the text of the policy and the stored facts of the request, at "
            f"{_time(trace.get('at'))}. It explains the decision; what was decided is in the records.</p>\n"
        )
        if trace.get("says") is None:
            head += "<p>The policy cannot be asked again, because a rule asks for facts that are not stored.</p>\n"
        elif trace.get("same") is not True:
            again = f"{_e(_member(trace, 'says', 'decision'))} by rule {_name(_member(trace, 'says', 'rule'))}"
            head += f"<p><b>Asked again, the policy says {again}, which is not what was recorded.</b></p>\n"
        unknown = trace.get("unknown")
        if isinstance(unknown, list) and unknown:
            head += f"<ul>{''.join(f'<li>{_e(one)}</li>' for one in unknown)}</ul>\n"
        return head + _table(("rule", "kind", "it says", "conditions"), rows)

    def _reviews(self) -> _Html:
        out = []
        for line, body in self._reviewed() + self._own("owed_review.reviewed"):
            detail, peer = body.get("detail"), body.get("peer")
            verdict = {"approve": "approved", "deny": "denied"}.get(str(_member(detail, "verdict")), "reviewed")
            asked = [one for _, one in self._events("request.submitted") if one.get("id") == body.get("id")]
            same = bool(asked) and _member(detail, "fingerprint") == asked[0].get("fingerprint")
            lease = "" if body.get("id") == self._id else f", of the lease {_name(body.get('id'))}"
            own = "of that request" if lease else "of this request"
            out.append(f"<h3>{verdict} by {_name(body.get('actor'))}{lease}</h3>\n")
            out.append(
                _rows((
                    ("when", _time(body.get("at"))),
                    ("record", line.number),
                    ("comment", _member(detail, "comment")),
                    ("uid", "none: no account on this host" if body.get("uid") is None else body["uid"]),
                    ("groups", _e(_member(detail, "groups"), is_name=True)),
                    ("authenticated", _how(body.get("actor"), detail)),
                    ("the KDC said", _member(detail, "kdc")),
                    ("came from", _e(peer, is_name=True) if peer else None),
                    ("signed", _signed_by(signed) if isinstance(signed := _member(detail, "receipt"), dict) else None),
                    ("names the fingerprint", own if same else _e(_member(detail, "fingerprint"))),
                ))
            )  # fmt: skip
        owed = [body for _, body in self._own("owed_review.begun")]
        given = self._own("owed_review.reviewed")
        if owed and not given:
            out.append("<p><b>Glass was broken, and the review is still owed.</b></p>\n")
        if not out:
            out.append("<p>Nobody was asked, or nobody answered.</p>\n")
        return _Html("".join(out))

    def _granted(self) -> _Html:
        out = []
        for _, body in self._events("grant.issued"):
            detail = body.get("detail")
            grant = self._object("grant", str(body.get("id")))
            out.append(
                _rows((
                    ("grant", _name(body.get("id"))),
                    ("issued", _time(body.get("at"))),
                    ("to", _name(_member(detail, "holder"))),
                    ("from", _time(_member(detail, "begins_at")) if _member(detail, "begins_at") else None),
                    ("until", _time(_member(detail, "ends_at"))),
                    ("uses", _member(detail, "uses")),
                    ("a run may take", _span(limit) if (limit := _member(detail, "timeout_for")) is not None else None),
                    ("uses left", _member(grant, "left")),
                    ("state", _member(grant, "state")),
                    ("because", _member(grant, "because")),
                    ("ended because", _member(grant, "ended_because") or None),
                ))
            )  # fmt: skip
        return _Html("".join(out) or "<p>Nothing.</p>\n")

    def _done(self) -> _Html:
        out = []
        for _, body in self._events("run.starting"):
            out.append(self._run(str(body.get("id")), body))
        for _, body in self._events("holding.giving"):
            id = str(body.get("id"))
            held, detail = self._object("holding", id), body.get("detail")
            ends = [one for _, one in self._events("holding.ended") if one.get("id") == id]
            given = [one for _, one in self._events("holding.given") if one.get("id") == id]
            out.append(f"<h3>Thing {_name(id)}: {_name(_member(detail, 'thing'))}</h3>\n")
            out.append(
                _rows((
                    ("to", _name(_member(detail, "to"))),
                    ("given", _time(given[0].get("at")) if given else "not given"),
                    ("until", _time(_member(detail, "until"))),
                    ("taken back", _time(ends[0].get("at")) if ends else _Html("<b>not yet</b>")),
                    ("how it ended", _e(_member(ends[0], "detail", "ending")) if ends else _member(held, "state")),
                    ("because", _member(ends[0], "detail", "because") or None if ends else None),
                ))
            )  # fmt: skip
        return _Html("".join(out) or "<p>Nothing was run, and nothing was given.</p>\n")

    def _run(self, id: str, begun: dict[str, Any]) -> str:
        ends = [one for _, one in self._events("run.ended") if one.get("id") == id]
        started = [one for _, one in self._events("run.started") if one.get("id") == id]
        watched = [one for _, one in self._events("run.observed") if one.get("id") == id]
        recording = _member(ends[0], "detail", "recording") if ends else None
        name = f"recordings/{id}.jitd"
        where = None
        if isinstance(recording, dict):
            where = f"{name}, " if name in self._files else "not in this pack, "
            where += f"SHA-256 of its last chunk {recording.get('digest')}"
        removed = [one for _, one in self._events("recording.removed") if one.get("id", _member(one, "detail", "run")) == id]
        return f"<h3>Run {_name(id)}</h3>\n" + _rows((
            ("began", _time((started or [begun])[0].get("at"))),
            ("under the grant", _name(_member(begun, "detail", "grant"))),
            ("first process", _member(started[0], "detail", "pid") if started else None),
            ("watched by", _Html(", ".join(_name(one.get("actor")) for one in watched)) if watched else None),
            ("ended", _time(ends[0].get("at")) if ends else _Html("<b>not yet</b>")),
            ("how it ended", _ending(_member(ends[0], "detail")) if ends else None),
            ("recording", _e(where) if where else "none" if ends else None),
            ("the recording was removed", _time(removed[0].get("at")) if removed else None),
        ))  # fmt: skip

    def _left(self) -> _Html:
        rows = []
        for _, body in self._events("run.ended"):
            traces = _member(body, "detail", "traces")
            if isinstance(traces, dict):
                rows += [
                    (_name(body.get("id")), _TRACES.get(kind, kind), _e(names, is_spelled=True)) for kind, names in traces.items()
                ]
            elif traces is not None:
                rows.append((_name(body.get("id")), "", _e(traces)))
            if _member(body, "detail", "ending") == "lost":
                rows.append((_name(body.get("id")), "not seen", _Html("everything: the monitor of the run was killed")))
        if not self._events("run.ended"):
            return _Html("")
        told = _table(("run", "what", "names"), rows) if rows else "<p>Nothing was found.</p>\n"
        return _Html(f"{told}<p>Nobody looks into containers, other schedulers and home directories.</p>\n")

    def _timeline(self) -> _Html:
        out = []
        for line, body in self._records:
            role = f" <small>{_e(body.get('role'))}</small>" if body.get("role") not in (None, "") else ""
            id = f" <small>{_name(body.get('id'))}</small>" if body.get("id") else ""
            state = f"{_e(body.get('state'))}" if body.get("state") else ""
            event = str(_name(body.get("event"))).replace(".", ".<wbr>")
            number = f"{line.number}" if line.content is not None else f"{line.number} <small>in part</small>"
            cells = (number, _time(body.get("at")), f"{event}{id}", f"{_name(body.get('actor'))}{role}", state)
            out.append(f"<tbody>\n<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>\n")
            detail = _details(body)
            out.append(f'<tr class="more"><td></td><td colspan="4">{detail}</td></tr>\n</tbody>\n' if detail else "</tbody>\n")
        head = "".join(f'<th scope="col">{column}</th>' for column in ("record", "time", "event", "by", "then"))
        return _Html(f'<table class="records">\n<thead><tr>{head}</tr></thead>\n{"".join(out)}</table>\n')

    def _not_shown(self) -> _Html:
        partial = self._contents.partial
        out = []
        for word, why in (
            (HIDDEN, "the reader for whom the pack was made may not see it, or it is not here"),
            (FORGOTTEN, "it was kept no longer"),
        ):
            gone = sorted(committed for committed, found in self._gone.items() if found == word)
            if gone:
                out.append(f"<p>{len(gone)} × {word.strip('‹›')}: {why}. The commitments to it stand in the records:</p>\n")
                out.append('<ul class="hex">' + "".join(f"<li><code>{one}</code></li>" for one in gone) + "</ul>\n")
        if partial:
            told = _numbers(partial)
            out.append(f"<p>Of these records, a part may not be shown, and the rest is as the host tells it: {told}.</p>\n")
        if not self._contents.objects:
            out.append("<p>The stored objects are not in this pack: the reader may not see the contents of the request.</p>\n")
        for what, number in _not_there(self._contents, self._id):
            out.append(f"<p>Record {number} tells of {_e(what)}, which is not in this pack: {_DAMAGED}.</p>\n")
        return _Html("".join(out))

    def _proof(self) -> _Html:
        rows = []
        for line in self._contents.lines:
            if line.form in ("checkpoint", "countersignature"):
                who = line.host if line.form == "checkpoint" else line.witness
                rows.append(
                    (
                        line.number,
                        "signed by the host" if line.form == "checkpoint" else "countersigned by",
                        _name(who),
                        _time(line.time),
                    )
                )
        keys = [_member(body, "detail", "public") for _, body in self._events("key.made", "key.rotated")]
        prints = []
        for key in keys:
            try:
                prints.append(fingerprint(public_in(str(key))))
            except Wrong:
                prints.append("not a key")
        out = (
            "<p>This page is made of the other files of its pack, and of nothing else. To check it, run a <code>verify.py</code> "
            "that did not come with it, with the key of the host from its administrator:</p>\n"
            "<pre>python3 verify.py PACK.zip --key FILE</pre>\n"
            f"<p>Keys of {_name(self._host)} that the records name, in their order: {_e(prints)}.</p>\n"
        )
        return _Html(out + _table(("up to record", "head", "by", "at"), rows))


_TRACES = {
    "units": "units of systemd that may live on",
    "files": "files of systemd, at and cron",
    "lingering": "lingering was switched on for",
    "unseen": "not seen",
}


def _pairs(part: Any) -> list[Any]:
    if isinstance(part, Gone):
        return [[part]]
    return [[f"{one[0]}={one[1]}"] for one in part if isinstance(one, list) and len(one) == 2] if isinstance(part, list) else []


def _ending(detail: Any) -> _Html:
    number, because = _member(detail, "number"), _member(detail, "because")
    words = {"exited": f"exited with {_e(number)}", "signaled": f"ended by signal {_e(number)}"}
    told = words.get(str(_member(detail, "ending")), str(_e(_member(detail, "ending"))))
    return _Html(told + (f": {_e(because)}" if because else ""))


def _asked(approvals: Any) -> _Html | None:
    if not isinstance(approvals, list):
        return None
    told = [f"{_e(one[0])} of {_e(one[1:], is_name=True)}" for one in approvals if isinstance(one, list) and one]
    return _Html("; ".join(told) or "none")


def _how(principal: Any, detail: Any) -> _Html:
    """Return how the person in a record had authenticated."""
    name, given = str(principal), _member(detail, "authentication")
    if _member(detail, "proved"):
        return _Html(f"<b>{_e(_member(detail, 'proved'))}</b>")
    if name == "root":
        return _Html("uid 0 of the host, without a ticket")
    if name.startswith("local:"):
        return _Html("only an account that an enforcement point named; no ticket")
    until = f"a Kerberos ticket, valid until {_time(_member(detail, 'ticket_ends_at'))}"
    if not isinstance(given, dict):
        return _Html(f"{until}; the ticket does not say how it was got")
    flags = [str(one) for one in given.get("flags") or ()]
    by = f"by {_e(given.get('indicators'), is_name=True)}" if given.get("indicators") else "the ticket does not say how"
    handed = "; <b>FORWARDED from another host</b>" if "forwarded" in flags or "proxy" in flags else ""
    proof = "" if "pre-authent" in flags else "; <b>the first ticket was issued WITHOUT a proof</b>"
    parts = (
        until,
        f"authenticated to the KDC at {_time(given.get('at'))}, {by}{handed}{proof}",
        f"flags: {_e(flags)}",
        f"encrypted by {_e(given.get('ticket_encryption'))}, its session by {_e(given.get('session_encryption'))}",
        f"realms: {_e(given.get('realms'), is_name=True)}",
    )
    return _Html("; ".join(parts))


_LONG = ("fingerprint", "groups", "group_ids", "authentication", "ticket_ends_at", "digest")
"""Members of a detail that another part of the page shows."""


def _details(body: Mapping[str, Any]) -> _Html:
    detail = body.get("detail")
    if not isinstance(detail, dict):
        return _Html("")
    told: list[str] = []
    for name, value in detail.items():
        if name in _LONG or value in (None, "", [], {}):
            continue
        if name == "receipt" and isinstance(value, dict):
            told.append(_signed_by(value))
            continue
        shown_value = _command(value) if name == "argv" else _argument(value) if name in ("path", "cwd") else _e(value)
        told.append(f"{_name(name)} {shown_value}")
    return _Html("; ".join(told))


def _signed_by(value: Any) -> _Html:
    """Tell of a receipt: with which key, and what was signed."""
    told = {name: _member(value, name) for name in ("key", "proves")}
    by = f"signed with the key {_e(told['key'])}, which proves {_e(told['proves'])}"
    text = str(_member(value, "statement"))
    if text.startswith(UNLOCK_FORM):
        return _Html(by)
    try:
        said = read(text)
    except ValueError:  # what is wrong with it is a finding
        return _Html(by)
    if said.verdict == "deny":  # its terms are granted by nobody
        return _Html(f"{by}, at {_time(said.at)}")
    parts = [f"at most {_n(said.terms.uses, 'use')}", f"for {_span(said.terms.lasts_for)}"]
    parts += [f"each for {_span(said.terms.timeout_for)} at most"] if said.terms.timeout_for is not None else []
    parts += [f"from {_time(said.terms.starts_at)}"] if said.terms.starts_at else []
    return _Html(f"{by}, at {_time(said.at)}: {', '.join(parts)}")


def _place_of(rule: str, text: str) -> tuple[int, int] | None:
    """Return the first and the last line of the rule ``rule`` in a file of the policy, or None if it is not there."""
    lines = text.split("\n")
    wanted = re.compile(rf"\s*\"?name\"?\s*=\s*[\"']{re.escape(rule)}[\"']\s*(?:#.*)?")
    at = next((n for n, line in enumerate(lines) if wanted.fullmatch(line)), None)
    if at is None:
        return None
    first = next((n for n in range(at, -1, -1) if lines[n].lstrip().startswith("[[")), 0)
    last = next((n for n in range(at + 1, len(lines)) if lines[n].startswith("[[")), len(lines)) - 1
    while last > at and (not lines[last].strip() or lines[last].startswith("#")):
        last -= 1
    return first + 1, last + 1


_HEAD = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy"
 content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<title>TITLE</title>
<style>
:root { --ink: #1c1e21; --pale: #5c6370; --line: #d0d4da; --paper: #fff; --tint: #f3f5f8; --mark: #fff3c4; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e3e6ea; --pale: #9aa3af; --line: #3a4048; --paper: #16181c; --tint: #20242a; --mark: #4a4220; }
}
@media print { :root { --ink: #000; --pale: #444; --line: #999; --paper: #fff; --tint: #fff; --mark: #eee; } }
@page { margin: 18mm 15mm; }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 62rem; padding: 1.5rem; background: var(--paper); color: var(--ink); }
body { font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 1rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; padding-bottom: .2rem; border-bottom: 2px solid var(--line); break-after: avoid; }
h3, h4 { font-size: 1rem; font-weight: 650; margin: 1.1rem 0 .35rem; break-after: avoid; overflow-wrap: anywhere; }
p { margin: .4rem 0; }
table { border-collapse: collapse; width: 100%; margin: .3rem 0 .8rem; font-size: .93em; }
caption { width: 1px; height: 1px; margin: -1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
th, td { text-align: left; vertical-align: top; padding: .25rem .5rem; border-bottom: 1px solid var(--line); }
td, p { overflow-wrap: anywhere; }
td { min-width: 4.5rem; }
table.records { table-layout: fixed; }
table.records th:nth-child(1) { width: 4.5rem; }
table.records th:nth-child(2) { width: 12rem; }
table.records th:nth-child(5) { width: 6.5rem; }
table.records tbody { break-inside: avoid; }
table.records td { border-bottom: 0; border-top: 1px solid var(--line); }
tr.more td { border-top: 0 !important; padding-top: 0; font-size: .93em; }
th { color: var(--pale); font-weight: 600; }
thead { display: table-header-group; }
tr { break-inside: avoid; }
table.facts th { width: 11rem; font-weight: 400; }
code, pre { font: .92em/1.4 ui-monospace, monospace; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; tab-size: 4; padding: .6rem; margin: .3rem 0; }
pre { background: var(--tint); border: 1px solid var(--line); }
.argv code { background: var(--tint); border: 1px solid var(--line); border-radius: 3px; padding: 0 .25em; }
mark { background: var(--mark); color: inherit; display: inline-block; width: 100%; print-color-adjust: exact; }
.gone { border: 1px dashed var(--pale); border-radius: 3px; padding: 0 .3em; color: var(--pale); }
.file { color: var(--pale); }
ul { margin: 0; padding-left: 1.1rem; }
ul.hex { list-style: none; padding: 0; overflow-wrap: anywhere; }
small, time { color: var(--pale); font-size: .92em; }
time { white-space: nowrap; }
@media (max-width: 40rem) {
  body { padding: .8rem; }
  table.facts th { width: 7rem; }
  table.records th:nth-child(1) { width: 3rem; }
  table.records th:nth-child(2) { width: 6rem; }
  time { white-space: normal; }
}
@media print {
  body { padding: 0; max-width: none; font-size: 10pt; }
}
</style>
</head>
<body>
"""


def page(files: Files, id: str) -> bytes:
    """Return ``index.html`` of a pack about the request ``id``: a page made of its files (name → content). ``records.jsonl``,
    ``documents.jsonl``, the policies and ``trace.json`` are read, and only the names of the others matter. Raises Wrong if the
    files cannot be read.
    """
    found: list[Finding] = []
    contents = read_contents(files, found.append)
    if found:
        raise Wrong(str(found[0]))
    return _page(files, id, contents)


def _page(files: Files, id: str, contents: Contents) -> bytes:
    try:
        return _Page(files, id, contents).bytes()
    except (TypeError, ValueError, LookupError, AttributeError):  # a host has signed what no jitd writes
        raise Wrong("a record, an object or the trace has a member of a wrong type") from None


# --- the other files that are read by people -------------------------------------------------------------------------------


_README = """\
This is a pack of jitd: everything that the record of {host} knows of
the request {id}, as {by} may see it.

To check the pack
-----------------
The verify.py in this zip came with what it should check, so it proves
nothing to you. Use the one of a jitd that you trust: on any host with
jitd it is /usr/share/jitd/verify.py, and `jitd --version -v` prints its
SHA-256. It is one file, and needs Python 3.9 or later and the package
"cryptography". Do not unpack the zip before:

    python3 verify.py --key HOST.pub --page PAGE.html PACK.zip

HOST.pub is the public key of {host}: `jitd audit key` prints it there.
Get it from its administrator, or from a time before the pack was made.
Without --key, only the pack itself says whose key has signed it. With
--witness-key, a countersignature of another machine counts as well.
verify.py says in words what is proved, to whom, and what is not. If the
pack is whole, it writes the page of the action into PAGE.html, which
must not exist. Read it in a browser. It needs no network, and runs no
script. index.html in the zip is the same page, as the host made it.

What is in it
-------------
index.html         the page of the action, made from the files below
verify.py          a copy of the verifier, for convenience
records.jsonl      the records, with the digests of those between them,
                   and the signed heads of the chain around them
documents.jsonl    the stored request, grant, runs and holdings
policy-*.json      the rules that decided, as text
trace.json         what each rule answers to the request
recordings/        the recordings of the runs
manifest.json      the size and SHA-256 of each file above
proof.jsonl        the host's record about this pack

What the reader for whom it was made may not see, and what was forgotten
since, stands in it as a commitment. It is still proved that the record
has it, and that it was not changed.

Nothing here proves what an approver saw on a screen, what root did
before it was recorded, or that nothing else happened.
"""


def readme(host: str, id: str, by: str) -> bytes:
    """Return README.txt of the pack about the request ``id``, for the principal ``by``."""
    return _README.format(host=host, id=id, by=shown(by, is_name=True)).encode("ascii", "backslashreplace")


def _check_forms(files: Files, report: Report) -> None:
    """Report each file that could do something else in a terminal than to be read. The page, and what an edit found and wrote,
    are not among them.
    """
    for name in files:
        if name == PAGE or name.endswith(".jitd") or name.startswith(TEXTS):
            continue
        try:
            text = _text_of(files, name) if name != OWN_COPY else ""
            if not text.replace("\n", "").isprintable():
                raise Wrong("has characters that control a terminal")
        except Wrong as fault:
            report(Finding(name, 0, str(fault)))


# --- the verdict ---------------------------------------------------------------------------------------------------------


class Verdict(NamedTuple):
    """What a verification has found. If ``findings`` is empty, the rest is true: ``manifest`` is the manifest, ``contents`` what
    the files say, ``signatures`` what signatures prove, ``made`` the record about the pack, ``made_signed`` the number and the
    time of the checkpoint that covers it. ``going_on`` names the objects that had not ended. ``is_page_own`` is True if this file
    has made the page again, and it was the same. ``receipts`` are the approvals that their authors have signed.
    """

    findings: list[Finding]
    manifest: Mapping[str, Any] = {}
    contents: Contents | None = None
    signatures: Signatures = Signatures([], frozenset(), {}, frozenset())
    made: Line | None = None
    made_signed: tuple[int, str] = (0, "")
    going_on: Sequence[str] = ()
    is_page_own: bool = False
    n_recordings: int = 0
    segments: Sequence[Segment] = ()
    receipts: Sequence[Receipted] = ()

    def covered(self, number: int) -> set[int]:
        """Return the numbers of the records that are there as they were sealed and that the seal of record ``number`` covers, as
        the pack proves.
        """
        records = self.contents.records if self.contents is not None else ()
        shown = {line.number for line in records if line.content is not None}
        within = [segment.seals for segment in self.segments if number in segment.seals]
        return {one for one in shown if one <= number and any(one in seals for seals in within)}


def verify(data: Bytes, own: bytes, given: Sequence[NamedKey] = (), witnesses: Sequence[NamedKey] = ()) -> Verdict:
    """Verify the pack ``data``. ``own`` is this file. ``given`` are keys of hosts and ``witnesses`` keys of witnesses, which the
    reader of the pack got from elsewhere.
    """
    found: list[Finding] = []
    try:
        files = read_zip(data, _rank)
    except Wrong as fault:
        return Verdict([Finding("", 0, str(fault))])
    found += [Finding(name, 0, "is missing") for name in ALWAYS if name not in files]
    manifest = _check_manifest(files, found.append) if MANIFEST in files else {}
    made, signed, proof = _check_proof(files, manifest, found.append) if PROOF in files else (None, (0, ""), [])
    if RECORDS not in files or DOCUMENTS not in files:
        return Verdict(found)
    contents = read_contents(files, found.append)
    if len(contents.records) > MOST_SHOWN:
        return Verdict([*found, Finding(RECORDS, 0, f"shows more than {MOST_SHOWN} records")])
    check_words(contents, found.append)
    segments = read_segments(contents.lines, RECORDS, found.append)
    lines = [(RECORDS, line) for line in contents.lines] + [(PROOF, line) for line in proof]
    _check_hosts(lines, str(manifest.get("host", lines[-1][1].host if lines else "")), found.append)
    signatures = check_signatures(lines, given, witnesses, found.append)
    receipts = check_receipts(contents, segments, str(manifest.get("id")), found.append)
    _compare_records(contents.lines, proof, found.append)
    going_on = _check_objects(contents, str(manifest.get("id")), found.append)
    _check_texts(files, contents, found.append)
    n_recordings = _check_recordings(files, contents, found.append)
    _check_forms(files, found.append)
    is_page_own = bytes(files.get(OWN_COPY, b"")) == own
    if is_page_own and not found:
        if readme(*(str(manifest[name]) for name in ("host", "id", "by"))) != bytes(files[README]):
            found.append(Finding(README, 0, "is not the one of this pack"))
        try:
            if _page(files, str(manifest["id"]), contents) != bytes(files[PAGE]):
                found.append(Finding(PAGE, 0, "is not the page of this pack: made again of the other files, it is another one"))
        except Wrong as fault:
            found.append(Finding(PAGE, 0, f"cannot be made again: {fault}"))
    return Verdict(found, manifest, contents, signatures, made, signed, going_on, is_page_own, n_recordings, segments, receipts)


def _check_hosts(lines: Sequence[tuple[str, Line]], host: str, report: Report) -> None:
    """Report each line that is not of ``host``, or of a name before it that a record ends which is signed under that name."""
    records = {line.number: line.content for _, line in lines if line.content is not None}
    changes = [one for number in sorted(records) if (one := renamed_in(number, records[number])) is not None]
    for one, after in zip(changes, [*(later.before for later in changes[1:]), host]):
        if after not in (one.host, one.before):  # with the second, nothing was signed under the first
            name, line = next((name, line) for name, line in lines if line.number == one.number)
            what = f"record {one.number} calls the host {_ascii(one.host)}, and then it is {_ascii(after)}"
            report(Finding(name, line.at, what))
    for name, line in lines:
        if line.host != (was := name_at(changes, line.number, host)):
            report(Finding(name, line.at, f"the line is of the host {line.host}, and the pack is of {_ascii(was)}"))


def _sha256(content: Bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _check_manifest(files: Files, report: Report) -> Mapping[str, Any]:
    try:
        manifest = _object(files, MANIFEST, "jitd pack 1")
        _has(manifest, "form", "host", "id", "made_at", "by", "jitd", "files")
        texts = [_text(manifest, name) for name in ("host", "id", "made_at", "by", "jitd")]
        parts, (host, id, made_at, _, _) = manifest["files"], texts
        if not _WORD.fullmatch(host) or not re.fullmatch(_RUN, id):
            raise Wrong("has no name of a host or no id")
        _check_time(signed_time, made_at)
        if not all(texts) or not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
            raise Wrong("has a member of a wrong type")
        for part in parts:
            _has(part, "name", "size", "sha256")
            _text(part, "name"), _hex(part, "sha256")
    except Wrong as fault:
        report(Finding(MANIFEST, 0, str(fault)))
        return {}
    listed = {part["name"]: part for part in parts}
    if list(listed) != [name for name in files if name not in (MANIFEST, PROOF)] or len(listed) != len(parts):
        apart = sorted({*listed} ^ ({*files} - {MANIFEST, PROOF})) or ["their order"]
        report(Finding(MANIFEST, 0, f"the manifest and the pack do not have the same files: {', '.join(map(_ascii, apart[:3]))}"))
    for name, part in listed.items():
        fits = name not in files or (is_same(part["size"], len(files[name])) and _sha256(files[name]) == part["sha256"])
        if not fits:
            report(Finding(name, 0, "is not the file that the manifest names: its SHA-256 or its size is another one"))
    return manifest


def _check_proof(files: Files, manifest: Mapping[str, Any], report: Report) -> tuple[Line | None, tuple[int, str], list[Line]]:
    """Return the record ``pack.made``, the number and the time of the checkpoint that covers it, and all lines."""
    lines = read_record(files, PROOF, report)
    read_segments(lines, PROOF, report)
    records = [line for line in lines if line.form == "record"]
    if len(records) != 1 or not records[0].content or records[0].content.get("event") != "pack.made":
        report(Finding(PROOF, 0, "there is not exactly one record in it, which tells that the pack was made"))
        return None, (0, ""), lines
    assert records[0].content is not None
    made, content, heads = records[0], records[0].content, [line for line in lines if line.form == "checkpoint"]
    within = [line for line in lines[1:-1] if line.form not in ("record", "digest")]
    if within or lines[0].number > made.number or any(line.form == "countersignature" for line in lines):
        report(Finding(PROOF, 0, "has more than the records from one checkpoint to the next"))
    if made.values or made.about or not is_same(dict(made.told), content):
        report(Finding(PROOF, made.at, f"record {made.number} is told otherwise than it was sealed"))
    if made.number > heads[-1].number if heads else True:
        report(Finding(PROOF, 0, f"the host had not signed record {made.number}, which is about this pack: make the pack again"))
    detail = content.get("detail")
    said = {"id": manifest.get("id"), "manifest": None, "n": len(manifest.get("files", ()))}
    if MANIFEST in files:
        said["manifest"] = hashlib.sha256(files[MANIFEST]).hexdigest()
    if not isinstance(detail, dict) or not is_same(detail, said):
        report(Finding(MANIFEST, 0, f"is not the manifest that record {made.number} of the host names ({PROOF})"))
    elif content.get("actor") != manifest.get("by"):
        report(Finding(MANIFEST, 0, f"names another person than record {made.number}, for whom the pack was made"))
    return made, (heads[-1].number, heads[-1].time) if heads else (0, ""), lines


def _compare_records(lines: Sequence[Line], proof: Sequence[Line], report: Report) -> None:
    """Report a number that has two digests or two seals: a host has one chain."""
    digests: dict[int, bytes] = {}
    seals: dict[int, bytes] = {}
    for name, some in ((RECORDS, lines), (PROOF, proof)):
        for line in some:
            if line.digest and digests.setdefault(line.number, line.digest) != line.digest:
                report(Finding(name, line.at, f"record {line.number} is there twice, and is not the same"))
            elif line.seal and seals.setdefault(line.number, line.seal) != line.seal:
                report(Finding(name, line.at, f"record {line.number} has two seals"))


class _Follower:
    """Follows the objects of a pack through its records. ``last`` has the last record of each."""

    def __init__(self, contents: Contents, own: str, report: Report) -> None:
        self._objects = contents.objects
        self._own = own
        self._report = report
        self._together = Together()
        self._held: dict[str, Held] = {}
        self._aside: dict[tuple[str, str], int] = {}
        self.last: dict[tuple[str, str], Line] = {}

    def take(self, line: Line) -> None:
        body, event = line.body, str(line.body.get("event"))
        id, life, version = body.get("id"), event.partition(".")[0], body.get("version")
        if line.content is None:
            self._together.hides(body.get("at"))
        if "id" not in body and life not in ENDED:
            if event == SET_ASIDE:
                self._set_aside(line)
            return
        if life not in ENDED or not isinstance(id, str) or not is_id(life, id) or type(version) is not int:
            what = f"record {line.number} does not say what it is about, or this verify.py does not know such a thing"
            self._report(Finding(RECORDS, line.at, what))
            return
        before = self.last.get((life, id))
        n_before = 0 if before is None else before.body["version"]
        state = None if version != n_before + 1 else NOTHING if before is None else str(before.body.get("state"))
        fault = self._fault_of(line, (life, id), state)
        if version <= n_before or (id.partition(".")[0] == self._own and state is None):
            missing = f"records about {life} {_ascii(id)} are missing before record {line.number}"
            self._report(Finding(RECORDS, line.at, f"{missing}: it had version {n_before}, and has {version}"))
        elif fault:
            self._tell(line, life, id, fault)
        elif before is None and life == "grant" and event != ISSUED:
            self._report(Finding(RECORDS, line.at, f"the record that issues grant {_ascii(id)} is missing"))
        self.last[life, id] = line

    def end(self) -> None:
        for id, one in self._held.items():
            try:
                one.end()
            except Illegal as illegal:
                self._tell(self.last["grant", id], "grant", id, str(illegal))

    def _tell(self, line: Line, life: str, id: str, fault: str) -> None:
        self._report(Finding(RECORDS, line.at, f"record {line.number}, about {_ascii(life)} {_ascii(id)}, {fault}"))

    def _set_aside(self, line: Line) -> None:
        for one in MAY_BE_SET_ASIDE:
            id = _member(line.body, "detail", one)
            if isinstance(id, str) and (one, id) in self.last:
                self._aside[one, id] = line.number
                if one == "run":
                    self._together.set_aside(id)

    def _fault_of(self, line: Line, one: tuple[str, str], state: str | None) -> str:
        if one in self._aside:
            return f"comes after record {self._aside[one]}, which sets this aside"
        fault, (life, id), link = fault_of(state, line.body), one, link_of(line.body)
        if not fault and link is not None:
            missing = self._together.take(line.body.get("at"), link)
            fault = missing if self._is_here(line, id) else ""
        if life == "grant":
            try:
                self._use(line, id, state)
            except Illegal as illegal:
                return fault or str(illegal)
        return fault

    def _is_here(self, line: Line, id: str) -> bool:
        """True if what caused the record of ``id`` is in the pack. Of a lease, what it was for other requests is not."""
        owners = id.partition(".")[0], _member(line.body, "detail", "request")
        return self._own in owners or (line.body.get("event") == ISSUED and ("request", id) in self.last)

    def _use(self, line: Line, id: str, state: str | None) -> None:
        """Raises Illegal."""
        if line.body.get("event") == ISSUED:
            if line.content is None:
                return
            held, stored = held_of(line.content), self._objects.get(("grant", id))
            if stored is not None and (fault := wider(line.content, held, stored.content)):
                raise Illegal(fault)
            held.left = None if stored is None else stored.content.get("left")
            self._held[id] = held
        elif state is None:
            self._held.pop(id, None)  # nothing tells how many uses are taken in the records that are not here
        elif (known := self._held.get(id)) is not None and (step := step_of(line.body)) is not None:
            known.take(step)


def _follow(contents: Contents, own: str, report: Report) -> dict[tuple[str, str], Line]:
    """Report each record of a life that cannot follow the record before it, and where records of the request ``own`` are missing.
    Return the last record of each object.
    """
    follower = _Follower(contents, own, report)
    for line in contents.records:
        follower.take(line)
    follower.end()
    return follower.last


def _check_objects(contents: Contents, own: str, report: Report) -> list[str]:
    """Report each object that is not as its last record left it, and what ``_follow`` reports. Return what has not ended."""
    last = _follow(contents, own, report)
    for (life, id), found in contents.objects.items():
        line_of = last.get((life, id))
        if line_of is None:
            report(Finding(DOCUMENTS, found.at, f"no record that is shown tells of {life} {_ascii(id)}"))
        elif line_of.body.get("document") != found.digest:
            report(Finding(DOCUMENTS, found.at, f"{life} {_ascii(id)} is not as record {line_of.number} left it"))
    for what, number in _not_there(contents, own):
        report(Finding(DOCUMENTS, 0, f"{_ascii(what)}, of which record {number} tells, is missing: {_DAMAGED}"))
    for what in _left_out(contents, own, last):
        report(Finding(RECORDS, 0, f"records about {what} are missing"))
    states = {f"{life} {id}": (life, line.body.get("state")) for (life, id), line in last.items()}
    return [f"{name} {state}" for name, (life, state) in states.items() if state not in ENDED[life]]


_DAMAGED = "it was left out, or is damaged in the database of the host, where jitd audit verify tells more"


def _not_there(contents: Contents, own: str) -> Iterator[tuple[str, int]]:
    """Yield each object of a request in the pack of which a record tells that is shown whole, and that is not there itself. With
    it, yield the number of the last such record. If its reader may not see the request ``own``, a pack has no objects.
    """
    told: dict[tuple[str, str], int] = {}
    for line in contents.records if ("request", own) not in contents.objects else ():
        if line.body.get("event") == "request.submitted" and line.body.get("id") == own and _is_seen(line):
            yield f"request {own}", line.number
    for line in contents.records:
        id, life = _member(line.content, "id"), str(_member(line.content, "event")).partition(".")[0]
        if not isinstance(id, str) or life not in ENDED or ("request", id.partition(".")[0]) not in contents.objects:
            continue
        if id == own or "." in id or life not in ("run", "holding"):  # the first run of a lease does not belong to a later use
            told[life, id] = line.number
    if ("request", own) in contents.objects:
        missing = ((f"{life.replace('_', ' ')} {id}", n) for (life, id), n in told.items() if (life, id) not in contents.objects)
        yield from missing


def _is_seen(line: Line) -> bool:
    """True if the reader is told words that only who sees a request is told: of a command, the reason, or the variables."""
    for name in ("argv", "reason", "variables"):
        sealed, told = (_member(part, "detail", name) for part in (line.content, line.told))
        if commitments_in(canonical(sealed)) and HIDDEN not in str(told):
            return True
    return False


def _left_out(contents: Contents, own: str, last: Mapping[tuple[str, str], Line]) -> Iterator[str]:
    """Yield each run and each thing under the grant of the request ``own`` and the owed review of which no record is shown,
    although what is shown says that it was there.
    """
    parts = {id for life, id in last if life in ("run", "holding") and id.partition(".")[0] == own}
    found = contents.objects.get(("grant", own))
    living = _member(found.content, "living") if found is not None else None
    named = {one for one in living if isinstance(one, str)} if isinstance(living, list) else set()
    for line in contents.records:
        if line.body.get("id") == own and str(line.body.get("event")).startswith("grant."):
            run = _member(line.body, "detail", "run")
            named |= {run} if isinstance(run, str) else set()
    highest = max((int(id.partition(".")[2] or 1) for id in parts if re.fullmatch(_RUN, id)), default=0)
    named |= {own if n == 1 else f"{own}.{n}" for n in range(1, min(highest, MOST_SHOWN) + 1)}
    yield from (f"the run or thing {_ascii(id)}" for id in sorted(named - parts))
    request = last.get(("request", own))
    is_approved = request is not None and request.body.get("state") == "approved"
    screened = [line.body for line in contents.records if line.body.get("event") == "request.screened"]
    breaks_glass = any(body.get("id") == own and _member(body, "detail", "break_glass") for body in screened)
    if is_approved and breaks_glass and ("owed_review", own) not in last:
        yield f"the owed review {_ascii(own)}"


def _check_texts(files: Files, contents: Contents, report: Report) -> None:
    """Report each text of an edit that is not the one to which the record commits."""
    known = [one.value for one in contents.values.values() if one.field in ("text_before", "text_after", "before", "after")]
    for name in files:
        if name.startswith(TEXTS):
            if _sha256(files[name]) != name[len(TEXTS) :]:
                report(Finding(name, 0, "is not the text with this SHA-256"))
            elif name[len(TEXTS) :] not in known:
                report(Finding(name, 0, "no record that is shown tells of this text"))


def _check_recordings(files: Files, contents: Contents, report: Report) -> int:
    """Report each recording that is not the one of which the record, as it was sealed, has the digest. Return the number of the
    others.
    """
    sealed: dict[str, Any] = {}
    for line in contents.records:
        if line.content is not None and line.content.get("event") == "run.ended":
            sealed[str(line.content.get("id"))] = _member(line.content, "detail", "recording")
    n = 0
    for name, content in files.items():
        if not name.startswith("recordings/"):
            continue
        run = re.split(r"\.jitd$|\.cast$", name[len("recordings/") :])[0]
        if not isinstance(sealed.get(run), dict):
            report(Finding(name, 0, f"no record that is shown tells of a recording of run {run}"))
        elif name.endswith(".jitd"):
            try:
                n_chunks, size, digest = recording_root(content)
                if not is_same(sealed[run], {"n_chunks": n_chunks, "size": size, "digest": digest}):
                    raise Wrong(f"is not the recording of which the record of the end of run {run} has the digest")
                n += 1
            except Wrong as fault:
                report(Finding(name, 0, str(fault)))
    return n


def told(verdict: Verdict, own: bytes, *, has_key: bool) -> Iterator[str]:
    """Yield what was proved, to whom, and what was not: headings and items."""
    manifest, contents, signatures, made = verdict.manifest, verdict.contents, verdict.signatures, verdict.made
    assert contents is not None and made is not None
    records = contents.records
    host, by = shown(str(manifest["host"]), is_name=True), shown(str(manifest["by"]), is_name=True)
    yield f"pack of request {manifest['id']} on {host}, made {manifest['made_at']} for {by}: whole"
    yield ""
    yield "Proved:"
    yield (
        f"- Every file is as the host made it. Its record {made.number} has the SHA-256 of the manifest. The host has signed the "
        f"head of record {verdict.made_signed[0]}, which covers it, at {verdict.made_signed[1]} by its clock."
    )
    yield from _told_of_records(contents, verdict.n_recordings)
    if verdict.is_page_own:
        yield f"- {PAGE} and {README} are what this verify.py makes of the other files."
    yield ""
    yield "To whom:"
    prints = ", ".join(fingerprint(key) for key in signatures.keys)
    if has_key:
        yield f"- To you, because you gave a key of the host. What has signed is that key, or follows it: {prints}."
    else:
        yield (
            f"- To nobody yet: NOTHING BUT THE PACK SAYS whose key this is: {prints}. Anybody can make a pack with a key of "
            "their own. Get the host's key from its administrator, and give it with --key."
        )
    covered: set[int] = set()
    for name, heads in sorted(signatures.witnesses.items()):
        for number, at in heads:
            these = verdict.covered(number)
            covered |= these
            yield (
                f"- The witness {name} has countersigned the head of record {number} at {at} by its clock. This covers "
                f"{len(these)} of the {_n(len(records), 'record')}. Who got the key of the host later cannot have changed them."
            )
    if not signatures.witnesses:
        others = f" ({', '.join(sorted(signatures.strangers))} did, whose key you did not give)" if signatures.strangers else ""
        yield (
            f"- No witness that you know has countersigned a head{others}. So who has the key of the host, as root of {host} "
            "does, could have written all of it at any time until the pack was made."
        )
    yield from _told_of_receipts(verdict.receipts, records)
    yield ""
    yield "Not proved:"
    if contents.partial:
        yield (
            f"- What is told of {_n(len(contents.partial), 'record')}: {_numbers(contents.partial)}. A part is hidden, so only "
            f"the digest was sealed and signed. The rest is the word of the host, and root of {host} can say anything."
        )
    n_alone = len(records) - len(contents.partial) - len(covered)
    if len(verdict.segments) > 1 and n_alone:
        yield (
            f"- That all is of one past: between the segments of {RECORDS}, records are left out, and {n_alone} of those that "
            "are shown are held together by the key of the host alone."
        )
    yield "- What an approver saw on their screen; only that their review names the fingerprint of the request."
    yield "- What root did on the host before it was recorded, or past jitd; what a program did that is not in the recording."
    if verdict.going_on:
        yield f"- What happened later. When the pack was made: {', '.join(map(_ascii, verdict.going_on))}."
    yield "- That nothing else happened: other records are digests here, or left out."
    yield "- The time, beyond what the clocks of the host and of the witnesses said."
    yield "- The trace and the asciicast, which explain: the host made them, and they are not made again here."
    if not verdict.is_page_own:
        yield (
            f"- {PAGE} and {README}: another verify.py was in the pack, so this one cannot compare them. They can say and do "
            "anything. --page FILE writes the page of this one: read that."
        )
    yield ""
    yield "This verify.py has the SHA-256"
    yield f"  {_sha256(own)}"
    yield "`jitd --version -v` prints that of the true one, on a host that you trust."


def _told_of_records(contents: Contents, n_recordings: int) -> Iterator[str]:
    records = contents.records
    n_digests = sum(line.form == "digest" for line in contents.lines)
    yield (
        f"- {_n(len(records) - len(contents.partial), 'record')}: as the host has sealed them, and none of this request is "
        "missing between its first and its last."
    )
    if n_digests:
        yield f"- {_n(n_digests, 'digest')} of the records between them: none was taken out there or put in."
    yield f"- {_n(len(contents.values), 'value')}: those to which the records commit. One that is not here is still a commitment."
    found = (
        _n(len(contents.objects), "stored object"),
        f"the text of {_n(len(contents.policies), 'policy')}",
        _n(n_recordings, "recording"),
    )
    yield f"- {', '.join(found)}: those of which the records have the digests."


_PROVES = {
    "key": "",
    "synced": " What had the key, which may have been copied, had verified a person.",
    "touch": " Somebody touched the key.",
    "pin": " Somebody touched the key, and it had verified them.",
}


def _told_of_receipts(receipts: Sequence[Receipted], records: Sequence[Line]) -> Iterator[str]:
    for line, statement, by in receipts:
        if isinstance(statement, Unlock):
            what, who = "lifting of the lock", statement.operator
        else:
            what, who = "denial" if statement.verdict == "deny" else "approval", statement.approver
        yield (
            f"- To who knows whose key {by.key.fingerprint} ({by.key.kind}) is: its owner has signed the {what} in record "
            f"{line.number} as {_ascii(who)} at {statement.at}.{_PROVES[by.level]} This "
            f"countersigns what the host had recorded up to record {statement.newest.number}."
        )
    approvals = (_member(line.body, "detail") for line in records if line.body.get("event") == "request.reviewed")
    if n := sum(_member(one, "verdict") == "approve" and _member(one, "receipt") is None for one in approvals):
        yield f"- Of {_n(n, 'approval')}, the host alone says who gave it: nobody has signed it with a key of their own."


def _numbers(lines: Iterable[Line]) -> str:
    return ", ".join(str(line.number) for line in lines)


def _n(n: int, what: str) -> str:
    return f"{n} {what}" if n == 1 else f"{n} {what[:-1]}ies" if what.endswith("y") else f"{n} {what}s"


def main(arguments: Sequence[str] | None = None) -> int:
    """Verify the pack that the command line names. Return 0 if it is whole, 1 if something is wrong, and 2 if nothing was
    verified.
    """
    parser = argparse.ArgumentParser(prog="verify.py", description="Verify a pack of jitd.")
    parser.add_argument("pack", metavar="PACK.zip")
    parser.add_argument(
        "--key", metavar="FILE", action="append", default=[], help="public keys of the host, from its administrator"
    )
    parser.add_argument(
        "--witness-key", metavar="FILE", action="append", default=[], help="public keys of witnesses that you trust"
    )
    parser.add_argument("--page", metavar="FILE", help="write the page that this verify.py makes of the pack")
    asked = parser.parse_args(arguments)
    place = asked.pack
    try:
        import cryptography  # noqa: F401

        keys: list[list[NamedKey]] = []
        for places in (asked.key, asked.witness_key):
            keys.append([])
            for place in places:
                with open(place, encoding="utf-8-sig") as file:
                    keys[-1] += read_keys(file.read(1 << 20))
        place = __file__
        with open(place, "rb") as source:
            own = source.read()
        place = asked.pack
        with open(place, "rb") as pack:
            size = pack.seek(0, 2)
            if not 0 < size <= MOST_SIZE:
                raise Wrong("it is empty, or too large to be a pack")
            data: Bytes = memoryview(mmap.mmap(pack.fileno(), 0, access=mmap.ACCESS_READ))
        verdict = verify(data, own, *keys)
        for finding in verdict.findings[:MOST_TOLD]:
            print(f"verify: {finding}")
        if len(verdict.findings) > MOST_TOLD:
            print(f"verify: and {len(verdict.findings) - MOST_TOLD} more")
        if verdict.findings:
            return 1
        for line in told(verdict, own, has_key=bool(keys[0])):
            print(textwrap.fill(line, 80, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False) if line else "")
        if asked.page:
            place = asked.page
            with open(place, "xb") as out:
                out.write(page(read_zip(data, _rank), str(verdict.manifest["id"])))
        return 0
    except ImportError:
        print("verify: the package cryptography is not installed: apt-get install python3-cryptography", file=sys.stderr)
    except OSError as fault:
        print(f"verify: {_ascii(place)}: {fault.strerror or fault}", file=sys.stderr)
    except UnicodeDecodeError:
        print(f"verify: {_ascii(place)}: it is not a text in UTF-8", file=sys.stderr)
    except Wrong as fault:
        print(f"verify: {_ascii(place)}: {fault}", file=sys.stderr)
    return 2


if __name__ == "__main__":
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names may have letters that the terminal has not
    sys.exit(main())
