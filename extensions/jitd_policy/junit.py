# SPDX-License-Identifier: Apache-2.0
"""The result of a run as JUnit's XML, which CI systems read."""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import quoteattr

from jitd_policy.trying import Trial
from jitpam.wire.shown import shown


def document(trials: Sequence[Trial]) -> str:
    """Return the document, in which invisible characters are escaped."""
    n_missed = sum(bool(trial.missed) for trial in trials)
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuites><testsuite name="jitd policy test" tests="{len(trials)}" failures="{n_missed}">',
    ]
    for trial in trials:
        case = trial.case
        about = f"<testcase classname={_attribute(case.file)} name={_attribute(case.name)} line={_attribute(str(case.line))}"
        told = "; ".join(trial.missed)
        lines.append(f"{about}><failure message={_attribute(told)}/></testcase>" if told else f"{about}/>")
    return "\n".join((*lines, "</testsuite></testsuites>", ""))


def _attribute(text: str) -> str:
    return quoteattr(shown(text))
