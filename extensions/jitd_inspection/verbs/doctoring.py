# SPDX-License-Identifier: Apache-2.0
"""The verb ``doctor`` checks whether this host is set up correctly, and tells how to repair faults.

Law: this verb works without the daemon. If the daemon is not running, the verb reports this as a finding.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from jitd.cli.answer import answer, answer_json, printable, say
from jitd.cli.call import NotDone
from jitd.cli.house import FILE, config_option
from jitpam.initiator import own_host, within
from jitpam.wire.shown import shown

if TYPE_CHECKING:
    from jitd.settings.config import Config
    from jitd_inspection.doctor.finding import Result
    from jitd_inspection.doctor.round import Examination

COLUMN = 11  # the column in which the repair of a fault is printed
SETTINGS_WITHIN = 5.0  # seconds to read the settings, which are read first because they name all other files


@click.command()
@click.option("-v", "verbose", is_flag=True, help="Also print what is in order.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@config_option
def doctor(*, verbose: bool, as_json: bool, config: Path | None) -> None:
    """Check whether this host is set up correctly, and say how to repair it.

    Root sees all findings. Other people see only the findings about themselves.
    """
    from jitd_inspection.doctor.finding import BAD, LEVELS, OK
    from jitd_inspection.doctor.round import examine

    levels: Counter[str] = Counter()
    well: list[Result] = []
    n_given_up = 0
    for finding in examine(_examinations(config)):
        levels[finding.level] += 1
        n_given_up += finding.is_given_up
        if as_json:
            words = {"sentence": shown(finding.sentence), "mend": shown(finding.mend)}
            answer_json([asdict(finding) | words])
        elif finding.level == OK:
            well.append(finding)
        else:
            _print(finding)
    for finding in well if verbose else ():
        _print(finding)
    told = ", ".join(f"{levels[level]} {level}" for level in LEVELS if levels[level])
    if levels[BAD] or n_given_up:
        raise NotDone(told)
    say(told)


def _examinations(file: Path | None) -> list[Examination]:
    from jitd_inspection.doctor.host import Host

    config, faults = _settings(file)
    host = Host(config, file or FILE, faults, is_default=file is None)
    if os.geteuid() != 0:
        from jitd_inspection.doctor import person

        return person.examinations(host)
    from jitd_inspection.doctor import root

    _forget_environment()
    return root.examinations(host)


def _forget_environment() -> None:
    """Keep PATH, LANG and TERM: the daemon has no others of root's shell, and about twelve change what libkrb5 does."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TERM") if name in os.environ}
    os.environ.clear()
    os.environ.update(kept)


def _settings(file: Path | None) -> tuple[Config, tuple[str, ...]]:
    """Return the settings. If they cannot be read, return the defaults, and the faults as sentences."""
    from jitd.core.toml_document import ConfigError
    from jitd.settings.config import Config, load
    from jitd.settings.host import KRB5_CONF, default_realm

    try:
        return within(SETTINGS_WITHIN, lambda: load(file)), ()
    except ConfigError as error:
        faults = tuple(map(str, error.faults))
    except TimeoutError:
        return Config(frozenset(), own_host()), (f"{file or FILE} could not be read within {SETTINGS_WITHIN:g} s",)
    realm = default_realm(KRB5_CONF)
    return Config(frozenset((realm,) if realm else ()), own_host()), faults


def _print(finding: Result) -> None:
    answer(f"{finding.level:<7}  {shown(finding.check)}: {shown(finding.sentence)}", column=COLUMN)
    if finding.command:  # printed exactly as the person must type it: no backslash is doubled, and the line is not broken
        print(printable(f"{'':<{COLUMN}}run: {finding.command}"))
    if finding.mend:
        answer(f"{'':<{COLUMN}}{shown(finding.mend)}", column=COLUMN)
