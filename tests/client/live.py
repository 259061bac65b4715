# SPDX-License-Identifier: Apache-2.0
"""A desk whose daemon is live: it tells each change of what waits, has every list, and takes every deed of ``jitd board``.

Law: each list stands in a file, which a test may change at any time; what was sent stands in another.
"""

from __future__ import annotations

import json
import os
import select
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from jitd import cli
from jitd.cli import question
from jitpam import client, local_proof
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.wire.messages import Done, Item, Message, Prove, Welcome
from tests.client.desk import TREE, Desk, Row

EVERY = 50
"""Milliseconds after which the daemon looks whether something has changed."""


class LiveDesk(Desk):
    """``lists`` are the lists beside the open requests, by their names; of a list that the person may not see, the sentence."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        self._lists = directory / "lists.json"
        self._fault = directory / "fault.json"
        self.welcome = Welcome(principal="bob@EXAMPLE.TEST", user="bob", host="db1", until=None, operator=True)

    @property
    def lists(self) -> dict[str, Any]:
        return json.loads(self._lists.read_text()) if self._lists.exists() else {}

    @lists.setter
    def lists(self, lists: dict[str, Any]) -> None:
        new = self._lists.with_suffix(".new")
        new.write_text(json.dumps(lists))
        new.replace(self._lists)

    def fails(self, kind: str, text: str) -> None:
        """Be away from now on, or take no ticket, until ``mends``."""
        new = self._fault.with_suffix(".new")
        new.write_text(json.dumps([kind, text]))
        new.replace(self._fault)

    def mends(self) -> None:
        self._fault.unlink()

    def _must_be_there(self) -> None:
        with suppress(FileNotFoundError):
            kind, text = json.loads(self._fault.read_text())
            raise NotAuthenticated("expired", text) if kind == "ticket" else Unreachable(text)

    def connect_as_client(self, *, with_ticket: bool = False, news: object = None, is_patient: bool = False) -> LiveDesk:
        self._must_be_there()
        return self

    def ask(self, message: Message) -> Iterator[Row]:
        what = getattr(message, "what", "")
        if what in self.lists:
            if isinstance(self.lists[what], str):
                raise RefusedByDaemon("forbidden", self.lists[what])
            return iter(self.lists[what])
        return iter(()) if what in ("grants", "runs", "locks") else super().ask(message)

    def do(self, message: Message) -> str:
        if message.type == "review":
            return super().do(message)
        deed: Any = message
        whom = deed.name if message.type == "lock" else deed.id
        self._write([*self.sent, (message.type, whom, str(getattr(deed, "lasts_for", "")), deed.reason)])
        return f"{message.type} is done"

    def _write(self, sent: list[Any]) -> None:
        new = self._sent.with_suffix(".new")
        new.write_text(json.dumps(sent))
        new.replace(self._sent)

    def follow(self, message: Message, wake: int = -1, every: float | None = None) -> Iterator[Message | None]:
        return self._told(wake, None)

    def followed(self, wake: int, every: float | None) -> Iterator[Message | None]:
        return self._told(wake, self._known)

    def _told(self, wake: int, known: Any) -> Iterator[Message | None]:
        poll = select.poll()
        poll.register(wake, select.POLLIN)
        while (now := [self.rows, self.lists]) == known:
            if poll.poll(EVERY):
                yield None
            self._must_be_there()
        self._known = now
        yield from (Item(row=row) for row in now[0] if not row.get("owed_review"))
        yield Done(text="")


class Asking(LiveDesk):
    """The desk for somebody who has no ticket: it takes any password that is typed at the terminal, once there is one."""

    is_asked = True
    is_idle = False

    def __init__(self, directory: str, program: str) -> None:
        super().__init__(Path(directory))
        self._program = program
        self.holders: list[int] = []

    def open(self, until: float) -> None:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            local_proof.send_password(ours, self._program, Prove(account="bob", n_left=5))

    def ready(self) -> None:
        """It is."""


def command(directory: Path) -> list[str]:
    """The command line of ``jitd`` at the desk, without its words."""
    return [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(TREE)!r}); from tests.client.live import main; main()",
            str(directory)]  # fmt: skip


def main() -> None:
    """``jitd`` at the desk whose directory is the first word."""
    question.QUIET_FOR = float(os.environ.get("QUIET_FOR", question.QUIET_FOR))  # before the board is imported
    directory = sys.argv[1]

    class Here(Asking):
        def __init__(self, _: str, program: str) -> None:
            super().__init__(directory, program)

    client.connect = LiveDesk(Path(directory)).connect_as_client  # type: ignore[assignment]
    local_proof.ByPassword = Here  # type: ignore[assignment,misc]
    os.geteuid = lambda: 1000  # root is asked for no password
    sys.argv = ["jitd", *sys.argv[2:]]
    sys.exit(cli.main())
