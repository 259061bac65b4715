# SPDX-License-Identifier: Apache-2.0
"""contrib/krb5 called from Python: its sources, built with ASan and UBSan, in a process that says what they return (drive.c).

Law: the sources are those of the tree, built anew for each run of the tests. A fault that a sanitizer finds ends the process, and
the test with it.
"""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, field
from pathlib import Path

TREE = Path(__file__).parents[2]
SOURCES = TREE / "contrib/krb5"
SANITIZED = ("-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1", "-g", "-fno-omit-frame-pointer",
             "-fsanitize=address,undefined", "-fno-sanitize-recover=all")  # fmt: skip
FORWARDABLE, POSTDATED, PROXIABLE, DUP_SKEY = 0x2, 0x1, 0x10, 0x20
"""The attributes of an entry that forbid these (kdb.h)."""
GATED = FORWARDABLE | POSTDATED | PROXIABLE | DUP_SKEY
POLICY, EPERM, NO_HANDLE, NO_ENTRY = -1765328372, 1, -1765328135, -1780008443
"""KRB5KDC_ERR_POLICY, EPERM, KRB5_PLUGIN_NO_HANDLE, KRB5_KDB_NOENTRY."""


def build(to: Path, *sources: Path) -> Path:
    """Compile ``sources`` and those of contrib/krb5 into the program ``to``."""
    parts = [SOURCES / name for name in ("grant.c", "gate.c", "writers.c", "words.c")]
    words = [
        "cc",
        *SANITIZED,
        f"-I{SOURCES}",
        *map(str, sources),
        *map(str, parts),
        "-o",
        str(to),
        "-lkdb5",
        "-lkrb5",
        "-lcom_err",
    ]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return to


def hexed(text: str | bytes | None) -> str:
    """A string as drive.c reads it."""
    if text is None:
        return "-"
    return "x" + (text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")).hex()


@dataclass(frozen=True)
class Answer:
    """What a call returned, and what it wrote to the log."""

    words: list[str]
    log: list[str]

    @property
    def is_granted(self) -> bool:
        """Of the gate: whether the ticket is issued."""
        return self.words[0] == "0"

    @property
    def lifetimes(self) -> tuple[int, int]:
        """Of the gate: lifetime and renewable lifetime in seconds; 0 is no limit."""
        return int(self.words[2]), int(self.words[3])

    @property
    def code(self) -> int:
        """The code that was returned."""
        return int(self.words[0])


@dataclass(frozen=True)
class Service:
    """The entry of a service as a test has it."""

    strings: dict[str, str]
    name: str = "postgres/db1.example.test@GATE.TEST"
    attributes: int = GATED
    maxlife: int = 28800
    maxrenewlife: int = 0


@dataclass(frozen=True)
class Request:
    """A request for a ticket. ``entry`` is the client's own name, where it differs from that in the request."""

    client: str | None = "alice@GATE.TEST"
    kind: str = "tgs"
    options: int = 0
    padata: int = 2
    entry: str | None = None


@dataclass
class Driver:
    """The process. Each method is one call."""

    program: Path
    _process: subprocess.Popen[str] | None = field(default=None)

    def ask(self, *words: str) -> Answer:
        """Raises AssertionError with what the sanitizer said where the process ended."""
        if self._process is None:
            self._process = subprocess.Popen([self.program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                             stderr=subprocess.PIPE, text=True)  # fmt: skip
        process = self._process
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(" ".join(words) + "\n")
        process.stdin.flush()
        log = []
        while (line := process.stdout.readline()).startswith("log "):
            log.append(line[4:-1])
        if not line.startswith("said "):
            self._process = None
            raise AssertionError(f"{words[0]}: {line}{process.communicate()[1]}")
        return Answer(line.split()[1:], log)

    def end(self) -> None:
        """End it. Raises AssertionError where it had lost memory, which it says at its end."""
        if self._process is not None:
            _, said = self._process.communicate()
            assert self._process.returncode == 0, said

    def gate(self, service: Service, request: Request) -> Answer:
        """What the gate says to a request."""
        strings = [hexed(word) for pair in service.strings.items() for word in pair]
        return self.ask("gate", request.kind, f"{request.options:x}", str(request.padata), hexed(request.client),
                        hexed(request.entry or request.client), hexed(service.name), f"{service.attributes:x}",
                        str(service.maxlife), str(service.maxrenewlife), *strings)  # fmt: skip

    def auth(self, operation: str, client: str, service: Service, *, target: str | None = None, fault: int = 0,
             key: str | None = None, value: str | None = None) -> Answer:  # fmt: skip
        """What kadmind's module says of an operation by ``client`` on ``target`` (the service, if it is not another name)."""
        strings = [hexed(word) for pair in service.strings.items() for word in pair]
        return self.ask("auth", operation, str(fault), hexed(client), hexed(target or service.name), hexed(service.name),
                        hexed(key), hexed(value), *strings)  # fmt: skip
