# SPDX-License-Identifier: Apache-2.0
"""The options of ``jitsudo`` that run no command: -h, -V, -v, -k, -K, -l; and the prompt for a reason.

Law: the answer to such an option goes to standard output, since no command uses it then. The prompt goes to the terminal only.
"""

from __future__ import annotations

import os
import time

from jitpam import __version__, claims
from jitpam.appointment import in_words
from jitpam.client import Connection, RefusedByDaemon
from jitpam.local_proof import connect, never_ask
from jitpam.options import HELP, Options
from jitpam.saying import print_out, printable, say
from jitpam.submission import asked
from jitpam.wire.codes import EXITS
from jitpam.wire.exact import exact
from jitpam.wire.messages import Explain, Giveback, List
from jitpam.wire.shown import shown_command, unshown

MOST_TOLD = 5
"""How many sentences about what a rule's commands amount to are printed."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def answer(options: Options, kinds: list[str]) -> int:
    """Answer an option that runs no command. Returns the exit status. Raises UsageError, Unwritable, and as ``connect`` and
    ``Connection.ask``.
    """
    if not options.if_owed:
        never_ask()
    match options.mode:
        case "help":
            print_out(HELP.rstrip("\n"))
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
    return explain(asked(options, kinds)) if is_about_one else list_rules()


def show_who() -> int:
    """-v: print our principal, and the account that jitd takes us for. Returns the exit status."""
    connection = connect()
    who = connection.welcome
    connection.close()
    ticket = f", ticket until {who.until}" if who.until else ""
    operator = ", operator" if who.operator else ""
    print_out(f"{printable(who.principal)} is {printable(who.user)} on {printable(who.host)}{printable(ticket)}{operator}")
    return 0


def give_back(login_session: int | None) -> int:
    """-k: end our leases that were asked for in ``login_session``. -K: end all our leases, if that is None. Returns the exit
    status.
    """
    connection = connect()
    said = connection.do(Giveback(login_session=login_session))
    connection.close()
    if said:
        say(said)
    return 0


def list_rules() -> int:
    """-l: print what we may ask for, by which rule and on what terms, and the leases that we have. Returns the exit status: 1 if
    there is nothing, as in sudo.
    """
    connection = connect()
    who = connection.welcome
    rows = list(connection.ask(List(what="rules", ended=False)))
    leases = _leases(connection)
    connection.close()
    if leases:
        print_out("leases that you have")
    for lease in leases:
        what = f"{shown_command([unshown(word) for word in lease.get('argv') or []])} (as {lease.get('run_as')})"
        left = f"{_count(lease.get('left'), 'use')} left, until {_here(lease.get('ends_at'))}"
        print_out("    " + printable(f"{lease.get('id')}: {what}: {left}"))
    if not rows and leases:
        return 0
    if not rows:
        print_out(f"{printable(who.principal)} may run nothing on {printable(who.host)} by jitsudo")
        return 1
    print_out(f"{printable(who.principal)} may ask on {printable(who.host)} for")
    for row in rows:
        asked = f"; {_gatekeepers(row)}" if row.get("gatekeepers") else ""
        print_out(f"    {printable(str(row.get('terms')))} (rule {printable(str(row.get('rule')))}){printable(asked)}")
        for sentence in _consequences(row):
            print_out(f"        {sentence}")
    return 0


def _leases(connection: Connection) -> list[dict[str, Any]]:
    """Return the rows of our own leases that still have a use."""
    rows = connection.ask(List(what="grants", ended=False))
    return [row for row in rows if row.get("mine") and row.get("is_lease") and row.get("left")]


def list_as_json() -> int:
    """-l --json: print the rules that are about us, then our leases, each as one JSON object. Returns the exit status: 1 if there
    is nothing.
    """
    connection = connect()
    rows = [*connection.ask(List(what="rules", ended=False)), *_leases(connection)]
    connection.close()
    _print_rows(rows)
    return 0 if rows else 1


def explain_as_json(asking: dict[str, Any]) -> int:
    """-l --json COMMAND: print what jitd would decide, as one JSON object. Returns the exit status of ``explain``."""
    connection = connect()
    try:
        rows = list(connection.ask(Explain(**asking)))
    except RefusedByDaemon as refusal:
        if EXITS[refusal.code][0] in (119, 120, 125):
            raise
        rows = [{"decision": "deny", "why": refusal.code, "because": refusal.text}]
    connection.close()
    _print_rows(rows)
    return 0 if any(row.get("decision") == "permit" for row in rows) else 1


def _print_rows(rows: list[dict[str, Any]]) -> None:
    import json

    for row in rows:
        print_out(json.dumps(exact(row), ensure_ascii=True))


def _here(at: object) -> str:
    """Return the moment ``at`` (RFC 3339 UTC) on the user's own clock, such as ``Sun 2026-11-22 22:00 CET``."""
    from calendar import timegm

    try:
        return in_words(timegm(time.strptime(str(at), "%Y-%m-%dT%H:%M:%SZ")))
    except ValueError:
        return str(at)


