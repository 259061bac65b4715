# SPDX-License-Identifier: Apache-2.0
"""The newest word of this host: how much waits here, as jitd has signed it for desks (PROTOCOL.md section 13, the roll)."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress

from jitd_fleet.own_door import PIECE
from jitpam.wire import messages
from jitpam.wire.coding import decode, encode
from jitpam.wire.faults import RemoteProtocolError
from jitpam.wire.framing import FrameReader, frame

AGAIN_AFTER = 5.0  # seconds until the next attempt to have the roll called


class OwnWord:
    """``newest`` is the word that jitd at the door at ``path`` has said last, as JSON. It is empty while jitd says none: then
    desks ask the host itself.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.newest = b""

    async def follow(self) -> None:
        """Take each new word, until this is cancelled."""
        while True:
            try:
                with suppress(OSError, RemoteProtocolError):  # who dials is told of a door that cannot be reached
                    await self._hear()
            finally:
                self.newest = b""
            await asyncio.sleep(AGAIN_AFTER)

    async def _hear(self) -> None:
        reader, writer = await asyncio.open_unix_connection(self._path)
        frames = FrameReader()
        try:
            writer.write(frame(encode(messages.Roll())))
            while data := await reader.read(PIECE):
                frames.feed(data)
                while (body := frames.next_frame()) is not None:
                    said = decode(body, messages.FROM_DAEMON)
                    if not isinstance(said, messages.Item):
                        return
                    self.newest = json.dumps(said.row).encode()
        finally:
            writer.close()
