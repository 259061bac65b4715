# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-outside. Fetch is a question, and Fetched is its answer. Letter is a question, and
Posted is its answer. A message is one JSON object in ASCII, and is the body of one packet (``jitd.beside.packets``). A question
has its name in the field ``do``, and an answer has its name in the field ``said``. Bytes are encoded in base64.
tests/outside/golden contains the bytes of each message.
Law: pure. A message must have exactly the declared fields. Each field must have the right type and be within its limits. Every
other message raises ValueError. A message contains no secret: a Fetch contains only the name of the secret.
Source for mail addresses: RFC 5321 section 4.1.2. This module accepts only simple mail addresses, that is, a subset of the
addresses in RFC 5321.
"""

from __future__ import annotations

import binascii
import re
from dataclasses import dataclass
from ipaddress import ip_address

from jitd.outside.fields import MOST_BYTES as MOST_BYTES
from jitd.outside.fields import MOST_CA as MOST_CA
from jitd.outside.fields import Readers, addresses, authorities, checked, file_name, number, read_message, url
from jitpam.wire import notation

MOST_BODY = 64 * 1024
"""Maximum number of bytes of a body, in a question and in an answer."""
LONGEST_FIELD = 4_096
"""Maximum number of characters of one header field of an answer."""
LONGEST_DEADLINE = 600_000
"""Maximum deadline of one question, in milliseconds."""
MOST_RECIPIENTS = 64
LONGEST_ADDRESS = 254
"""Maximum number of characters of a mail address."""
LONGEST_WHY = 300
"""Maximum number of characters of the reason why a recipient was refused."""
HEADERS = ("content-digest", "content-type", "location", "retry-after", "signature", "signature-input")
"""The header fields of an answer that are passed to the daemon. All others are dropped."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """Send one HTTP request.
    ``method`` is GET or POST. If ``socket`` is empty, ``url`` is an https URL. If ``socket`` is the absolute path of a Unix
    socket, ``url`` is an http URL. ``body`` is JSON. ``deadline_ms`` is the maximum time in milliseconds, from the receipt of
    this message to the end of the answer. ``addresses`` are the allowed networks. If ``addresses`` is empty, only public
    addresses are allowed. ``ca`` contains certificates of authorities (PEM). If ``ca`` is empty, the authorities of the host are
    used. ``certificate`` is the name of the file with the client certificate of jitd-outside. ``secret`` is the name of the file
    with the key that signs the request. In the signature, ``key_id`` is the name of the signing key. ``certificate``, ``secret``
    and ``key_id`` may be empty.
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
    """The whole answer. ``headers`` contains the answer's header fields that are named in HEADERS, sorted by name."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return the header field ``name``. Return an empty string if the answer does not have this field."""
        return dict(self.headers).get(name, "")


@dataclass(frozen=True, slots=True)
class Letter:
    """Pass one message to a mail server.
    ``host`` and ``port`` are the address of the mail server. ``name`` is the name of this host, for the greeting. ``sender`` and
    ``recipients`` are the envelope of the message. ``content`` is the whole message in ASCII, with CRLF at the end of each line.
    If ``is_plain`` is True, the message may be sent without TLS, to a server on this host. If ``is_plain`` is False, the server
    must offer STARTTLS, with a certificate for ``host``. The other fields have the same meaning as in a Fetch.
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
    """The server has accepted the message. ``refused`` contains the recipients that the server has refused, each with a
    reason.
    """

    refused: tuple[tuple[str, str], ...] = ()


_method = checked("GET|POST", "GET or POST")
_socket = checked(r"(?:/(?!\.\.?(?:/|$))[!-.0-~]+){1,32}|", "an absolute path")
_key_id = checked(r"[!#-\[\]-~]{0,255}", "the name of a key")
_host = checked(r"[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:]{2,45}", "a host")
_why = checked(rf"[ -~]{{0,{LONGEST_WHY}}}", "a reason")
_field = checked(rf"[\t -~]{{0,{LONGEST_FIELD}}}", "a header field")


def _body(value: object) -> bytes:
    if type(value) is not str or len(value) > MOST_BODY * 4 // 3 + 4:
        raise ValueError("is not a body")
    found = binascii.a2b_base64(value.encode("ascii"), strict_mode=True)
    if len(found) > MOST_BODY or _spelled(found) != value:
        raise ValueError("is not a body")
    return found


def _spelled(body: bytes) -> str:
    return binascii.b2a_base64(body, newline=False).decode("ascii")


def _headers(value: object) -> tuple[tuple[str, str], ...]:
    if type(value) is not dict or not value.keys() <= set(HEADERS) or list(value) != sorted(value):
        raise ValueError("is not a table of permitted header fields, sorted by name")
    return tuple((name, _field(text)) for name, text in value.items())


_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+"
_address_form = re.compile(rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9](?:[A-Za-z0-9.-]{{0,251}}[A-Za-z0-9])?")


def read_address(value: object) -> str:
    """Return ``value`` if it is a mail address such as ``ops@example.org``. The address must not contain a blank, quotes, a
    control character, a comment or a second ``@``. Raises ValueError. The text of the error is a sentence without its subject.
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
        raise ValueError(f"is not a list of 1 to {MOST_RECIPIENTS} recipients")
    return tuple(read_address(item) for item in value)


