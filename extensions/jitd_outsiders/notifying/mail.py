# SPDX-License-Identifier: Apache-2.0
"""The channel of kind ``mail``. A message becomes a mail, and jitd-outside passes this mail to a mail server.
Law: a header contains only an address of the settings, a time, or one line of printable ASCII. Therefore no foreign text can
begin a new header.
The body of a mail is plain text. If the server refuses one recipient, the mail is sent again only to recipients who have not
received it.
Sources: RFC 5322 (mail), RFC 2045 (quoted-printable), RFC 3834 (Auto-Submitted: no automatic answers).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING

from jitd.beside.refusals import Failed
from jitd.core.toml_table import Table, quoted
from jitd_outsiders.asking.settings import addresses_in, pem_in
from jitd_outsiders.notifying.carriers import Carriers, Posts
from jitd_outsiders.notifying.channel import Channel, Message, NotSent
from jitd_outsiders.notifying.settings import ChannelSettings
from jitd_outsiders.outside.messages import LONGEST_ADDRESS, MAIL_ADDRESS, Letter
from jitpam.wire.declared import HOST

if TYPE_CHECKING:
    from email.message import EmailMessage

LOCAL = "127.0.0.1:25"  # the mail server of this host, used if the settings name none
DEADLINE = 20.0  # seconds for one mail
LONGEST_SUBJECT = 200
MOST_KEPT = 256  # mails of which some recipients were refused, and of which it is remembered who has received them
USER = "{user}"
MOST_ADDRESSEES = 64
LONGEST_USER = 32 * "a"  # an account with the longest name that useradd(8) makes
NOT_ASKED = f"must have at most {LONGEST_ADDRESS} characters, no dot before the @ or beside another, and no - at its end"
"""What is wrong with an address that is none for jitd-outside, which the patterns here would accept."""
_LOCAL = r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}"
_DOMAIN = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62}){0,15}"
_ADDRESS = re.compile(rf"{_LOCAL}@{_DOMAIN}")
_EACH = re.compile(rf"[A-Za-z0-9._+-]{{0,32}}\{{user\}}[A-Za-z0-9._+-]{{0,32}}@{_DOMAIN}")
_SERVER = re.compile(rf"({_DOMAIN}|\[[0-9A-Fa-f:]{{2,45}}\]):([1-9][0-9]{{0,4}})")


@dataclass(frozen=True, slots=True)
class MailSettings(ChannelSettings):
    """``server`` is HOST:PORT, or empty for the mail server of this host. ``sender`` is the sender's address. ``to`` contains the
    addresses of a group. In ``to_each``, ``{user}`` stands for an account. For ``addresses`` and ``ca`` see Reach.
    """

    KIND = "mail"
    KEYS = ("server", "from", "to", "to_each", "addresses", "ca")

    server: str = ""
    sender: str = ""
    to: tuple[str, ...] = ()
    to_each: str = ""
    addresses: tuple[str, ...] = ()
    ca: str = ""

    @classmethod
    def read(cls, table: Table, owner: int | None, keys_at: Path) -> dict[str, object]:
        table.needs("from")
        to = table.words("to", (), _read_address) if "to" in table.values else ()
        to_each = table.text("to_each", "")
        if ("to" in table.values) == ("to_each" in table.values):
            table.fault('needs either "to", the addresses of a group, or "to_each", such as "{user}@example.org"')
        elif "to_each" in table.values:
            if not _EACH.fullmatch(to_each):
                table.fault('"to_each" must be a mail address with {user} in it, such as "{user}@example.org"', "to_each")
            elif not _can_be_asked(to_each.replace(USER, LONGEST_USER)):
                table.fault(f'"to_each" makes addresses that {NOT_ASKED}', "to_each")
        if len(to) > MOST_ADDRESSEES:
            table.fault(f'"to" has more than {MOST_ADDRESSEES} addresses', "to")
        sender = table.text("from", "")
        if "from" in table.values and not _ADDRESS.fullmatch(sender):
            table.fault('"from" must be a mail address, such as "jitd@db1.example.org"', "from")
        elif "from" in table.values and not _can_be_asked(sender):
            table.fault(f'"from" {NOT_ASKED}', "from")
        server = table.text("server", "")
        if "server" in table.values and not _is_server(server):
            form = "a host of at most 253 characters and its port"
            table.fault(f'"server" must be {form}, such as "127.0.0.1:25" or "[::1]:25"', "server")
        for key in ("addresses", "ca"):
            if key in table.values and "server" not in table.values:
                table.fault(f'"{key}" needs "server": without "server", jitd sends mail to port 25 of this host', key)
        return {
            "server": server,
            "sender": sender,
            "to": to,
            "to_each": to_each,
            "addresses": addresses_in(table),
            "ca": pem_in(table, "ca", "CERTIFICATE", owner),
        }

    @property
    def is_for_persons(self) -> bool:
        return bool(self.to_each)

    def channel(self, carriers: Carriers, host: str, now: Callable[[], datetime]) -> Channel:
        return Mail(self, host, carriers.posts, now)


def _is_server(text: str) -> bool:
    found = _SERVER.fullmatch(text)
    return found is not None and int(found[2]) < 65536 and (found[1][0] == "[" or re.fullmatch(HOST, found[1]) is not None)


def _read_address(word: str) -> str:
    if not _ADDRESS.fullmatch(word):
        raise ValueError(f"{quoted(word)} is not a mail address")
    if not _can_be_asked(word):
        raise ValueError(f"{quoted(word)} {NOT_ASKED}")
    return word


def _can_be_asked(address: str) -> bool:
    try:
        MAIL_ADDRESS.read(address)
    except ValueError:
        return False
    return True


class Mail:
    """Sends mails according to ``settings``. ``host`` is the name of this host. ``now`` returns the time for the Date header of
    the mail, with its time zone.
    """

    def __init__(self, settings: MailSettings, host: str, outside: Posts, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._host = host
        self._outside = outside
        self._now = now
        self._server, self._port = server_of(settings.server or LOCAL)
        self._have: dict[str, set[str]] = {}

    async def send(self, message: Message) -> None:
        """Send ``message`` to the group, or to each person. Raises NotSent unless all addressees are sent it."""
        if not self._settings.to_each:
            await self._send(message, self._settings.to)
            return
        failed = list[str]()
        for account in message.to:
            try:
                await self._send(message, (self._address(account),))
            except NotSent as why:
                failed.append(str(why))
        if failed:
            raise NotSent("; ".join(dict.fromkeys(failed)))

    def _address(self, account: str) -> str:
        """Return the mail address of ``account``. A directory's account has a domain (``dave@ad.example.org``, ``ADX\\dave``),
        and an address has its own: the account's is left out. Raises NotSent.
        """
        name = account.partition("@")[0].rpartition("\\")[2]
        try:
            address: str = MAIL_ADDRESS.read(self._settings.to_each.replace(USER, name))
            return address
        except ValueError:
            raise NotSent(f"no address can be made of the account {ascii(account)}") from None

    async def _send(self, message: Message, to: tuple[str, ...]) -> None:
        """Raises NotSent."""
        mail = written(message, self._settings.sender, to, self._host, self._now())
        key = f"{mail['Message-ID']}"
        left = tuple(address for address in to if address not in self._have.get(key, ()))
        said = await self._outside.post(self._letter(bytes(mail), left))
        if isinstance(said, Failed):
            raise NotSent(said.why)
        if not said.refused:
            self._have.pop(key, None)
            return
        refused = dict(said.refused)
        self._keep(key, set(left) - refused.keys())
        whom, why = said.refused[0]
        raise NotSent(f"{self._settings.server or LOCAL} refuses {whom}: {why}")

    def _keep(self, key: str, have: set[str]) -> None:
        self._have.setdefault(key, set()).update(have)
        while len(self._have) > MOST_KEPT:
            self._have.pop(next(iter(self._have)))

    def _letter(self, content: bytes, recipients: tuple[str, ...]) -> Letter:
        """Return the order for jitd-outside to send a mail. It may connect to the networks in ``addresses``, or without
        this setting to the IP address by which the settings name the mail server, if they do.
        """
        is_number = _is_number(self._server)
        return Letter(
            host=self._server,
            port=self._port,
            name=self._host,
            sender=self._settings.sender,
            recipients=recipients,
            content=content,
            deadline_ms=int(DEADLINE * 1000),
            is_plain=is_number and ip_address(self._server).is_loopback,
            addresses=self._settings.addresses or ((str(ip_network(self._server)),) if is_number else ()),
            ca=self._settings.ca,
        )


def written(message: Message, sender: str, to: tuple[str, ...], host: str, at: datetime) -> EmailMessage:
    """Return ``message`` as a mail to ``to``, in ASCII and with CRLF. The same message to the same people has the same
    Message-ID, so that a mail reader may show it once.
    """
    from email.message import EmailMessage  # a daemon without such a channel does not need this package
    from email.policy import SMTP
    from email.utils import format_datetime

    mail = EmailMessage(policy=SMTP)
    lines = "".join(f"{_visible(line)}\n" for line in message.lines)
    mail["From"] = sender
    mail["To"] = ", ".join(to)
    mail["Subject"] = _header(message.subject)
    mail["Date"] = format_datetime(at)
    mail["Message-ID"] = f"<{_digest(message, to, lines)}@{host}>"
    if message.request:
        mail["References"] = f"<{_digest_of(message.request)}@{host}>"  # so that readers show all mails of a request together
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(lines, charset="utf-8", cte="quoted-printable")
    return mail


def server_of(text: str) -> tuple[str, int]:
    """Return the host and the port in ``text``, which has the form HOST:PORT. HOST may be an IPv6 address in brackets."""
    host, _, port = text.rpartition(":")
    return host.strip("[]"), int(port)


def _is_number(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _header(text: str) -> str:
    """Return ``text`` without line ends, and without what mail readers decode (RFC 2047)."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text)[:LONGEST_SUBJECT].replace("=?", "= ?")


def _visible(line: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in line)


def _digest(message: Message, to: tuple[str, ...], lines: str) -> str:
    return _digest_of("\0".join((message.event, message.request, *to, message.subject, lines)))


def _digest_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]
