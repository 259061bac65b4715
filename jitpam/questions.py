# SPDX-License-Identifier: Apache-2.0
"""The options of ``jitsudo`` that run no command (-h, -V, -v, -k, -K, -l), and the prompt for a reason.

Law: jitsudo writes the answer to standard output, because no command runs that could use standard output. The prompt is written
only to the terminal.
"""

from __future__ import annotations

import os

from jitpam import __version__, claims, client
from jitpam.appointment import here
from jitpam.client import NotAuthenticated, RefusedByDaemon
from jitpam.local_proof import connect, never_ask
from jitpam.options import Options
from jitpam.saying import as_said, columns, print_line, print_out, printable, say
from jitpam.submission import asked
from jitpam.wire.codes import EXITS
from jitpam.wire.exact import exact
from jitpam.wire.messages import MOST_COUNTED, Explain, Giveback, List, Page
from jitpam.wire.rows import Decision, Finding, Grant, Rule
from jitpam.wire.shown import shown_command, unshown

MOST_TOLD = 5  # printed sentences about what commands give beyond their words
MOST_LEASES = 50  # leases that -l prints for a person

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any


def answer(options: Options, kinds: list[str]) -> int:
    """Carry out an option without a command. Returns the exit status. Raises UsageError, Unwritable, and as ``ask``."""
    if not options.if_owed:
        never_ask()
    match options.mode:
        case "help":
            from jitpam.usage import MOST, help_lines

            print_out("\n".join(help_lines(columns(1) or MOST)))
            return 0
        case "version":
            print_out(f"jitsudo {__version__}")
            return 0
        case "validate":
            return show_who()
        case "giveback":
            return give_back(claims.login_session())
        case "giveback all":
            return give_back(None)
    is_about_one = options.argv or options.login or options.shell or options.service != "jitsudo"
    if options.json:
        return explain_as_json(asked(options, kinds)) if is_about_one else list_as_json()
    return explain(asked(options, kinds), options) if is_about_one else list_rules()


def show_who() -> int:
    """For -v, print the principal, and the account to which jitd maps it here. Returns the exit status."""
    connection = connect()
    who = connection.welcome
    connection.close()
    ticket = f", ticket until {here(who.until)}" if who.until else ""
    operator = ", operator" if who.operator else ""
    print_line(f"{printable(who.principal)} is {printable(who.user)} on {printable(who.host)}{printable(ticket)}{operator}")
    return 0


def give_back(login_session: int | None) -> int:
    """End the user's leases that were requested in ``login_session`` (``-k``). If ``login_session`` is None, end all of the
    user's leases (``-K``). Returns the exit status.
    """
    connection = connect()
    said = connection.do(Giveback(login_session=login_session))
    connection.close()
    if said:
        say(said)
    return 0


def list_rules() -> int:
    """For -l, print the commands and things that the user may request, with their rules and terms. Also print the user's leases.
    Returns the exit status. As in sudo, the exit status is 1 if there are no rules and no leases.
    """
    connection = connect()
    who = connection.welcome
    rows = list(map(Rule.read, connection.ask(List(what="rules", ended=False))))
    *newest, counted = connection.ask(Page(what="leases", ended=False, before=None, limit=MOST_LEASES))
    more = counted["more"]
    connection.close()
    if newest:
        print_line("leases that you have")
    for lease in map(Grant.read, newest[::-1]):
        left = f"{lease.left} use{'' if lease.left == 1 else 's'} left, until {here(lease.ends_at)}"
        if lease.requester != who.principal:
            left += f"; it was given to {lease.requester}, who alone may use it"
        print_line("    " + printable(f"{lease.id}: {_what(lease)}: {left}"))
    if more:
        at_least = " or more" if more >= MOST_COUNTED else ""
        print_line(f"    and {more}{at_least} older one{'' if more == 1 else 's'}: jitsudo -l --json lists all")
    if not rows and newest:
        return 0
    if not rows:
        print_line(f"{printable(who.principal)} may run nothing on {printable(who.host)} by jitsudo")
        return 1
    print_line(f"{printable(who.principal)} may ask on {printable(who.host)} for")
    for row in rows:
        asked = f"; {_gatekeepers(row)}" if row.gatekeepers else ""
        print_line(f"    {printable(row.terms)} (rule {printable(row.rule)}){printable(asked)}")
        for told in _findings(row):
            print_line(f"        {told}")
    return 0


