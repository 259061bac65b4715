# SPDX-License-Identifier: Apache-2.0
"""The messages between the daemon and jitd-outside. The types of the messages to HTTP servers and mail servers are
here. ``leases`` contains the types of the messages about leases, and ``deliveries`` those about sinks. tests/outside/golden
and golden_mail contain the bytes of each message.
Law: a message contains no secret: a Fetch contains only the name of the secret.
Source for mail addresses: RFC 5321 section 4.1.2. This module accepts only simple mail addresses, that is, a subset of the
addresses in RFC 5321.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from typing import Annotated

from jitd_outsiders.outside import leases
from jitd_outsiders.outside.deliveries import Deliver, Delivered
from jitd_outsiders.outside.fields import ADDRESSES, AUTHORITIES, FILE_NAME, SOCKET, URL
from jitpam.wire.declared import HOST, base64, integer, list_of, one_of, table_of, text

MOST_BYTES = 150 * 1024  # bytes of one message
MOST_BODY = 64 * 1024  # bytes of a body, in a question and in an answer
LONGEST_FIELD = 4_096  # characters of one header field of an answer
LONGEST_DEADLINE = 600_000  # milliseconds of one question
MOST_RECIPIENTS = 64
LONGEST_ADDRESS = 254  # characters of a mail address
LONGEST_WHY = 300  # characters of the reason why a recipient was refused
HEADERS = ("content-digest", "content-type", "location", "retry-after", "signature", "signature-input")
"""The header fields of an answer that are passed to the daemon. All others are dropped."""
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_{|}~-]+"
MAIL_ADDRESS = text(
    "an address of mail such as ops@example.org",
    rf"{_ATOM}(?:\.{_ATOM})*@[A-Za-z0-9](?:[A-Za-z0-9.-]{{0,251}}[A-Za-z0-9])?",
    most=LONGEST_ADDRESS,
)
"""A mail address without a blank, quotes, a control character, a comment or a second ``@``."""
_HOST = text("a host", rf"{HOST}|[0-9A-Fa-f:]{{2,45}}")
_FIELD = text("a header field", r"[\t -~]*", most=LONGEST_FIELD)
_WHY = text("a reason", r"[ -~]*", most=LONGEST_WHY)
_BODY = base64(MOST_BODY)
_DEADLINE = integer(1, LONGEST_DEADLINE)


def _is_mail(content: bytes) -> bool:
    lines = content.replace(b"\r\n", b"")
    return content.isascii() and content.endswith(b"\r\n") and not any(control in lines for control in (b"\0", b"\r", b"\n"))


def _is_of_this_host(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


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

    method: Annotated[str, one_of(("GET", "POST"), "GET or POST")]
    url: Annotated[str, URL]
    body: Annotated[bytes, _BODY]
    deadline_ms: Annotated[int, _DEADLINE]
    socket: Annotated[str, text("an absolute path", rf"{SOCKET}|")] = ""
    addresses: Annotated[tuple[str, ...], ADDRESSES] = ()
    ca: Annotated[str, AUTHORITIES] = ""
    certificate: Annotated[str, FILE_NAME] = ""
    secret: Annotated[str, FILE_NAME] = ""
    key_id: Annotated[str, text("the name of a key", r"[!#-\[\]-~]{0,255}")] = ""

    def check(self) -> None:
        if self.url.startswith("https://") == bool(self.socket):
            raise ValueError("an https URL must have no Unix socket, and an http URL must have one")


@dataclass(frozen=True, slots=True)
class Fetched:
    """The whole answer. ``headers`` contains the answer's header fields that are named in HEADERS, sorted by name."""

    status: Annotated[int, integer(100, 999)]
    headers: Annotated[tuple[tuple[str, str], ...], table_of(one_of(HEADERS, "a permitted header field"), _FIELD, len(HEADERS))]
    body: Annotated[bytes, _BODY]

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

    host: Annotated[str, _HOST]
    port: Annotated[int, integer(1, 65_535)]
    name: Annotated[str, _HOST]
    sender: Annotated[str, MAIL_ADDRESS]
    recipients: Annotated[tuple[str, ...], list_of(MAIL_ADDRESS, 1, MOST_RECIPIENTS)]
    content: Annotated[bytes, _BODY.where(_is_mail, "a mail in ASCII with CRLF at the end of each line")]
    deadline_ms: Annotated[int, _DEADLINE]
    is_plain: bool = False
    addresses: Annotated[tuple[str, ...], ADDRESSES] = ()
    ca: Annotated[str, AUTHORITIES] = ""

    def check(self) -> None:
        if self.is_plain and not _is_of_this_host(self.host):
            raise ValueError("without TLS, a message may go only to an address of this host")


@dataclass(frozen=True, slots=True)
class Posted:
    """The server has accepted the message, but not for the ``refused`` recipients, each with a reason."""

    refused: Annotated[tuple[tuple[str, str], ...], table_of(MAIL_ADDRESS, _WHY, MOST_RECIPIENTS)] = ()


Question = Fetch | Letter | Deliver | leases.Question
Answer = Fetched | Posted | Delivered | leases.Answer
