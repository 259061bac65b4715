# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-outside: a Fetch asks, and a Fetched answers; a Letter asks, and a Posted answers.

A message is one JSON object in ASCII, the body of one packet (``jitd.beside.packets``). ``do`` names a question, ``said`` an
answer. Bytes are in base64. tests/outside/golden holds the bytes of each.
Law: pure. A message is read only if it has exactly the declared fields, each of its type and within its bounds. Every other
message raises ValueError. No secret is in a message: a Fetch names the secret.
Sources of addresses of mail: RFC 5321 section 4.1.2, of which a plain part is read here.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import TypeVar

from jitd.outside.addresses import read_network
from jitd.outside.urls import read_url
from jitpam.wire import notation

MOST_BYTES = 150 * 1024
"""Most bytes of one message."""
MOST_BODY = 64 * 1024
"""Most bytes of a body, in a question and in an answer."""
MOST_CA = 32 * 1024
"""Most characters of the certificates of authorities."""
LONGEST_FIELD = 4_096
"""Most characters of one header field of an answer."""
LONGEST_DEADLINE = 600_000
"""Most milliseconds of one question."""
MOST_ADDRESSES = 64
MOST_RECIPIENTS = 64
LONGEST_ADDRESS = 254
"""Most characters of an address of mail."""
LONGEST_WHY = 300
"""Most characters of the reason why a recipient was refused."""
HEADERS = ("content-digest", "content-type", "location", "retry-after", "signature", "signature-input")
"""The header fields of an answer that are handed on. All others are dropped."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Send one HTTP request.

    ``method`` is GET or POST. ``url`` is an https URL; it is an http URL if and only if ``socket`` is the absolute path of a Unix
    socket. ``body`` is JSON. ``deadline_ms`` is in milliseconds, from the receipt of this message to the end of the answer.
    ``addresses`` are the networks that may be connected to; if there are none, only public addresses may be. ``ca`` are
    certificates of authorities (PEM); if empty, those of the host count. ``certificate`` and ``secret`` are the names of files
    that jitd-outside was given: the certificate with which it shows who it is, and the key with which it signs. Each may be
    empty. ``key_id`` is what the signature calls that key.
    """

    method: str
    url: str
    body: bytes
    deadline_ms: int
    socket: str = ""
    addresses: tuple[str, ...] = ()
    ca: str = ""
    certificate: str = ""
    secret: str = ""
    key_id: str = ""


@dataclass(frozen=True, slots=True)
class Fetched:
    """The whole answer. ``headers`` are the fields of HEADERS that it had, sorted by name."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return the header field ``name``; empty if the answer had none."""
        return dict(self.headers).get(name, "")


@dataclass(frozen=True, slots=True)
class Letter:
    """Hand one message to a mail server.

    ``host`` and ``port`` are the server's; ``name`` is what it is greeted with, this host's name. ``sender`` and ``recipients``
    are the envelope, ``content`` is the whole message, ASCII with CRLF at the end of each line. ``is_plain`` is True if the
    message may go without TLS, to a server on this host. Otherwise the server must offer STARTTLS, with a certificate for
    ``host``. The other fields are those of a Fetch.
    """

    host: str
    port: int
    name: str
    sender: str
    recipients: tuple[str, ...]
    content: bytes
    deadline_ms: int
    is_plain: bool = False
    addresses: tuple[str, ...] = ()
    ca: str = ""


@dataclass(frozen=True, slots=True)
class Posted:
    """The server has taken the message for all recipients but those in ``refused``, each with the reason."""

    refused: tuple[tuple[str, str], ...] = ()


M = TypeVar("M")


def _checked(pattern: str, what: str) -> Callable[[object], str]:
    form = re.compile(pattern)

    def read(value: object) -> str:
        if type(value) is not str or not form.fullmatch(value):
            raise ValueError(f"is not {what}")
        return value

    return read


