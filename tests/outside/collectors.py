# SPDX-License-Identifier: Apache-2.0
"""Receivers of the record: a real rsyslogd, and a collector over HTTPS that can be told to misbehave.

Law: they are reached at 127.0.0.1 or at a Unix socket alone, and end with the test.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.waiting import wait_for

TREE_LONGEST = 64 * 1024
CONFIGURATION = """
global(workDirectory="{work}" maxMessageSize="{longest}" processInternalMessages="on" {tls})
main_queue(queue.type="{queue}")
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
    """rsyslogd with one input. ``directory`` is its own; ``input`` is the text of the input, with ``ruleset="record"``."""

    directory: Path
    input: str
    ready: Path | int
    tls: str = ""
    longest: int = TREE_LONGEST
    queue: str = "LinkedList"
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
            queue=self.queue,
            out=self.out,
            own=self.directory / "own",
            input=self.input,
        )
        configuration.write_text(text)
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
        return [json.loads(line) for line in text.split(b"\n")[:-1]]

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


def is_root() -> bool:
    return os.geteuid() == 0
