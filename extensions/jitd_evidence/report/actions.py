# SPDX-License-Identifier: Apache-2.0
"""The list of actions of a report: one row for each request, from which an auditor samples.

Law: what people typed is read with its commitment, and shown only if the rule shows it to everybody. A masked word stays masked,
and a forgotten one forgotten. Everything else is in the query.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from time import monotonic
from typing import Any, TypeVar

from jitd.core.deed import deed_of
from jitd.core.masking import MASKED
from jitd.core.spelling import unspelled
from jitd.core.values import FORGOTTEN, MISSING, Values, committed_in
from jitd.store import FAULTS, Cell, Row
from jitd_evidence.report.asked import WITHIN
from jitd_evidence.report.figure import CommandLine, Scope, Told, Typed, by_sql
from jitpam.secret_words import secret_places
from jitpam.wire.shown import shown_command

T = TypeVar("T")
HIDDEN = "‹hidden›"  # stands in the place of words that are not shown in a report
TOO_LONG = "‹too long›"
LONGEST = 1_000  # characters of a command or reason. The pack has all of it.

_APPROVED_BY = """\
CASE
    WHEN state = 'approved' AND is_emergency THEN 'nobody (emergency), ' || CASE owed_state
      WHEN 'reviewed' THEN 'reviewed by ' || reviewer
      ELSE iif(owed_state IS NULL, 'its review is not known', 'not reviewed') END
    WHEN whom IS NULL AND state <> 'approved' THEN NULL
    ELSE coalesce(whom, 'no approval needed') || iif(grant_id <> id, ', by lease ' || grant_id, '')
  END"""

_DENIED = """\
CASE
      WHEN told_event = 'request.locked' THEN 'denied by a lock'
      WHEN verdict = 'deny' THEN 'denied by ' || told_actor
      WHEN told_event = 'request.reviewed' THEN 'denied by the rules at the review'
      ELSE CASE coalesce(why, 'gatekeeper')
        WHEN 'no rule' THEN 'denied, because no rule permits it'
        WHEN 'rule' THEN 'denied by the rule'
        WHEN 'reason' THEN 'denied, because the rule demands a reason'
        WHEN 'terms' THEN 'denied, because the rule gives less'
        WHEN 'gatekeeper' THEN 'denied by a gatekeeper'
        WHEN 'locked' THEN 'denied by a lock'
        WHEN 'review' THEN 'denied, because reviews of emergencies are owed'
        WHEN 'missing' THEN 'denied, because there is no such command'
        ELSE 'denied (' || why || ')' END
    END"""

_RAN = """\
iif(run_of IS NULL, NULL,
      iif(because <> '', iif(grant_state = 'revoked', 'revoked, ', 'stopped, '), '') ||
      CASE ending
        WHEN 'exited' THEN 'ended with status ' || status
        WHEN 'signaled' THEN 'ended by signal ' || status
        WHEN 'not started' THEN 'could not be started'
        WHEN 'lost' THEN 'lost, because its monitor was killed'
        ELSE 'runs' END)"""

ACTIONS = f"""\
WITH approvals AS MATERIALIZED (
  SELECT id, group_concat(principal, ', ') AS whom FROM (
    SELECT DISTINCT reviews.id AS id, principal
    FROM (SELECT DISTINCT grant_id FROM asked) JOIN reviews ON reviews.id = grant_id
    WHERE verdict = 'approve' ORDER BY at
  ) GROUP BY id
), ran AS MATERIALIZED (
  SELECT request, ending, status, because FROM (SELECT DISTINCT grant_id FROM asked) JOIN runs USING (grant_id)
), had AS MATERIALIZED (
  SELECT request, group_concat(what, ', ') AS what FROM (
    SELECT DISTINCT request,
      CASE ending
        WHEN 'taken' THEN 'given and taken back'
        WHEN 'left' THEN 'given and taken back in part'
        WHEN 'not given' THEN 'could not be given'
        ELSE 'given and not taken back yet' END AS what
    FROM (SELECT DISTINCT grant_id FROM asked) JOIN holdings USING (grant_id)
  ) GROUP BY request
), whole AS (
  SELECT asked.*,
    run_as,
    typed,
    is_hidden,
    is_emergency,
    owed_reviews.state AS owed_state,
    reviewer,
    whom,
    told_event,
    told_actor,
    verdict,
    why,
    ran.request AS run_of,
    ending,
    status,
    because,
    had.what AS things,
    grants.state AS grant_state,
    begun,
    (
      SELECT damage FROM chain
      WHERE number = (SELECT min(number) FROM chain_about WHERE life = asked.id AND life <> '' AND event = 'request.submitted')
    ) AS damage
  FROM asked JOIN requests USING (id)
    LEFT JOIN approvals ON approvals.id = grant_id
    LEFT JOIN owed_reviews ON owed_reviews.id = grant_id
    LEFT JOIN grants ON grants.id = grant_id
    LEFT JOIN chain ON chain.number = ended AND asked.state = 'denied'
    LEFT JOIN ran ON ran.request = asked.id
    LEFT JOIN had ON had.request = asked.id
)
SELECT replace(substr(submitted_at, 1, 19), 'T', ' '),
  requester,
  run_as,
  -- commitments, whose values are in the table said
  typed,
  is_hidden,
  rule,
  {_APPROVED_BY},
  CASE state
    WHEN 'withdrawn' THEN 'withdrawn'
    WHEN 'expired' THEN 'expired, because ' || iif(whom IS NULL, 'nobody', 'too few') || ' approved in time'
    WHEN 'denied' THEN {_DENIED}
    WHEN 'approved' THEN coalesce({_RAN},
      things,
      iif(grant_state = 'revoked' AND begun = 0, 'revoked before it was used', NULL),
      iif(begun > 0, 'used by ' || service, iif(grant_state = 'active', 'not used yet', 'never used')))
    ELSE 'waits'
  END,
  iif(is_hidden, '{HIDDEN}', damage),
  id
