# SPDX-License-Identifier: Apache-2.0
"""Each figure over the generated year, computed again: in Python, and from the records of the chain alone, while the product asks
the documents in SQL. Only that two accounts are one person's is not in the record; jitd.toml says it.
"""

from __future__ import annotations

import json
import math
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jitd.store.opening import read_store
from jitd_evidence.report.actions import HIDDEN, LIST
from jitd_evidence.report.asked import scope_of
from jitd_evidence.report.duties import DUTIES, LEAST, QUICK
from jitd_evidence.report.figure import CommandLine, Figure, Scope, Section, Told, Typed
from jitd_evidence.report.lived import IN_TIME, LIVED
from jitd_evidence.report.making import make
from jitd_evidence.report.summary import NAMED, NEVER_LOOKED, SUMMARY
from tests.evidence.year import HOSTILE, REALM, SECRET, TWO_ACCOUNTS, Year
from tests.table import each_row
from tests.verified import verify

Row = tuple[Any, ...]
FIGURES = {
    figure.name: figure for figure in (*SUMMARY.figures, LIST, *LIVED.figures, *DUTIES.figures) if figure.name != "damaged"
}
"""All but the figure of what is damaged: in this year, nothing is (``test_queries``)."""


def told(figure: Figure, scope: Scope) -> list[Told]:
    """The rows of ``figure``, as people read them."""
    of = figure.told(scope)
    return [of(row) for row in figure.rows(scope)]


@dataclass
class Asked:
    """A request, as its records tell it."""

    id: str
    requester: str
    at: datetime
    gives: bool
    rule: str | None = None
    grant: str = ""
    state: str = "screening"
    waits_since: datetime | None = None
    last: dict[str, Any] = field(default_factory=dict)
    reviews: list[dict[str, Any]] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        return self.state in ("screening", "pending")

    @property
    def approvals(self) -> list[dict[str, Any]]:
        if self.state != "approved":
            return []
        return [one for one in self.reviews if one["detail"]["verdict"] == "approve"]


class Past:
    """All records of a chain, and the requests among ``scope``."""

    def __init__(self, bodies: Iterator[bytes], scope: Scope) -> None:
        self.scope = scope
        self.bodies = [json.loads(body) for body in bodies]
        self.of: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
        every: dict[str, Asked] = {}
        for body in self.bodies:
            if "id" in body:
                self.of[body["event"].partition(".")[0]][body["id"]].append(body)
            match body["event"]:
                case "request.submitted":
                    gives = "gives" in body["detail"]
                    every[body["id"]] = Asked(body["id"], body["actor"], at(body), gives, grant=body["id"], last=body)
                case "request.screened":
                    one = every[body["id"]]
                    if one.rule is None or body["detail"]["decision"] == "deny":
                        one.rule = body["detail"]["rule"]
                    one.grant = body["detail"].get("lease") or one.grant
                    one.waits_since = one.waits_since or at(body)
                case "request.reviewed":
                    every[body["id"]].reviews.append(body)
            if body["event"].startswith("request."):
                one = every[body["id"]]
                one.state, one.last = body["state"], body
        self.every = every
        self.so_far = {id: one for id, one in every.items() if self.is_so_far(one)}
        self.asked = {id: one for id, one in self.so_far.items() if scope.since <= one.at.replace(microsecond=0)}

    def is_so_far(self, one: Asked) -> bool:
        """True if the report is about ``one``, or would be if it began earlier."""
        scope = self.scope
        is_theirs = scope.who is None or one.requester in scope.who
        is_under = scope.rule is None or one.rule == scope.rule
        return one.at.replace(microsecond=0) < scope.until and is_theirs and is_under

    def under(self, life: str, event: str, ended: str = "") -> Iterator[tuple[Asked, list[dict[str, Any]]]]:
        """The lives that began with ``event`` for a request in the scope, with it. If ``ended`` is an event, also those for
        earlier requests which have not ended with it.
        """
        for records in self.of[life].values():
            assert records[0]["event"] == event
            is_open = bool(ended) and records[-1]["event"] != ended
            if (one := (self.so_far if is_open else self.asked).get(records[0]["detail"]["request"])) is not None:
                yield one, records