def _number(least: int, most: int) -> Callable[[object], int]:
    def read(value: object) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"is not a number from {least} to {most}")
        return value

    return read


_method = _checked("GET|POST", "GET or POST")
_socket = _checked(r"(?:/(?!\.\.?(?:/|$))[!-.0-~]+){1,32}|", "an absolute path")
_ca = _checked(rf"[\n -~]{{0,{MOST_CA}}}", "text of certificates")
_name = _checked(r"(?:[A-Za-z0-9_][A-Za-z0-9_.-]{0,63})?", "the name of a file")
_key_id = _checked(r"[!#-\[\]-~]{0,255}", "the name of a key")
_host = _checked(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}", "a host")
_why = _checked(rf"[ -~]{{0,{LONGEST_WHY}}}", "a reason")
_field = _checked(rf"[\t -~]{{0,{LONGEST_FIELD}}}", "a header field")


def _url(value: object) -> str:
    if type(value) is not str or str(read_url(value)) != value:
        raise ValueError("is not a URL as it is written here")
    return value


def _body(value: object) -> bytes:
    if type(value) is not str or len(value) > MOST_BODY * 4 // 3 + 4:
        raise ValueError("is not a body")
    found = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
    if len(found) > MOST_BODY or _spelled(found) != value:
        raise ValueError("is not a body")
    return found


def _spelled(body: bytes) -> str:
    return binascii.b2a_base64(body, newline=False).decode("ascii")


def _addresses(value: object) -> tuple[str, ...]:
    if type(value) is not list or len(value) > MOST_ADDRESSES:
        raise ValueError(f"is not a list of {MOST_ADDRESSES} at most")
    for item in value:
        if type(item) is not str or str(read_network(item)) != item:
            raise ValueError("is not a list of networks")
    return tuple(value)


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    if type(value) is not dict or not value.keys() <= set(HEADERS) or list(value) != sorted(value):
        raise ValueError("are not header fields that are handed on, by name")
    return tuple((name, _field(text)) for name, text in value.items())


_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+"
_address_form = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9](?:[A-Za-z0-9.-]{{0,251}}[A-Za-z0-9])?")


def read_address(value: object) -> str:
    """Return ``value`` if it is an address of mail, such as ``ops@example.org``: no blank, no quotes, no control, no comment, no
    second ``@``. Raises ValueError; its text is the rest of a sentence.
    """
    if type(value) is not str or len(value) > LONGEST_ADDRESS or not _address_form.fullmatch(value):
        raise ValueError("is not an address of mail such as ops@example.org")
    return value


