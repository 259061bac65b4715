# SPDX-License-Identifier: Apache-2.0
"""The table of events of the record: a row is all that readers of the record know of one event.

Law: pure. The table has every event that is recorded, and no other. The code that writes an event names it, too, and so does the
core, whose state tables have the events of lives. All other code goes through the row, or uses a name that stands here. So a new
event is one row. An event that is not in the table, such as one of a later version, is known by its first word alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jitd.audit import sentences
from jitd.audit.sentences import Told
from jitd.core.chain import SET_ASIDE

DAEMON_STARTED, POLICY_LOADED = "daemon.started", "policy.loaded"
FORGOTTEN = "value.forgotten"
KEY_MADE, KEY_ROTATED = "key.made", "key.rotated"
SINK_REFUSED = "sink.refused"
STANDING_RECORDED = "standing.recorded"


@dataclass(frozen=True, slots=True)
class Topic:
    """What the first word of an event's name says of the event. ``ocsf`` is the name of the class of OCSF. ``alert`` is the class
    by which a sink may be narrowed to such records (``jitd_sinks.settings.CLASSES``), or empty. If ``is_of_request``, the record
    belongs to a request, which says who may read it. ``is_by_people`` is False if people do not cause such events; jitd's notes
    about itself name root, too. If ``is_public``, every reader sees every part: the keys are needed to check signatures.
    """

    ocsf: str = "Entity Management"
    alert: str = ""
    is_of_request: bool = False
    is_by_people: bool = False
    is_public: bool = False


TOPICS: Mapping[str, Topic] = {
    "request": Topic(is_of_request=True, is_by_people=True),
    "grant": Topic("Authorize Session", is_of_request=True, is_by_people=True),
    "run": Topic("Process Activity", is_of_request=True, is_by_people=True),
    "holding": Topic("Authorize Session", is_of_request=True),
    "owed_review": Topic(alert="break-glass", is_of_request=True, is_by_people=True),
    "lock": Topic(alert="lock", is_by_people=True),
    "proof": Topic("Authentication", alert="bypass"),
    "gate": Topic(alert="gate-off"),
    "thing": Topic(alert="drift"),
    "key": Topic(alert="chain", is_public=True),
    # the record itself, what is damaged or left out, and who writes it
    **dict.fromkeys(("sink", "value", "daemon", "recording", "object"), Topic(alert="chain")),
}
"""Maps the first word of an event to its topic. Every other word is that of a plain ``Topic()``."""
_PLAIN = Topic()


@dataclass(frozen=True, slots=True)
class Event:
    """One event. ``says`` is its sentence, as a pattern (``sentences.filled``) or a function. ``ocsf`` is the activity in the
    class of its topic, or empty if the class has none for it.

    Three columns say who may read which part of the detail. ``parts`` are seen by every reader. So are ``people``, which say who
    did it or to whom; but if a rule limits who may read the contents of the request, the journal does not have them. ``rule`` is
    seen by readers who are shown rules, and every other part only by those who are shown commands. A part that one event shows
    is shown in all events.

    ``ends`` is as ``ended_by`` says, and ``alert`` a class beside that of the topic. ``is_failure`` is True if something failed
    or was refused, and ``is_by_anybody`` if anybody who can connect causes it, as often as they like.
    """

    name: str
    says: str | Callable[[Told], str]
    ocsf: str = ""
    parts: str = ""
    people: str = ""
    rule: str = ""
    ends: str = ""
    alert: str = ""
    is_failure: bool = False
    is_by_anybody: bool = False


_TICKET = "authentication ticket_ends_at spelled"
_GROUPS = "groups group_ids"
_GLASS = "instead_of skipped"

_ROWS = (
    Event(
        "request.submitted", sentences.submitted, "Create",
        parts="chdir extends proved run_as run_as_uid service starts_at stays undoes waits", people=_TICKET,
        rule=f"point grade damage {_GROUPS}",
    ),
    Event(
        "request.screened", sentences.screened, "Update", parts="decision lease open review_for why",
        rule=f"rule approvals ways demands {_GLASS}",
    ),
    Event(
        "request.reviewed", sentences.reviewed, "Update", parts="fingerprint kdc proved verdict", people=_TICKET, rule=_GROUPS,
    ),
    Event("request.withdrawn", "{who} withdrew it{because}", ends="request"),
    Event("request.deadline_passed", "nobody decided in time, so the request expired", ends="request"),
    Event(
        "request.locked", "{who} ended the request by lock {lock}{because}", parts="lock", ends="request", alert="lock",
        is_failure=True,
    ),
    Event(
        "request.ways_opened", lambda told: f"a further way to approve opened{told.duration('after', ', after')}", "Update",
        parts="after",
    ),
    Event("request.relisted", sentences.relisted, "Update", rule="lists"),

    Event("grant.issued", sentences.issued, "Assign Privileges", parts="uses timeout_for begins_at ends_at", people="holder"),
    Event("grant.used", sentences.used, parts="request"),
    Event("grant.returned", sentences.returned, parts="run was_started"),
    Event("grant.expired", "the time of the grant is over"),
    Event("grant.revoked", "{who} revoked the grant{because}", ends="grant"),

    Event("run.starting", "{who} is about to start the command{of}", "Launch", parts="grant request", people="login"),
    Event("run.started", "the command started as process {pid}{of}", "Launch", parts="pid"),
    Event("run.observed", "{who} watches the command"),
    Event(
        "run.unobserved", lambda told: f"{told.person('who')} does not watch the command any more{told.because()}", people="who",
    ),
    Event("run.frozen", "nobody watches the command, so its processes were frozen"),
    Event("run.thawed", "somebody watches the command again, and its processes go on"),
    Event("run.stop_ordered", "{who} ended the command{because}"),
    Event("run.ended", sentences.ended, "Terminate", parts="ending number recording", ends="run"),

    Event("holding.giving", sentences.giving, "Assign Privileges", parts="grant request until stays", people="to"),
    Event(
        "holding.given", lambda told: f"it was given{', with a secret' if told.detail.get('has_secret') else ''}",
        "Assign Privileges", parts="has_secret",
    ),
    Event("holding.kept", "{who} keeps it after the end of their client"),
    Event("holding.taking", "{who} has it taken back{because}"),
    Event("holding.ended", sentences.holding_ended, parts="ending", ends="holding"),

    Event("lock.placed", sentences.placed, "Create", parts="whom name lasts_for"),
    Event("lock.lifted", lambda told: f"{told.who} lifted the lock{told.because(is_typed=True)}", "Delete", ends="lock"),
    Event("lock.expired", "the time of the lock is over", "Delete", ends="lock"),
    Event("lock.carried", "the host was booted; the lock goes on with the rest of its time", "Update", parts="spent_for"),

    Event(
        "owed_review.begun", "{who} broke glass by rule {rule} instead of rule {instead_of}: a review is owed{of}", "Create",
        parts="open review_for", rule=f"rule {_GLASS}",
    ),
    Event(
        "owed_review.reviewed", lambda told: f"{told.who} reviewed the broken glass{told.quoted('comment')}", "Update",
        parts="fingerprint kdc proved", people=_TICKET, rule=_GROUPS, ends="owed_review",
    ),
    Event("owed_review.overdue", "nobody reviewed the broken glass in time: the review is overdue"),
    Event("owed_review.carried", "the host was booted; the time for the review goes on", "Update", parts="spent_for"),

    # what follows are notes, which are about no life
    Event(
        "gate.off", "{kdc} issued a ticket for {service} without a grant: its gate is off, and jitd gives no tickets for it",
        "Disable", parts="kdc service", is_failure=True,
    ),
    Event("gate.on", "the KDCs refuse tickets for {service} without a grant again: the gate is on", "Enable", parts="service"),
    Event(
        "thing.differs", sentences.thing("is missing or changed, or cannot be checked"), parts="holding state", is_failure=True,
    ),
    Event("thing.stands", sentences.thing("is again as jitd gave it"), parts="holding"),
    Event("thing.mended", sentences.thing("was missing or changed, and jitd gave it again"), "Update", parts="holding"),
    Event("thing.stray", sentences.thing("exists, but nobody holds it"), parts="holding"),
    Event("thing.stray_gone", sentences.thing("does not exist any more; nobody held it"), parts="holding"),
    Event("notice.sent", sentences.notice_sent, parts="channel event request", people="to"),
    Event("recording.watched", "{who} watched the recording of {run}", "Read", parts="run live"),
    Event("recording.removed", "{who} removed the recording of {run} ({size} bytes)", "Delete", parts="run size"),
    Event(
        "record.exported", lambda told: f"{told.who} exported {told.count('n', 'record')}{sentences.selected(told)}",
        parts="since until n first last", people="who", rule="rule",
    ),
    # not the SHA-256 of a report or of a list of standing privileges: few lists may be possible on a host
    Event(
        "report.made", lambda told: f"{told.who} made a report{sentences.selected(told)}", "Read",
        parts="form since until number size", people="who", rule="rule",
    ),
    Event(STANDING_RECORDED, sentences.standing_recorded, "Read", parts="n kinds unseen"),
    # a manifest covers random bytes of records, so nobody can guess it
    Event("pack.made", "{who} made a pack of request {id}", parts="id manifest n"),
    Event(SET_ASIDE, sentences.set_aside, parts="request grant run"),
    Event(FORGOTTEN, "jitd forgot {n} values that were typed long ago ({setting})", "Delete", parts="owners n setting"),
    Event(
        "proof.failed", "{who} did not prove themselves by the local password; {tries_left} tries are left", "Logon",
        parts="tries_left", people="person", is_failure=True, is_by_anybody=True,
    ),
    Event(KEY_MADE, sentences.key_made),
    Event("key.acknowledged", "{who} knows why jitd made the key that signs the record"),
    Event("key.renamed", "the host is called {renamed} from here on, and {host} before"),
    Event(KEY_ROTATED, "{who} replaced the key that signs the record"),
    Event(DAEMON_STARTED, lambda told: f"jitd started, with {told.count('rules', 'rule')}", "Activate", parts="rules"),
    Event(
        "daemon.stopped", lambda told: f"jitd stopped{sentences.if_any(told.text('signal'), ', as {} told it to')}", "Deactivate",
        parts="signal",
    ),
    Event(POLICY_LOADED, sentences.policy_loaded, "Update", parts="rules untested"),
    Event("policy.refused", sentences.policy_refused, is_failure=True),
    Event("sink.added", "sink {sink} is new: it gets the record after number {number}", "Create", parts="sink number"),
    Event(
        "sink.removed", "sink {sink} is in jitd.toml no more: it has the record up to number {number}", "Delete",
        parts="sink number",
    ),
    Event(SINK_REFUSED, sentences.sink_refused, parts="sink first last n", is_failure=True),
    Event(
        "sink.ahead",
        "sink {sink} has acknowledged record {number}, which this record does not have: it was cut, or a backup was restored",
        parts="sink number", is_failure=True,
    ),
    Event("connection.broken", "{who} violated the protocol: {fault}", parts="fault", is_failure=True, is_by_anybody=True),
)  # fmt: skip
EVENTS: Mapping[str, Event] = {row.name: row for row in _ROWS}


def _words(column: str) -> frozenset[str]:
    return frozenset(" ".join(getattr(row, column) for row in _ROWS).split())


_OF_ALL = "event at boot boot_id synchronised actor role state version document random fingerprint policy id by values waits"
"""The members of every record. No event of this version has the last three."""
PEOPLE = frozenset(["uid", "peer", "requester"]) | _words("people")  # the parts that say who did something, or to whom
OF_EVERY_READER = frozenset(_OF_ALL.split()) | _words("parts") | PEOPLE  # those of all records, and those that the events say
OF_RULES = _words("rule")  # the parts that readers see who are shown rules, beside those of every reader


def topic_of(name: str) -> Topic:
    return TOPICS.get(name.partition(".")[0], _PLAIN)


def alerts_of(name: str) -> frozenset[str]:
    """Return the classes of a record that its event alone says."""
    row = EVENTS.get(name)
    return frozenset(filter(None, (topic_of(name).alert, "" if row is None else row.alert)))


def ended_by(name: str) -> str:
    """Return the name of the life that is over with the event ``name``, whatever state it had, or empty."""
    row = EVENTS.get(name)
    return "" if row is None else row.ends


def sentence(record: Mapping[str, Any], most: int | None = None) -> str:
    """Return what happened in ``record``: the members of a line of the record (``audit.forms.Record``), with ``about``. ``about``
    may also have ``command``, ready to be printed; then records that do not tell the command themselves name it.
    Of a command that the record tells, only as much is read as ``beginning`` returns for ``most`` bytes.
    """
    told = Told(record, most)
    row = EVENTS.get(told.event)
    if row is None:
        return sentences.unknown(told)
    said = sentences.filled(row.says, told) if isinstance(row.says, str) else row.says(told)
    return f"{said}{told.by_door}"
