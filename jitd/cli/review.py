# SPDX-License-Identifier: Apache-2.0
"""The verbs that act on requests with given ids are ``show``, ``approve``, ``deny`` and ``withdraw``.

Law: the request is printed before an answer is accepted, and the answer contains the fingerprint of the printed request. The
answer must be typed on a terminal (``decide``), or be given by ``--yes``. It is never read from a pipe.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, TypeVar

import click

from jitd.cli import far
from jitd.cli.answer import answer_json, exact, say
from jitd.cli.brief import OPEN, brief
from jitd.cli.call import OF_ONE_HOST, NotDone, called, called_as_reviewer, status_of
from jitd.cli.decide import Deed, decide
from jitd.cli.ids import whole_id
from jitd.cli.naming import named
from jitd.cli.page import page
from jitd.cli.question import can_ask, sentence
from jitd.cli.reading import put_all
from jitd.cli.terminal_size import width
from jitd.cli.verdict import fetched, fingerprint_of, must_be_reviewable, must_not_be_barred, sent
from jitpam.client import NotAuthenticated, RefusedByDaemon, Unreachable
from jitpam.wire.messages import Withdraw

F = TypeVar("F", bound=Callable[..., Any])
NO_TERMINAL = "there is no terminal for the question: give --yes to answer yes in advance"


class Left(NotDone):
    """Raised if the person leaves. No further request is shown."""


@click.command()
@click.argument("id")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(id: str, *, as_json: bool) -> None:
    """Show everything about one request, and its outcome."""
    id = whole_id("show", id)
    with called() as daemon:
        row = fetched(daemon, id)
    if as_json:
        answer_json([exact(row.came)])
    else:
        put_all(page(row, width()))


def _once(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> str | None:
    if len(values) > 1:
        raise click.BadParameter("give it only once: --comment and --reason are two names of the same option")
    return values[0] if values else None


def _comment(help: str) -> Callable[[F], F]:
    """Return the option of ``approve`` and ``deny`` for a comment. Its names are ``--comment`` and ``--reason``."""
    return click.option("--comment", "--reason", "comment", multiple=True, callback=_once, metavar="TEXT", help=help)


@click.command()
@click.argument("ids", metavar="[ID]...", nargs=-1)
@_comment("Told to the requester, and recorded.")
@click.option("--yes", "is_sure", is_flag=True, help="Ask nothing (for scripts). The request is still printed.")
@click.option(
    "--watch",
    "watches",
    is_flag=True,
    help="If the rule requires a watcher: approve the request, and watch what runs.",
)
def approve(ids: tuple[str, ...], *, comment: str | None, is_sure: bool, watches: bool) -> int:
    """Show each request, and approve or deny exactly what was shown. Without an id: walk through all that wait for you."""
    if watches:
        return _watched(ids, comment or "", is_sure=is_sure)
    if ids:
        is_alone = len(ids) == 1
        return _each(ids, lambda id: _approved(id, comment or "", is_sure=is_sure, is_alone=is_alone), is_sure=is_sure)
    if is_sure:
        raise click.UsageError("--yes asks nothing, so name each request: jitd approve --yes ID (jitd requests lists them)")
    if not can_ask():
        raise click.UsageError(
            "there is no terminal for the questions: name each request, and give --yes (jitd requests lists them)"
        )
    from jitd.cli.walk import walk

    return walk(comment or "")


def _watched(ids: tuple[str, ...], comment: str, *, is_sure: bool) -> int:
    """Approve the request in ``ids`` if it is still open. After that, watch its run. ``ids`` must contain exactly one request."""
    from jitd.cli.observing import must_be_watchable, observe

    if len(ids) != 1:
        raise click.UsageError("--watch is about one request: name one")
    id, there = next(iter(named(ids, is_sure=is_sure)))
    with far.at(there):
        with called_as_reviewer() as daemon:
            row = fetched(daemon, id)
        must_be_watchable(row)
        if row.state in OPEN:
            say(_approved(id, comment, is_sure=is_sure, is_alone=True))
        observe(id)
    return 0


def _approved(id: str, comment: str, *, is_sure: bool, is_alone: bool) -> str:
    """Show the request ``id``, and let the person decide about it. Return a sentence if it is approved. Otherwise raise NotDone
    or RefusedByDaemon. If ``is_sure`` is True, ask nothing, and show the screen of a walk if the request is not alone.
    """
    with called_as_reviewer() as daemon:
        row = fetched(daemon, id)
        fingerprint_of(row)
        is_open = row.state in OPEN
        if is_sure or not is_open:
            if is_open:
                must_not_be_barred(row)
                put_all((page if is_alone else brief)(row, width()))
            return sent(daemon, row, "approve", comment)
    must_be_reviewable(row)
    if not can_ask():
        if row.barred:  # --yes would be of no use
            raise NotDone(row.barred, "forbidden")
        if row.lacks:
            raise NotDone(f"you may not approve request {row.id}: its rule {row.lacks}", "forbidden")
        raise click.UsageError(NO_TERMINAL)
    decided = decide(row, comment)
    if decided.deed is Deed.APPROVED:
        return decided.said
    told = decided.said or f"request {row.id} is not approved: nothing was sent"
    raise Left(told) if decided.deed is Deed.LEFT else NotDone(told)


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
@_comment("Why: told to the requester, and recorded.")
def deny(ids: tuple[str, ...], *, comment: str | None) -> int:
    """Deny requests. A denied request has ended."""
    if comment is None and can_ask():
        for id, there in named(ids, is_sure=False):
            with far.at(there), called_as_reviewer() as daemon:
                row = fetched(daemon, id)
            fingerprint_of(row)  # nobody is asked why about what is not there, or if they may deny nothing
            must_not_be_barred(row)
        comment = sentence("why (the requester is told): ")
    if not (comment or "").strip():
        raise click.UsageError("say why, for the requester: --reason TEXT")
    because = str(comment)

    def denied(id: str) -> str:
        with called_as_reviewer() as daemon:
            return sent(daemon, fetched(daemon, id), "deny", because)

    return _each(ids, denied, is_sure=False)


def _each(typed: Iterable[str], reviewed: Callable[[str], str], *, is_sure: bool) -> int:
    """Call ``reviewed`` for each id, and print its result. After a failure, go on, unless the person has left, and return its
    exit status, the first one's, or 0. If the ticket is refused and there are no other hosts, raise RefusedByDaemon.
    """
    status = 0
    each = named(typed, is_sure=is_sure)
    is_one_host = len({one.far for one in each}) == 1
    for id, there in each:
        try:
            with far.at(there):
                try:
                    say(reviewed(id))
                except (NotDone, RefusedByDaemon) as fault:
                    if isinstance(fault, RefusedByDaemon) and fault.code == "unauthenticated" and (is_one_host or not there):
                        raise
                    say(str(fault))
                    status = status or status_of(fault)
                    if isinstance(fault, Left):
                        break
        except (Unreachable, NotAuthenticated) as fault:
            if is_one_host or there is None or (isinstance(fault, NotAuthenticated) and fault.cause not in OF_ONE_HOST):
                raise
            say(f"{there.host}: {fault}")  # it is we who say it, and the other hosts are asked nevertheless
            status = status or status_of(fault)
    return status


@click.command()
@click.argument("ids", metavar="ID...", nargs=-1, required=True)
def withdraw(ids: tuple[str, ...]) -> int:
    """Take back requests of your own. The others are taken back although one cannot be."""
    status, call = 0, partial(called, with_ticket=True)
    for typed in dict.fromkeys(ids):
        try:
            id = whole_id("withdraw", typed, call)
            with call() as daemon:
                say(daemon.do(Withdraw(id=id)) or f"request {id} is withdrawn")
        except (NotDone, RefusedByDaemon) as fault:
            if len(ids) == 1 or (isinstance(fault, RefusedByDaemon) and fault.code == "unauthenticated"):
                raise
            say(str(fault))
            status = status or status_of(fault)
    return status