FROM whole ORDER BY submitted_at DESC, id"""


def _told(scope: Scope) -> Callable[[Row], Told]:
    until = monotonic() + WITHIN

    def told(row: Row) -> Told:
        if monotonic() >= until:
            raise TimeoutError
        at, who, run_as, parts, is_hidden, *rest, id = row
        try:
            what, why = _typed(json.loads(str(parts)), None if is_hidden else scope.store.values(str(id)))
        except FAULTS:
            what = why = MISSING
        return at, who, run_as, what, why, *rest, id

    return told


def _typed(parts: list[Any], values: Values | None) -> tuple[Cell | CommandLine, Cell | Typed]:
    """Return the command and the reason of a request. Without ``values``, its rule hides them."""
    (first, *rest), path, gives, reason, service = parts
    if not gives and not path and not deed_of(service).is_executed:
        command: Cell | CommandLine = f"login by {service}"
    elif values is None:
        command = HIDDEN if gives else _line([base64.b64decode(path or first), HIDDEN.encode()])
    else:
        words = [base64.b64decode(first), *_words(rest, values)]
        secret = secret_places(words)
        command = _line([HIDDEN.encode() if at in secret and not _is_masked(word) else word for at, word in enumerate(words)])
    if not reason:
        return command, None
    return command, HIDDEN if values is None else _said(reason, values, lambda said: Typed(_short(said)))


def _is_masked(word: bytes) -> bool:
    return word.endswith(MASKED.encode())


def _words(rest: list[Any], values: Values) -> list[bytes]:
    if not rest:
        return []
    said = _said(rest[0], values, lambda words: [unspelled(word) for word in words])
    return [said.encode()] if isinstance(said, str) else said


def _said(part: Any, values: Values, read: Callable[[Any], T]) -> T | str:
    """Return what was typed, whose commitment ``part`` is, or the word that stands in its place."""
    committed = committed_in(part)
    entry = None if committed is None else values.entry(committed)
    if entry is None:
        return FORGOTTEN if values.is_forgotten else MISSING
    return read(entry.value)


def _line(words: list[bytes]) -> CommandLine:
    return CommandLine(_short(shown_command(words)))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[:LONGEST] + TOO_LONG


LIST = by_sql(
    "actions",
    "Every action",
    ("when (UTC)", "who", "as", "what", "why", "rule", "approved by", "outcome", "is lost", "pack"),
    ACTIONS,
    "Each request that somebody made, the newest first. The last column is the id for jitd audit pack, which makes a file with"
    f" all that the record knows of the action. {HIDDEN}: the rule shows it to certain people only, or it looks like a secret. Of"
    " a command of jitsudo, the outcome says how it ended; of sudo, su and others, that they used what was permitted. What is"
    " lost if it is wrong, was judged when it was asked for: it destroys something, or stops something that many need. Where"
    " this is empty, nothing is lost, or nobody has judged it.",
    _told,
)
