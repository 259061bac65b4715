# SPDX-License-Identifier: Apache-2.0
"""Defines frozen dataclasses fast. The modules of a daemon define about three hundred of them.

Law: pure. A class made by ``dataclass`` behaves like the class that ``dataclasses.dataclass`` makes with the same options.

``dataclasses.dataclass`` compiles six functions for each frozen class. That took two fifths of the start of a daemon. Here all
classes share the code of ``__eq__``, ``__hash__`` and ``__repr__``, and only the other functions are compiled (ADR 0063).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # so that mypy sees the dataclasses as such
    from dataclasses import field as field
else:
    from dataclasses import Field, field, fields
    from dataclasses import dataclass as _dataclass
    from operator import attrgetter
    from reprlib import recursive_repr

    _FROZEN = {"frozen": True, "slots": True}
    _SHARED = {"__eq__", "__hash__", "__repr__"}

    def dataclass(cls=None, /, **options):
        """Return the dataclass of ``cls``, or a decorator that makes dataclasses. See ``dataclasses.dataclass``."""
        if cls is not None or options != _FROZEN:
            return _dataclass(cls, **options)
        return _frozen

    @_dataclass(**_FROZEN)
    class _Like:
        """The classes made here have the ``__dataclass_params__`` of this class."""

        one: int = field(default=0)

    def _frozen(cls):
        """Return the dataclass of ``cls``. If ``cls`` has a shared function of its own, or a field with the option ``hash``,
        the standard library does everything.
        """
        if _SHARED & cls.__dict__.keys() or any(isinstance(it, Field) and it.hash is not None for it in cls.__dict__.values()):
            return _dataclass(cls, **_FROZEN)
        made = _dataclass(cls, **_FROZEN, eq=False, repr=False)
        compared = [one.name for one in fields(made) if one.compare]
        made.__eq__, made.__hash__ = _comparison_of(compared)
        made.__repr__ = _repr
        made.__dataclass_params__ = _Like.__dataclass_params__
        return made

    def _comparison_of(names):
        """Return ``__eq__`` and ``__hash__``: of objects of the same class, by the values of the fields ``names``."""
        values = attrgetter(*names) if len(names) > 1 else lambda value: tuple(getattr(value, name) for name in names)

        def __eq__(self, other):
            return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

        def __hash__(self):
            return hash(values(self))

        return __eq__, __hash__

    @recursive_repr()
    def _repr(self):
        shown = ", ".join(f"{one.name}={getattr(self, one.name)!r}" for one in fields(self) if one.repr)
        return f"{self.__class__.__qualname__}({shown})"