def _content(value: object) -> bytes:
    found = _body(value)
    lines = found.replace(b"\r\n", b"")
    if not found.isascii() or not found.endswith(b"\r\n") or any(control in lines for control in (b"\0", b"\r", b"\n")):
        raise ValueError("is not a mail in ASCII with CRLF at the end of each line")
    return found


def _flag(value: object) -> bool:
    if type(value) is not bool:
        raise ValueError("is not true or false")
    return value


def _refused(value: object) -> tuple[tuple[str, str], ...]:
    if type(value) is not dict or len(value) > MOST_RECIPIENTS or list(value) != sorted(value):
        raise ValueError("is not a table of refused recipients, sorted by address")
    return tuple((read_address(address), _why(why)) for address, why in value.items())


_FETCH: Readers = {
    "method": _method,
    "url": url,
    "body": _body,
    "deadline_ms": number(1, LONGEST_DEADLINE),
    "socket": _socket,
    "addresses": addresses,
    "ca": authorities,
    "certificate": file_name,
    "secret": file_name,
    "key_id": _key_id,
}
_LETTER: Readers = {
    "host": _host,
    "port": number(1, 65_535),
    "name": _host,
    "sender": read_address,
    "recipients": _recipients,
    "content": _content,
    "deadline_ms": number(1, LONGEST_DEADLINE),
    "is_plain": _flag,
    "addresses": addresses,
    "ca": authorities,
}
_POSTED: Readers = {"refused": _refused}
_FETCHED: Readers = {"status": number(100, 999), "headers": _headers, "body": _body}


def write(message: Fetch | Fetched) -> bytes:
    """Return the bytes of ``message``. Raises ValueError if the reader for this kind of message would refuse these bytes."""
    body = _spelled(message.body)
    if isinstance(message, Fetch):
        values = {field: getattr(message, field) for field in _FETCH}
        written = notation.write({"do": "fetch", **values, "body": body, "addresses": list(message.addresses)})
        back: Fetch | Fetched = read_fetch(written)
    else:
        written = notation.write({"said": "fetched", "status": message.status, "headers": dict(message.headers), "body": body})
        back = read_fetched(written)
    if back != message:
        raise ValueError("the message changes when it is written and read again")
    return written


def write_letter(letter: Letter) -> bytes:
    """Return the bytes of ``letter``. Raises ValueError if ``read_letter`` would refuse these bytes."""
    values = {field: getattr(letter, field) for field in _LETTER}
    lists = {"recipients": list(letter.recipients), "addresses": list(letter.addresses)}
    written = notation.write({"do": "post", **values, **lists, "content": _spelled(letter.content)})
    if read_letter(written) != letter:
        raise ValueError("the message changes when it is written and read again")
    return written


def write_posted(posted: Posted) -> bytes:
    """Return the bytes of ``posted``. Raises ValueError if ``read_posted`` would refuse these bytes."""
    written = notation.write({"said": "posted", "refused": dict(posted.refused)})
    if read_posted(written) != posted:
        raise ValueError("the message changes when it is written and read again")
    return written


def is_letter(written: bytes) -> bool:
    """True if the question in ``written`` has the name of a Letter (an order to send a mail)."""
    try:
        found = notation.read(written)
    except ValueError:
        return False
    return type(found) is dict and found.get("do") == "post"


def read_letter(written: bytes) -> Letter:
    """Return the question in ``written``. Raises ValueError."""
    found = read_message(written, ("do", "post"), _LETTER, Letter)
    if found.is_plain and not _is_of_this_host(found.host):
        raise ValueError("without TLS, a message may go only to an address of this host")
    return found


def read_posted(written: bytes) -> Posted:
    """Return the answer in ``written``. Raises ValueError."""
    return read_message(written, ("said", "posted"), _POSTED, Posted)


def read_fetch(written: bytes) -> Fetch:
    """Return the question in ``written``. Raises ValueError."""
    found = read_message(written, ("do", "fetch"), _FETCH, Fetch)
    if found.url.startswith("https://") == bool(found.socket):
        raise ValueError("an https URL must have no Unix socket, and an http URL must have one")
    return found


def read_fetched(written: bytes) -> Fetched:
    """Return the answer in ``written``. Raises ValueError."""
    return read_message(written, ("said", "fetched"), _FETCHED, Fetched)