def _count(number: object, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _terms(row: dict[str, Any]) -> str:
    """Return in words what a rule asks for and what it grants."""
    words = [f"asks {row.get('asks')}"]
    if row.get("approvals"):
        words.append(f"within {_duration(row.get('expires_for'))}")
    if row.get("lasts_for"):
        uses = row.get("uses")
        words.append(f"for {_duration(row['lasts_for'])} and {uses} use{'' if uses == 1 else 's'} at most")
    if row.get("gatekeepers"):
        words.append(_gatekeepers(row))
    return ", ".join(words)


def _consequences(row: dict[str, Any]) -> list[str]:
    """Return what the commands of a row amount to, in sentences: a few, and how many more there are."""
    found = [printable(str(sentence)) for sentence in row.get("consequences") or []]
    more = [f"and {len(found) - MOST_TOLD} more that can do more than their words say"] if len(found) > MOST_TOLD else []
    return found[:MOST_TOLD] + more


def _gatekeepers(row: dict[str, Any]) -> str:
    """Return whom jitd would ask, outside, before it permits anything."""
    names = " and ".join(str(name) for name in row["gatekeepers"])
    return f"{names} would be asked"


def _duration(seconds: object) -> str:
    """Return ``seconds`` as ``--for`` reads a duration: ``1h30m``."""
    left = seconds if isinstance(seconds, int) else 0
    words = ""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "m"), (1, "s")):
        count, left = divmod(left, size)
        words += f"{count}{unit}" if count else ""
    return words or "0s"


def explain(asking: dict[str, Any]) -> int:
    """-l COMMAND: print what jitd would decide. Returns the exit status: 0 if the command may run, now or after approvals, else
    1. It is 1 too if jitd cannot say before it has asked a provider.
    """
    connection = connect()
    try:
        rows = list(connection.ask(Explain(**asking)))
    except RefusedByDaemon as refusal:
        if EXITS[refusal.code][0] in (119, 120, 125):
            raise
        print_out(printable(refusal.text))
        return 1
    connection.close()
    may = False
    for row in rows:
        if row.get("decision") == "permit" and row.get("path"):  # as sudo prints it, for scripts that read it
            print_out(printable(" ".join([row["path"], *(row.get("argv") or [])[1:]])))
        what = f"{shown_command([unshown(word) for word in row.get('argv') or []])} (as {row.get('run_as')})"
        may = row.get("decision") == "permit"
        if not may:
            no = "not decided" if row.get("providers") else "denied"
            print_out(printable(f"{what}: {no}: {row.get('because')}"))
            for near in row.get("closest") or []:
                begins = f"; it may be permitted from {_here(near['opens_at'])}" if near.get("opens_at") else ""
                print_out(printable(f"closest: rule {near.get('rule')}: {', '.join(near.get('wants') or [])}{begins}"))
        elif row.get("lease"):
            asked = f"; {_gatekeepers(row)}" if row.get("gatekeepers") else ""
            print_out(printable(f"{what}: permitted by the lease {row['lease']}{asked}"))
        elif row.get("approved"):
            print_out(printable(f"{what}: request {row['approved']} is approved: jitsudo --resume {row['approved']}"))
        else:
            print_out(printable(f"{what}: rule {row.get('rule')} {_terms(row)}"))
        for sentence in _consequences(row):
            print_out(f"    {sentence}")
        if row.get("by_breaking_glass"):
            print_out(printable(_glass(row["by_breaking_glass"])))
    return 0 if may else 1


def _glass(row: dict[str, Any]) -> str:
    """Return what would be decided if the person broke glass, in one sentence."""
    by = "jitsudo --break-glass --reason=TEXT COMMAND"
    glass = row.get("break_glass")
    if row.get("decision") != "permit" or not glass:
        return f"break glass: rule {row.get('rule')} does not permit it now: {row.get('because')}"
    review = f"it is recorded, and reviewed within {_duration(glass.get('review_for'))}"
    return f"break glass: rule {row.get('rule')} permits it without {glass.get('skips')}; {review}: {by}"


def ask_reason(why: str) -> str | None:
    """Ask the user at the terminal for a reason, after the sentence ``why``. Returns None without a terminal or an answer."""
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    except OSError:
        return None
    try:
        os.write(terminal, f"jitsudo: {printable(why)}\njitsudo: reason: ".encode("utf-8", "replace"))
        answer = os.read(terminal, 4096)
        return answer.decode("utf-8", "replace").strip() or None
    except OSError:
        return None
    finally:
        os.close(terminal)
