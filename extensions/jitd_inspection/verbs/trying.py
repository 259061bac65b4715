# SPDX-License-Identifier: Apache-2.0
"""The end of ``jitd setup``: somebody sends the first request, and the person who set the host up reads what happens to it.

Law: it only reads the record. However it ends, the host is set up.
"""

from __future__ import annotations

import grp
import json
import sys
import time

from jitd.audit.events import ended_by, sentence
from jitd.cli.answer import Row, answer, command_line, quote, say, words
from jitd.cli.recorded import followed, in_utc
from jitd.core.chain import detail_of
from jitd_inspection.setup.plan import Answers, rule_name
from jitpam.wire.messages import Audit
from jitpam.wire.shown import shown

QUIET = frozenset({"run.starting", "run.observed", "run.unobserved"})  # events of which the person would learn nothing


def follow(answers: Answers) -> None:
    """Print the line that somebody types, and tell what happens to the first request that waits. Ctrl-C ends only this."""
    since = int(time.time())
    path, *arguments = answers.command or ("COMMAND",)
    line = command_line([path.rpartition("/")[2], *arguments])
    answer()
    answer(f"Now {_somebody(answers.requester)} types this, in their own session:")
    quote([f'jitsudo --reason "trying jitsudo" {line}'])
    answer(f"and {_somebody(answers.approver)}, in theirs:")
    quote(["jitd approve"])
    answer("Both need a ticket of their own: kinit.")
    say("waiting for the request; Ctrl-C ends the waiting, and jitd runs on")
    try:
        _follow(since, rule_name(answers) if answers.command else None)
    except KeyboardInterrupt:
        answer()
        say("jitd is set up and runs; `jitd audit show` tells what happens")


def _follow(since: int, rule: str | None) -> None:
    """``rule`` is the rule that is tried, or None for any. Requests under others are passed over."""
    asked: dict[str, Row] = {}
    tried = set()
    for line in followed(Audit(since=in_utc(since), follow=True), None):
        record = json.loads(line)
        event, id = words(record, "event"), words(record, "id").partition(".")[0]
        if event == "request.submitted":
            asked[id] = record
            continue
        if event == "request.screened" and id in asked and (_is_denied(record) or rule in (None, detail_of(record).get("rule"))):
            tried.add(id)
            _tell(asked.pop(id))
        if id not in tried or not event.startswith(("request.", "run.")) or event in QUIET:
            continue
        _tell(record)
        if ended_by(event) == "run":
            say("it works. jitd audit show tells all of it, and jitd audit verify proves that nothing was changed since")
            return
        if ended_by(event) == "request" or (event == "request.reviewed" and _is_denied(record)):
            say("the request has ended without an approval. jitd is set up, and they may try again")
            return
        if _is_denied(record):
            say("still waiting: `jitsudo -l COMMAND` tells the requester why")


def _tell(record: Row) -> None:
    answer(f"  {words(record, 'id')}  {sentence(record)}")
    sys.stdout.flush()


def _is_denied(record: Row) -> bool:
    detail = detail_of(record)
    return "deny" in (detail.get("verdict"), detail.get("decision"))


def _somebody(who: str | None) -> str:
    """Return WHO of a rule as a person reads it: one member of a group by name, if the group lists its members."""
    kind, _, name = (who or "").partition(":")
    if kind != "group":
        return shown(name) or "somebody whom a rule names"
    try:
        members = grp.getgrnam(name).gr_mem
    except KeyError:
        members = []
    return shown(members[0] if len(members) == 1 else f"somebody of {name}")
