# SPDX-License-Identifier: Apache-2.0
"""Tests that are a table: one test plays all rows, and a failure lists each row that fails, with its difference.

Law: for rows that compute, and leave nothing behind for the next one. pytest takes longer for a test than such a row does. A row
that needs a place or a process of its own is a case of ``pytest.mark.parametrize``.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import pytest

Test = Callable[..., None]
LONGEST = 200
"""Characters of a name: a row may be a text of 100,000."""


class Row(NamedTuple):
    """What a row is called in a failure and for ``--row`` (tests/conftest.py), and the arguments that it gives."""

    name: str
    given: dict[str, Any]


def each_row(
    columns: str | tuple[str, ...], rows: Iterable[Any], ids: Callable[[Any], object] | Iterable[object] = repr
) -> Callable[[Test], Test]:
    """As ``pytest.mark.parametrize``; two on one test play each row of the one with each of the other.

    Raises:
        ValueError: there is no row, or one has more or fewer values than there are columns.
    """
    names = tuple(columns.replace(",", " ").split()) if isinstance(columns, str) else columns
    values = [(row,) if columns == names[0] else tuple(row) for row in rows]
    called = [", ".join(str(ids(value)) for value in row) for row in values] if callable(ids) else [str(name) for name in ids]
    mine = [Row(name[:LONGEST], dict(zip(names, row, strict=True))) for name, row in zip(called, values, strict=True)]
    if not mine:
        raise ValueError(f"a table of {', '.join(names)} without a row shows nothing")

    def decorated(test: Test) -> Test:
        plain, others = getattr(test, "plain", test), getattr(test, "rows", [Row("", {})])
        both = [Row(", ".join(filter(None, (a.name, b.name))), a.given | b.given) for a in mine for b in others]

        @functools.wraps(test)
        def play(**fixtures: Any) -> None:
            if len(both) == 1:  # a debugger wants it as it is
                return plain(**fixtures, **both[0].given)
            failed = []
            for row in both:
                try:
                    plain(**fixtures, **row.given)
                except (Exception, pytest.fail.Exception) as fault:
                    found = pytest.ExceptionInfo.from_exception(fault)
                    found.traceback = found.traceback[1:]  # from the test on, which this line has called
                    failed.append(f"{row.name}\n{found.getrepr(style='short')}")
            if failed:
                head = f"{len(failed)} of {len(both)} rows fail (--row=TEXT plays those alone whose name contains TEXT):"
                pytest.fail("\n\n".join((head, *failed)), pytrace=False)

        given = {name for row in both[:1] for name in row.given}
        signature = inspect.signature(plain)
        kept = [parameter for name, parameter in signature.parameters.items() if name not in given]
        if missing := given - set(signature.parameters):
            raise ValueError(f"{plain.__name__} takes no {', '.join(sorted(missing))}")
        vars(play).update(plain=plain, rows=both, __signature__=signature.replace(parameters=kept))
        return play

    return decorated
