# SPDX-License-Identifier: Apache-2.0
"""Builds what answers the messages that ask for evidence (``jitd.evidence``)."""

from __future__ import annotations

from jitd.audit.countersigned import file_of, stored
from jitd.deciding.ground import Ground
from jitd.evidence import Evidence, PeopleOf
from jitd.lifecycle.lifecycle import Lifecycle
from jitd.verbs.access import Access
from jitd.verbs.answers import Answers
from jitd_evidence.serving.packs import Packs, verifier
from jitd_evidence.serving.reports import Reports
from jitpam.wire import messages


class Making:
    """Makes packs and reports."""

    def add_answers(self, to: Answers, ground: Ground, access: Access, lifecycle: Lifecycle, people_of: PeopleOf) -> None:
        state, witnesses = ground.config.state, ground.config.record.witnesses
        packs = Packs(ground, access, lifecycle, lambda: stored(file_of(state), witnesses).values())
        reports = Reports(ground, access, lifecycle, people_of)
        to.add(messages.Pack, lambda asker, m: packs.make(asker.subject, m))
        to.add(messages.Report, lambda asker, m: reports.make(asker.subject, m))
        to.add(messages.KeptReport, lambda asker, m: reports.kept(asker.subject, m))

    def verifier(self) -> bytes:
        return verifier()


def evidence() -> Evidence:
    """Return what makes packs and reports."""
    return Making()
