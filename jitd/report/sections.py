# SPDX-License-Identifier: Apache-2.0
"""The sections of a report, in their order."""

from __future__ import annotations

from jitd.report.duties import DUTIES
from jitd.report.figure import Section
from jitd.report.lived import LIVED
from jitd.report.standing import STANDING
from jitd.report.wider import WIDER

SECTIONS: tuple[Section, ...] = (STANDING, LIVED, WIDER, DUTIES)
