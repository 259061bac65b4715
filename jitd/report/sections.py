# SPDX-License-Identifier: Apache-2.0
"""The sections of a report, in their order."""

from __future__ import annotations

from jitd.report.actions import LIST
from jitd.report.duties import DUTIES
from jitd.report.figure import Section
from jitd.report.lived import LIVED
from jitd.report.matrix import MATRIX
from jitd.report.standing import STANDING
from jitd.report.summary import SUMMARY
from jitd.report.wider import WIDER

ACTIONS = Section("actions", "What to sample from", (LIST, MATRIX))
SECTIONS: tuple[Section, ...] = (SUMMARY, ACTIONS, STANDING, LIVED, WIDER, DUTIES)
