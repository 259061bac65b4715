# SPDX-License-Identifier: Apache-2.0
"""Sends questions to gatekeepers. A gatekeeper is a system outside jitd that may deny a request or set further requirements.

Law: each question has its own nonce, and has exactly one result. If the answer is late, lost or malformed, the result is Silent.
The result Silent denies the request. A gatekeeper's server may reply that it will decide later. In this case, the daemon later
fetches the decision. It fetches the decision only from the same server, and only while the request waits. If a gatekeeper fails
at once, the daemon does not send the same question again for a short time (``failures``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from jitd.core.gatekeeping import Answer, Asking, Passes, Requires, Silent
from jitd.core.naming import Naming
from jitd.deciding.gatekeepers import Manner, question_of
from jitd.failures import Failure, count
from jitd_outsiders.asking import json_text
from jitd_outsiders.asking.failures import Failures
from jitd_outsiders.asking.hearing import Nonsense, read_answer, read_opa
from jitd_outsiders.asking.reaching import Reaching, fault_of
from jitd_outsiders.asking.settings import GatekeeperSettings, Reach
from jitd_outsiders.asking.telling import for_gatekeeper
from jitd_outsiders.asking.turns import Full, Turns
from jitd_outsiders.outside.client import Failed
from jitd_outsiders.outside.messages import Fetched
from jitd_outsiders.outside.urls import Url, read_url, same_server

AGAIN_AFTER, SOONEST, LATEST = 5, 1, 3_600  # seconds until a server that decides later is asked again: by default, and bounds
LONGEST_DATE = 40  # characters of an HTTP date
LATER = 202  # HTTP status 202. The server has accepted the question, and will decide later (RFC 9110 section 15.3.3).
FOR_A_MOMENT = {408, 429, 500, 502, 503, 504}  # HTTP statuses after which the next attempt may succeed


@dataclass(frozen=True, slots=True)
class Now:
    """The clocks. ``wall`` returns the current date and time with a time zone. ``boot`` returns seconds on CLOCK_BOOTTIME."""

    wall: Callable[[], datetime]
    boot: Callable[[], float]


class Gatekeepers:
    """Queries gatekeepers, by name. ``naming`` spells principals. ``new_nonce`` returns a new, unpredictable text."""

    def __init__(
        self,
        gatekeepers: Mapping[str, GatekeeperSettings],
        reaching: Reaching,
        naming: Naming,
        now: Now,
        new_nonce: Callable[[], str],
    ) -> None:
        self._gatekeepers = gatekeepers
        self._reaching = reaching
        self._naming = naming
        self._now = now
        self._new_nonce = new_nonce
        self._failures = Failures(now.boot)
        self._turns = {name: Turns() for name in gatekeepers}
        # no limit, because there are at most as many such questions as requests
        self._later = {name: Turns(waiting=None) for name in gatekeepers}

    def manner(self, name: str) -> Manner:
        found = self._gatekeepers[name]
        return Manner(found.fresh_for, found.polls)

    async def ask(self, name: str, asking: Asking) -> Answer:
        try:
            return await self._answer(self._gatekeepers[name], asking)
        except Nonsense as fault:
            count(Failure.GATEKEEPER)
            return Silent(str(fault))

    async def _answer(self, gatekeeper: GatekeeperSettings, asking: Asking) -> Answer:
        """Raises Nonsense if there is no valid answer."""
        left = asking.ends_boot - self._now.boot()
        within = min(float(gatekeeper.deadline_for), left)
        if within <= 0:
            raise Nonsense("the time of the request is over")
        same = question_of(gatekeeper.name, asking)
        self._has_not_failed(same)
        nonce = self._new_nonce()
        until = self._now.wall() + timedelta(seconds=left if gatekeeper.polls else within)
        told = for_gatekeeper(gatekeeper.name, nonce, asking, until)
        body = json_text.write({"input": told} if gatekeeper.is_opa else told)
        try:
            async with asyncio.timeout(within), self._turns[gatekeeper.name].turn(asking.requester.person):
                self._has_not_failed(same)  # it may have failed while this question waited for its turn
                answer = await self._reaching.ask(gatekeeper.name, gatekeeper.by, body, within)
        except TimeoutError:
            raise Nonsense(f"no answer within {within:g} s") from None
        except Full as fault:
            raise Nonsense(str(fault)) from None
        if isinstance(answer, Fetched) and gatekeeper.polls and answer.status == LATER and isinstance(gatekeeper.by, Reach):
            answer = await self._come_later(gatekeeper, gatekeeper.by, answer, asking)
            return self._read(gatekeeper, answer, nonce, asking.fingerprint)
        try:
            return self._read(gatekeeper, answer, nonce, asking.fingerprint)
        except Nonsense as why:
            self._failures.keep(same, str(why))
            raise

    def _has_not_failed(self, same: Hashable) -> None:
        """Raise Nonsense if the question ``same`` failed a short time ago."""
        if why := self._failures.of(same):
            raise Nonsense(why)

    def _read(self, gatekeeper: GatekeeperSettings, answer: Fetched | Failed, nonce: str, fingerprint: bytes) -> Answer:
        """Raises Nonsense."""
        if isinstance(answer, Failed):
            raise Nonsense(answer.why)
        if fault := fault_of(answer):
            raise Nonsense(fault)
        if gatekeeper.key:
            _check_signature(answer, gatekeeper.key)
        read = read_opa if gatekeeper.is_opa else read_answer
        try:
            found = read(answer.body, nonce, fingerprint, self._naming.read_who)
        except Nonsense as why:
            raise Nonsense(f"its answer {why}") from None
        if isinstance(found, Passes | Requires) and found.until is not None and found.until <= self._now.wall():
            raise Nonsense("its answer had expired before it came")
        return found

    async def _come_later(self, gatekeeper: GatekeeperSettings, by: Reach, first: Fetched, asking: Asking) -> Fetched:
        """``first`` is the server's reply that it will decide later. Ask the server again until it has decided, and return the
        answer. Raises Nonsense, for example if the request ends before the server has decided.

        If the server or jitd-outside fails temporarily, try again after a pause.
        """
        asked = read_url(by.url)
        place = _place(asked, first)
        wait_for = _pause(first, self._now.wall())
        why = "it has not decided yet"
        while True:
            await asyncio.sleep(max(0.0, min(wait_for, asking.ends_boot - self._now.boot())))
            left = asking.ends_boot - self._now.boot()
            if left <= 0:
                raise Nonsense(f"the time of the request is over, and {why}")
            try:
                async with asyncio.timeout(left), self._later[gatekeeper.name].turn(asking.requester.person):
                    answer = await self._reaching.look_again(by, str(place), min(float(gatekeeper.deadline_for), left))
            except TimeoutError:
                continue
            if isinstance(answer, Failed):
                why = answer.why
            elif answer.status in FOR_A_MOMENT:
                why, wait_for = f"it answered with status {answer.status}", _pause(answer, self._now.wall())
            elif answer.status == LATER:
                why, wait_for = "it has not decided yet", _pause(answer, self._now.wall())
                place = _place(asked, answer) if answer.header("location") else place
            else:
                return answer


def _place(asked: Url, answer: Fetched) -> Url:
    """Return where the decision will be (Location). Raises Nonsense if that is missing, or not on the server of ``asked``."""
    location = answer.header("location")
    found = same_server(asked, location) if location else None
    if found is None:
        raise Nonsense("it said that its answer comes later, but its Location header names no URL on the same server")
    return found


def _pause(answer: Fetched, now: datetime) -> float:
    """Return the seconds that Retry-After has as a number or a date (RFC 9110 sections 10.2.3 and 5.6.7)."""
    said = answer.header("retry-after")
    if said.isascii() and said.isdigit() and len(said) < 8:
        seconds = float(said)
    else:
        at = _instant(said)
        seconds = AGAIN_AFTER if at is None else (at - now).total_seconds()
    return max(SOONEST, min(seconds, LATEST))


def _instant(said: str) -> datetime | None:
    """Return the time of an HTTP date in one of its three forms (RFC 9110 section 5.6.7), or None."""
    if len(said) > LONGEST_DATE:
        return None
    from email.utils import parsedate_to_datetime  # imported here: it loads many modules, and few daemons ask servers

    try:
        at = parsedate_to_datetime(said)
    except (ValueError, IndexError, OverflowError):
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def _check_signature(answer: Fetched, key: str) -> None:
    """Raises Nonsense if the signature is not valid."""
    # imported only here, because the import takes a tenth of a second the first time
    from jitd_outsiders.asking.signatures import Unsigned, check

    try:
        check(answer, key)
    except Unsigned as why:
        raise Nonsense(f"its answer {why}") from None
