# SPDX-License-Identifier: Apache-2.0
"""Receivers of the record: a real rsyslogd, and a collector over HTTPS that can be told to misbehave.

Law: they are reached at 127.0.0.1 or at a Unix socket alone, and end with the test.
"""

from __future__ import annotations

import itertools
import json
import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.waiting import wait_for

TREE_LONGEST = 64 * 1024
CONFIGURATION = """
global(workDirectory="{work}" maxMessageSize="{longest}" processInternalMessages="on" {tls})
main_queue(queue.type="LinkedList" queue.dequeueBatchSize="16" queue.dequeueSlowdown="{slowdown}")
template(name="whole" type="list") {{
    constant(value="{{") property(name="pri" outname="pri" format="jsonf") constant(value=",")
    property(name="hostname" outname="host" format="jsonf") constant(value=",")
    property(name="app-name" outname="app" format="jsonf") constant(value=",")
    property(name="msgid" outname="msgid" format="jsonf") constant(value=",")
    property(name="structured-data" outname="sd" format="jsonf") constant(value=",")
    property(name="timestamp" dateFormat="rfc3339" outname="at" format="jsonf") constant(value=",")
    property(name="msg" outname="msg" format="jsonf") constant(value="}}\\n")
}}
ruleset(name="record") {{ action(type="omfile" file="{out}" template="whole" asyncWriting="off" ioBufferSize="4k"
    flushOnTXEnd="on") }}
{input}
action(type="omfile" file="{own}")
"""


def free_port() -> int:
    """A port of 127.0.0.1 that nobody has at this moment."""
    with socket.socket() as line:
        line.bind(("127.0.0.1", 0))
        return int(line.getsockname()[1])


@dataclass
class Rsyslog:
    """rsyslogd with one input. ``directory`` is its own; ``input`` is the text of the input, with ``ruleset="record"``.
    ``slowdown`` is the time in microseconds that it waits after each 16 messages. ``text`` is a whole configuration, in place of
    all that.
    """

    directory: Path
    input: str
    ready: Path | int
    tls: str = ""
    longest: int = TREE_LONGEST
    slowdown: int = 0
    text: str = ""
    process: subprocess.Popen[bytes] | None = None
    lines: list[str] = field(default_factory=list)

    @property
    def out(self) -> Path:
        return self.directory / "received"

    def start(self) -> None:
        """Start it, and return when its input can be reached."""
        configuration = self.directory / "rsyslog.conf"
        text = CONFIGURATION.format(
            work=self.directory,
            longest=self.longest,
            tls=self.tls,
            slowdown=self.slowdown,
            out=self.out,
            own=self.directory / "own",
            input=self.input,
        )
        configuration.write_text(self.text or text)
        pid = self.directory / "pid"
        pid.unlink(missing_ok=True)
        with (self.directory / "says").open("ab") as says:
            self.process = subprocess.Popen(
                ["/usr/sbin/rsyslogd", "-n", "-f", str(configuration), "-i", str(pid)], stdout=says, stderr=says
            )
        wait_for(self._is_reached, what="rsyslogd")

    def _is_reached(self) -> bool:
        assert self.process is not None and self.process.poll() is None, (self.directory / "says").read_text()
        if isinstance(self.ready, Path):
            return any(_takes(self.ready, kind) for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM))
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.ready), 1):
            return True
        return False

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it by the signal ``number``, and return when it has ended."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def received(self) -> list[dict[str, str]]:
        """All that it has written, a message a line. A line that is being written is not counted."""
        text = self.out.read_bytes() if self.out.exists() else b""
        found = []
        for line in text.split(b"\n")[:-1]:
            with suppress(ValueError):  # cut when it was killed; what was written next stands on the same line
                found.append(json.loads(line))
        return found

    def texts(self) -> list[str]:
        """The texts of what it has received."""
        return [message["msg"].removeprefix(" ") for message in self.received()]


def _takes(path: Path, kind: socket.SocketKind) -> bool:
    with suppress(OSError), socket.socket(socket.AF_UNIX, kind) as line:
        line.connect(str(path))
        return True
    return False


@contextmanager
def rsyslog(directory: Path, input: str, ready: Path | int, **more: object) -> Iterator[Rsyslog]:
    """rsyslogd, until the end of the block."""
    directory.mkdir(exist_ok=True)
    found = Rsyslog(directory, input, ready, **more)  # type: ignore[arg-type]
    found.start()
    try:
        yield found
    finally:
        found.end(signal.SIGKILL)


def tcp_input(port: int) -> str:
    return f'module(load="imtcp")\ninput(type="imtcp" address="127.0.0.1" port="{port}" ruleset="record")'


def tls_input(port: int, mode: str = "anon", driver: str = "gtls") -> str:
    return (
        f'module(load="imtcp" streamDriver.name="{driver}" streamDriver.mode="1" streamDriver.authMode="{mode}")\n'
        f'input(type="imtcp" address="127.0.0.1" port="{port}" ruleset="record")'
    )


def local_input(path: Path) -> str:
    parsed = 'ruleset="record" useSpecialParser="on"'  # as the socket of the system is
    return f'module(load="imuxsock" sysSock.use="off")\ninput(type="imuxsock" socket="{path}" {parsed})'


def stream_input(path: Path) -> str:
    return f'module(load="imptcp")\ninput(type="imptcp" path="{path}" unlink="on" fileMode="0666" ruleset="record")'


# --- a collector over HTTPS, as a process that can be killed


class _Handler(BaseHTTPRequestHandler):
    """Appends each batch to a file, and then confirms it. Each seventh batch is kept and not confirmed, and gets 503."""

    protocol_version = "HTTP/1.1"
    out: Path
    count = itertools.count(1)

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        with self.out.open("ab") as out:
            out.write(body + b"\n")
            out.flush()
            os.fsync(out.fileno())
        self.send_response(503 if next(self.count) % 7 == 0 else 200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def serve(port: int, certificate: str, out: str) -> None:
    """Serve until killed."""
    _Handler.out = Path(out)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = ThreadingHTTPServer(("127.0.0.1", port), _Handler)
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.serve_forever()


@dataclass
class HttpsCollector:
    """The collector, on ``port``, with ``certificate`` (PEM). What it got is in ``out``."""

    directory: Path
    port: int
    certificate: bytes
    process: subprocess.Popen[bytes] | None = None

    @property
    def out(self) -> Path:
        return self.directory / "batches"

    def start(self) -> None:
        """Start it, and return when it can be reached."""
        self.directory.mkdir(exist_ok=True)
        certificate = self.directory / "own.pem"
        certificate.write_bytes(self.certificate)
        line = [sys.executable, "-m", "tests.outside.collectors", str(self.port), str(certificate), str(self.out)]
        self.process = subprocess.Popen(line, cwd=Path(__file__).parents[2])
        wait_for(self._is_reached, what="the collector")

    def _is_reached(self) -> bool:
        assert self.process is not None and self.process.poll() is None
        with suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def end(self, number: int = signal.SIGTERM) -> None:
        """End it by the signal ``number``, and return when it has ended."""
        if self.process is not None:
            self.process.send_signal(number)
            self.process.wait(60)
            self.process = None

    def texts(self) -> list[str]:
        """The lines that it got. One that was cut when it was killed is not counted."""
        return self.out.read_text().splitlines() if self.out.exists() else []


if __name__ == "__main__":
    serve(int(sys.argv[1]), sys.argv[2], sys.argv[3])
