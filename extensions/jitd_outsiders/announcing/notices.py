# SPDX-License-Identifier: Apache-2.0
"""Sends notices through the channels that the rules name. Each channel has its own post, which sends the notices of this channel.
Each post runs in its own asyncio task.

Law: the due notices are computed from the stored requests and the stored told marks. Therefore no notice is lost if the daemon
ends. No requester, approver or run ever waits for a channel.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime

from jitd.core.condition import Family, Line, gauges
from jitd.core.notice import Heard, half_time
from jitd.core.request import Request, RequestState
from jitd.lifecycle.notifier import Notifier
from jitd.log import log
from jitd.store import StoreError, Told
from jitd_outsiders.announcing import condition
from jitd_outsiders.announcing.letters import ASKED, Office
from jitd_outsiders.announcing.post import Post
from jitd_outsiders.channels import Channels
from jitd_outsiders.notifying.channel import Channel

FINISHED_WITHIN = 3.0  # seconds that the daemon waits at its end for a message that is being sent
NO_CHANNEL = "jitd.toml has no channel of this name any more"


@dataclass(frozen=True, slots=True)
class Failing:
    """A channel that fails: since when, why, and for how many requests."""

    channel: str
    since: datetime
    why: str
    n_requests: int


class Notices(Notifier):
    """Runs the posts, one a channel. ``set_deadline`` says when a request is checked again (boot clock, s)."""

    def __init__(
        self, settings: Channels, channels: Mapping[str, Channel], office: Office, set_deadline: Callable[[str, str, float], None]
    ) -> None:
        self._posts = {name: Post(settings[name], channel, office) for name, channel in channels.items()}
        self._to = office
        self._set_deadline = set_deadline
        self._is_stale = asyncio.Event()

    def look(self, request: str) -> None:
        """Let each channel's post check ``request`` soon, and send what is due. Call it at any time: it raises nothing."""
        if not self._posts:
            return
        try:
            found = self._to.store.request(request)
        except StoreError as fault:
            log("a request could not be looked at; its notices come late", request=request, fault=fault)
            found = None
        names = self._posts if found is None else _channels_of(found)
        if not names:
            return
        half = half_time(found) if found is not None and found.state is RequestState.PENDING else None
        if half is not None and half > self._to.now().boot:
            self._set_deadline("notice", request, half)
        for name, post in self._posts.items():
            if name in names:
                post.look(request)

    def look_at_all(self) -> None:
        """Call ``look`` for each request that may have due notices, before the daemon serves anybody. Raises StoreError."""
        waiting = [found.id for found in self._to.store.requests(ended=False) if _channels_of(found)]
        broken = [owed.id for owed in self._to.store.owed_reviews()]
        for id in dict.fromkeys((*waiting, *broken, *self._to.store.told_open())):
            self.look(id)

    def look_again(self) -> None:
        """Let ``keep`` look soon at each request that may have due notices, because a mute was lifted. Nobody waits for this."""
        self._is_stale.set()

    async def _keep_looking(self) -> None:
        """Look at one request in each pass of the event loop. Everybody may lift their mute, as often as they like, and a request
        may have megabytes. If this happens again meanwhile, begin again afterwards.
        """
        while True:
            await self._is_stale.wait()
            self._is_stale.clear()
            try:
                waiting = [id for life, id in self._to.store.live() if life in ("request", "owed_review")]
                for id in dict.fromkeys((*sorted(waiting), *self._to.store.told_open())):
                    await asyncio.sleep(0)
                    self.look(id)
            except Exception as fault:  # the posts go on
                log("requests could not be looked at; their notices come late", fault=f"{type(fault).__name__}: {fault}")

    async def keep(self) -> None:
        """Run all posts. Never return."""
        async with asyncio.TaskGroup() as posts:
            posts.create_task(self._keep_looking())
            for post in self._posts.values():
                posts.create_task(post.keep())

    async def finish(self) -> None:
        """Stop sending messages. If a message is being sent now, wait at most FINISHED_WITHIN seconds for it. Without this wait,
        the message would be sent again after the next start.
        """
        await asyncio.gather(*(post.finish(FINISHED_WITHIN) for post in self._posts.values()))

    # --- what is told of it --------------------------------------------------------------------------------------

    def lines(self, now: float) -> Iterator[Line]:
        """Yield what ``jitd status`` says of the channels. ``now`` is in seconds since 1970."""
        failing = [(one.channel, now - one.since.timestamp(), one.why, one.n_requests) for one in self.failing()]
        return condition.channels(sorted(self._posts), failing)

    def gauges(self) -> Iterator[Family]:
        """Yield what ``jitd metrics`` says of the channels."""
        failing = [((one.channel,), one.n_requests) for one in self.failing()]
        yield gauges("jitd_notices_unsent", "Requests whose notices a channel cannot send.", ("channel",), failing)

    def failing(self) -> list[Failing]:
        """Return the channels that could not send a notice, sorted by name."""
        found = []
        for name, post in sorted(self._posts.items()):
            if post.troubles:
                since = min(trouble.since for trouble in post.troubles.values())
                *_, last = post.troubles.values()
                found.append(Failing(name, since, last.why, len({id for id, _ in post.troubles})))
        return found

    def of(self, request: Request) -> list[tuple[str, list[Told], str]]:
        """Return for each channel of ``request`` its name, its told marks, and why a notice could not be sent, or "". Raises
        StoreError.
        """
        names = _channels_of(request)
        marks = [mark for mark in self._to.store.told(request.id) if mark.event != ASKED] if names else []
        if request.is_open:  # a closed mark says that somebody wanted no notice
            marks = [mark for mark in marks if mark.is_open]
        return [(name, [mark for mark in marks if mark.channel == name], self._why_not(name, request.id)) for name in names]

    def heard_of(self, request: Request) -> tuple[Heard, ...]:
        """Return whom each channel that has looked at the waiting ``request`` has told. Raises StoreError."""
        if request.state is not RequestState.PENDING:
            return ()
        posts = [self._posts[name] for name in _channels_of(request) if name in self._posts]
        return tuple(heard for post in posts if (heard := post.heard_of(request.id)) is not None)

    def _why_not(self, name: str, request: str) -> str:
        if name not in self._posts:
            return NO_CHANNEL
        return next((one.why for (id, _), one in self._posts[name].troubles.items() if id == request), "")


def _channels_of(request: Request) -> tuple[str, ...]:
    return () if request.obligations is None else request.obligations.notify
