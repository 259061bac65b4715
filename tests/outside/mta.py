# SPDX-License-Identifier: Apache-2.0
"""A mail server: ``python -m tests.outside.mta PORT SPOOL [CERTIFICATE]``. It takes mail as RFC 5321 has it, and keeps each
message as a file of SPOOL before it says that it has it. With CERTIFICATE (PEM, with its key) it offers STARTTLS.

Law: it refuses what is not SMTP, by its own reading. A recipient that begins with ``nobody`` is refused. It is reached at
127.0.0.1 alone.
"""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email import policy
from email.message import EmailMessage
from email.parser import BytesParser
from pathlib import Path

from tests.waiting import wait_for

TREE = Path(__file__).resolve().parents[2]


# --- the server itself ---------------------------------------------------------------------------------------------------


class _Session:
    """What one client says."""

    def __init__(self, line: socket.socket, spool: Path, context: ssl.SSLContext | None) -> None:
        self.line, self.spool, self.context = line, spool, context
        self.stream = line.makefile("rb")
        self.is_secured = False

    def say(self, text: str) -> None:
        self.line.sendall(text.encode("ascii") + b"\r\n")

    def serve(self) -> None:
        self.say("220 mta.test ESMTP")
        sender, recipients = "", list[str]()
        while raw := self.stream.readline(1002):
            if not raw.endswith(b"\r\n") or not raw.isascii():
                self.say("500 not a line")
                return
            text = raw.decode("ascii").removesuffix("\r\n")
            verb = text.partition(" ")[0].upper()
            if verb == "EHLO":
                offers = ["mta.test", "8BITMIME"] + (["STARTTLS"] if self.context and not self.is_secured else [])
                for offer in offers[:-1]:
                    self.say(f"250-{offer}")
                self.say(f"250 {offers[-1]}")
            elif verb == "STARTTLS" and self.context and not self.is_secured:
                self.say("220 go ahead")
                self.line = self.context.wrap_socket(self.line, server_side=True)
                self.stream, self.is_secured = self.line.makefile("rb"), True
            elif found := re.fullmatch(r"MAIL FROM:<([^<>\s]+)>", text):
                sender, recipients = found[1], []
                self.say("250 fine")
            elif found := re.fullmatch(r"RCPT TO:<([^<>\s]+)>", text):
                if found[1].startswith("nobody"):
                    self.say("550-no such person here,")
                    self.say("550 none at all")
                else:
                    recipients.append(found[1])
                    self.say("250 fine")
            elif text == "DATA" and recipients:
                self.say("354 go on")
                self.keep(sender, recipients)
                self.say("250 kept")
            elif text == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("503 out of place")

    def keep(self, sender: str, recipients: list[str]) -> None:
        found = b""
        while (raw := self.stream.readline()) != b".\r\n":
            assert raw.endswith(b"\r\n"), "the client went away"
            found += raw.removeprefix(b".")
        head = f"X-Envelope: {sender} > {' '.join(recipients)}{' (TLS)' if self.is_secured else ''}\r\n".encode()
        number = len(os.listdir(self.spool))
        file = self.spool / f".{number}"
        file.write_bytes(head + found)
        file.rename(self.spool / f"{number:05}.eml")


def main(words: list[str]) -> None:
    port, spool, *more = words
    context = None
    if more:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(more[0])
    with socket.create_server(("127.0.0.1", int(port))) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            line, _ = listener.accept()
            session = _Session(line, Path(spool), context)
            threading.Thread(target=_serve, args=(session,), daemon=True).start()


def _serve(session: _Session) -> None:
    with suppress(OSError, AssertionError, UnicodeDecodeError):
        session.serve()
    with suppress(OSError):
        session.line.close()


# --- how tests have it -----------------------------------------------------------------------------------------------------


@dataclass
class Mta:
    """The server as a process of its own, which can be killed and started again on the same port."""

    spool: Path
    certificate: Path | None = None
    port: int = 0
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        more = [str(self.certificate)] if self.certificate else []
        line = [sys.executable, "-m", "tests.outside.mta", str(self.port), str(self.spool), *more]
        self.process = subprocess.Popen(line, cwd=TREE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def kill(self) -> None:
        """Kill it as kill -9 does."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    @property
    def kept(self) -> list[EmailMessage]:
        """All messages that it took, oldest first."""
        parser = BytesParser(policy=policy.default)
        return [parser.parsebytes(file.read_bytes()) for file in sorted(self.spool.glob("*.eml"))]  # type: ignore[misc]

    def wait_for(self, n_messages: int) -> list[EmailMessage]:
        wait_for(lambda: len(self.kept) >= n_messages, what=f"{n_messages} messages")
        return self.kept


@contextmanager
def delivering(spool: Path, certificate: bytes | None = None) -> Iterator[Mta]:
    """A mail server that keeps what it takes below ``spool``."""
    spool.mkdir(exist_ok=True)
    file = None
    if certificate is not None:
        file = spool.parent / "mta.pem"
        file.write_bytes(certificate)
    mta = Mta(spool, file)
    mta.start()
    try:
        yield mta
    finally:
        if mta.process is not None:
            mta.kill()


if __name__ == "__main__":
    main(sys.argv[1:])
