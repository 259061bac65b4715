# SPDX-License-Identifier: Apache-2.0
"""What a change of the rules may do to a request that waits: field by field, the tighter of both.

Law: every field of what a permit asks for has its rows; a field that is added without one fails here.
"""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

from jitd.core.decision import Approval, BreakGlass, Obligations, Record, Terms, narrow, raised
from tests.table import each_row

OPS = Approval(1, ("group:ops",))
TWO_OPS = Approval(2, ("group:ops",))
SECURITY = Approval(1, ("group:security",))
GLASS = BreakGlass("p", (OPS,), 3600, 3)
PLAIN = Obligations((OPS,), 900, 3600, 5, Terms())

# field: what the rule said when it was asked for, what a rule says now, what holds then
EITHER_WAY: dict[str, list[tuple[Any, Any, Any]]] = {
    "expires_for": [(900, 60, 60), (60, 60, 60)],
    "lasts_for": [(3600, 60, 60), (60, 60, 60)],
    "uses": [(5, 1, 1), (5, 5, 5)],
    "terms.timeout_for": [(None, None, None), (None, 60, 60), (90, 60, 60)],
    "terms.writable": [(False, False, False), (True, False, False), (True, True, True)],
    "terms.leftovers": [("end", "end", "end"), ("keep", "end", "end"), ("keep", "keep", "keep")],
    "terms.stdin": [("any", "any", "any"), ("any", "tty", "tty"), ("any", "none", "none"), ("tty", "none", "none")],
    "standing": [("use", "use", "use"), ("review", "use", "use"), ("review", "review", "review")],
    "terms.session": [("end", "end", "end"), ("keep", "end", "end"), ("keep", "keep", "keep")],
    "terms.options": [(False, False, False), (True, False, False), (True, True, True)],
    "terms.namespace": [
        ("never", "never", "never"),
        ("never", "auto", "auto"),
        ("never", "always", "always"),
        ("auto", "auto", "auto"),
        ("auto", "always", "always"),
        ("always", "always", "always"),
    ],
    "terms.checks": [
        ((), (), ()),
        ((), (("/bin/a",),), (("/bin/a",),)),
        ((("/bin/a",),), (("/bin/b",),), (("/bin/a",), ("/bin/b",))),
    ],
    "terms.new": [(None, None, None), (0o644, None, None), (0o644, 0o644, 0o644), (0o644, 0o600, None)],
    "terms.observed": [(False, False, False), (False, True, True), (True, True, True)],
    "without_kdc": [("deny", "deny", "deny"), ("local", "deny", "deny"), ("local", "local", "local")],
    "signed": [("", "", ""), ("", "touch", "touch"), ("key", "pin", "pin"), ("unheard of", "pin", "unheard of")],
    "terms.bound": [(False, False, False), (False, True, True), (True, True, True)],
    "terms.record.what": [
        ("none", "none", "none"),
        ("none", "terminal", "terminal"),
        ("terminal", "output", "output"),
        ("output", "all", "all"),
        ("none", "all", "all"),
    ],
    "terms.record.sync": [("interval", "interval", "interval"), ("interval", "always", "always"), ("always", "always", "always")],
    "terms.record.failure": [("continue", "continue", "continue"), ("continue", "end", "end"), ("end", "end", "end")],
}
IN_THIS_ORDER: dict[str, list[tuple[Any, Any, Any]]] = {
    "approvals": [
        ((), (), ()),
        ((OPS,), (), (OPS,)),
        ((), (OPS,), (OPS,)),
        ((OPS,), (TWO_OPS,), (TWO_OPS,)),
        ((TWO_OPS,), (OPS,), (TWO_OPS,)),
        ((OPS,), (SECURITY,), (OPS, SECURITY)),
        ((SECURITY,), (OPS,), (SECURITY, OPS)),
        ((OPS, OPS), (OPS,), (TWO_OPS,)),
    ],
    "terms.env": [
        (("A", "B"), ("B", "C"), ("B",)),
        (("A",), (), ()),
        ((), ("A",), ()),
        (("B", "A"), ("A", "B"), ("B", "A")),
        (("PG*",), ("PGDATA",), ()),
    ],
    "terms.watch": [
        (None, None, None),
        (None, ("group:ops",), ("group:ops",)),
        (("group:ops",), None, ("group:ops",)),
        (("group:ops", "user:eve"), ("user:eve", "group:security"), ("user:eve",)),
        (("group:ops",), ("user:eve",), ()),
        (("group:ops",), (), ()),
        ((), None, ()),
        (None, (), ()),
    ],
    "visible_to": [
        (None, None, None),
        (None, ("group:audit",), ("group:audit",)),
        (("group:audit",), None, ("group:audit",)),
        (("group:audit", "user:eve"), ("user:eve", "group:ops"), ("user:eve",)),
        (("group:audit",), (), ()),
        (None, (), ()),
    ],
    "break_glass": [
        (None, None, None),
        (GLASS, None, GLASS),
        (None, GLASS, GLASS),
        (GLASS, replace(GLASS, instead_of="other", skipped=(SECURITY,)), GLASS),
        (GLASS, replace(GLASS, review_for=60, open=9), replace(GLASS, review_for=60)),
        (GLASS, replace(GLASS, review_for=9000, open=1), replace(GLASS, open=1)),
    ],
    "gatekeepers": [
        ((), (), ()),
        (("change",), (), ("change",)),
        ((), ("change",), ("change",)),
        (("change", "ticket"), ("risk", "change"), ("change", "ticket", "risk")),
    ],
    "notify": [((), ("ops",), ("ops",)), (("ops", "chat"), ("tty", "ops"), ("ops", "chat", "tty"))],
    # It is neither wide nor narrow: the directory that was asked for is bound by the request, and the newest rule says where.
    "terms.cwd": [("caller", "/srv", "/srv"), ("/srv", "caller", "caller"), ("/srv", "/srv", "/srv")],
}
TURNED = {field: [(other, one, after) for one, other, after in rows] for field, rows in EITHER_WAY.items()}
ROWS = [(field, row) for table in (EITHER_WAY, TURNED, IN_THIS_ORDER) for field, rows in table.items() for row in rows]


