# SPDX-License-Identifier: Apache-2.0
"""The verb ``audit report``: makes a report, and shows those that the timer has kept.

Law: nothing is read on the event loop. All figures of a report see one state of the database. A report is recorded, with its
SHA-256, before its first byte is sent. A file is shown as a report only if the record has its SHA-256.
"""

from __future__ import annotations

import hashlib
import os
import re
import stat
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from jitd.audit.telling import content_of
from jitd.core.approvers import People
from jitd.core.party import Party
from jitd.core.policy import Policy
from jitd.core.rights import Act
from jitd.core.sought import Sought
from jitd.core.subject import Subject
from jitd.core.wording import listed
from jitd.deciding.ground import Ground
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.store import Store, TooSlow
from jitd.verbs.access import Access
from jitd.verbs.records import PIECE, moment_in, principals_in
from jitd.verbs.refusal import Refusal
from jitd.verbs.rows import Row
from jitd_evidence.report.asked import WITHIN, scope_of
from jitd_evidence.report.figure import Scope, Section, Then
from jitd_evidence.report.making import MOST_ROWS, line, make, written
from jitd_evidence.report.matrix import policy_at, words_of
from jitd_evidence.report.page import SHEETS, page
from jitd_evidence.report.sections import ACTIONS, SECTIONS
from jitd_evidence.report.sheet import sheet
from jitd_evidence.serving.standing import record
from jitpam.wire.messages import KeptReport, Report

USUALLY = timedelta(days=90)  # the time that a report is about if nobody says where it begins
EARLIEST = datetime.min.replace(tzinfo=UTC) + USUALLY
LONGEST_NAME = 1024
MADE_WITHIN = WITHIN + 5.0  # seconds until a report is made: the queries have WITHIN, and a client waits for a minute
MOST_BYTES = 16 * 1024 * 1024  # a larger file is not a report
FORMS: dict[str, Callable[[dict[str, Any]], bytes]] = {"json": line, "html": page}
WHOLE = {
    f"{figure.name}.csv": (Section(ACTIONS.name, ACTIONS.title, (figure,)),)
    for figure in ACTIONS.figures
    if figure.name in SHEETS
}
"""Forms with all rows of one figure."""
_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


