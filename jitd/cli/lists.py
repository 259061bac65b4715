# SPDX-License-Identifier: Apache-2.0
"""The verbs that print lists: ``requests``, ``grants``, ``runs``, ``locks``. Law: for an empty list, the verbs print a sentence.
An empty list is not an error.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import groupby
from types import FrameType
from typing import Any, TypeVar

import click

from jitd.cli import far
from jitd.cli.answer import answer, answer_json, command_of, exact, printable, say
from jitd.cli.calls import Calls
from jitd.cli.colour import coloured, is_wanted
from jitd.cli.columns import folded, table
from jitd.cli.everywhere import everywhere
from jitd.cli.glass import owed_sentences
from jitd.cli.hosts import Everywhere
from jitd.cli.instants import ago, seconds_since, until
from jitd.cli.needs import in_short
from jitd.cli.observing_words import state_of_run
from jitd.cli.past import how_it_ended, number, untaken
from jitd.cli.terminal_size import terminal_size, width, width_of_errors
from jitd.cli.who import reason
from jitpam.wire.messages import MOST_COUNTED, List, Page, Watch
from jitpam.wire.principals import without_realm
from jitpam.wire.rows import LISTED, UNKNOWN, Doubted, Grant, Listed, Lock, OwedReview, Request, Run

R = TypeVar("R", bound=Listed)
Columns = Mapping[str, Callable[[R], str]]  # head of a column → what returns its text for a row
SOON = 120.0  # if a request, grant or lock ends within this number of seconds, its row is shown in the style `late`
LAID_OUT = 250  # rows that a live screen lays out, if it has no more lines: a host may list very many, and again and again
OWED = List(what="reviews", ended=False)
PAGE = 100
"""Maximum number of rows that are shown on a terminal. More would scroll away."""
ENDED = ("approved", "denied", "withdrawn", "expired", "spent", "revoked", "lifted")


def whose(row: Request | Grant | Run | OwedReview) -> str:
    """Return the requester, and whether that is the viewer."""
    return f"{without_realm(row.requester, row.realm)}{' (mine)' if row.mine else ''}"


def _left(row: Request | Grant | Lock, ends: str | None) -> str:
    return "-" if row.state in ENDED else until(ends)


def _seconds(n: int | None) -> str:
    """As top(1) does, in minutes and seconds. ``n`` is in milliseconds."""
    if n is None:
        return UNKNOWN
    minutes, seconds = divmod(n / 1000, 60)
    return f"{minutes:.0f}:{seconds:05.2f}"


def _bytes(n: int | None) -> str:
    """In the unit that fits best: B, K, M or G."""
    if n is None:
        return UNKNOWN
    size = float(n)
    for unit in ("B", "K", "M", "G"):
        if size < 1024 or unit == "G":
            break
        size /= 1024
    return f"{size:.0f}{unit}" if unit == "B" or size >= 10 else f"{size:.1f}{unit}"


def _state(row: Request) -> str:
    if row.asking_at:
        return f"asking {' '.join(row.gatekeepers) or UNKNOWN}, since {ago(row.asking_at)}"
    return f"{row.state}{' (locked)' if row.lock else ''}"


def _living(row: Grant) -> str:
    """Return the ids of what lives under the grant: its holdings if it gives things, and otherwise its runs."""
    return " ".join(row.holdings if row.gives else row.runs) or UNKNOWN


def _begins(row: Grant) -> str:
    """Return the time until a grant with ``--at`` begins, or ``-`` if it has begun or has ended."""
    begins = until(row.begins_at)
    return "-" if begins == "now" or row.state in ENDED else begins


REQUESTS: Columns[Request] = {
    "ID": lambda row: row.id,
    "STATE": _state,
    "REQUESTER": whose,
    "AS": lambda row: "in doubt" if isinstance(row.what, Doubted) else row.run_as or UNKNOWN,
    "LEFT": lambda row: _left(row, row.expires_at),
    "NEEDS": in_short,
    "AGE": lambda row: ago(row.submitted_at),
    "REASON": lambda row: reason(row, UNKNOWN),
    "HOST": lambda row: row.host,
    "SERVICE": lambda row: row.service,
    "COMMAND": command_of,
}
GRANTS: Columns[Grant] = {
    "ID": lambda row: row.id,
    "STATE": lambda row: row.state,
    "REQUESTER": whose,
    "AS": lambda row: row.run_as or UNKNOWN,
    "BEGINS": _begins,
    "LEFT": lambda row: _left(row, row.ends_at),
    "USES": lambda row: f"{number(row.left)}/{number(row.uses)}",
    "RUNS": _living,
    "RULE": lambda row: row.rule or UNKNOWN,
    "HOST": lambda row: row.host,
    "SERVICE": lambda row: row.service,
    "COMMAND": command_of,
}
RUNS: Columns[Run] = {
    "ID": lambda row: row.id,
    "STATE": state_of_run,
    "REQUESTER": whose,
    "AS": lambda row: row.run_as or UNKNOWN,
    "AGE": lambda row: ago(row.started_at or row.starting_at),
    "OUTCOME": lambda row: how_it_ended(row) if row.outcome else UNKNOWN,
    "CPU": lambda row: _seconds(row.cpu_ms),
    "MEMORY": lambda row: _bytes(row.memory),
    "PID": lambda row: number(row.pid),
    "HOST": lambda row: row.host,
    "SERVICE": lambda row: row.service,
    "COMMAND": command_of,
}
"""The dictionaries REQUESTS, GRANTS, RUNS and LOCKS contain the columns of the four lists. The first columns and the last column
are the most important. If a row needs several lines on a terminal, these most important columns are on the first line.
"""
LOCKS: Columns[Lock] = {
    "ID": lambda row: row.id,
    "STATE": lambda row: row.state,
    "ON": lambda row: "everybody" if row.whom == "all" else f"{row.whom} {row.name or UNKNOWN}",
    "LEFT": lambda row: _left(row, row.ends_at),
    "AGE": lambda row: ago(row.placed_at),
    "BY": lambda row: without_realm(row.placed_by, row.realm),
    "ENDED BY": lambda row: without_realm(row.ended_by or UNKNOWN, row.realm),
    "REASON": lambda row: reason(row, UNKNOWN),
    "HOST": lambda row: row.host or UNKNOWN,
}


def lines_of(columns: Columns[R], rows: Sequence[R], screen: int | None) -> list[str]:
    """Return the head and ``rows`` in aligned columns, on ``screen`` cells, without columns of usual values (``_is_usual``). If
    that is None, no terminal reads it, and nothing is left out or shortened. Else the host stands beside the id, if there are
    many hosts.
    """
    if screen is not None and far.many() is not None:
        columns = {"ID": columns["ID"], "HOST": lambda row: far.label_of(row.host), **_without(columns, "ID", "HOST")}
    body = [[printable(column(row)) for column in columns.values()] for row in rows]
    heads = list(columns)
    if screen is None:
        return table(heads, body, None)
    kept = [at for at, head in enumerate(heads) if not all(_is_usual(head, line[at]) for line in body)]
    return table([heads[at] for at in kept], [[line[at] for at in kept] for line in body], screen)


def _is_usual(head: str, text: str) -> bool:
    """True if ``text`` is a usual value in the column ``head``, such as the name of this host in the column HOST."""
    if head in ("ID", "COMMAND"):
        return False
    here = os.uname().nodename
    return (
        text == "-"
        or (head == "SERVICE" and text == "jitsudo")
        or (head == "HOST" and far.is_here() and text.partition(".")[0] == here.partition(".")[0])
    )


def in_colour(lines: Sequence[str], rows: Sequence[Listed]) -> list[str]:
    """Return ``lines`` with colours. ``lines`` must be the result of ``lines_of`` for ``rows``. The head, the viewer's own rows,
    and the rows of objects that end soon (see SOON) get colours.
    """
    each = len(lines) // (len(rows) + 1)
    styles = ["head", *(style(row) for row in rows)]
    return [coloured(line, styles[number // each]) for number, line in enumerate(lines)]


def style(row: Listed) -> str | None:
    """Return the style for the line of ``row``, which is a key of colour.STYLES. Return None if the line has no special style."""
    match row:
        case Request():
            ends = row.expires_at
        case OwedReview():
            ends = row.due_at
        case Grant() | Lock():
            ends = row.ends_at
        case Run():
            ends = None
    since = None if row.state in ENDED else seconds_since(ends)
    if since is not None and since > -SOON:
        return "late"
    return None if isinstance(row, Lock) or not row.mine else "mine"


def _without(columns: Columns[R], *heads: str) -> Columns[R]:
    return {head: column for head, column in columns.items() if head not in heads}


WAITING: Columns[Request] = {
    **_without(REQUESTS, "STATE"),
    "NEEDS": lambda row: _state(row) if row.asking_at else in_short(row),
}
"""Of open requests. NEEDS names a gatekeeper that is asked, while it is, instead of missing approvals."""
LIVE_GRANTS: Columns[Grant] = {
    **_without(GRANTS, "STATE"),
    "LEFT": lambda row: "over, being taken back" if row.state in ENDED else until(row.ends_at),
}
"""The columns for live grants. The list also contains ended grants whose things jitd has not taken back yet."""
LIVE_RUNS = _without(RUNS, "OUTCOME")
LIVE_LOCKS = _without(LOCKS, "STATE", "ENDED BY")


def _can_draw() -> bool:
    """True if standard output is a terminal that can replace the text on its screen."""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def _list(what: str, columns: Columns[Any], *, ended: bool, as_json: bool, before: str | None) -> None:
    if before is not None and far.many() is not None:
        raise click.UsageError("--before names a row of one host: name this host, with --host")
    if before is not None:
        before = far.settle(what, before)
    message = List(what=what, ended=ended)
    if before is not None or not (as_json or width() is None):
        message = Page(what=what, ended=ended, before=before, limit=PAGE)
    reviews = [OWED] if what == "requests" and not as_json else []
    with everywhere() as hosts:
        if type(message) is List and (far.many() is None or not reviews):
            n, more = 0, 0
            for part in filter(None, hosts.parts(message)):
                _tell(columns, [LISTED[what].read(row) for row in part], as_json=as_json, is_first=not n)
                n += len(part)
            owed = hosts.answers(*reviews) if reviews else []
        else:
            told, *owed = hosts.answers(message, *reviews)
            rows = [LISTED[what].read(row) for row in told if "id" in row]
            if type(message) is Page:  # of each host, the newest come first
                rows = [row for _, of_one in groupby(rows, lambda row: row.host) for row in reversed(list(of_one))]
            n, more = len(rows), sum(count for row in told if "id" not in row and type(count := row.get("more")) is int)
            if rows:
                _tell(columns, rows, as_json=as_json, is_first=True)
        if more:
            say(_of_the_others(what, rows, more, ended=ended))
        if not n:
            say(hosts.nothing(none(what, ended=ended) if before is None else f"nothing is older than {before} in this list"))
        for sentence in (sentence for each in owed for sentence in owed_sentences(map(OwedReview.read, each), width_of_errors())):
            say(sentence)


def _tell(columns: Columns[R], rows: Sequence[R], *, as_json: bool, is_first: bool) -> None:
    if as_json:
        answer_json(exact(row.came) for row in rows)
        return
    lines = lines_of(columns, rows, width())
    if is_wanted():
        lines = in_colour(lines, rows)
    for line in lines[0 if is_first else len(lines) // (len(rows) + 1) :]:
        print(line)
    for sentence in (sentence for row in rows if isinstance(row, Grant) for sentence in untaken(row)):
        say(sentence)


def _of_the_others(what: str, rows: Sequence[Listed], more: int, *, ended: bool) -> str:
    """Return the sentence about the rows, ``more`` or at least as many, that are older than ``rows``."""
    number = f"{more:,} or more" if more >= MOST_COUNTED else f"{more:,}"
    verb = far.typed(f"jitd {what}{' --all' if ended else ''}")
    rest = f"{number} older {'one is' if more == 1 else 'ones are'} not shown"
    if far.many() is not None:
        return f"{rest}: {verb} --json prints all"
    return f"{rest}: {verb} --before={rows[0].id} shows the next, --json prints all"


def none(what: str, *, ended: bool) -> str:
    """Return the sentence that is printed for an empty list of ``what``."""
    if what == "requests":
        return "no request that you may see" if ended else "no open request that you may review, and none of yours"
    if what == "locks":
        return "no lock was ever placed" if ended else "nobody is locked"
    noun = what.removesuffix("s")
    return f"no {noun} that you may see" if ended else f"no live {noun} that you may see"


_ended = click.option("--all", "ended", is_flag=True, help="Also list those that have ended.")
_before = click.option("--before", metavar="ID", help="List those that are older than this one.")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


@click.command()
@_ended
@_json
@_before
@click.option("--watch", "is_live", is_flag=True, help="Keep the list live until Ctrl-C.")
@click.option(
    "--run", "program", metavar="PROGRAM", help="With --watch: call it with HOST ID ... of what begins to wait for you."
)
def requests(*, ended: bool, as_json: bool, before: str | None, is_live: bool, program: str | None) -> None:
    """List the open requests that you may review, and your own."""
    columns = REQUESTS if ended else WAITING
    if program is not None and not is_live:
        raise click.UsageError("--run needs --watch")
    if before is not None and is_live:
        raise click.UsageError("--watch shows the whole list: leave out --before")
    calls = None if program is None else Calls(program)
    if not is_live:
        _list("requests", columns, ended=ended, as_json=as_json, before=before)
    elif as_json or not _can_draw():
        _follow(columns, calls, ended=ended, as_json=as_json)
    else:
        _board(columns, calls, ended=ended)


@click.command()
@_ended
@_json
@_before
def grants(*, ended: bool, as_json: bool, before: str | None) -> None:
    """List the live grants: what is permitted now."""
    _list("grants", GRANTS if ended else LIVE_GRANTS, ended=ended, as_json=as_json, before=before)


@click.command()
@_ended
@_json
@_before
def runs(*, ended: bool, as_json: bool, before: str | None) -> None:
    """List the runs: what runs now."""
    _list("runs", _without(RUNS, "CPU", "MEMORY") if ended else LIVE_RUNS, ended=ended, as_json=as_json, before=before)


@click.command()
@_ended
@_json
@_before
def locks(*, ended: bool, as_json: bool, before: str | None) -> None:
    """List the locks: the people to whom nothing is permitted now (operators, auditors and root)."""
    _list("locks", LOCKS if ended else LIVE_LOCKS, ended=ended, as_json=as_json, before=before)


# --- requests --watch: a list that is drawn again with each change -----------------------------------------------------


def _follow(columns: Columns[Request], calls: Calls | None, *, ended: bool, as_json: bool) -> None:
    """Print a line for each request that is new, that has changed, or that is no longer open."""
    before: dict[str, Request] = {}
    told: list[str] = []
    gone = "open no longer" if far.many() is None else "not listed any more"  # its host may only have become unreachable
    with everywhere() as hosts, everywhere(hosts) as beside:
        for came in hosts.watch(Watch(ended=ended)):
            rows = list(map(Request.read, came))
            if calls is not None:
                calls.look(rows)
            owed = [] if as_json else owed_sentences(_owed(beside), width_of_errors())
            for sentence in owed:
                if sentence not in told:
                    say(sentence)
            told = owed
            changed = [row for row in rows if before.get(_typed_id(row)) != row]
            if as_json:
                answer_json(exact(row.came) for row in changed)
            else:
                for line in _lines_below(columns, changed):
                    answer(line)
                for id in before.keys() - {_typed_id(row) for row in rows}:
                    answer(f"{id}  {gone}")
            sys.stdout.flush()
            before = {_typed_id(row): row for row in rows}


def _owed(hosts: Everywhere) -> list[OwedReview]:
    """Return the owed reviews. Of many hosts, each change would ask all of them, so ``jitd reviews`` lists them."""
    return [] if far.many() is not None else list(map(OwedReview.read, hosts.answers(OWED)[0]))


def _typed_id(row: Request) -> str:
    return far.id_of(row.id, row.host)


def _lines_below(columns: Columns[Request], rows: Sequence[Request]) -> list[str]:
    """Return the lines of ``rows`` in aligned columns, without a head. On a terminal, they are as wide as the terminal."""
    body = [[printable(column(row)) for column in columns.values()] for row in rows]
    lines = table(list(columns), body, width())
    return lines[len(lines) // (len(rows) + 1) :]


class Board:
    """The list of requests on the whole terminal, drawn after each change, each second, and each change of size."""

    HOME, CLEAR = "\x1b[H", "\x1b[J"

    def __init__(self, columns: Columns[Request]) -> None:
        self.columns = columns
        self.rows: list[Request] = []
        self.owed: list[str] = []
        self.nothing = ""
        self.is_drawing = False

    def draw(self) -> None:
        """Draw the whole list with one write(2). A last line counts the requests for which there is no room."""
        screen = terminal_size()
        rows = self.rows[: max(screen.lines, LAID_OUT)]
        lines = lines_of(self.columns, rows, screen.columns) if rows else [self.nothing]
        lines = [folded(printable(line), screen.columns)[0] for line in lines]
        owed = [folded(printable(sentence), screen.columns)[0] for sentence in self.owed]
        room = max(2, screen.lines - 2 - len(owed))
        if len(lines) > room:
            each = len(lines) // (len(rows) + 1)  # number of lines of the head, and also of each row
            shown = max(0, (room - 1) // each - 1)
            more = f"and {len(self.rows) - shown} more"
            lines = [*self._painted(lines, rows)[: (shown + 1) * each], folded(more, screen.columns)[0]]
        else:
            lines = self._painted(lines, rows)
        text = self.HOME + self.CLEAR + "\n".join([*lines, *owed, "", folded("Ctrl-C ends this.", screen.columns)[0]])
        os.write(sys.stdout.fileno(), text.encode(sys.stdout.encoding, "backslashreplace"))

    @staticmethod
    def _painted(lines: list[str], rows: list[Request]) -> list[str]:
        return in_colour(lines, rows) if rows and is_wanted() else lines

    def tick(self, signal_: int, frame: FrameType | None) -> None:
        """Draw the list again. This method handles SIGALRM, which arrives each second, and SIGWINCH."""
        if not self.is_drawing:
            self.draw()

    def show(self, rows: list[Request], owed: Sequence[str] = (), nothing: str = "") -> None:
        """Store and draw ``rows``, which is the new list of requests, or the sentence ``nothing`` if it is empty. Below the
        list, draw the sentences in ``owed``. They are about owed reviews.
        """
        self.is_drawing = True
        self.rows, self.owed, self.nothing = rows, list(owed), nothing
        self.draw()
        self.is_drawing = False


def _board(columns: Columns[Request], calls: Calls | None, *, ended: bool) -> None:
    board = Board(columns)
    with everywhere() as hosts, everywhere(hosts) as beside:
        try:
            for came in hosts.watch(Watch(ended=ended)):
                rows = list(map(Request.read, came))
                if calls is not None:
                    calls.look(rows)
                board.show(rows, owed_sentences(_owed(beside), width()), hosts.nothing(none("requests", ended=ended)))
                signal.signal(signal.SIGALRM, board.tick)
                signal.signal(signal.SIGWINCH, board.tick)
                signal.setitimer(signal.ITIMER_REAL, 1, 1)
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
            answer()
