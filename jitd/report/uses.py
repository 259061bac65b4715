# SPDX-License-Identifier: Apache-2.0
"""Reads what the grants under a rule permitted, from the stored requests and their values.

Law: nothing is read of a rule whose contents only certain people see (``core.visibility``), nor of a rule under which somebody's
request was such. A value that is not kept any more is not known, and is never guessed.
"""

from __future__ import annotations

import base64
import json
from time import monotonic
from typing import Any

from jitd.core.command import Command, RunAs
from jitd.core.frozen import dataclass
from jitd.core.rule import Rule
from jitd.core.spelling import unspelled
from jitd.core.values import Values, committed_in
from jitd.report.figure import Scope
from jitd.report.narrower import Use, narrower, under

MOST = 10_000
"""Maximum number of grants of a rule whose values are read. They take some 4 s, and each report reads them anew."""
FIRST = 1_000
"""If nothing narrower would have been enough for this number of uses, the others are not read: more uses vary more."""
WITHIN = 8.0
"""Seconds that the values of all rules of a report may take together. Meanwhile, decisions take up to twice their time."""

_TOLD = "CAST(requests.document AS TEXT)"
N_HIDDEN = f"""\
SELECT count(*) FROM asked JOIN requests USING (id)
WHERE asked.rule = :name AND asked.state = 'approved'
  AND coalesce(json_type({_TOLD}, '$.obligations.visible_to'), 'null') <> 'null'"""
"""Counts the requests under the rule ``:name`` whose contents only certain people see."""

USES = f"""\
SELECT min(requests.id),
  json_extract({_TOLD}, '$.command.argv', '$.command.path', '$.command.run_as', '$.command.cwd', '$.command.chdir',
    '$.command.gives', '$.command.masked', '$.service', '$.host', '$.requester.user')
FROM asked JOIN requests USING (id)
WHERE asked.rule = :name AND asked.state = 'approved'
GROUP BY asked.grant_id LIMIT {MOST + 1}"""
"""Selects what each grant under the rule ``:name`` permitted, with commitments in the places of values."""


@dataclass(frozen=True, slots=True)
class Past:
    """What is known of the uses of a rule. There are none if nothing narrower would be enough, or if they cannot be known.
    ``why`` says why they cannot be known.
    """

    uses: tuple[Use, ...] = ()
    why: str = ""

    @property
    def n_unknown(self) -> int:
        """The number of uses whose arguments and directories are not kept any more."""
        return sum(not use.is_whole for use in self.uses)


def _is_whole(use: Use) -> bool:
    return use.is_whole


class Reader:
    """Reads the uses of rules for one report, in bounded time."""

    def __init__(self, scope: Scope) -> None:
        self._scope = scope
        self._until = monotonic() + WITHIN

    def past(self, rule: Rule) -> Past:
        """Return the uses of ``rule``. Raises StoreError."""
        named = {**self._scope.parameters, "name": rule.name}
        if rule.visible_to is not None:
            return Past(why="only certain people may see what was run under this rule")
        ((n_hidden,),) = self._scope.ask(N_HIDDEN, named)
        if n_hidden:
            return Past(why=f"only certain people may see {n_hidden} of the requests")
        rows = self._scope.ask(USES, named)
        if len(rows) > MOST:
            return Past(why=f"more than {MOST} grants: ask for a shorter time")
        uses: list[Use] = []
        for id, parts in rows:
            if len(uses) == FIRST and not narrower(rule, uses) and len(under(rule, uses)) == FIRST and all(map(_is_whole, uses)):
                return Past()
            if monotonic() >= self._until:
                return Past(why="there was no time to read all of it: ask for a shorter time, or for this rule alone")
            uses.append(self._use(str(id), json.loads(str(parts))))
        return Past(tuple(uses))

    def _use(self, id: str, parts: list[Any]) -> Use:
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
        hidden = frozenset(at for at, _ in masked)
        return Use(command, service, host, is_self=run_as["user"] == user, hidden=hidden, is_whole=is_whole)


def _bytes(text: str) -> bytes:
    """Return the bytes that a document has as ``text``, which is base64."""
    return base64.b64decode(text)


def _said(part: Any, values: Values) -> Any:
    """Return the value whose commitment ``part`` is, or None if it is not kept any more."""
    committed = committed_in(part)
    entry = None if committed is None else values.entry(committed)
    return None if entry is None else entry.value
