# SPDX-License-Identifier: Apache-2.0
"""The verb ``explain`` tells what jitd would decide about a command, and why.

The decision comes first, and then the rules that come nearest to another one; ``-v`` prints all rules.

Law: the verb submits no request. Without ``--as``, the verb sends the same question as ``jitsudo -l COMMAND``. It prints only
jitd's answer.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from typing import Any

import click

from jitd.cli.answer import answer, answer_json, command_line, exact
from jitd.cli.call import NotDone, called
from jitd.cli.glass import review_after, way_by_glass
from jitd.core.keys.run_as import SELF
from jitpam.wire.messages import Explain, Message, Suppose
from jitpam.wire.rows import UNKNOWN, Decision, Ruling

SAYS = {
    "permits": "permits",
    "denies": "denies",
    "fails": "fails, and so denies",
    "asks": "would ask for facts first",
    "passes": "is not about this",
}

MOST_RULES = 2  # rules that are printed without `-v`


def _time(ctx: click.Context, param: click.Parameter, value: str | None) -> datetime | None:
    """Read ISO 8601, in the time zone of this host if none is named. Raises BadParameter."""
    try:
        return None if value is None else datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        raise click.BadParameter(f'"{value}" is not a time such as 2026-01-05T09:00 or 2026-01-05T09:00:00+01:00') from None


@click.command(context_settings={"allow_interspersed_args": False})
@click.argument("command", metavar="COMMAND...", nargs=-1, required=True, type=click.UNPROCESSED)
@click.option("--as", "principal", metavar="PRINCIPAL", help="Who would ask. For operators and auditors.")
@click.option("--run-as", metavar="USER[:GROUP]", help="The account, and the group, to run as; root unless it is named.")
@click.option("--at", callback=_time, metavar="TIME", help="When it would be asked, in place of now.")
@click.option(
    "--fact", "facts", multiple=True, metavar="NAME=VALUE", help="The assumed value of a fact. May be given several times."
)
@click.option("--groups", metavar="GROUP,...", help="The groups that the person would be in, and no others.")
@click.option("--service", default="jitsudo", metavar="NAME", help="What would run it, such as sudo; jitsudo unless it is named.")
@click.option("--break-glass", is_flag=True, help="The person would break glass, which skips approvals.")
@click.option("--reason", metavar="TEXT", help="The reason that would be given.")
@click.option(
    "-v", "--verbose", is_flag=True, help="All rules, in the order in which they are evaluated, and not the nearest two."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line: the decision, then each rule.")
def explain(
    command: tuple[str, ...],
    *,
    principal: str | None,
    run_as: str | None,
    at: datetime | None,
    facts: tuple[str, ...],
    groups: str | None,
    service: str,
    break_glass: bool,
    reason: str | None,
    verbose: bool,
    as_json: bool,
) -> int:
    """Say what would be decided about COMMAND, and by which rules. Nothing is submitted. Exit 0 if it may run, else 1."""
    if principal is None and (at is not None or facts or groups is not None or break_glass):
        raise click.UsageError("--at, --fact, --groups and --break-glass are about a person: name one with --as")
    asked = _asked([os.fsencode(word) for word in command], run_as, service, reason)
    question: Message = Explain(**asked)
    if principal is not None:
        supposed = {
            "principal": principal,
            "groups": None if groups is None else [name for name in groups.split(",") if name],
            "at": None if at is None else f"{at:%Y-%m-%dT%H:%M:%SZ}",
            "facts": list(facts),
            "breaks_glass": break_glass,
        }
        question = Suppose(**asked | supposed)
    with called() as daemon:
        rows = list(daemon.ask(question))
    if not rows:
        raise NotDone("jitd has not answered", "failed")
    told, rules = Decision.read(rows[0]), list(map(Ruling.read, rows[1:]))
    if as_json:
        answer_json(exact(rows))
    else:
        _print_decision(told, principal)
        for lack in told.unseated:
            answer(lack)
        if way := way_by_glass(told):
            answer(way)
        if review := review_after(told):
            answer(review)
        for near in told.closest if verbose else told.closest[:MOST_RULES]:
            answer(f"closest: rule {near.rule}: {', '.join(near.wants)}")
        for rule in rules if verbose else _nearest(rules, told.rule):
            _print_rule(rule)
        if not verbose and (n_more := max(len(rules), len(told.closest)) - MOST_RULES) > 0:
            answer(f"{n_more} more {'rule' if n_more == 1 else 'rules'}: jitd explain -v")
    return 0 if told.decision == "permit" else 1


def _asked(argv: list[bytes], run_as: str | None, service: str, reason: str | None) -> dict[str, Any]:
    cwd = os.getcwdb()
    status = os.stat(cwd)
    user, _, group = (run_as or "").partition(":")
    return {
        "service": service,
        "argv": argv,
        "login": False,
        "user": None if user in ("", SELF) and group else run_as and user,
        "group": group or None,
        "cwd": cwd,
        "cwd_device": status.st_dev,
        "cwd_inode": status.st_ino,
        "chdir": False,
        "variables": [],
        "preserved": [],
        "locale": [],
        "streams": [],
        "reason": reason,
        "tty": None,
        "login_session": 0,
        "parents": [],
    }


def _nearest(rules: list[Ruling], decides: str) -> list[Ruling]:
    """Return the MOST_RULES of ``rules`` that say most about the decision: first the rule ``decides``, then other rules that are
    about the command, then those that have the fewest conditions in the way. Of two, the one about the same command comes first,
    and then the one about the same person.
    """

    def distance(rule: Ruling) -> tuple[bool, bool, int, bool, bool]:
        missed = [found.condition for found in rule.conditions if found.outcome in ("did not hold", "failed")]
        return rule.rule != decides, rule.says == "passes", len(missed), "commands" in missed, "who" in missed

    return sorted(rules, key=distance)[:MOST_RULES]


def _print_rule(row: Ruling) -> None:
    answer(f"{row.verdict} {row.rule} ({row.file}:{row.line}): {SAYS.get(row.says, row.says)}")
    for found in row.conditions:
        is_value = f"; it is {found.value}" if found.value else ""
        answer(f"    {found.condition} {found.outcome}: {found.wants or UNKNOWN}{is_value}")
    if row.because:
        answer(f"    {row.because}")


def _print_decision(row: Decision, principal: str | None) -> None:
    whom = "" if principal is None else f" for {row.principal or UNKNOWN}"
    new = f", {row.makes.in_words}" if row.makes else ""
    what = f"{command_line(row.argv)}{new} (as {row.run_as or UNKNOWN}){whom}"
    if row.decision == "permit":
        lease = f", by the lease {row.lease}" if row.lease else ""
        gatekeepers = f", {' and '.join(row.gatekeepers)} would be asked" if row.gatekeepers else ""
        answer(f"{what}: rule {row.rule or UNKNOWN} requires {row.asks or UNKNOWN}{lease}{gatekeepers}")
        return
    answer(f"{what}: {'not decided' if row.providers else 'denied'}: {row.because or UNKNOWN}")
