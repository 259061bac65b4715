# SPDX-License-Identifier: Apache-2.0
"""Builds what answers the messages that ask for evidence."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from jitd.audit.countersigned import file_of, stored
from jitd.core.condition import Family
from jitd.deciding.seats import Seating
from jitd.extension_points import Advisers, Reading, Site
from jitd.verbs.access import Access
from jitd.verbs.answers import Answers
from jitd_evidence.pack.verifier import verifier as verifier
from jitd_evidence.serving.packs import Packs
from jitd_evidence.serving.reports import Reports
from jitpam.wire import messages


class Making(Reading):
    """Makes packs and reports."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def add_answers(self, to: Answers, access: Access, seating: Seating, own: Callable[[], Iterable[Family]]) -> None:
        ground, lifecycle = self._site.ground, self._site.lifecycle
        state, witnesses = ground.config.state, ground.config.record.witnesses
        packs = Packs(ground, access, lifecycle, lambda: stored(file_of(state), witnesses).values())
        reports = Reports(ground, access, lifecycle, seating.named_by)
        to.add(messages.Pack, lambda asker, m: packs.make(asker.subject, m))
        to.add(messages.Report, lambda asker, m: reports.make(asker.subject, m))
        to.add(messages.KeptReport, lambda asker, m: reports.kept(asker.subject, m))


def reader(site: Site, advisers: Advisers) -> Reading:
    return Making(site)
