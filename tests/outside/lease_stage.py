# SPDX-License-Identifier: Apache-2.0
"""jitd-outside, as a child of this process, and what is asked of it about leases of a server.

Law: what the server has is looked at by the tests, at the server.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Generic, TypeVar

import pytest

from jitd.beside.connecting import ChildConnector
from jitd_outsiders.outside import client
from jitd_outsiders.outside.client import Outside, child_connector
from jitd_outsiders.outside.leases import Begin, Begun, End, Lease, Leased, Look, Question, Server
from tests.beside.children import of_account
from tests.outside.server import LOOPBACK
from tests.waiting import PATIENCE

HOLDING, ROLE = "K7QM-2XVD", "database/creds/reporting"
LONG = 20_000
"""Milliseconds: no test waits for them."""
At = TypeVar("At")


@dataclass
class Stage(Generic[At]):
    """``outside`` is asked in ``loop`` about ``at``."""

    loop: asyncio.AbstractEventLoop
    outside: Outside
    connector: ChildConnector
    at: At
    server: Server

    def ask(self, question: Question) -> object:
        return self.loop.run_until_complete(self.outside.lease(question))

    def begun(self, seconds: int = 600, **more: object) -> str:
        said = self.ask(Begin(replace(self.server, **more), HOLDING, "alice", seconds, LONG))  # type: ignore[arg-type]
        assert isinstance(said, Begun), said
        return said.accessor

    def lease(self, accessor: str, path: str = ROLE, **parameters: str) -> object:
        return self.ask(Lease(self.server, accessor, path, tuple(sorted(parameters.items())), LONG))

    def leased(self) -> tuple[str, str, bytes]:
        """A lease: the accessor, its id, and what it gives."""
        accessor = self.begun()
        said = self.lease(accessor)
        assert isinstance(said, Leased) and said.secret is not None, said
        return accessor, said.lease, read(said.secret)

    def end(self, accessor: str, lease: str = "") -> object:
        return self.ask(End(self.server, accessor, lease, LONG))

    def look(self, lease: str) -> object:
        return self.ask(Look(self.server, lease, LONG))


def read(secret: int) -> bytes:
    with open(secret, "rb") as stream:
        return stream.read()


@contextmanager
def lease_stage(directory: Path, tokens: Mapping[str, str], at: At, url: str, ca: str) -> Iterator[Stage[At]]:
    """The stage of the server ``at``. ``tokens`` are the files that jitd-outside gets; the first one is jitd's own."""
    keys = directory / "keys"
    keys.mkdir()
    for name, content in tokens.items():
        (keys / name).write_text(content)
        (keys / name).chmod(0o600)
    connector = of_account("nobody", child_connector({file.name: file for file in keys.iterdir()}))
    loop = asyncio.new_event_loop()
    outside = Outside(connector)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(client, "MORE", PATIENCE)  # on a busy host the process may be late
        yield Stage(loop, outside, connector, at, Server(url, next(iter(tokens)), addresses=LOOPBACK, ca=ca))
    loop.run_until_complete(_close(outside))
    loop.close()


async def _close(outside: Outside) -> None:
    outside.close()
