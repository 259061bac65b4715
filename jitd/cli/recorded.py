# SPDX-License-Identifier: Apache-2.0
"""The verbs ``audit show`` and ``audit export``: the record as the daemon tells it. Law: a follower misses no record, and gets
none twice, also if the daemon goes away and comes back.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import click

from jitd.audit.events import sentence
from jitd.audit.forms import Digest
from jitd.audit.sentences import Told
from jitd.cli.answer import Row, answer, say, words
from jitd.cli.call import NotDone, called
from jitd.cli.columns import cut, wrapped
from jitd.cli.ids import whole_id
from jitd.cli.labels import LABEL, laid_out
from jitd.cli.numbers import record_number
from jitd.cli.scripts import scripts
from jitd.cli.terminal_size import width
from jitd.cli.verdict import fetched
from jitd.core.conditions import Glob
from jitd.core.duration import read_duration
from jitpam.client import Connection, RefusedByDaemon, Unreachable
from jitpam.wire.messages import Audit, Export, Item
from jitpam.wire.shown import cells

AGAIN_AFTER = 0.5  # seconds between two tries to reach a jitd that has gone away
MOST_LINES = 4  # a sentence that would fill more lines is shortened
_INDENT = " " * 7  # what a sentence on a line of its own begins with: the columns of the number, and the gap after it


def read_time(context: click.Context, option: click.Parameter, value: str | None) -> int | None:
    """Read a moment that was typed: a duration (that long ago), a time of the day (the last one), or a date or a time in ISO
    8601. Without a time zone, it is in the zone of this host. Return seconds since 1970. Raises BadParameter.
    """
    if value is None:
        return None
    now = datetime.now().astimezone()
    if (ago := read_duration(value)) is not None:
        return int(now.timestamp()) - ago
    try:
        if re.fullmatch(r"[0-2][0-9]:[0-5][0-9]", value):
            today = datetime.fromisoformat(f"{now:%Y-%m-%d} {value}")
            return int((today if today.astimezone() <= now else today - timedelta(days=1)).astimezone().timestamp())
        return int(datetime.fromisoformat(value).astimezone().timestamp())
    except (ValueError, OverflowError):
        raise click.BadParameter("must be a duration (90s, 15m, 7d), a time (22:00) or a date (2026-11-23T22:00:00)") from None


def selecting(verb: Callable[..., None]) -> Callable[..., None]:
    """Add to ``verb`` the options that select records."""
    for option in (
        click.option("--rule", metavar="RULE", help="About requests under this rule."),
        click.option("--who", metavar="WHO", help="What a principal or an account did, and what was done for their requests."),
        click.option("--until", callback=read_time, metavar="TIME", help="Before this time."),
        click.option(
            "--since", callback=read_time, metavar="TIME", help="From this time on: 2h (ago), 22:00, 2026-11-23T22:00:00."
        ),
    ):
        verb = option(verb)
    return verb


@click.command()
@selecting
@click.option("--event", metavar="EVENT", help="Of this kind: a name, a beginning such as request. , or a pattern with * and ?.")
@click.option("--id", metavar="ID", help="About this request, grant, run, holding or lock.")
@click.option("--host", metavar="HOST", help="Of this host: a name, or a pattern with * and ?.")
@click.option("--after", callback=record_number, default="0", help="After number N.", metavar="N")
@click.option("--follow", is_flag=True, help="Go on with each new record, until Ctrl-C.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
def show(
    *,
    since: int | None,
    until: int | None,
    who: str | None,
    rule: str | None,
    event: str | None,
    id: str | None,
    host: str | None,
    after: int,
    follow: bool,
    as_json: bool,
) -> None:
    """Print records, oldest first (operators, auditors and root)."""
    if follow and until is not None:
        raise click.UsageError("--follow and --until: no new record comes before a time that has passed")
    id = None if id is None else whole_id("audit pack", id)
    asked = Audit(after=after, since=in_utc(since), until=in_utc(until), who=who, rule=rule, event=event, id=id, follow=follow)
    screen = width()
    n = 0
    lines = followed(asked, host) if follow else _asked(asked, host)
    for line in lines if id is None or follow else list(lines):
        n += 1
        if as_json:
            print(line)
        else:
            record = json.loads(line)
            for part in _laid_out(record, screen) + ([] if id is None or follow else _changes(record, screen)):
                answer(part)
        if follow:
            sys.stdout.flush()
    if not n and id is not None and asked == Audit(after=0, id=id, follow=follow):
        say(f"no record is about {id}: jitd requests --all lists the requests, and jitd locks --all the locks")
    elif not n:
        say("no record" if asked == Audit(after=0) else "no record matches")


@click.command()
@selecting
def export(*, since: int | None, until: int | None, who: str | None, rule: str | None) -> None:
    """Print records with all that proves them, for `jitd audit verify FILE` on any host (operators, auditors and root).
    The export is recorded.
    """
    n = 0
    with called() as daemon:
        for row in daemon.ask(Export(since=in_utc(since), until=in_utc(until), who=who, rule=rule)):
            n += 1
            print(words(row, "text", ""), end="")
    if not n:
        say("no record matches")


def in_utc(at: int | None) -> str | None:
    return None if at is None else f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M:%SZ}"


class _Lines:
    """Puts the texts of rows together to lines."""

    def __init__(self) -> None:
        self._rest = ""

    def of(self, row: Row) -> Iterator[str]:
        *whole, self._rest = (self._rest + words(row, "text", "")).split("\n")
        return iter(whole)


def _must_match(host: str | None, daemon: Connection) -> None:
    """Raise NotDone if the records of ``daemon`` are not those of ``host``."""
    if host is not None and not Glob(host).matches(daemon.welcome.host):
        raise NotDone(f"this is {daemon.welcome.host}: each host keeps its own record")


def _asked(asked: Audit, host: str | None) -> Iterator[str]:
    lines = _Lines()
    with called() as daemon:
        _must_match(host, daemon)
        for row in daemon.ask(asked):
            yield from lines.of(row)


def followed(asked: Audit, host: str | None) -> Iterator[str]:
    """Yield the lines of records for ever. If jitd goes away, wait until it is back, and go on where it stopped."""
    after, is_away, has_begun = asked.after, False, False
    while True:
        lines = _Lines()
        try:
            with called() as daemon:
                _must_match(host, daemon)
                if is_away:
                    say("jitd is back")
                is_away, has_begun = False, True
                for heard in daemon.follow(_after(asked, after)):
                    for line in lines.of(heard.row) if isinstance(heard, Item) else ():
                        yield line
                        after = json.loads(line)["number"]
        except (Unreachable, RefusedByDaemon) as fault:
            code = fault.code if isinstance(fault, RefusedByDaemon) else "failed"
            if not has_begun or code not in ("failed", "unauthenticated"):
                raise
            if code == "unauthenticated":
                has_begun = False  # perhaps there is a new ticket by now
                continue
            if not is_away:
                say(f"{fault}; waiting until it is back")
            is_away = True
            time.sleep(AGAIN_AFTER)


def _after(asked: Audit, after: int) -> Audit:
    return Audit(**{name: getattr(asked, name) for name in Audit.fields} | {"after": after})


def _laid_out(row: Row, screen: int | None) -> list[str]:
    """Return the lines of a record. If they do not fit on one line of the terminal, the sentence has
    lines of its own."""
    if row.get("form") == Digest.FORM:
        return [f"{words(row, 'number'):>5}  cannot be read: jitd audit verify says what is wrong"]
    head, said = _head(row), sentence(row)
    line = f"{head}  {said}"
    if screen is None or cells(line) <= screen:
        return [line]
    room = screen - len(_INDENT)
    return [cut(head.rstrip(), screen), *(_INDENT + part for part in wrapped(cut(said, room * MOST_LINES), room))]


def _changes(row: Row, screen: int | None) -> list[str]:
    """Return the lines about what an edit changes or removes, if ``row`` says that it was asked for, for those who may read its
    texts.
    """
    record = Told(row)
    if not {"text_after", "texts", "removes"} & record.detail.keys():
        return []
    try:
        with called() as daemon:
            page = laid_out(scripts(fetched(daemon, record.id)), screen, column=len(_INDENT) + LABEL, indent=len(_INDENT))
    except (NotDone, RefusedByDaemon):  # it is forgotten, or was never told to this reader
        return []
    return [line for line, _ in page]


def _head(row: Row) -> str:
    number, at = words(row, "number"), words(row, "at").partition(".")[0].partition("+")[0]
    return f"{number:>5}  {at}Z  {words(row, 'event'):<18}  {words(row, 'id'):<9}"
