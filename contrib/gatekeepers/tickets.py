#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A gatekeeper: who wants to change something has a ticket for it, in ServiceNow or in Jira.

    tickets.py --settings tickets.toml --listen 10.1.2.3:8444 --certificate server.pem --secret key --url https://…/jit

The reason that the requester gives names the ticket. A reason is a claim, so nothing is decided by it: the ticket must be
assigned to the requester, be in a state in which the work is done, and in ServiceNow be approved, for this host and for now.
Law: a ticket that cannot be read is no answer, and jitd denies. Of the reason only a number of the configured form is sent on.
Sources: ServiceNow's Table API (GET /api/now/table/{table}) and Jira's REST API, version 2 (GET /rest/api/2/issue/{key}).
"""

from __future__ import annotations

import base64
import json
import re
import ssl
import sys
import tomllib
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPException, HTTPMessage
from pathlib import Path
from typing import IO, Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from serving import Answer, Question, Unavailable, Unreadable, denies, gatekeeper, main, passes

PATIENCE = 5.0
"""Seconds that a tracker has to answer. The gatekeeper's deadline in jitd.toml has to be longer."""
MOST = 256 * 1024
FIELDS = ("number", "state", "approval", "start_date", "end_date", "assigned_to.user_name", "cmdb_ci.name")
NOW = Callable[[], datetime]


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(
        self, req: urllib.request.Request, fp: IO[bytes], code: int, msg: str, headers: HTTPMessage, newurl: str
    ) -> None:
        """Follow none: the credentials are for this server."""


@dataclass(frozen=True)
class Tracker:
    """A server with tickets. ``numbers`` is the form of their numbers, ``states`` those in which the work is done."""

    url: str
    numbers: re.Pattern[str]
    states: tuple[str, ...]
    authorization: str
    tls: ssl.SSLContext

    def get(self, target: str) -> tuple[int, Any]:
        """Return status and content of ``target``. Raises Unavailable."""
        headers = {"Accept": "application/json", "Authorization": self.authorization}
        request = urllib.request.Request(self.url + target, headers=headers)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=self.tls), _NoRedirect)
        try:
            with opener.open(request, timeout=PATIENCE) as answer:
                return answer.status, json.loads(answer.read(MOST))
        except urllib.error.HTTPError as fault:
            if fault.code == 404:
                return 404, None
            raise Unavailable(f"{self.url} answers with status {fault.code}") from None
        except (OSError, HTTPException, ValueError) as fault:
            raise Unavailable(f"{self.url} cannot be asked: {fault}") from None


