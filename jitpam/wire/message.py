# SPDX-License-Identifier: Apache-2.0
"""The base class of every message. Two messages are equal if they have the same type and the same values. The module ``messages``
declares the messages.

Law: a message has exactly the declared fields, and cannot be changed. This module imports only modules of the standard library
that can be imported fast, because every ``jitsudo`` imports it.
"""

from __future__ import annotations

from jitpam.wire.faults import LocalProtocolError
from jitpam.wire.framing import SMALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar, dataclass_transform

    Declared = dict[str, "type[Message]"]  # declared here, because `type` is a field in the class below
else:

    def dataclass_transform(**_):
        """Return a decorator that changes nothing. This function replaces the decorator in ``typing``, because an import of
        ``typing`` takes milliseconds.
        """
        return lambda cls: cls


class _WhenRead:
    """A class attribute computed when first read: every jitsudo imports all messages, and uses a few."""

    def __init__(self, name: str, compute: Callable[[type[Message]], dict[str, Any]]) -> None:
        self._name = name
        self._compute = compute

    def __get__(self, message: Message | None, cls: type[Message]) -> dict[str, Any]:
        found = self._compute(cls)
        setattr(cls, self._name, found)
        return found


def _fields(cls: type[Message]) -> dict[str, str]:
    return {
        name: kind
        for parent in reversed(cls.__mro__)
        for name, kind in parent.__dict__.get("__annotations__", {}).items()
        if not kind.startswith("ClassVar")
    }


def _defaults(cls: type[Message]) -> dict[str, Any]:
    return {name: getattr(cls, name) for name in cls.fields if hasattr(cls, name)}


_FIELDS: Any = _WhenRead("fields", _fields)
_DEFAULTS: Any = _WhenRead("defaults", _defaults)


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Message:
    """A message with declared fields. Two messages are equal if they have the same type and the same values. ``type`` is the name
    of the message on the wire, which is the class name in lower case.
    """

    type: ClassVar[str] = ""
    fields: ClassVar[dict[str, str]] = {}
    defaults: ClassVar[dict[str, Any]] = {}
    """Default values of fields when a program makes a message. On the wire, each message has all of its fields."""
    most: ClassVar[int] = SMALL  # maximum number of bytes in the body of this message, if a client sends it
    __slots__ = ("__dict__",)

    def __init_subclass__(cls, by: Declared | None = None) -> None:
        if by is None:
            return
        cls.type = cls.__name__.removeprefix("Daemon").lower()
        cls.fields, cls.defaults = _FIELDS, _DEFAULTS  # set in each class, because the parent may have computed its own
        by[cls.type] = cls

    def __init__(self, **values: Any) -> None:
        values = self.defaults | values
        if values.keys() != self.fields.keys():
            odd = sorted(values.keys() ^ self.fields.keys())
            raise LocalProtocolError(f"{self.type}: these fields are missing or unknown: {', '.join(odd)}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"
