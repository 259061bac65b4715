# SPDX-License-Identifier: Apache-2.0
"""The sections of a report, in their order."""

from __future__ import annotations

from jitd_evidence.report.actions import LIST
from jitd_evidence.report.duties import DUTIES
from jitd_evidence.report.figure import Section
from jitd_evidence.report.lived import LIVED
from jitd_evidence.report.matrix import MATRIX
from jitd_evidence.report.standing import STANDING
from jitd_evidence.report.summary import SUMMARY
from jitd_evidence.report.wider import WIDER

ACTIONS = Section("actions", "What to sample from", (LIST, MATRIX))
SECTIONS: tuple[Section, ...] = (SUMMARY, ACTIONS, STANDING, LIVED, WIDER, DUTIES)
