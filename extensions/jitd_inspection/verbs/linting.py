# SPDX-License-Identifier: Apache-2.0
"""The verb ``pam-lint`` finds parts of the PAM stacks that let people bypass jitd, or that prevent people from logging in. Law:
the verb works without the daemon, and only reads files.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import click

from jitd.cli.answer import answer, answer_json, say
from jitd.cli.call import NotDone
from jitpam.wire.shown import shown

if TYPE_CHECKING:
    from jitd.hosts.findings import Linted


@click.command("pam-lint")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@click.argument("files", metavar="[FILE]...", nargs=-1, type=click.Path())
def pam_lint(*, as_json: bool, files: tuple[str, ...]) -> None:
    """Find faults in PAM, sudoers and sshd_config that let people bypass jitd, or lock people out. Without FILEs, check this
    host.
    """
    from jitd.hosts.findings import SEVERITIES, WEAK
    from jitd.hosts.places import Places
    from jitd_inspection.pamlint.linting import lint_files, lint_host

    findings = lint_files(files, Places()) if files else lint_host(Places())
    if as_json:
        answer_json(_row(finding) for finding in findings)
    else:
        for finding in findings:
            _print(finding)
    counts = Counter(finding.severity for finding in findings)
    told = ", ".join(f"{counts[severity]} {severity}" for severity in SEVERITIES if counts[severity])
    if counts.total() > counts[WEAK]:
        raise NotDone(told)
    say(told or "nothing fails open, nobody is locked out")


def _row(finding: Linted) -> dict[str, object]:
    return {
        "severity": finding.severity,
        "name": finding.name,
        "file": shown(finding.place.file),
        "line": finding.place.number or None,
        "sentence": shown(finding.sentence),
        "mend": shown(finding.mend),
        "services": [shown(service) for service in finding.services],
    }


def _print(finding: Linted) -> None:
    of = f" ({shown(', '.join(finding.services))})" if finding.services else ""
    answer(f"{finding.severity:<5} {shown(str(finding.place))}  {finding.name}{of}: {shown(finding.sentence)}", column=6)
    answer(f"{'':<6}{shown(finding.mend)}", column=6)