class Reports:
    """Makes reports. Those that were kept are below the directory of the state."""

    def __init__(
        self,
        ground: Ground,
        access: Access,
        lifecycle: Lifecycle,
        people_of: Callable[[Party, Iterable[str]], Awaitable[People]],
    ) -> None:
        """``people_of`` returns the people whom words of rules name, as far as this host can list them (``Scope.people``)."""
        self._host = ground.config.host
        self._naming = ground.config.naming
        self._access = access
        self._rules = ground.rules
        self._store = ground.store
        self._opened = ground.opened
        self._workers = ground.workers
        self._lifecycle = lifecycle
        self._now = ground.now
        self._directory = ground.config.state / "reports"
        self._people_of = people_of

    async def make(self, who: Subject, asked: Report) -> AsyncGenerator[Row, None]:
        """Yield the report that ``asked`` selects. Raises Refusal."""
        self._access.refuse(Act.MAKE_REPORT, who)
        if asked.form not in FORMS and asked.form not in WHOLE:
            raise Refusal("usage", f"a report is {listed((*FORMS, *WHOLE), 'or')}")
        if max(len(asked.who or ""), len(asked.rule or "")) > LONGEST_NAME:  # it would stay in the record
            raise Refusal("usage", f"no person and no rule has a name of more than {LONGEST_NAME} characters")
        now = self._now().at
        ends = moment_in(asked.until)
        until = now if ends is None else datetime.fromtimestamp(ends, UTC)
        begins = moment_in(asked.since)
        since = max(until, EARLIEST) - USUALLY if begins is None else datetime.fromtimestamp(begins, UTC)
        if since >= until:
            raise Refusal("usage", "a report ends later than it begins")
        people = None if asked.who is None else principals_in(self._naming, asked.who)
        if asked.standing is not None:
            record(self._lifecycle, self._store, self._host, who, asked.standing)
        policy = self._rules.policy
        try:
            then = await self._workers.kept.run_within(MADE_WITHIN, who.party, self._then, until, policy)
            named = await self._people_of(who.party, words_of((*policy.rules, *then.policy.rules)))
            report = await self._workers.kept.run_within(
                MADE_WITHIN,
                who.party,
                self._made,
                asked.form,
                lambda store: scope_of(store, policy, now, since, until, people, asked.rule, named, then),
                who.principal,
            )
            content = await self._workers.kept.run(who.party, FORMS.get(asked.form, sheet), report)
        except (TimeoutError, TooSlow):
            raise Refusal("not_done", f"the report is not made within {MADE_WITHIN:g} s: ask for a shorter time") from None
        sent = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        selects = {name: report[name] for name in ("since", "until", "who", "rule")}
        number = report["head"]["number"]
        self._lifecycle.note("report.made", who.principal, who.uid, {"form": asked.form, **selects, "number": number, **sent})
        yield {"record": self._store.head().number, **sent}
        for row in _rows(content):
            yield row

    def _then(self, until: datetime, policy: Policy) -> Then:
        """Return the policy that was in force at ``until``. ``policy`` is in force now."""
        with closing(self._opened()) as store:
            digest = policy_at(store, until)
            if digest in ("", policy.digest):
                return Then(policy)
            text = store.policy_text(digest)
        found = None if text is None else self._rules.read_again(text)
        return Then(policy, digest) if found is None else Then(found)

    def _made(self, form: str, scope_in: Callable[[Store], Scope], by: str) -> dict[str, Any]:
        sections, most = (WHOLE[form], None) if form in WHOLE else (SECTIONS, MOST_ROWS)
        with closing(self._opened()) as store:
            return make(scope_in(store), sections, host=self._host, by=by, head=store.head(), most=most)

    async def kept(self, who: Subject, asked: KeptReport) -> AsyncGenerator[Row, None]:
        """Yield the report that was kept for a month. Raises Refusal."""
        self._access.refuse(Act.READ_REPORT, who)
        if asked.form not in FORMS or not _MONTH.fullmatch(asked.month):
            raise Refusal("usage", "a kept report has a month, such as 2026-11, and is json or html")
        head, content = await self._workers.kept.run(who.party, self._found, asked.month, asked.form)
        yield head
        for row in _rows(content):
            yield row

    def _found(self, month: str, form: str) -> tuple[Row, bytes]:
        """Return the first row about the report of ``month``, and the report. Raises Refusal."""
        file = self._directory / f"{month}.{form}"
        try:
            content = _read(file)
        except FileNotFoundError:
            raise Refusal("not_done", f"no report is kept as {file}: jitd-report.timer makes one each month") from None
        except OSError as fault:
            raise Refusal("not_done", f"{file} cannot be read: {fault.strerror or fault}") from None
        sent = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
        begins = datetime.strptime(month, "%Y-%m").replace(tzinfo=UTC)
        ends = (begins + timedelta(days=31)).replace(day=1)
        wanted = {"form": form, "since": written(begins), "until": written(ends), "who": None, "rule": None, **sent}
        with closing(self._opened()) as store:
            for number, record in _all_made(store):
                if all(record["detail"].get(name) == value for name, value in wanted.items()):
                    return {"record": number, **sent, "at": record["at"], "by": record["actor"]}, content
        raise Refusal("not_done", f"{file} is not the report that jitd has made of {month}: no record of one has its SHA-256")


def _read(file: Path) -> bytes:
    """Raises OSError."""
    descriptor = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    with open(descriptor, "rb") as opened:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError("not a regular file")
        content = opened.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise OSError(f"larger than {MOST_BYTES // 1024 // 1024} MiB")
    return content


def _all_made(store: Store) -> Iterator[tuple[int, dict[str, Any]]]:
    after, newest = 0, store.head().number
    while after < newest:
        numbers, after = store.find(after, Sought(None, None, None, None, "report.made", None))
        for number in numbers:
            if (found := store.record(number)) is None:
                continue
            content = content_of(found[0])
            if content.get("event") == "report.made" and isinstance(content.get("detail"), dict):
                yield number, content


def _rows(content: bytes) -> Iterator[Row]:
    text = content.decode("utf-8")
    for start in range(0, len(text), PIECE):
        yield {"text": text[start : start + PIECE]}
