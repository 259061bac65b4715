# SPDX-License-Identifier: Apache-2.0
"""The forms of a batch over HTTPS, and the meaning of the answers. One template has the rows for Splunk's HTTP event collector,
for Elasticsearch (``_bulk``), for Loki (``push``), and for servers that take lines of JSON or one array.

An event is never given up because of a status that says something about the settings (401, 403, 404) or about the moment (429,
500). It is given up if the server names the event itself as the fault, or refuses the event and takes others of the same batch.
Law: a substituted value is JSON, a number, or text that cannot end a JSON string. Where the server would derive the type of
a field from its first value, the event is one string, so no event can be refused because of another one.
Sources: Splunk, "Format events for HTTP Event Collector" and "Troubleshoot HTTP Event Collector"; Elasticsearch, "Bulk API";
Loki, "HTTP API"; RFC 9110 sections 10.2.3 and 15.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from string import Template

from jitd_outsiders.asking.json_text import read_object
from jitd_outsiders.outside.deliveries import LATEST_RETRY, LONGEST_WHY, Event
from jitd_outsiders.outside.outcome import Fate, Outcome
from jitpam.wire.declared import sentence

BEGIN = datetime(1970, 1, 1, tzinfo=UTC)
TAKEN_ALREADY, TOO_LARGE = 409, 413
OF_THE_EVENT = (400, TOO_LARGE, 422)  # about the content of a request. All others from 300 on are about settings or moment
NOT_TOO_LARGE = 4096  # bytes. A server that finds such a small request too large finds all of them too large
FOR_EVER_IN_SPLUNK = (6, 12, 13, 15, 27)  # codes of Splunk's answers that name an event as the fault


@dataclass(frozen=True, slots=True)
class Form:
    """A row of the template. A body is ``head``, then each event as ``item``, with ``between`` between them, then ``tail``."""

    item: Template
    between: str = "\n"
    head: Template = field(default_factory=lambda: Template(""))
    tail: str = ""
    content_type: str = "application/json"


FORMS: Mapping[str, Form] = {
    "splunk": Form(Template('{"time":$seconds,"host":"$host","source":"jitd","sourcetype":"jitd","event":$text}')),
    "elastic": Form(
        Template(
            '{"create":{"_id":"$host-$number-$digest"}}\n{"@timestamp":"$at","host":{"name":"$host"},'
            '"event":{"module":"jitd","action":"$name","sequence":$number,"original":$quoted}}'
        ),
        tail="\n",
        content_type="application/x-ndjson",
    ),
    "loki": Form(
        Template('["$nanoseconds",$quoted]'),
        between=",",
        head=Template('{"streams":[{"stream":{"service_name":"jitd","host":"$host"},"values":['),
        tail="]}]}",
    ),
    "lines": Form(Template("$text"), tail="\n", content_type="application/x-ndjson"),
    "array": Form(Template("$text"), between=",", head=Template("["), tail="]"),
}


def body(template: str, events: Sequence[Event], host: str) -> bytes:
    """Return the body of a request with ``events`` in the form ``template`` (``deliveries.TEMPLATES``)."""
    form = FORMS[template]
    items = form.between.join(form.item.substitute(_values(event, host)) for event in events)
    return f"{form.head.substitute(host=host)}{items}{form.tail}".encode("ascii")


def _values(event: Event, host: str) -> dict[str, object]:
    since = datetime.fromisoformat(event.at) - BEGIN
    microseconds = since // timedelta(microseconds=1)
    return {
        "text": event.text,
        "quoted": json.dumps(event.text),
        "number": event.number,
        "name": event.name,
        "at": event.at,
        "host": host,
        "seconds": f"{microseconds // 1_000_000}.{microseconds % 1_000_000:06}",
        "nanoseconds": microseconds * 1000,
        "digest": hashlib.sha256(event.text.encode("ascii")).hexdigest()[:16],
    }


def outcomes(template: str, status: int, answer: bytes, n_events: int, n_bytes: int) -> tuple[Outcome, ...]:
    """Return what became of each event of a request of ``n_bytes`` bytes that got the answer ``answer`` with ``status``. If the
    answer is about the request as a whole, all ``n_events`` outcomes are equal.
    """
    if not 200 <= status < 300:
        return (_of_status(template, status, answer, n_bytes),) * n_events
    if template == "elastic":
        return _of_items(answer, n_events)
    return (Outcome(Fate.TAKEN),) * n_events


def _of_status(template: str, status: int, answer: bytes, n_bytes: int) -> Outcome:
    said = _read(answer)
    code = said.get("code") if template == "splunk" else None
    words = said.get("text") or said.get("message") or said.get("error") or answer[:200].decode("utf-8", "replace")
    why = sentence(
        f"the server says {status}: {words if isinstance(words, str) else json.dumps(words)}".rstrip(": "), LONGEST_WHY
    )
    if code is not None:
        return Outcome(Fate.NEVER if code in FOR_EVER_IN_SPLUNK else Fate.LATER, why)
    if status == TOO_LARGE and n_bytes > NOT_TOO_LARGE:
        return Outcome(Fate.NEVER, why)
    return Outcome(Fate.REFUSED if status in OF_THE_EVENT else Fate.LATER, why)


def _of_items(answer: bytes, n_events: int) -> tuple[Outcome, ...]:
    """Return the outcomes in an answer of ``_bulk``, which has one item an event."""
    items = _read(answer).get("items")
    if not isinstance(items, list) or len(items) != n_events:
        return (Outcome(Fate.LATER, "the server does not say what became of each event; is the URL that of _bulk?"),) * n_events
    return tuple(_of_item(item) for item in items)


def _of_item(item: object) -> Outcome:
    said = item.get("create") if isinstance(item, dict) else None
    status = said.get("status") if isinstance(said, dict) else None
    if not isinstance(said, dict) or type(status) is not int:
        return Outcome(Fate.LATER, "the server does not say what became of the event")
    if 200 <= status < 300 or status == TAKEN_ALREADY:
        return Outcome(Fate.TAKEN)
    error = said.get("error")
    words = f"{error.get('type')}: {error.get('reason')}" if isinstance(error, dict) else str(error)
    why = sentence(f"the server says {status}: {words}", LONGEST_WHY)
    return Outcome(Fate.NEVER if status in OF_THE_EVENT else Fate.LATER, why)


def _read(answer: bytes) -> dict[str, object]:
    try:
        return read_object(answer)
    except ValueError:
        return {}


def retry_after(header: str) -> int:
    """Return the seconds in Retry-After, or 0 if it has no number of seconds (RFC 9110 section 10.2.3)."""
    return min(int(header), LATEST_RETRY) if header.isascii() and header.isdigit() and len(header) < 10 else 0
