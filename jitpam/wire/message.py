# SPDX-License-Identifier: Apache-2.0
"""What every message is: declared fields, compared by value. The messages themselves are in ``messages``.

Law: a message has exactly the declared fields, and cannot be changed. Standard library only, and only modules that are imported
fast, because every ``jitsudo`` imports this one.
"""

from __future__ import annotations

from jitpam.wire.faults import LocalProtocolError
from jitpam.wire.framing import SMALL

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar, dataclass_transform

    Declared = dict[str, "type[Message]"]  # declared here, because in the class below `type` is a field
else:

    def dataclass_transform(**_):
        """Return a decorator that changes nothing. It stands for the one in ``typing``: to import that takes milliseconds."""
        return lambda cls: cls


@dataclass_transform(kw_only_default=True, frozen_default=True)
class Message:
    """A message with the declared fields, compared by value. ``type``, its name on the wire, is the class name in lower case."""

    type: ClassVar[str] = ""
    fields: ClassVar[dict[str, str]] = {}
    defaults: ClassVar[dict[str, Any]] = {}
    """Fields that need not be given when a message is made. On the wire each message has all of its fields."""
    most: ClassVar[int] = SMALL
    """Most bytes of this message's body, if a client sends it."""
    __slots__ = ("__dict__",)

    def __init_subclass__(cls, by: Declared | None = None) -> None:
        if by is None:
            return
        cls.type = cls.__name__.removeprefix("Daemon").lower()
        cls.fields = {
            name: kind
            for parent in reversed(cls.__mro__)
            for name, kind in parent.__dict__.get("__annotations__", {}).items()
            if not kind.startswith("ClassVar")
        }
        cls.defaults = {name: getattr(cls, name) for name in cls.fields if hasattr(cls, name)}
        by[cls.type] = cls

    def __init__(self, **values: Any) -> None:
        values = self.defaults | values
        if values.keys() != self.fields.keys():
            odd = sorted(values.keys() ^ self.fields.keys())
            raise LocalProtocolError(f"{self.type}: missing or unknown: {', '.join(odd)}")
        self.__dict__.update(values)

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(f"{type(self).__name__} is frozen")

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"
