# SPDX-License-Identifier: Apache-2.0
"""The verb ``audit report``. Law: a file has exactly the bytes whose SHA-256 is in the record."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from jitd import extensions
from jitd.cli.answer import Row, answer, say, words
from jitd.cli.call import NotDone, called
from jitd.cli.columns import table, wrapped
from jitd.cli.recorded import in_utc, selecting
from jitd.cli.terminal_size import USUAL, width
from jitd.cli.whole_file import put, put_new
from jitd_evidence.report.cells import in_words
from jitd_evidence.report.page import SEEN, SHEETS, SUMMARY, left_out, nothing
from jitpam.client import Connection
from jitpam.wire.messages import KeptReport, Report
from jitpam.wire.shown import reshown, shown

OWN = 0o600  # the mode of a report in a file. It says who has which rights on this host.


@click.command()
@selecting
@click.option("--html", metavar="FILE", help="Write a page into FILE, which a browser shows and prints.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.option("--csv", metavar="DIR", help="Write the list of actions and who may ask and approve into DIR, for a spreadsheet.")
@click.option("--explain", is_flag=True, help="Print how each figure is made: a script for sqlite3 and a copy of the database.")
@click.option("--kept", metavar="MONTH", help="The report that jitd-report.timer made for this month: 2026-11.")
@click.option("--monthly", metavar="DIR", help="Write the report of the last month, as a page and as JSON, into DIR.")
def report(
    *,
    since: int | None,
    until: int | None,
    who: str | None,
    rule: str | None,
    html: str | None,
    as_json: bool,
    csv: str | None,
    explain: bool,
    kept: str | None,
    monthly: str | None,
) -> None:
    """Print which rights there were, and how they were used (operators, auditors and root). Without options, the report is about
    the last 90 days. The report is recorded, with its SHA-256.
    """
    outputs = {
        "--html": html is not None,
        "--json": as_json,
        "--csv": csv is not None,
        "--explain": explain,
        "--monthly": monthly is not None,
    }
    chosen = [name for name, is_chosen in outputs.items() if is_chosen]
    if len(chosen) > 1:
        raise click.UsageError(f"{' and '.join(chosen)}: choose one of them")
    if (kept is not None or monthly is not None) and any(one is not None for one in (since, until, who, rule)):
        raise click.UsageError("a report of a month has its own --since and --until, and is about everybody and all rules")
    if kept is not None and (explain or csv is not None or monthly is not None):
        raise click.UsageError("--kept: a report that was kept is printed as it is, as text, with --html or with --json")
    standing = _standing() if kept is None else None  # jitd waits for no client that is still looking
    with called() as daemon:
        if monthly is not None:
            return _write_last_month(daemon, Path(monthly), standing)
        if csv is not None:
            selects = {"since": in_utc(since), "until": in_utc(until or int(time.time())), "who": who, "rule": rule}
            return _write_sheets(daemon, Path(csv), selects, standing)
        form = "json" if html is None else "html"
        if kept is not None:
            head, content = _heard(daemon, KeptReport(month=kept, form=form))
        else:
            asked = Report(since=in_utc(since), until=in_utc(until), who=who, rule=rule, form=form, standing=standing)
            head, content = _heard(daemon, asked)
    if html not in (None, "-"):
        put(Path(html), content, OWN)
    elif as_json or html == "-":
        sys.stdout.flush()
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()
    else:
        for line in (_script if explain else _text)(json.loads(content)):
            answer(line)
    said = f"made {head['at']} for {shown(words(head, 'by'))}" if kept is not None else "the report is recorded"
    say(f"{said}: record {words(head, 'record')}, SHA-256 {words(head, 'sha256')}")


def _standing() -> bytes | None:
    """Return the standing privileges of this host, which only root can see. Everybody else gets the newest recorded ones."""
    if os.geteuid() != 0:
        return None
    from jitd.core.toml_document import ConfigError
    from jitd.inspector import Inspector
    from jitd.reloading import PolicyInForce
    from jitd.settings.config import load

    inspector: Inspector | None = extensions.of_first("inspector")
    if inspector is None:
        say(f"who can become root without jitd was not looked at: the extension inspection {extensions.why_not('inspection')}")
        return None
    try:
        config = load()
    except ConfigError as error:
        say(f"who can become root without jitd was not looked at: {error.faults[0]}: run jitd check")
        return None
    policy = PolicyInForce(config).policy
    return inspector.standing(config, None if policy.broken else policy).text().encode("ascii")


def _heard(daemon: Connection, asked: Report | KeptReport) -> tuple[Row, bytes]:
    """Return the first row and the report. Raises NotDone if it is not the one that was recorded."""
    rows = daemon.ask(asked)
    head = next(rows, {})
    content = "".join(words(row, "text", "") for row in rows).encode("utf-8")
    if hashlib.sha256(content).hexdigest() != head.get("sha256"):
        raise NotDone("the report that came is not the one that was recorded: ask again", "failed")
    return head, content


def _write_sheets(daemon: Connection, directory: Path, selects: dict[str, str | None], standing: bytes | None) -> None:
    """Write the figures that can be had as CSV into new files of ``directory``, which may be missing. Raises NotDone."""
    files = [directory / f"{name}.csv" for name in SHEETS]
    if there := [file for file in files if os.path.lexists(file)]:
        raise NotDone(f"{there[0]} exists already: name another directory with --csv")
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        for file in files:
            head, content = _heard(daemon, Report(**selects, form=file.name, standing=standing))
            standing = None  # it is recorded now
            put_new(file, content, OWN)
            say(f"{file}: record {words(head, 'record')}, SHA-256 {words(head, 'sha256')}")
    except OSError as fault:
        raise NotDone(f"cannot write {fault.filename or directory}: {fault.strerror}") from None


def _write_last_month(daemon: Connection, directory: Path, standing: bytes | None) -> None:
    """Write the report of the last month (in UTC) into ``directory``. Raises OSError."""
    ends = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    begins = (ends - timedelta(days=1)).replace(day=1)
    since, until = in_utc(int(begins.timestamp())), in_utc(int(ends.timestamp()))
    for form in ("json", "html"):
        asked = Report(since=since, until=until, who=None, rule=None, form=form, standing=standing)
        standing = None  # it is recorded now, and the page has it
        head, content = _heard(daemon, asked)
        file = directory / f"{begins:%Y-%m}.{form}"
        put(file, content, OWN)
        say(f"{file}: record {words(head, 'record')}, SHA-256 {words(head, 'sha256')}")


# --- as text -------------------------------------------------------------------------------------------------------------


def _text(report: dict[str, Any]) -> Iterator[str]:
    screen = width()
    yield f"Privileged access on {shown(report['host'])}, {report['since']} to {report['until']}"
    if report["who"] is not None:
        yield f"of {', '.join(map(shown, report['who']))}"
    if report["rule"] is not None:
        yield f"under rule {shown(report['rule'])}"
    for section in report["sections"]:
        if section["name"] == SUMMARY:
            yield from _summary(section, screen)
    yield ""
    yield f"Record up to number {report['head']['number']}, seal {shown(report['head']['seal'])}"
    yield f"Policy in force {shown(report['policy'])}"
    for number, section in enumerate((one for one in report["sections"] if one["name"] != SUMMARY), 1):
        yield ""
        yield f"{number}. {shown(section['title'])}"
        for figure in section["figures"]:
            if figure["rows"]:
                yield ""
                yield from _figure(figure, screen)
        empty = [shown(figure["title"]) for figure in section["figures"] if not figure["rows"] and figure["name"] != SEEN]
        if empty:
            yield ""
            yield from _folded(f"{nothing(section)}: {'; '.join(empty)}", "", screen)


def _summary(section: dict[str, Any], screen: int | None) -> Iterator[str]:
    for figure in section["figures"]:
        yield ""
        for about, told, _ in figure["rows"]:
            yield from _folded(f"{shown(about)}: {shown(told)}", "", screen)


def _figure(figure: dict[str, Any], screen: int | None) -> Iterator[str]:
    yield shown(figure["title"])
    yield from _folded(shown(figure["says"]), "  ", screen)
    rows = [[in_words(cell) for cell in row] for row in figure["rows"]]
    head = [shown(name.upper()) for name in figure["columns"]]
    if len(head) == 1:  # sentences
        yield from (line for (sentence,) in rows for line in _folded(f"- {sentence}", "  ", screen))
    else:
        yield from (f"  {line}" for line in table(head, rows, None if screen is None else screen - 2))
    if figure["left_out"]:
        yield from _folded(left_out(figure), "  ", screen)


def _folded(sentence: str, indent: str, screen: int | None) -> Iterator[str]:
    room = (screen or USUAL.columns) - len(indent)
    yield from (f"{indent}{part.rstrip()}" for part in wrapped(sentence, room, whole_words=True) if part)


# --- as a script -----------------------------------------------------------------------------------------------------------


def _script(report: dict[str, Any]) -> Iterator[str]:
    """Yield a script for sqlite3(1) that makes the figures again."""
    yield f"-- {shown(report['host'])}: the figures of the report of record {report['head']['number']}, made {report['made_at']}"
    yield "-- sqlite3 COPY-OF-JITD.DB < THIS"
    yield ".parameter init"
    for name, value in report["parameters"].items():
        yield f"REPLACE INTO temp.sqlite_parameters (key, value) VALUES (':{name}', {_literal(value)});"
    yield from _statement(report["asked"])
    for section in report["sections"]:
        for figure in section["figures"]:
            yield ""
            yield f"-- {shown(section['title'])}: {shown(figure['title'])}"
            if re.match("SELECT|WITH", figure["explain"]):
                yield f".print {figure['name']}"
                yield from _statement(figure["explain"])
            else:
                yield from (f"-- {reshown(line)}" for line in figure["explain"].split("\n"))


def _statement(sql: str) -> Iterator[str]:
    yield from f"{sql};".split("\n")


def _literal(value: str | float | None) -> str:
    """Return ``value`` in SQL, in characters that every terminal shows."""
    if value is None:
        return "NULL"
    if not isinstance(value, str):
        return str(value)
    if value.isascii() and value.isprintable() and "'" not in value:
        return f"'{value}'"
    return f"CAST(x'{value.encode('utf-8', 'surrogatepass').hex()}' AS TEXT)"