def list_as_json() -> int:
    """For -l --json, print the rules about the user, and then the user's leases. Each rule and each lease is one JSON object.
    Returns the exit status, which is 1 if nothing was printed.
    """
    connection = connect()
    n = sum(_print_rows(connection.ask(List(what=what, ended=False))) for what in ("rules", "leases"))
    connection.close()
    return 0 if n else 1


def explain_as_json(asking: dict[str, Any]) -> int:
    """For -l --json COMMAND, print the decision that jitd would make, as one JSON object. Returns the same as ``explain``."""
    connection = connect()
    try:
        rows = list(connection.ask(Explain(**asking)))
    except RefusedByDaemon as refusal:
        if EXITS[refusal.code][0] in (119, 120, 125):
            raise
        rows = [{"decision": "deny", "why": refusal.code, "because": refusal.text}]
    connection.close()
    _print_rows(rows)
    return 0 if any(Decision.read(row).decision == "permit" for row in rows) else 1


def _print_rows(rows: Iterable[dict[str, Any]]) -> int:
    """Print each of ``rows`` as soon as it is there. Returns how many there were."""
    import json

    n = 0
    for row in rows:
        print_out(json.dumps(exact(row), ensure_ascii=True))
        n += 1
    return n


def _what(row: Decision | Grant) -> str:
    new = f", {row.makes.in_words}" if isinstance(row, Decision) and row.makes else ""
    return f"{shown_command([unshown(word) for word in row.argv])}{new} (as {row.run_as})"


def _terms(row: Decision) -> str:
    """Return words about the approvals and gatekeepers that a rule requires, and about the time and the uses that it grants."""
    words = [f"requires {row.asks}"]
    if row.approvals:
        words.append(f"within {_duration(row.expires_for)}")
    if row.lasts_for:
        words.append(f"for {_duration(row.lasts_for)} and {row.uses} use{'' if row.uses == 1 else 's'} at most")
    if row.gatekeepers:
        words.append(_gatekeepers(row))
    return ", ".join(words)


def _findings(row: Decision | Rule) -> list[str]:
    """Say what the commands in ``row`` give beyond their words, in MOST_TOLD sentences. The others are counted."""
    found = [printable(_sentence(one)) for one in row.findings]
    more = [f"and {len(found) - MOST_TOLD} more"] if len(found) > MOST_TOLD else []
    return found[:MOST_TOLD] + more


def _sentence(finding: Finding) -> str:
    return f"{finding.what} ({finding.path}: {finding.matters})" if finding.path else finding.what


def _gatekeepers(row: Decision | Rule) -> str:
    """Return words that name the gatekeepers that must answer before jitd permits anything."""
    return f"{' and '.join(row.gatekeepers)} would be asked"


def _duration(left: int) -> str:
    """Return ``left``, which is in seconds, in the form that ``--for`` reads: ``1h30m``."""
    words = ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        words += f"{count}{unit}" if count else ""
    return words or "0s"


