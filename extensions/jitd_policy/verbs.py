# SPDX-License-Identifier: Apache-2.0
"""The verbs ``policy test`` and ``policy import``. Neither speaks with the daemon, or puts anything in force."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from jitd.cli.answer import answer, answer_json, quote, say
from jitd.cli.call import NotDone
from jitd.cli.help import Group
from jitd.core.wording import count
from jitpam.wire.shown import shown

if TYPE_CHECKING:
    from jitd_policy.coverage import Tried
    from jitd_policy.trying import Trial


@click.group(cls=Group, subcommand_metavar="VERB ...")
def policy() -> None:
    """Make rules of what sudo permits, and try rules before they are in force."""


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


@policy.command(name="import")
@click.argument("file", metavar="[FILE]", required=False, type=click.Path(path_type=Path))
@click.option("--approvers", required=True, metavar="WHO", help="Who approves what asks for a password in sudo, as group:ops.")
@click.option("--gate", is_flag=True, help="The rules are for sudo itself, too, if jitd is its gate.")
@click.option("--nopasswd-as-is", "as_is", is_flag=True, help="No approval for NOPASSWD lines that give root either.")
@click.option("--ldif", is_flag=True, help="FILE is LDIF, as from ldapsearch -LLL; - is standard input.")
@click.option("--unchecked", is_flag=True, help="Do not ask sudo whether it agrees. Each rule says so.")
@click.option("--to", metavar="FILE", type=click.Path(path_type=Path), help="A new file for the rules.")
@click.option("--table", metavar="FILE", type=click.Path(path_type=Path), help="A new file for what sudo said, as a table.")
def import_(
    file: Path | None,
    *,
    approvers: str,
    gate: bool,
    as_is: bool,
    ldif: bool,
    unchecked: bool,
    to: Path | None,
    table: Path | None,
) -> None:
    """Print rules that permit what the sudoers of this host, or FILE, permit. Nothing is put in force."""
    from jitd import extensions
    from jitd.core.conditions import read_who

    if why := extensions.why_not("inspection"):
        raise NotDone(f"sudoers are read by the extension inspection, which {why}")
    try:
        read_who(approvers)
    except ValueError as fault:
        raise click.BadParameter(str(fault), param_hint="--approvers") from None
    if ldif and file is None:
        raise click.UsageError("--ldif needs FILE, or - for standard input")
    is_checked = not unchecked and file is None
    if table is not None and not is_checked:
        raise click.UsageError("--table has what sudo said, and sudo is not asked about a copied file, or with --unchecked")
    if is_checked and os.geteuid() != 0:
        raise NotDone("sudo tells only root what others may do: be root, or give --unchecked", "forbidden")
    from jitd_policy.importing import imported
    from jitd_policy.sudoers import Wishes

    found = imported(file, Wishes(approvers, gate=gate, as_is=as_is), is_ldif=ldif, is_checked=is_checked)
    _put({path: text for path, text in ((to, found.rules), (table, found.table)) if path is not None and text})
    if to is None:
        quote(found.rules.removesuffix("\n").split("\n"), indent="")
    for sentence in found.summary:
        say(sentence)
    if table is not None and not found.table:
        say(f"{table} is not written: there is nothing that sudo could be asked about")
    if found.n_unchecked:
        raise NotDone(f"{count(found.n_unchecked, 'rule')} {'was' if found.n_unchecked == 1 else 'were'} not compared with sudo")


def _put(texts: Mapping[Path, str]) -> None:
    """Write new files. Raises NotDone if one is there, or if the daemon would read it."""
    for path in texts:
        if path.resolve().parent.name == "policy.d":
            raise NotDone(f"{path}: read the rules first, and put them there yourself; nothing was written", "usage")
        if os.path.lexists(path):
            raise NotDone(f"{path} is there already; nothing was written", "usage")
    for path, text in texts.items():
        try:
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
        except OSError as error:
            raise NotDone(f"{path} cannot be written: {error.strerror}") from None
