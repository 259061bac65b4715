# SPDX-License-Identifier: Apache-2.0
"""The processes that deliver the messages of channels, as channels see them."""

from __future__ import annotations

from typing import Protocol

from jitd.beside.refusals import Failed
from jitd_outsiders.asking.settings import Program, Reach
from jitd_outsiders.outside.messages import Fetched, Letter, Posted
from jitd_outsiders.terminals.messages import Tell, Told


class Asks(Protocol):
    """The part of jitd-outside that channels over HTTPS use: ``asking.reaching.Reaching``."""

    async def ask(self, name: str, by: Reach, body: bytes, within: float) -> Fetched | Failed:
        """Send ``body`` to a server, and return the server's answer. ``by`` says how to reach the server."""
        ...


class Posts(Protocol):
    """The part of jitd-outside that mail uses: ``outside.client.Outside``."""

    async def post(self, letter: Letter) -> Posted | Failed:
        """Pass the mail in ``letter`` to a mail server. ``letter`` contains the address of this server."""
        ...


class Runs(Protocol):
    """The part of jitd-programs that channels use: ``asking.running.Running``."""

    async def run(self, name: str, program: Program, body: bytes, within: float) -> bytes | Failed:
        """Run ``program`` with ``body`` on its standard input, and return its output."""
        ...


class Tells(Protocol):
    """The part of jitd-terminals that channels use: ``terminals.client.Terminals``."""

    async def tell(self, question: Tell) -> Told | Failed:
        """Write the message in ``question`` to terminals."""
        ...


class Carriers(Protocol):
    """The processes that deliver messages for all channels."""

    @property
    def reaching(self) -> Asks: ...

    @property
    def posts(self) -> Posts: ...

    @property
    def programs(self) -> Runs: ...

    @property
    def terminals(self) -> Tells: ...