def _is_of_this_host(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _recipients(value: object) -> tuple[str, ...]:
    if type(value) is not list or not 0 < len(value) <= MOST_RECIPIENTS:
        raise ValueError(f"is not a list of 1 to {MOST_RECIPIENTS}")
    return tuple(read_address(item) for item in value)


def _content(value: object) -> bytes:
    found = _body(value)
    lines = found.replace(b"\r\n", b"")
    if not found.isascii() or not found.endswith(b"\r\n") or any(control in lines for control in (b"\0", b"\r", b"\n")):
        raise ValueError("is not a message of mail in ASCII, with CRLF at the end of each line")
    return found


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError("is not true or false")
    return value


def _refused(value: object) -> tuple[tuple[str, str], ...]:
    if type(value) is not dict or len(value) > MOST_RECIPIENTS or list(value) != sorted(value):
        raise ValueError("are not recipients, by address")
    return tuple((read_address(address), _why(why)) for address, why in value.items())


_Readers = dict[str, Callable[[object], object]]
_FETCH: _Readers = {
    "method": _method, "url": _url, "body": _body, "deadline_ms": _number(1, LONGEST_DEADLINE), "socket": _socket,
    "addresses": _addresses, "ca": _ca, "certificate": _name, "secret": _name, "key_id": _key_id,
}  # fmt: skip
_LETTER: _Readers = {
    "host": _host, "port": _number(1, 65_535), "name": _host, "sender": read_address, "recipients": _recipients,
    "content": _content, "deadline_ms": _number(1, LONGEST_DEADLINE), "is_plain": _flag, "addresses": _addresses, "ca": _ca,
}  # fmt: skip
_POSTED: _Readers = {"refused": _refused}
_FETCHED: _Readers = {"status": _number(100, 999), "headers": _headers, "body": _body}


def write(message: Fetch | Fetched) -> bytes:
    """Return the bytes of ``message``. Raises ValueError for a message that its reader would refuse."""
    body = _spelled(message.body)
    if isinstance(message, Fetch):
        values = {field: getattr(message, field) for field in _FETCH}
        written = notation.write({"do": "fetch", **values, "body": body, "addresses": list(message.addresses)})
        back: Fetch | Fetched = read_fetch(written)
    else:
        written = notation.write({"said": "fetched", "status": message.status, "headers": dict(message.headers), "body": body})
        back = read_fetched(written)
    if back != message:
        raise ValueError("a message that does not come back as it went")
    return written


def write_letter(letter: Letter) -> bytes:
    """Return the bytes of ``letter``. Raises ValueError for a message that its reader would refuse."""
    values = {field: getattr(letter, field) for field in _LETTER}
    lists = {"recipients": list(letter.recipients), "addresses": list(letter.addresses)}
    written = notation.write({"do": "post", **values, **lists, "content": _spelled(letter.content)})
    if read_letter(written) != letter:
        raise ValueError("a message that does not come back as it went")
    return written


def write_posted(posted: Posted) -> bytes:
    """Return the bytes of ``posted``. Raises ValueError for a message that its reader would refuse."""
    written = notation.write({"said": "posted", "refused": dict(posted.refused)})
    if read_posted(written) != posted:
        raise ValueError("a message that does not come back as it went")
    return written


def is_letter(written: bytes) -> bool:
    """True if the question in ``written`` says that it is a Letter."""
    try:
        found = notation.read(written)
    except ValueError:
        return False
    return type(found) is dict and found.get("do") == "post"


def read_letter(written: bytes) -> Letter:
    """Return the question in ``written``. Raises ValueError."""
    found = _read(written, ("do", "post"), _LETTER, Letter)
    if found.is_plain and not _is_of_this_host(found.host):
        raise ValueError("without TLS a message goes to an address of this host alone")
    return found


def read_posted(written: bytes) -> Posted:
    """Return the answer in ``written``. Raises ValueError."""
    return _read(written, ("said", "posted"), _POSTED, Posted)


def read_fetch(written: bytes) -> Fetch:
    """Return the question in ``written``. Raises ValueError."""
    found = _read(written, ("do", "fetch"), _FETCH, Fetch)
    if found.url.startswith("https://") == bool(found.socket):
        raise ValueError("https goes over the network, and http over a Unix socket")
    return found


def read_fetched(written: bytes) -> Fetched:
    """Return the answer in ``written``. Raises ValueError."""
    return _read(written, ("said", "fetched"), _FETCHED, Fetched)


def _read(written: bytes, tag: tuple[str, str], readers: _Readers, kind: type[M]) -> M:
    if len(written) > MOST_BYTES:
        raise ValueError(f"a message of more than {MOST_BYTES} bytes")
    if not written.isascii():
        raise ValueError("a message that is not ASCII")
    found = notation.read(written)
    if type(found) is not dict or found.pop(tag[0], None) != tag[1]:
        raise ValueError("no such message")
    if found.keys() != readers.keys():
        raise ValueError(f"missing or unknown: {', '.join(sorted(found.keys() ^ readers.keys()))}")
    values = {}
    for field, read in readers.items():
        try:
            values[field] = read(found[field])
        except ValueError as fault:
            raise ValueError(f"{field} {fault}") from None
    return kind(**values)
