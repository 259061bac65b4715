# SPDX-License-Identifier: Apache-2.0
"""Reads what the grants under a rule permitted, from the stored requests and their values.

Law: the caller reads nothing of a rule that is ``unknown``: not if only certain people see the contents of a request under it
(``core.visibility``). A value that is not kept any more is not known, and is never guessed.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Iterator
from dataclasses import replace
from time import monotonic
from typing import Any

from jitd.core.command import Command, RunAs
from jitd.core.edit import SUDOEDIT, Edit
from jitd.core.rule import Rule
from jitd.core.spelling import unspelled
from jitd.core.values import Values, committed_in
from jitd_evidence.report.figure import Scope
from jitd_evidence.report.narrower import ENOUGH, Use, narrower
from jitpam.secret_words import secret_places

MOST = 10_000  # grants of a rule whose values are read. They take 2 s of a processor, and each report reads them anew.
FIRST = 1_000  # uses after which the others are not read if nothing narrower would have been enough: more vary more
WITHIN = 8.0  # seconds for the values of all rules of a report. Meanwhile, decisions share the processor with it

COUNTS = """\
SELECT asked.rule,
  count(DISTINCT asked.grant_id),
  count(*) FILTER (WHERE is_hidden),
  count(DISTINCT asked.grant_id) FILTER (WHERE said.is_forgotten = 1)
FROM asked JOIN requests USING (id) LEFT JOIN said ON said.id = asked.id
WHERE asked.state = 'approved' GROUP BY asked.rule"""
"""Counts, for each rule, the grants that it gave, the requests whose contents only certain people see, and the grants whose
arguments and directory were forgotten.
"""

USES = """\
SELECT min(requests.id), permitted
FROM asked JOIN requests USING (id)
WHERE asked.rule = :name AND asked.state = 'approved'
GROUP BY asked.grant_id"""
"""Selects what each grant under the rule ``:name`` permitted, with commitments in the places of values."""


def unknown(scope: Scope, rules: Iterable[Rule]) -> dict[str, tuple[int, str]]:
    """Map the names of those of ``rules`` that permitted something, and whose uses cannot be compared, to the number of the uses
    that this is about, and to the reason. Raises StoreError.
    """
    counts = {name: [int(one or 0) for one in numbers] for name, *numbers in scope.ask(COUNTS, scope.parameters)}
    found: dict[str, tuple[int, str]] = {}
    for rule in rules:
        n, n_hidden, n_forgotten = counts.get(rule.name, [0, 0, 0])
        if n and (rule.visible_to is not None or n_hidden):
            found[rule.name] = n, "only certain people may see what was asked for (visible_to)"
        elif 0 < n < ENOUGH:
            found[rule.name] = n, f"fewer than {ENOUGH} uses are too few"
        elif n > MOST:
            found[rule.name] = n, f"more than {MOST} uses are not compared: ask for a shorter time"
        elif n_forgotten:
            found[rule.name] = n_forgotten, "their arguments and directories were forgotten: keep in [record] is shorter"
    return found


_EDIT = Edit(0, 0, 0, 0, 0, b"", b"")  # the texts of an edit say nothing of the paths that a rule needs


class Reader:
    """Reads the uses of rules for one report, in bounded time."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._until = monotonic() + WITHIN

    def uses(self, rule: Rule) -> list[Use]:
        """Return the uses of ``rule``. There are none if nothing narrower would have been enough. Raises StoreError, and
        TimeoutError if there is no time for all of them.
        """
        found: list[Use] = []
        is_worth_it = False
        for id, parts in self._scope.ask(USES, {**self._scope.parameters, "name": rule.name}):
            if len(found) >= FIRST and not is_worth_it:
                is_worth_it = bool(narrower(rule, found))
                if not is_worth_it:
                    return []
            if monotonic() >= self._until:
                raise TimeoutError
            found += self._each_use(str(id), json.loads(str(parts)))
        return found

    def _each_use(self, id: str, parts: list[Any]) -> Iterator[Use]:
        """Yield the use, or one for each file of several that were edited together: a rule is about one."""
        argv, path, run_as, cwd, chdir, gives, masked, service, host, user = parts
        values = self._scope.store.values(id)
        first, *rest = argv
        words = _said(rest[0], values) if rest else []
        directory = _said(cwd, values) if cwd else ""
        is_whole = words is not None and directory is not None
        command = Command(
            argv=(_bytes(first), *map(unspelled, words or ())),
            path=_bytes(path),
            digest=b"",
            run_as=RunAs(run_as["user"], run_as["uid"], run_as["group"], run_as["gid"]),
            cwd=unspelled(directory or ""),
            cwd_device=0,
            cwd_inode=0,
            variables=(),
            locale=(),
            streams=(),
            chdir=bool(chdir),
            gives=bool(gives),
        )
        n_edits = max(1, len(words or ())) if _bytes(path) == SUDOEDIT else 0
        command = replace(command, edit=_EDIT if n_edits == 1 else None, edits=(_EDIT,) * n_edits if n_edits > 1 else ())
        for one in command.each:
            # A report goes to more people than the record, and a line that is proposed may be copied into a rule.
            hidden = frozenset((*(at for at, _ in masked), *secret_places(list(one.argv))))
            yield Use(one, service, host, is_self=run_as["user"] == user, hidden=hidden, is_whole=is_whole)


def _bytes(text: str) -> bytes:
    """Return the bytes that a document has as ``text``, which is base64."""
    return base64.b64decode(text)


def _said(part: Any, values: Values) -> Any:
    """Return the value whose commitment ``part`` is, or None if it is not kept any more."""
    committed = committed_in(part)
    entry = None if committed is None else values.entry(committed)
    return None if entry is None else entry.value