def with_it(field: str, value: Any) -> Obligations:
    """The plain obligations, and in them ``field`` is ``value``."""
    *above, name = field.split(".")
    if above == ["terms", "record"]:
        return replace(PLAIN, terms=replace(PLAIN.terms, record=replace(PLAIN.terms.record, **{name: value})))
    if above == ["terms"]:
        return replace(PLAIN, terms=replace(PLAIN.terms, **{name: value}))
    return replace(PLAIN, **{name: value})


@each_row(("field", "row"), ROWS, ids=lambda value: str(value))
def test_of_two_rules_the_tighter_holds_in_every_field(field: str, row: tuple[Any, Any, Any]) -> None:
    old, new, after = row
    holds = with_it(field, after)
    holds = replace(holds, approvals=raised(holds.approvals, holds.signed))
    assert narrow(with_it(field, old), with_it(field, new)) == holds, "and nothing else has changed"


def test_every_field_has_its_rows() -> None:
    declared = {field.name for field in fields(Obligations)} - {"terms"}
    declared |= {f"terms.{field.name}" for field in fields(Terms)} - {"terms.record"}
    declared |= {f"terms.record.{field.name}" for field in fields(Record)}
    assert EITHER_WAY.keys() | IN_THIS_ORDER.keys() == declared


def test_a_field_that_nobody_narrows_would_be_seen() -> None:
    """Each field has a row in which the newer rule is wider: whatever is taken from it as it stands fails that row."""
    loosened = {field for field, (_, new, after) in ROWS if new != after}
    assert (EITHER_WAY.keys() | IN_THIS_ORDER.keys()) - loosened == {"terms.cwd"}