def explain(asking: dict[str, Any], options: Options) -> int:
    """For -l COMMAND, print the decision that jitd would make. Returns the exit status, which is 0 if the command may run now or
    after approvals, otherwise 1. The exit status is also 1 if jitd cannot decide without the answer of a provider.
    """
    connection = connect()
    try:
        rows = list(connection.ask(Explain(**asking)))
    except RefusedByDaemon as refusal:
        if EXITS[refusal.code][0] in (119, 120, 125):
            raise
        from jitpam.shell_words import explained

        print_line(printable(explained(refusal.text, options) if refusal.code == "missing" else refusal.text))
        return 1
    connection.close()
    may = False
    for row in map(Decision.read, rows):
        may = row.decision == "permit"
        if may and row.path:  # printed as by sudo, because scripts read it
            print_out(printable(" ".join([row.path, *row.argv[1:]])))
        what = _what(row)
        if not may:
            print_line(printable(f"{what}: {'not decided' if row.providers else 'denied'}: {row.because}"))
            for near in row.closest:
                opens = near.opens or here(near.opens_at)  # in the rule's zone, as in a denial
                begins = f"; it may be permitted from {opens}" if near.opens_at else ""
                print_line(printable(f"closest: rule {near.rule}: {', '.join(near.wants)}{begins}"))
        elif row.lease:
            asked = f"; {_gatekeepers(row)}" if row.gatekeepers else ""
            anew = "; with -k, it is requested anew, in spite of the lease" if options.anew else ""
            print_line(printable(f"{what}: permitted by the lease {row.lease}{asked}{anew}"))
        elif row.approved:
            print_line(printable(f"{what}: request {row.approved} is approved: jitsudo --resume {row.approved}"))
        else:
            print_line(printable(f"{what}: rule {row.rule} {_terms(row)}"))
        for told in _findings(row):
            print_line(f"    {told}")
        if row.by_breaking_glass:
            print_line(printable(_glass(row.by_breaking_glass)))
    return 0 if may else 1


_FOR_CERTAIN = dict.fromkeys(("rule", "no rule", "no policy", "terms", "locked", "account"), 121) | {"missing": 126, "unfit": 126}
"""Denials that no text, reason or wait changes, and the exit status for each."""


def refused(options: Options, kinds: list[str], *, can_read: bool) -> int:
    """Ask what jitd would decide about the edit in ``options``. If no text of the file would be written, say why, and return the
    exit status. Otherwise return 0: what is not certain is told when the text is requested. If the person cannot read the file,
    and nobody will read what changes, say that nobody will see that others have changed it meanwhile.
    """
    try:
        connection = client.connect(with_ticket=False, news=None, is_patient=True)
        rows = list(connection.ask(Explain(**asked(options, kinds))))
    except NotAuthenticated:  # the request asks for the local password, and once is enough
        return 0
    except RefusedByDaemon as refusal:
        if refusal.code == "denied":  # too many questions
            return 0
        raise
    connection.close()
    decided = Decision.read(rows[-1] if rows else {})
    for told in decided.unseated:
        say(printable(told))
    if decided.decision == "permit" and not decided.approvals and not can_read:
        say("nobody approves this edit: if others change the file meanwhile, nobody will see that their change is taken out")
    if decided.decision != "deny" or decided.providers or (status := _FOR_CERTAIN.get(decided.why, 0)) == 0:
        return 0
    say(printable(f"no text was requested: {decided.because}"))
    for near in decided.closest:
        say(printable(f"closest: rule {near.rule}: {', '.join(near.wants)}"))
    return status


def _glass(row: Decision) -> str:
    """Return a sentence about the decision that jitd would make if the person broke glass."""
    by = "jitsudo --break-glass --reason=TEXT COMMAND"
    glass = row.break_glass
    if row.decision != "permit" or not glass:
        return f"break glass: rule {row.rule} does not permit it now: {row.because}"
    review = f"it is recorded, and reviewed within {_duration(glass.review_for or 0)}"
    return f"break glass: rule {row.rule} permits it without {glass.skips}; {review}: {by}"


def ask_reason(why: str) -> str | None:
    """Print ``why`` on the terminal and ask there for a reason. Return None without a terminal or an answer."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        os.write(terminal, f"{as_said(why, terminal)}jitsudo: reason: ".encode("utf-8", "replace"))
        answer = os.read(terminal, 4096)
        if not answer.endswith(b"\n"):  # Ctrl-D: the next sentence begins on a line of its own
            os.write(terminal, b"\n")
        return answer.decode("utf-8", "replace").strip() or None
    except OSError:
        return None
    finally:
        os.close(terminal)
