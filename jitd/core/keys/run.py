# SPDX-License-Identifier: Apache-2.0
"""The key ``run`` of a permit: how the command runs, what is recorded of it, and who may watch.

Law: it is a fault if the commands of a rule with ``run.observed`` could never run. The rule must permit at least one person to
watch. All output must be recorded, because a watcher sees the recording.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from jitd.core.conditions import placeholder_in, read_variable
from jitd.core.decision import Record, Terms
from jitd.core.deed import deed_of
from jitd.core.edit import FILE
from jitd.core.keys.approvals import WithApprovals
from jitd.core.keys.commands import WithCommands
from jitd.core.keys.key import Fields, NoCondition, Part, Verdict, World
from jitd.core.keys.services import WithServices
from jitd.core.toml_table import Table

KEPT = ("output", "all")  # `run.record` of an observed run. With any other value, the watcher would not see all output


@dataclass(frozen=True, kw_only=True)
class WithRun(WithApprovals, WithServices, WithCommands):
    """``terms`` of the runs; see Terms."""

    terms: Terms = Terms()


class _Runs(NoCondition[WithRun]):
    names = ("run",)
    of = "permit"
    within = {
        "run": (
            "timeout",
            "cwd",
            "env",
            "writable",
            "leftovers",
            "stdin",
            "record",
            "record_sync",
            "record_failure",
            "watch",
            "session",
            "options",
            "operands",
            "observed",
            "namespace",
            "check",
            "new",
        )
    }

    def read(self, table: Table, world: World, verdict: Verdict) -> Fields:
        run = table.table("run")
        run.known(self.within["run"])
        return {"terms": _terms(run, world.naming.read_who)}

    def settle(self, rule: WithRun, table: Table) -> Fields:
        """Return the recording that ``run.observed`` needs."""
        terms = rule.terms
        for key, value in (("check", terms.checks or None), ("new", terms.new)):
            if value is not None and not any(pattern.is_edit for pattern in rule.commands or ()):
                table.table("run").fault(f'"{key}" is about edits, and "commands" has no entry "sudoedit"', key)
        if not terms.observed:
            return {}
        run = table.table("run")
        if not rule.approvals:
            run.fault('"observed" needs "approvals": only a person who may approve the request counts as a watcher', "observed")
        if rule.gives is not None and rule.commands is None:
            run.fault('"observed" is about commands: nobody can watch a thing that is given', "observed")
        if rule.services is not None and not any(deed_of(service).is_executed for service in rule.services):
            run.fault('"observed" is about what jitsudo runs: nobody can watch what another program runs', "observed")
        if "record" in run.values and terms.record.what not in KEPT:
            run.fault('"record" must be "output" or "all" with "observed": the recording is what people watch', "record")
        if terms.record.failure != "end":
            run.fault('"record_failure" must be "end" with "observed": the recording is what people watch', "record_failure")
        if terms.watch is not None and not terms.watch:
            run.fault('"watch" names nobody, and "observed" needs somebody who watches', "watch")
        what = terms.record.what if terms.record.what in KEPT else KEPT[0]
        return {"terms": replace(terms, record=replace(terms.record, what=what))}

    def phrases(self, rule: WithRun) -> Iterator[tuple[Part, str]]:
        if rule.terms.new is not None:
            yield Part.HOW, f"also new files with the mode {rule.terms.new:04o}"


def _terms(run: Table, read_who: Callable[[str], str]) -> Terms:
    cwd = run.text("cwd", "caller")
    if cwd != "caller" and (not cwd.startswith("/") or "\0" in cwd or ".." in cwd.split("/")):
        run.fault('"cwd" must be "caller" or an absolute directory', "cwd")
    return Terms(
        timeout_for=run.duration("timeout", 1) if "timeout" in run.values else None,
        cwd=cwd,
        env=run.words("env", (), read_variable, may_be_empty=True),
        writable=run.text("writable", "refuse", ("allow", "refuse")) == "allow",
        leftovers=run.text("leftovers", "end", ("end", "keep")),
        stdin=run.text("stdin", "any", ("any", "tty", "none")),
        record=Record(
            what=run.text("record", "none", ("none", "output", "all")) if "record" in run.values else Record().what,
            sync=run.text("record_sync", "interval", ("interval", "always")),
            failure=run.text("record_failure", "end", ("end", "continue")),
        ),
        watch=run.words("watch", (), read_who, may_be_empty=True) if "watch" in run.values else None,
        session=run.text("session", "keep", ("keep", "end")),
        options=run.text("options", "refuse", ("allow", "refuse")) == "allow",
        bound=run.text("operands", "named", ("named", "bound")) == "bound",
        observed=run.text("observed", "no", ("no", "required")) == "required",
        namespace=run.text("namespace", "auto", ("auto", "always", "never")),
        checks=_checks(run),
        new=_mode(run),
    )


def _checks(run: Table) -> tuple[tuple[str, ...], ...]:
    if "check" not in run.values:
        return ()
    words = run.words("check", (), lambda word: word)
    if words and (not words[0].startswith("/") or any("\0" in word for word in words)):
        run.fault('"check" must begin with the absolute path of a program', "check")
        return ()
    unknown = next((word for word in words if word == placeholder_in(word)), "")
    if unknown and not any(FILE in word for word in words):
        run.fault(f'"check": nothing is put in the place of {unknown}: the new file is {FILE}', "check")
    return (words,) if words else ()


def _mode(run: Table) -> int | None:
    """Return the mode of new files, or None if the rule permits none."""
    if "new" not in run.values:
        return None
    text = run.text("new", "")
    if re.fullmatch(r"0?[0-7]{3}", text):
        return int(text, 8)
    if isinstance(run.values["new"], str):
        told = '"new" must be the mode of new files in octal digits, such as "0644", without set-uid, set-gid and sticky'
        run.fault(told, "new")
    return None


RUN = _Runs()