def at(body: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(body["at"])


def person(principal: str) -> str:
    name = principal.removeprefix("local:").removesuffix(f"@{REALM}")
    return "alice" if name == TWO_ACCOUNTS else name


def counted(rows: dict[Any, Counter[str]], columns: tuple[str, ...]) -> list[Row]:
    keys = {key: key if isinstance(key, tuple) else (key,) for key in rows}
    return [(*keys[key], *(count[column] for column in columns)) for key, count in rows.items()]


ORACLES: dict[str, Callable[[Past], list[Row]]] = {}


def oracle(name: str) -> Callable[[Callable[[Past], list[Row]]], None]:
    return lambda function: ORACLES.__setitem__(name, function)


@oracle("requests-by-rule")
def _requests(past: Past) -> list[Row]:
    rows: dict[Any, Counter[str]] = defaultdict(Counter)
    for one in past.asked.values():
        rows[one.rule or ""].update(["all", "open" if one.is_open else one.state])
    return counted(rows, ("all", "approved", "denied", "withdrawn", "expired", "open"))


@oracle("requests-by-requester")
def _requesters(past: Past) -> list[Row]:
    found: dict[str, list[Asked]] = defaultdict(list)
    for one in past.asked.values():
        found[one.requester].append(one)
    return [
        (
            who,
            len(theirs),
            sum(one.state == "approved" for one in theirs),
            sum(one.state == "denied" for one in theirs),
            len({one.rule for one in theirs if one.rule}),
        )
        for who, theirs in found.items()
    ]


@oracle("ended-by")
def _ended(past: Past) -> list[Row]:
    words = {
        "request.screened": "rules and gatekeepers",
        "request.reviewed": "a reviewer",
        "request.locked": "a lock",
        "request.withdrawn": "the requester, or an end of the client",
        "request.deadline_passed": "nobody in time",
    }
    found = Counter((words[one.last["event"]], one.state) for one in past.asked.values() if not one.is_open)
    return [(*key, n) for key, n in found.items()]


@oracle("denials")
def _denials(past: Past) -> list[Row]:
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    for one in past.asked.values():
        if one.state == "denied":
            detail = one.last["detail"]
            why = detail.get("why") or {"request.locked": "locked", "request.reviewed": "reviewer"}.get(one.last["event"])
            if why is None and any(answer[1] != "passes" for answer in detail["gatekeepers"]):
                why = "gatekeeper"
            found[one.rule or "", why or "?"].append(one.requester)
    return [(*key, len(who), len(set(who))) for key, who in found.items()]


@oracle("time-to-decision")
def _waited(past: Past) -> list[Row]:
    found: dict[str, list[float]] = defaultdict(list)
    for one in past.asked.values():
        if one.reviews and one.state in ("approved", "denied"):
            found[one.rule or ""].append((at(one.last) - one.at).total_seconds())
    rows: list[Row] = []
    for rule, seconds in found.items():
        seconds.sort()
        median, most = (seconds[math.ceil(len(seconds) * part) - 1] for part in (0.5, 0.95))
        rows.append((rule, len(seconds), median, most, seconds[-1]))
    return rows


@oracle("reviewers")
def _reviewers(past: Past) -> list[Row]:
    found: dict[str, list[tuple[str, Asked]]] = defaultdict(list)
    for one in past.asked.values():
        for review in one.reviews:
            found[review["actor"]].append((review["detail"]["verdict"], one))
    return [
        (
            who,
            sum(verdict == "approve" for verdict, _ in given),
            sum(verdict == "deny" for verdict, _ in given),
            len({one.rule for _, one in given}),
            len({one.requester for _, one in given}),
        )
        for who, given in found.items()
    ]


@oracle("runs-by-rule")
def _runs(past: Past) -> list[Row]:
    rows: dict[Any, Counter[str]] = defaultdict(Counter)
    for one, records in past.under("run", "run.starting"):
        detail = records[-1]["detail"] if records[-1]["event"] == "run.ended" else {"ending": "live"}
        ending = detail["ending"]
        word = ("status 0" if detail["number"] == 0 else "other") if ending == "exited" else ending
        rows[one.rule].update(["all", word, *(["recorded"] if "recording" in detail else [])])
    return counted(rows, ("all", "status 0", "other", "signaled", "not started", "lost", "live", "recorded"))


@oracle("grants")
def _grants(past: Past) -> list[Row]:
    given: dict[Any, list[tuple[int, int, str]]] = defaultdict(list)
    things = Counter(records[0]["detail"]["grant"] for records in past.of["holding"].values())
    for id, records in past.of["grant"].items():
        if (one := past.asked.get(id)) is not None:
            uses = records[0]["detail"]["uses"]
            kind = "things" if one.gives else "lease" if uses > 1 else "one use"
            begun = things[id] if one.gives else sum(body["event"] == "grant.used" for body in records)
            given[one.rule, kind].append((uses, begun, records[-1]["state"]))
    return [
        (
            *key,
            len(of),
            None if key[1] == "things" else sum(uses for uses, _, _ in of),
            sum(begun for _, begun, _ in of),
            sum(begun == 0 for _, begun, _ in of),
            sum(state == "revoked" for _, _, state in of),
        )
        for key, of in given.items()
    ]


def had(past: Past, ended: str = "") -> Iterator[tuple[Asked, dict[str, Any], list[dict[str, Any]], float | None]]:
    """Each thing, and the seconds by which it was taken back too late."""
    for one, records in past.under("holding", "holding.giving", ended):
        by_event = {body["event"]: body for body in reversed(records)}
        until = datetime.fromisoformat(records[0]["detail"]["until"])
        due = min(until, at(by_event["holding.taking"])) if "holding.taking" in by_event else until
        gone = at(by_event["holding.ended"]) if "holding.ended" in by_event else past.scope.now
        late = (gone - due).total_seconds()
        yield one, by_event, records, late if "holding.given" in by_event and late > IN_TIME else None


@oracle("things")
def _things(past: Past) -> list[Row]:
    rows: dict[Any, Counter[str]] = defaultdict(Counter)
    for one, by_event, records, late in had(past):
        ended = by_event.get("holding.ended")
        words = ["not ended" if ended is None else ended["detail"]["ending"]]
        words += ["given"] * ("holding.given" in by_event) + ["late"] * (late is not None)
        rows[one.rule, records[0]["detail"]["thing"].partition(":")[0]].update(words)
    return counted(rows, ("given", "not given", "taken", "left", "not ended", "late"))


@oracle("late-things")
def _late(past: Past) -> list[Row]:
    rows: list[Row] = []
    for one, by_event, records, late in had(past, "holding.ended"):
        if late is not None:
            told = records[0]["detail"]
            ended = by_event["holding.ended"]["at"][:19] if "holding.ended" in by_event else ""
            rows.append((one.id, told["to"], told["thing"], told["until"][:19], ended, int(late / 60)))
    return rows


@oracle("break-glass")
def _glass(past: Past) -> list[Row]:
    rows: list[Row] = []
    for id, records in past.of["owed_review"].items():
        first, last = records[0], records[-1]
        is_given = last["event"] == "owed_review.reviewed"
        if id in (past.asked if is_given else past.so_far):
            until = at(last) if is_given else past.scope.now
            hours = (until - at(first)).total_seconds() / 3600
            was_late = any(body["event"] == "owed_review.overdue" for body in records)
            told = first["detail"]
            who = last["actor"] if is_given else ""
            row = id, first["at"][:19], first["actor"], told["rule"], told["instead_of"], last["state"], int(was_late), who, hours
            rows.append(row)
    return rows


@oracle("locks")
def _locks(past: Past) -> list[Row]:
    rows: list[Row] = []
    for id, records in past.of["lock"].items():
        first, last = records[0], records[-1]
        ended = "" if last is first else last["at"][:19]
        since, until = (f"{moment:%Y-%m-%dT%H:%M:%S}" for moment in (past.scope.since, past.scope.until))
        if first["at"][:19] < until and (not ended or ended >= since):
            told, by = first["detail"], last["actor"] if ended else ""
            rows.append((id, first["at"][:19], first["actor"], told["whom"], told["name"], last["state"], ended, by))
    return rows


@oracle("mutual-pairs")
def _pairs(past: Past) -> list[Row]:
    approvers: dict[str, Counter[str]] = defaultdict(Counter)
    for one in past.asked.values():
        approvers[person(one.requester)].update({person(review["actor"]) for review in one.approvals})
    only = {who: next(iter(by.items())) for who, by in approvers.items() if len(by) == 1}
    return [(who, by, n, only[by][1]) for who, (by, n) in only.items() if who < by and by in only and only[by][0] == who]


@oracle("quick-approvals")
def _quick(past: Past) -> list[Row]:
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in past.asked.values():
        for review in one.approvals:
            assert one.waits_since is not None
            found[review["actor"], one.rule or ""].append((at(review) - one.waits_since).total_seconds())
    return [
        (*key, sum(one < QUICK for one in seconds), len(seconds), min(seconds))
        for key, seconds in found.items()
        if min(seconds) < QUICK
    ]


@oracle("keyless-approvals")
def _keyless(past: Past) -> list[Row]:
    found: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for one in past.asked.values():
        for review in one.approvals:
            count = found[review["actor"], one.rule or ""]
            count["all"] += 1
            if "receipt" not in review["detail"]:
                peer = review["peer"]
                count.update(["keyless", "door" if "carrier" in peer else "seen" if peer["tty"] else "unseen"])
    return counted({key: count for key, count in found.items() if count["keyless"]}, ("all", "keyless", "unseen", "door"))


@oracle("one-approver")
def _most(past: Past) -> list[Row]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for one in past.asked.values():
        found[one.rule or ""].update(person(review["actor"]) for review in one.approvals)
    rows: list[Row] = []
    for rule, by in found.items():
        for who, n in by.items():
            if by.total() >= LEAST and 2 * n > by.total():
                rows.append((rule, who, n, by.total(), int(100 * n / by.total() + 0.5)))
    return rows


@oracle("approved-by-loader")
def _loaded(past: Past) -> list[Row]:
    loaded: dict[tuple[str, str], datetime] = {}
    for body in past.bodies:
        if body["event"] == "policy.loaded":
            loaded.setdefault((body["policy"], body["actor"]), at(body))
    found = Counter(
        (who, one.rule or "")
        for one in past.asked.values()
        for who in {review["actor"] for review in one.approvals}
        if at(one.last) > loaded.get((one.last["policy"], who), past.scope.until)
    )
    return [(*key, n) for key, n in found.items()]


def approved_by(past: Past, id: str) -> list[str]:
    """Who approved the request ``id``, in the order of their approvals."""
    reviews = past.every[id].reviews if id in past.every else []
    return list(dict.fromkeys(one["actor"] for one in reviews if one["detail"]["verdict"] == "approve"))


def is_emergency(past: Past, one: Asked) -> bool:
    return one.state == "approved" and one.grant in past.of["owed_review"]


def ending_of(past: Past, one: Asked) -> str:
    """How the run of a request ended; empty if there was none."""
    for records in past.of["run"].values():
        if records[0]["detail"]["request"] == one.id:
            return ending(past, one, records)
    return ""


def ending(past: Past, one: Asked, records: list[dict[str, Any]]) -> str:
    is_stopped = any(body["event"] == "run.stop_ordered" for body in records)
    is_revoked = past.of["grant"][one.grant][-1]["state"] == "revoked"
    how = "runs"
    if records[-1]["event"] == "run.ended":
        detail = records[-1]["detail"]
        how = {
            "exited": f"ended with status {detail['number']}",
            "signaled": f"ended by signal {detail['number']}",
            "not started": "could not be started",
            "lost": "lost, because its monitor was killed",
        }[detail["ending"]]
    return ("revoked, " if is_revoked else "stopped, ") + how if is_stopped else how


DENIED = {
    "no rule": ", because no rule permits it",
    "rule": " by the rule",
    "reason": ", because the rule demands a reason",
    "terms": ", because the rule gives less",
    "locked": " by a lock",
    "review": ", because reviews of emergencies are owed",
}


def outcome(past: Past, one: Asked) -> str:
    detail = one.last["detail"]
    match one.state:
        case "withdrawn":
            return "withdrawn"
        case "expired":
            return f"expired, because {'too few' if approved_by(past, one.id) else 'nobody'} approved in time"
        case "denied" if one.last["event"] == "request.locked":
            return "denied by a lock"
        case "denied" if one.last["event"] == "request.reviewed" and detail["verdict"] == "deny":
            return f"denied by {one.last['actor']}"
        case "denied" if "why" in detail:
            return "denied" + DENIED.get(detail["why"], f" ({detail['why']})")
        case "denied":
            return "denied by a gatekeeper"
        case "screening" | "pending":
            return "waits"
    things = {
        {"taken": "given and taken back", "left": "given and taken back in part", "not given": "could not be given"}[
            records[-1]["detail"]["ending"]
        ]
        if records[-1]["event"] == "holding.ended"
        else "given and not taken back yet"
        for records in past.of["holding"].values()
        if records[0]["detail"]["request"] == one.id
    }
    if things or (ran := ending_of(past, one)):
        return ", ".join(sorted(things)) or ran
    grant = past.of["grant"][one.grant]
    begun = sum(body["event"] == "grant.used" for body in grant)
    if grant[-1]["state"] == "revoked" and not begun:
        return "revoked before it was used"
    service = past.of["request"][one.id][0]["detail"]["service"]
    return f"used by {service}" if begun else "not used yet" if grant[-1]["state"] == "active" else "never used"


@oracle("actions")
def _actions(past: Past) -> list[Row]:
    rows: list[Row] = []
    for one in past.asked.values():
        submitted = past.of["request"][one.id][0]
        detail = past.scope.store.values(one.id).filled(submitted["detail"])
        line, reason = " ".join(detail.get("argv") or detail["gives"]), Typed(detail["reason"])
        by: str | None = ", ".join(approved_by(past, one.grant))
        if one.state == "approved" and is_emergency(past, one):
            last = past.of["owed_review"][one.grant][-1]
            by = f"nobody (emergency), {'reviewed by ' + last['actor'] if last['state'] == 'reviewed' else 'not reviewed'}"
        elif one.state == "approved" or by:
            by = (by or "no approval needed") + (f", by lease {one.grant}" if one.grant != one.id else "")
        cells = (CommandLine(line), reason) if one.rule != "backup" else (CommandLine(f"{detail['path']} {HIDDEN}"), HIDDEN)
        run_as = detail["run_as"].partition(":")[0]
        when = submitted["at"][:19].replace("T", " ")
        lost = detail.get("damage") if one.rule != "backup" else HIDDEN
        rows.append((when, one.requester, run_as, *cells, one.rule or "", by or None, outcome(past, one), lost, one.id))
    return rows


def few(names: list[str]) -> str:
    return ", ".join(names[:NAMED] + ([f"{len(names) - NAMED} more"] if len(names) > NAMED else []))


def of(n: int, noun: str) -> str:
    return f"{n} {noun}{'s' * (n != 1)}"


@oracle("summary")
def _summary(past: Past) -> list[Row]:
    asked, scope = list(past.asked.values()), past.scope
    states = Counter("open" if one.is_open else one.state for one in asked)
    people = len({person(one.requester) for one in asked})
    requests = f"{len(asked)} by {people} {'person' if people == 1 else 'people'}: " + ", ".join(
        f"{states[state]} {state}" for state in ("approved", "denied", "withdrawn", "expired", "open") if states[state]
    )
    approved = [one for one in asked if one.state == "approved"]
    emergencies = [one for one in approved if is_emergency(past, one)]
    by = [approved_by(past, one.grant) for one in approved if one not in emergencies]
    approvers = Counter(who for some in by for who in some)
    named = few([f"{who} {n}" for who, n in sorted(approvers.items(), key=lambda pair: (-pair[1], pair[0]))])
    parts = [
        (sum(map(bool, by)), f"by people ({named})"),
        (sum(not some for some in by), "by a rule that needs no approval"),
        (len(emergencies), "by nobody, in an emergency"),
    ]
    glass, late = ORACLES["break-glass"](past), ORACLES["late-things"](past)
    n_reviewed, n_overdue = (sum(row[5] == state for row in glass) for state in ("reviewed", "overdue"))
    in_glass = few(sorted({row[2] for row in glass}, key=str.encode))
    ends = [ending_of(past, one) for one in approved]
    ran = Counter(
        "stopped early"
        if how.startswith(("stopped", "revoked"))
        else how
        if how == "could not be started"
        else "failed"
        if how.startswith(("ended", "lost")) and how != "ended with status 0"
        else ""
        for how in ends
        if how
    )
    words = [f"{ran[word]} {word}" for word in ("failed", "stopped early", "could not be started") if ran[word]]
    loaded = [body for body in past.bodies if body["event"] == "policy.loaded" and scope.since <= at(body) < scope.until]
    n_things = sum(row[4] == "" for row in late)
    hidden = sum(one.rule == "backup" for one in asked)
    return [
        ("Who can become root without jitd", f"{NEVER_LOOKED}; a report that root makes looks first", "becoming"),
        ("Changes of that", NEVER_LOOKED, "changed"),
        ("Requests", requests if asked else "none", "requests-by-rule"),
        ("Approved", "; ".join(f"{n} {what}" for n, what in parts if n) or "none", "reviewers"),
        (
            "Emergencies",
            f"{len(glass)}: {n_reviewed} reviewed, {len(glass) - n_reviewed} not reviewed; by {in_glass}" if glass else "none",
            "break-glass",
        ),
        ("Commands that ran", "; ".join([str(ran.total() - ran["could not be started"]), *words]), "runs-by-rule"),
        (
            "Owed now",
            f"{of(len(glass) - n_reviewed, 'review')} of emergencies ({n_overdue} overdue);"
            f" {of(n_things, 'thing')} not taken back in time; {of(states['open'], 'request')} not decided",
            "late-things",
        ),
        (
            "One person alone",
            f"{of(len(ORACLES['mutual-pairs'](past)), 'pair')} who approve each other only;"
            f" {of(sum(row[2] for row in ORACLES['quick-approvals'](past)), 'approval')} within 5 seconds;"
            f" {sum(row[4] for row in ORACLES['keyless-approvals'](past))} with neither a key nor a terminal",
            "mutual-pairs",
        ),
        (
            "Other rules came into force",
            f"{of(len(loaded), 'time')}, by {', '.join(sorted({body['actor'] for body in loaded}))}",
            "matrix",
        ),
        (
            "Not seen",
            "; ".join(
                [
                    NEVER_LOOKED,
                    *([f"{of(hidden, 'request')} whose words a rule hides"] if hidden else []),
                    "what root does without jitd",
                ]
            ),
            "unseen",
        ),
    ]


# --- the comparison -----------------------------------------------------------------------------------------------------


START = datetime(2026, 3, 2, 9, tzinfo=UTC)
SCOPES: dict[str, dict[str, Any]] = {
    "the whole year": {},
    "a quarter": {"since": START + timedelta(days=90), "until": START + timedelta(days=180)},
    "a rule": {"rule": "restart-web"},
    "a rule that is a number": {"rule": "1e3"},
    "a rule that is a pattern": {"rule": "%"},
    "no rule": {"rule": ""},
    "a person": {"who": frozenset({f"alice@{REALM}"})},
    "people with odd names": {"who": frozenset(f"{name}@{REALM}" for name in HOSTILE)},
    "nobody": {"who": frozenset()},
} | {f"the person {name[:12]!a}": {"who": frozenset({f"{name}@{REALM}"})} for name in HOSTILE}


Both = tuple[Scope, Past]
"""The same report twice: what the product asks, and what the records say."""


def twice(year: Year, changes: dict[str, Any]) -> Iterator[Both]:
    limits = {"since": year.since, "until": year.until} | changes
    with closing(read_store(year.database)) as store:
        scope = scope_of(store, year.policy, year.until, **limits)
        yield scope, Past((body for _, body, _ in store.records()), scope)


@pytest.fixture(scope="module", params=SCOPES.values(), ids=SCOPES)
def both(year: Year, request: pytest.FixtureRequest) -> Iterator[Both]:
    yield from twice(year, request.param)


@pytest.fixture(scope="module", params=SCOPES.values(), ids=SCOPES)
def both_of_a_quiet_year(quiet_year: Year, request: pytest.FixtureRequest) -> Iterator[Both]:
    yield from twice(quiet_year, request.param)


def words(row: tuple[Any, ...]) -> str:
    return repr([cell for cell in row if isinstance(cell, str | int)])


def compare(both: Both, name: str) -> None:
    scope, past = both
    rows = told(FIGURES[name], scope)
    expected = ORACLES[name](past)
    assert len(rows) == len(expected)
    for found, row in zip(sorted(rows, key=words), sorted(expected, key=words), strict=True):
        assert found == tuple(pytest.approx(cell, abs=0.06) if isinstance(cell, float) else cell for cell in row)


@each_row("name", FIGURES)
def test_a_figure_of_a_quiet_year_is_what_the_records_say(both_of_a_quiet_year: Both, name: str) -> None:
    """THREATS L-23: in Python, and from the records alone."""
    compare(both_of_a_quiet_year, name)


@each_row("name", FIGURES)
def test_a_figure_is_what_the_records_say(both: Both, name: str) -> None:
    """THREATS L-23."""
    compare(both, name)


def test_the_year_has_something_to_say_in_each_figure(scope: Scope) -> None:
    for name, figure in FIGURES.items():
        rows = told(figure, scope)
        assert rows, name
        assert {len(row) for row in rows} == {len(figure.columns)}, name
        assert len(set(rows)) == len(rows), name


def test_the_year_has_a_record_that_is_whole(year: Year) -> None:
    with closing(read_store(year.database)) as store:
        assert verify(store) > 10_000


def test_what_people_typed_stands_in_the_list_of_actions_alone_and_in_cells_of_its_own_type(scope: Scope) -> None:
    """THREATS L-23."""
    assert any(SECRET in one.claims.reason for one in scope.store.requests(ended=True) if one.claims.reason), "people typed it"
    for name, figure in FIGURES.items():
        cells = [cell for row in told(figure, scope) for cell in row if SECRET in str(cell)]
        assert not cells if name != LIST.name else all(isinstance(cell, Typed | CommandLine) for cell in cells), name


def test_what_a_rule_shows_to_certain_people_only_is_in_no_figure(quiet_year: Year) -> None:
    """THREATS L-23: which program it was is told, and neither its words nor why."""
    with closing(read_store(quiet_year.database)) as store:
        scope = scope_of(store, quiet_year.policy, quiet_year.until, quiet_year.since, quiet_year.until)
        rows = [row for row in told(LIST, scope) if row[5] == "backup"]
    assert len(rows) > 5
    assert {row[3:5] for row in rows} == {(CommandLine(f"/usr/local/sbin/backup {HIDDEN}"), HIDDEN)}


def test_the_query_of_a_figure_is_all_that_makes_it(scope: Scope) -> None:
    """THREATS L-23."""
    for figure in FIGURES.values():
        assert scope.ask(figure.explain, scope.parameters) == list(figure.rows(scope))


def test_what_a_report_prints_makes_its_figures_again_in_any_sqlite(year: Year, scope: Scope) -> None:
    """THREATS L-23: the views are printed, too, so nobody needs jitd for it."""
    made = make(scope, (Section("all", "All", tuple(FIGURES.values())),), host="h", by="b", head=scope.store.head())
    with closing(sqlite3.connect(f"{year.database.as_uri()}?mode=ro", uri=True)) as database:
        for statement in made["asked"].split(";\n\n"):
            database.execute(statement, made["parameters"])
        for figure in made["sections"][0]["figures"]:
            again = database.execute(figure["explain"], made["parameters"]).fetchall()
            assert again == list(FIGURES[figure["name"]].rows(scope)), figure["name"]


@pytest.mark.parametrize(("name", "is_over", "begun"), [("break-glass", 5, 1), ("late-things", 4, 3)])
def test_what_is_still_owed_or_held_is_named_in_the_reports_of_all_later_times(
    year: Year, name: str, is_over: int, begun: int
) -> None:
    late = year.until - timedelta(days=30)
    with closing(read_store(year.database)) as store:
        rows = list(FIGURES[name].rows(scope_of(store, year.policy, year.until, late, year.until)))
    before = [row for row in rows if str(row[begun]) < f"{late - timedelta(hours=5):%Y-%m-%dT%H:%M:%S}"]
    assert before and all(row[is_over] in ("owed", "overdue", "") for row in before)


LARGE = ("requests", "grants", "runs", "holdings", "chain", "chain_about")
"""Tables that grow with the years of a host."""


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_reads_no_large_table_from_its_beginning(scope: Scope, name: str) -> None:
    """It finds what belongs to the requests of the report by an index. One may look once through the events of all records."""
    plan = [str(row[3]) for row in scope.ask(f"EXPLAIN QUERY PLAN {FIGURES[name].explain}", scope.parameters)]
    assert plan
    scans = [step.split()[1] for step in plan if step.startswith("SCAN") and "_open" not in step]
    through_events = {"chain_about"} if name in ("approved-by-loader", "summary") else set()
    assert {table for table in scans if table in LARGE} == through_events
