# SPDX-License-Identifier: Apache-2.0
"""A process as su and sudo are: somebody has started it (its real uid), and it acts as root (its effective uid). It asks as an
enforcement point in many connections at once, and then goes no further.

Law: this is a process of its own, because the kernel says of a process, and not of its threads, who has started it.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from typing import Any

from jitpam.wire import messages
from tests.attacks.raw import Raw, uid_of

TREE = Path(__file__).resolve().parents[2]
STEPS = ("greeted", "welcomed", "challenged", "hung up")


class Started:
    """The process, and what it says of its gates."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def tell(self, **words: Any) -> dict[str, int]:
        """Have it do something; then how many of its gates have come how far, and no further (``STEPS``)."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(words) + "\n")
        self._process.stdin.flush()
        found: dict[str, int] = json.loads(self._process.stdout.readline())
        return found

    def ask(self, n: int, n_bytes: int = 0, **changes: Any) -> None:
        """Begin to ask in ``n`` connections, each for a command that is ``n_bytes`` longer than ``sudo id``."""
        self.tell(n=n, n_bytes=n_bytes, **changes)

    def greet(self, n: int) -> None:
        """Come as far as Welcome in ``n`` connections, and ask nothing."""
        self.tell(n=n, greets=True)

    def counts(self) -> dict[str, int]:
        return {step: 0 for step in STEPS} | self.tell()


@contextmanager
def started_by(who: str, house: Any) -> Iterator[Started]:
    """The process, which ``who`` has started, with connections to the daemon of ``house``."""
    line = [sys.executable, "-m", __name__, who, str(house.socket)]
    process = subprocess.Popen(line, cwd=TREE, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        yield Started(process)
    finally:
        process.kill()
        process.communicate()


def main(who: str, place: str) -> None:
    from tests.attacks.test_points import question

    os.setresuid(uid_of(who), 0, 0)
    reached: list[str] = []

    def gate(at: int, n_bytes: int, greets: bool, changes: dict[str, Any]) -> None:
        with Raw(SimpleNamespace(socket=place)) as raw:
            try:
                raw.greet("root")
                reached[at] = "greeted"
                if isinstance(raw.hear(), messages.Welcome):
                    reached[at] = "welcomed"
                    if not greets:
                        raw.say(question(who, "id", *["x" * 100_000] * (n_bytes // 100_000), **changes))
                        if isinstance(raw.hear(), messages.Challenge):
                            reached[at] = "challenged"
                    raw.hear(within=3600)
            except AssertionError:
                pass
            reached[at] = "hung up"

    for line in sys.stdin:
        words = json.loads(line)
        for _ in range(words.pop("n", 0)):
            reached.append("")
            of_it = (len(reached) - 1, words.get("n_bytes", 0), words.get("greets", False), words.get("changes", {}))
            Thread(target=gate, args=of_it, daemon=True).start()
        print(json.dumps(Counter(reached)), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
