# SPDX-License-Identifier: Apache-2.0
"""Sends one message to a mail server. This module connects to the server, greets the server, changes to TLS, and passes the
message to the server.
Law: without TLS, a message is sent only to a server on this host. Data that the server sent before TLS are not used after TLS
has begun. A command of SMTP may contain an address of the message, but no other part of the message. The form of each address is
checked (``messages.MAIL_ADDRESS``). The size of replies is limited. Every fault becomes a NoAnswer with a sentence. Even if
there was a fault, the server may have accepted the message. Sources: RFC 5321 (SMTP), RFC 3207 (STARTTLS).
"""

from __future__ import annotations

import asyncio
import re
from contextlib import suppress

import httpcore

from jitd.beside.answering import NoAnswer
from jitd_outsiders.outside.connecting import Checked, NotAllowed
from jitd_outsiders.outside.fetching import context_of, told
from jitd_outsiders.outside.messages import LONGEST_WHY, Letter, Posted

LONGEST_LINE = 1_000  # bytes of a line of a reply. The limit in RFC 5321 section 4.5.3.1.5 is 512.
MOST_LINES = 64
SECONDS_TO_PART = 1.0  # seconds for the end of the conversation (QUIT). The server has the message before QUIT is sent.
_REPLY = re.compile(rb"([2-5][0-9]{2})([ -]?)(.*)", re.DOTALL)


async def post(letter: Letter) -> Posted:
    """Send ``letter`` to its server. Raises NoAnswer if there is a fault, or if the server refuses all recipients."""
    try:
        async with asyncio.timeout(letter.deadline_ms / 1000):
            return await _post(letter)
    except TimeoutError:
        raise NoAnswer(f"{_server(letter)} has not taken the message within {letter.deadline_ms / 1000:g} s") from None
    except NoAnswer:
        raise
    except NotAllowed as fault:
        raise NoAnswer(str(fault)) from None
    except Exception as fault:
        raise NoAnswer(f"{_server(letter)}: {told(fault, 'SMTP')}") from None


def _server(letter: Letter) -> str:
    return f"{letter.host}:{letter.port}"


async def _post(letter: Letter) -> Posted:
    context = None if letter.is_plain else context_of(letter.ca, b"")
    line = _Line(await Checked(letter.addresses).connect_tcp(letter.host, letter.port), _server(letter))
    try:
        await line.hear("greets", b"220")
        offers = await line.greet(letter.name)
        if context is not None:
            if b"STARTTLS" not in offers:
                raise NoAnswer(f"{_server(letter)} offers no STARTTLS, and without TLS nothing leaves this host")
            await line.say("STARTTLS", b"220")
            await line.start_tls(context, letter.host)
            await line.greet(letter.name)
        refused = await line.address(letter)
        await line.hand_over(letter.content)
        with suppress(Exception):
            async with asyncio.timeout(SECONDS_TO_PART):
                await line.say("QUIT", b"221")
        return Posted(refused)
    finally:
        await line.close()


class _Line:
    """A connection to the mail server ``server``, which speaks SMTP."""

    def __init__(self, stream: httpcore.AsyncNetworkStream, server: str) -> None:
        self._stream = stream
        self._server = server
        self._heard = b""

    async def close(self) -> None:
        with suppress(Exception):
            await self._stream.aclose()

    async def greet(self, name: str) -> set[bytes]:
        """Greet the server as ``name``. Return the extensions that the server offers."""
        literal = f"[IPv6:{name}]" if ":" in name else name
        lines = await self.say(f"EHLO {literal}", b"250")
        return {line.strip().upper() for line in lines[1:]}

    async def start_tls(self, context: object, host: str) -> None:
        """Change to TLS. Raises NoAnswer if bytes came before it, and the exceptions of the network stream."""
        if self._heard:
            raise NoAnswer(f"{self._server} has sent more than an answer before TLS; somebody may be changing the connection")
        self._stream = await self._stream.start_tls(context, host)  # type: ignore[arg-type]

    async def address(self, letter: Letter) -> tuple[tuple[str, str], ...]:
        """Send the addresses of the sender and the recipients. Return the recipients that the server has refused, each with the
        reason. Raises NoAnswer if the server refuses all recipients.
        """
        await self.say(f"MAIL FROM:<{letter.sender}>", b"250")
        refused = {}
        for recipient in letter.recipients:
            await self._send(f"RCPT TO:<{recipient}>".encode("ascii"))
            code, lines = await self._reply()
            if code not in (b"250", b"251"):
                refused[recipient] = _sentence(code, lines)[:LONGEST_WHY]
        if len(refused) == len(set(letter.recipients)):
            whom, why = next(iter(refused.items()))
            raise NoAnswer(f"{self._server} refuses {whom}: {why}")
        return tuple(sorted(refused.items()))

    async def hand_over(self, content: bytes) -> None:
        """Send the message itself. A line that begins with a full stop gets a second full stop (RFC 5321 section 4.5.2)."""
        await self.say("DATA", b"354")
        stuffed = re.sub(rb"(?m)^\.", b"..", content)
        await self._stream.write(stuffed + b".\r\n")
        await self.hear("was given the message, and", b"250")

    async def say(self, command: str, wanted: bytes) -> list[bytes]:
        """Send ``command``, and return the lines of the reply. Raises NoAnswer if the code of the reply is not ``wanted``."""
        await self._send(command.encode("ascii"))
        return await self.hear(f"was told {command.partition(' ')[0]}, and", wanted)

    async def hear(self, what: str, wanted: bytes) -> list[bytes]:
        """Return the lines of the next reply. Raises NoAnswer, which says ``what``, if its code is not ``wanted``."""
        code, lines = await self._reply()
        if code != wanted:
            raise NoAnswer(f"{self._server} {what} answers {_sentence(code, lines)}")
        return lines

    async def _send(self, line: bytes) -> None:
        await self._stream.write(line + b"\r\n")

    async def _reply(self) -> tuple[bytes, list[bytes]]:
        """Return the code and the lines. Raises NoAnswer."""
        lines: list[bytes] = []
        first = b""
        while len(lines) < MOST_LINES:
            found = _REPLY.fullmatch(await self._line())
            if found is None or (first and found[1] != first):
                raise NoAnswer(f"{self._server} does not speak SMTP")
            first = found[1]
            lines.append(found[3])
            if found[2] != b"-":
                return first, lines
        raise NoAnswer(f"{self._server} answers with more than {MOST_LINES} lines")

    async def _line(self) -> bytes:
        """Return the next line without its line break. Raises NoAnswer."""
        while b"\n" not in self._heard:
            if len(self._heard) > LONGEST_LINE:
                raise NoAnswer(f"{self._server} answers with a line of more than {LONGEST_LINE} bytes")
            more = await self._stream.read(LONGEST_LINE)
            if not more:
                raise NoAnswer(f"{self._server} has ended the connection")
            self._heard += more
        line, _, self._heard = self._heard.partition(b"\n")
        return line.removesuffix(b"\r")


def _sentence(code: bytes, lines: list[bytes]) -> str:
    text = " ".join(line.decode("ascii", "replace").strip() for line in lines)
    return "".join(c if c.isprintable() and c.isascii() else "?" for c in f"{code.decode('ascii')} {text}".strip())
