# SPDX-License-Identifier: Apache-2.0
"""Makes changed copies of values. One decision makes about ten copies of large values, so a copy has to be fast.

Law: pure. ``replace`` has the same results and raises the same errors as ``dataclasses.replace``. Each copy is made by the
constructor of its class, so the checks of the class apply to the copy.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from operator import attrgetter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataclasses import replace as replace  # so that the fields of each copy are checked against its class
else:
    from dataclasses import replace as _replace

    def replace(value, /, **changes):
        """Return a copy of the dataclass instance ``value`` with ``changes``."""
        of = value.__class__
        if (known := _KNOWN.get(of)) is None:
            known = _KNOWN[of] = _places(of)
        values, places = known
        if not changes or not changes.keys() <= places.keys():
            return _replace(value, **changes)
        found = [*values(value)]
        for name, changed in changes.items():
            found[places[name]] = changed
        return of(*found)


_KNOWN: dict[type, tuple[Callable[[Any], tuple[Any, ...]], dict[str, int]]] = {}
"""Maps a class to two values. The first value is a function that returns the values of all fields of an object. The second value
maps the name of each field to its place among these field values.
"""


def _places(of: Any) -> tuple[Callable[[Any], tuple[Any, ...]], dict[str, int]]:
    """Return the entry of ``_KNOWN`` for the class ``of``. The constructor of a class usually takes exactly the fields of the
    class, in their order. If the constructor of ``of`` does not, the mapping in the entry is empty. Then ``dataclasses.replace``
    makes the copies.
    """
    names = [one.name for one in fields(of)]
    is_plain = len(names) > 1 and all(one.init and not one.kw_only for one in fields(of))
    return attrgetter(*names) if is_plain else tuple, {name: at for at, name in enumerate(names)} if is_plain else {}