class ServiceNow:
    """Change requests in ServiceNow."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker

    def decide(self, number: str, user: str, host: str, now: datetime) -> Answer:
        """Return the answer for the change ``number``. Raises Unavailable."""
        query = {
            "sysparm_query": f"number={number}",
            "sysparm_fields": ",".join(FIELDS),
            "sysparm_display_value": "all",
            "sysparm_exclude_reference_link": "true",
            "sysparm_limit": "2",
        }
        _, found = self.tracker.get(f"/api/now/table/change_request?{urllib.parse.urlencode(query)}")
        try:
            rows = found["result"]
            if rows == []:
                return denies(f"ServiceNow has no change {number}, or does not show it to us")
            (row,) = rows
            values = {field: (str(row[field]["value"]), str(row[field]["display_value"])) for field in FIELDS}
            begins, ends = (_instant(values[field][0]) for field in ("start_date", "end_date"))
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Unavailable(f"{self.tracker.url} answers in a form that we do not know") from None
        (_, state), (approval, _), (assigned, _), (item, _) = (
            values[field] for field in ("state", "approval", "assigned_to.user_name", "cmdb_ci.name")
        )
        if values["number"][0] != number:
            raise Unavailable(f"{self.tracker.url} answers with another change than {number}")
        if assigned != user:
            return denies(f"{number} is assigned to {assigned or 'nobody'}, not to {user}: have it assigned", number)
        if state not in self.tracker.states:
            return denies(f"{number} is in state {state!r}; the work is done in {_either(self.tracker.states)}", number)
        if approval != "approved":
            return denies(f"{number} is not approved: its approval is {approval!r}", number)
        if item != host:
            return denies(f"{number} is for {item or 'no configuration item'}, not for {host}", number)
        if begins is None or ends is None:
            return denies(f"{number} has no planned start or end: plan it", number)
        if not begins <= now < ends:
            return denies(f"{number} is planned from {begins:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC, not for now", number)
        return passes(ends, number)


class Jira:
    """Issues in Jira."""

    def __init__(self, tracker: Tracker) -> None:
        self.tracker = tracker

    def decide(self, number: str, user: str, host: str, now: datetime) -> Answer:
        """Return the answer for the issue ``number``. Raises Unavailable."""
        status, found = self.tracker.get(f"/rest/api/2/issue/{number}?fields=status,assignee")
        if status == 404:
            return denies(f"Jira has no issue {number}, or does not show it to us")
        try:
            key, state = str(found["key"]), str(found["fields"]["status"]["name"])
            assignee = found["fields"]["assignee"] or {}
            names = {str(assignee[name]) for name in ("name", "emailAddress") if name in assignee}
        except (KeyError, TypeError):
            raise Unavailable(f"{self.tracker.url} answers in a form that we do not know") from None
        if key != number:  # an issue that was moved answers to its old key too
            return denies(f"{number} was moved and is {key} now: name that")
        if user not in names and not any(name.partition("@")[0] == user for name in names):
            return denies(f"{number} is assigned to {min(names, default='nobody')}, not to {user}: have it assigned", number)
        if state not in self.tracker.states:
            return denies(f"{number} is in status {state!r}; the work is done in {_either(self.tracker.states)}", number)
        return passes(mark=number)


def _instant(value: str) -> datetime | None:
    """Return a time as ServiceNow has it (UTC); None for an empty one. Raises ValueError."""
    return datetime.strptime(value, "%Y-%m-%d %H:%M:%S").replace(tzinfo=UTC) if value else None


def _either(states: tuple[str, ...]) -> str:
    return " or ".join(map(repr, states))


def decide(trackers: list[ServiceNow | Jira], question: Question, now: datetime) -> Answer:
    """Return the answer to ``question``. Raises Unreadable, Unavailable."""
    try:
        user, host = str(question["requester"]["user"]), str(question["host"])
        reason = question["claims"]["reason"] or ""
    except (KeyError, TypeError):
        raise Unreadable("the question has no requester, no host or no claims") from None
    found = {
        number: each
        for each in trackers
        for number in re.findall(rf"(?<![A-Za-z0-9-])(?:{each.tracker.numbers.pattern})(?![A-Za-z0-9-])", str(reason))
    }
    if not found:
        return denies("the reason names no ticket: ask again, with its number in the reason (jitsudo -r)")
    if len(found) > 1:
        return denies(f"the reason names {len(found)} tickets ({', '.join(sorted(found)[:5])}): name the one that it is done for")
    ((number, tracker),) = found.items()
    return tracker.decide(number, user, host, now)


# --- the file ------------------------------------------------------------------------------------------------------------


def read_trackers(file: Path) -> list[ServiceNow | Jira]:
    """Return the trackers in ``file``. Raises ValueError, OSError."""
    found = tomllib.loads(file.read_text("utf-8"))
    if not found or not found.keys() <= {"servicenow", "jira"}:
        raise ValueError(f"{file}: it has a table [servicenow], or [jira], or both, and nothing else")
    kinds: dict[str, Callable[[Tracker], ServiceNow | Jira]] = {"servicenow": ServiceNow, "jira": Jira}
    return [kinds[kind](_tracker(table, f"{file}: {kind}")) for kind, table in found.items()]


def _tracker(table: dict[str, Any], where: str) -> Tracker:
    needed, may = {"url", "numbers", "states", "secret"}, {"user", "ca"}
    if not needed <= table.keys() <= needed | may:
        raise ValueError(f"{where}: it has url, numbers, states and secret, may have user and ca, and nothing else")
    try:
        numbers = re.compile(table["numbers"])
    except (re.error, TypeError) as fault:
        raise ValueError(f"{where}: numbers is not a regular expression: {fault}") from None
    if numbers.groups:
        raise ValueError(f"{where}: numbers must have no group but (?:…)")
    if not str(table["url"]).startswith("https://"):
        raise ValueError(f"{where}: url must begin with https://")
    secret = Path(table["secret"]).read_text("utf-8").strip()
    authorization = f"Bearer {secret}"
    if "user" in table:
        authorization = "Basic " + base64.b64encode(f"{table['user']}:{secret}".encode()).decode()
    tls = ssl.create_default_context(cafile=table.get("ca"))
    return Tracker(str(table["url"]).rstrip("/"), numbers, tuple(map(str, table["states"])), authorization, tls)


def make(file: Path, now: NOW = lambda: datetime.now(UTC)) -> Callable[[Question], Answer]:
    """Return what answers by the trackers in ``file``. Raises ValueError, OSError."""
    trackers = read_trackers(file)
    return gatekeeper(lambda question: decide(trackers, question, now()))


if __name__ == "__main__":
    raise SystemExit(main("Passes changes that have a ticket.", "/etc/tickets.toml", make, sys.argv[1:]))
