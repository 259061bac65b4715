# SPDX-License-Identifier: Apache-2.0
"""The initiator of a gate (contrib/gates), started and spoken to as a gate does it; and built anew, with changes.

Law: it has an account's rights, as at a gate. Its host's krb5.conf and the account's home are those that the test names: they are
mounted there for it alone.
"""

from __future__ import annotations

import base64
import json
import re
import socket
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.krb5.driver import SANITIZED
from tests.waiting import PATIENCE

TREE = Path(__file__).parents[1]
SOURCES = TREE / "contrib/gates"
INSTALLED = Path("/usr/lib/jitd/prove")
ALICE = 4001
PROOF = b"jitd proof 1\n"
PATIENT = {"TICKET_WITHIN": f"{PATIENCE:.0f}", "ENDS_WITHIN": f"{2 * PATIENCE:.0f}"}
"""Where a busy host may be as slow as it likes."""
HANGS_AT_ONCE = {"    hear_question(&asked);\n": "    for (;;)\n        pause();\n    hear_question(&asked);\n"}
HANGS_AS_THE_PERSON = {"    by.host = asked.host;\n": "    for (;;)\n        pause();\n    by.host = asked.host;\n"}
BOUNDED = "    limit(RLIMIT_AS, (rlim_t)1 << 30);\n"
"""The line that the sanitizers cannot live with: they reserve terabytes."""


def built(to: Path, defined: Mapping[str, str], replaced: Mapping[str, str] | None = None, *, sanitized: bool = False) -> Path:
    """Compile the program into ``to``, with other values of its ``#define``s, and other texts in prove.c."""
    text = (SOURCES / "prove.c").read_text()
    for name, value in defined.items():
        text, n = re.subn(rf"^(#define {name}) .*$", rf"\1 {value}", text, flags=re.MULTILINE)
        assert n == 1, name
    for old, new in {**(replaced or {}), **({BOUNDED: ""} if sanitized else {})}.items():
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    source = to.with_name(f"{to.name}.c")
    source.write_text(text)
    flags = SANITIZED if sanitized else ("-std=c11", "-D_DEFAULT_SOURCE", "-Wall", "-Wextra", "-Werror", "-O1")
    parts = [source, SOURCES / "initiator.c", SOURCES / "narrow.c"]
    words = ["cc", *flags, f"-I{SOURCES}", *parts, "-o", to, "-lgssapi_krb5", "-lkrb5"]
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    assert done.returncode == 0, done.stdout
    return to


def frame(body: bytes) -> bytes:
    return len(body).to_bytes(4, "big") + body


def framed(words: Mapping[str, object]) -> bytes:
    """As a gate says it."""
    return frame(json.dumps(words, separators=(",", ":")).encode())


def encoded(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode()


class Prover:
    """The program, and a gate's end of its socket. ``mounts`` are files and directories that it sees in others' places; ``under``
    are words that start it."""

    def __init__(self, program: Path = INSTALLED, mounts: Mapping[Path, Path] | None = None, under: Sequence[str] = ()) -> None:
        self._ours, theirs = socket.socketpair()
        self._ours.settimeout(2 * PATIENCE)
        mounting = "".join(f"mount --bind {source} {place}\n" for place, source in (mounts or {}).items())
        line = [*under, str(program)]
        if mounts:
            line = ["unshare", "--mount", "--propagation=private", "sh", "-euc", f'{mounting}exec env -i "$0" "$@"', *line]
        with theirs:
            self.process = subprocess.Popen(line, stdin=theirs, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                            env={"PATH": "/usr/bin:/bin"} if mounts else {})  # fmt: skip

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._ours.close()
        self.process.kill()
        said = self.process.communicate()[1].decode(errors="replace")
        assert "ERROR: " not in said and "runtime error" not in said, said  # of a sanitizer

    def ask(self, host: str, cache: str | None, binding: bytes, uid: int = ALICE) -> None:
        self.say({"uid": uid, "cache": encoded(cache.encode() if cache is not None else None), "host": host,
                  "binding": encoded(binding)})  # fmt: skip

    def say(self, words: dict[str, Any]) -> None:
        self.send(framed(words))

    def send(self, data: bytes) -> None:
        self._ours.sendall(data)

    def hear(self) -> dict[str, Any] | None:
        """What it says next; None if it has ended."""
        head = self._exactly(4)
        if not head:
            return None
        said: dict[str, Any] = json.loads(self._exactly(int.from_bytes(head, "big")))
        return said

    def hear_raw(self) -> bytes:
        """All that it says until it ends."""
        return b"".join(iter(lambda: self._ours.recv(65536), b""))

    def _exactly(self, n: int) -> bytes:
        data = b""
        while len(data) < n and (more := self._ours.recv(n - len(data))):
            data += more
        return data

    def token(self) -> bytes:
        """Raises AssertionError if it says something else."""
        return self._bytes("token")

    def proof(self) -> bytes:
        """The same."""
        return self._bytes("proof")

    def _bytes(self, what: str) -> bytes:
        said = self.hear()
        assert said is not None and said["type"] == what, said
        return base64.b64decode(said[what])

    def why(self) -> str:
        """Why there is no token, or no proof."""
        said = self.hear()
        assert said is not None and said["type"] == "refused", said
        assert self.hear() is None, "and it has ended"
        text: str = said["text"]
        return text
