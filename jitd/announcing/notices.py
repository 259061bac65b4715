# SPDX-License-Identifier: Apache-2.0
"""Has people told of requests by the channels that rules name: each channel has its own post, and its own task.

Law: what is to be told follows from the state of requests and from told marks, so nothing is lost with the daemon. Nobody who
asks, approves or runs something waits for a channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from jitd.announcing.letters import ASKED, Office
from jitd.announcing.post import Post
from jitd.core.notice import half_time
from jitd.core.request import Request, RequestState
from jitd.log import log
from jitd.notifying.channel import Channel
from jitd.settings.channels import Channels
from jitd.store import StoreError, Told

FINISHED_WITHIN = 3.0
"""Seconds that a message which is being sent may take when the daemon ends."""
NO_CHANNEL = "jitd.toml has no channel of this name any more"


@dataclass(frozen=True, slots=True)
class Failing:
    """A channel that could not tell something: since when, why, and how many requests that are."""

    channel: str
    since: datetime
    why: str
    n_requests: int


class Notices:
    """All posts. ``set_deadline`` has a request looked at again at a given time of the boot clock, in seconds."""

    def __init__(
        self, settings: Channels, channels: Mapping[str, Channel], office: Office, set_deadline: Callable[[str, str, float], None]
    ) -> None:
        self._posts = {name: Post(settings[name], channel, office) for name, channel in channels.items()}
        self._to = office
        self._set_deadline = set_deadline

    def look(self, request: str) -> None:
        """Have told what is to be told of ``request``. It may be called at any time. Raises nothing."""
        if not self._posts:
            return
        try:
            found = self._to.store.request(request)
        except StoreError as fault:
            log("a request could not be looked at; its notices come late", request=request, fault=fault)
            found = None
        half = half_time(found) if found is not None and found.state is RequestState.PENDING else None
        if half is not None and half > self._to.now().boot:
            self._set_deadline("notice", request, half)
        for post in self._posts.values():
            post.look(request)

    def look_at_all(self) -> None:
        """Look at each request of which there may be something to tell: the daemon starts, or a mute is lifted. Raises
        StoreError.
        """
        waiting = [found.id for found in self._to.store.requests(ended=False) if _names_channels(found)]
        broken = [owed.id for owed in self._to.store.owed_reviews()]
        for id in dict.fromkeys((*waiting, *broken, *self._to.store.told_open())):
            self.look(id)

    async def keep(self) -> None:
        """Have all posts work, for ever."""
        async with asyncio.TaskGroup() as posts:
            for post in self._posts.values():
                posts.create_task(post.keep())

    async def finish(self) -> None:
        """Send no more. Wait a moment for what is being sent, so that it is not sent again."""
        await asyncio.gather(*(post.finish(FINISHED_WITHIN) for post in self._posts.values()))

    # --- what people ask about it --------------------------------------------------------------------------------------

    def failing(self) -> list[Failing]:
        """Return the channels that could not tell something, by name."""
        found = []
        for name, post in sorted(self._posts.items()):
            if post.troubles:
                since = min(trouble.since for trouble in post.troubles.values())
                *_, last = post.troubles.values()
                found.append(Failing(name, since, last.why, len({id for id, _ in post.troubles})))
        return found

    def failing_as_json(self) -> list[list[Any]]:
        """Return the same as ``jitd doctor`` reads it from the daemon's file."""
        return [[one.channel, one.since.timestamp(), one.why, one.n_requests] for one in self.failing()]

    def of(self, request: Request) -> list[tuple[str, list[Told], str]]:
        """Return for each channel of ``request`` who was told what, and why somebody was not (empty if nothing failed). Raises
        StoreError.
        """
        names = request.obligations.notify if request.obligations is not None else ()
        marks = [mark for mark in self._to.store.told(request.id) if mark.event != ASKED] if names else []
        return [(name, [mark for mark in marks if mark.channel == name], self._why_not(name, request.id)) for name in names]

    def _why_not(self, name: str, request: str) -> str:
        if name not in self._posts:
            return NO_CHANNEL
        return next((one.why for (id, _), one in self._posts[name].troubles.items() if id == request), "")


def _names_channels(request: Request) -> bool:
    return request.obligations is not None and bool(request.obligations.notify)
