# SPDX-License-Identifier: Apache-2.0
"""The verb ``policy test``. It needs no daemon, no root and none of the accounts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jitd.cli.answer import answer, answer_json
from jitd.cli.call import NotDone
from jitd.cli.help import Group
from jitd.core.wording import count
from jitpam.wire.shown import shown

if TYPE_CHECKING:
    from jitd_policy.coverage import Tried
    from jitd_policy.trying import Trial


@click.group(cls=Group, subcommand_metavar="VERB ...")
def policy() -> None:
    """Try rules before they are in force."""


def _instead(context: click.Context, option: click.Parameter, values: Sequence[str]) -> Mapping[str, Path]:
    """Read each ``NAME=FILE``. Raises BadParameter."""
    found: dict[str, Path] = {}
    for value in values:
        name, equals, file = value.partition("=")
        if not equals or not file or "/" in name or not name.endswith(".toml") or name.startswith("."):
            raise click.BadParameter(f'"{value}" is not NAME=FILE, such as 50-web.toml=/tmp/new.toml')
        found[name] = Path(file)
    return found


@policy.command()
@click.argument("dir", metavar="[DIR]", required=False, type=click.Path(path_type=Path))
@click.option("--with", "instead", metavar="NAME=FILE", multiple=True, callback=_instead, help="FILE in the place of a file.")
@click.option("--strict", is_flag=True, help="End with status 1 if a rule or a condition was not tried.")
@click.option("--junit", metavar="FILE", type=click.Path(path_type=Path), help="Also write JUnit's XML.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line: each case, then each rule.")
def test(dir: Path | None, *, instead: Mapping[str, Path], strict: bool, junit: Path | None, as_json: bool) -> None:
    """Try the rules in DIR/policy.d with the tables in DIR/policy.test; without DIR, those of this host."""
    from jitd import extensions
    from jitd.core.toml_document import ConfigError
    from jitd_policy.coverage import coverage
    from jitd_policy.source import read_source
    from jitd_policy.trying import try_all

    try:
        source = read_source(dir, instead)
    except ConfigError as error:
        for fault in error.faults:
            answer(str(fault))
        raise NotDone(f"nothing was tried: {count(len(error.faults), 'fault')}") from None
    if not source.cases:
        raise NotDone(f"nothing was tried: there is no table in {source.place}")
    trials = tuple(try_all(source.policy, source.cases, source.config.names, extensions.grader(), source.config.host))
    tried = coverage(source.policy, trials)
    if junit is not None:
        _write(junit, trials)
    if as_json:
        answer_json((*map(_case_row, trials), *map(_rule_row, tried)))
    else:
        _print(trials, tried)
    if n_missed := sum(bool(trial.missed) for trial in trials):
        raise NotDone(f"{count(n_missed, 'case')} of {len(trials)} {'does' if n_missed == 1 else 'do'} not hold")
    if strict and (n_lacking := sum(len(one.lacks) for one in tried)):
        raise NotDone(f"every case holds, and {count(n_lacking, 'thing')} {'was' if n_lacking == 1 else 'were'} not tried")


def _write(file: Path, trials: Sequence[Trial]) -> None:
    from jitd_policy.junit import document

    try:
        file.write_text(document(trials), "utf-8")
    except OSError as error:
        raise NotDone(f"{file} cannot be written: {error.strerror}") from None


def _print(trials: Sequence[Trial], tried: Sequence[Tried]) -> None:
    from jitd_policy.trying import sentences

    for sentence in sentences(trials):
        answer(shown(sentence))
    for one in tried:
        for lack in one.lacks:
            answer(shown(f"not tried: {one.rule.file}:{one.rule.line}: {lack}"))
    n_conditions = sum(len(one.conditions) for one in tried)
    n_both = sum(len({*one.conditions} & one.held & one.alone) for one in tried)
    n_rules = sum(one.decides for one in tried)
    conditions = f"{n_both} of {count(n_conditions, 'condition')} tried both ways"
    answer(f"{count(len(trials), 'case')}; {n_rules} of {count(len(tried), 'rule')} decided one; {conditions}")


def _case_row(trial: Trial) -> dict[str, Any]:
    from jitd_policy.trying import outcome_of, told

    case, answered = trial.case, trial.answer
    return {
        "case": shown(case.name),
        "file": shown(case.file),
        "line": case.line,
        "holds": not trial.missed,
        "missed": [shown(one) for one in trial.missed],
        "outcome": outcome_of(answered),
        "rule": shown(answered.rule),
        "says": shown(told(answered)),
    }


def _rule_row(tried: Tried) -> dict[str, Any]:
    rule = tried.rule
    return {
        "rule": shown(rule.name),
        "file": shown(rule.file),
        "line": rule.line,
        "decides": tried.decides,
        "conditions": [{"condition": one, "held": one in tried.held, "alone": one in tried.alone} for one in tried.conditions],
    }
