# SPDX-License-Identifier: Apache-2.0
"""Converts objects of the core to stored bytes, and back. A document holds commitments in the places of the fields that are
marked as values (``core.values.Said``).

Law: if an object is written and then read, the result is equal to it. A document with a wrong type, or with a value in clear, is
refused. So is the document of a request or a grant that has not ended, if one of its values is missing. All values of the other
objects are sentences, on which nothing depends: a lock bars without its reason, too.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import MISSING as NO_DEFAULT
from dataclasses import dataclass, fields, is_dataclass
from operator import attrgetter
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec

from jitd.core.grant import Grant
from jitd.core.holding import Holding
from jitd.core.lock import Lock
from jitd.core.owed_review import OwedReview
from jitd.core.request import Request
from jitd.core.run import Run
from jitd.core.subject import Identity, Subject, Visitor
from jitd.core.values import FORGOTTEN, MISSING, Inline, Said, Value, Values, committed_in
from jitd.store.columns import COLUMNS
from jitd.store.masked_words import told

MOST_PARTS = 16  # parts of objects whose form with commitments is kept for an owner
_encoder = msgspec.json.Encoder(order="deterministic")
_decode = msgspec.json.Decoder().decode


_OF_ACCOUNT = {"user", "uid", "gid"}


def _identity(of: type, found: Any) -> Any:
    """Return the Subject or the Visitor that is stored as ``found``. The document of a Visitor has no member about an account.
    Raises ValueError, or NotImplementedError for another class than Identity.
    """
    if of is not Identity:
        raise NotImplementedError(f"no {of.__name__} is stored so")
    has_account = isinstance(found, dict) and not _OF_ACCOUNT.isdisjoint(found)
    return msgspec.convert(found, Subject if has_account else Visitor)


class _Given(msgspec.Struct):
    """What is read of a review if only people matter."""

    by: Identity


# msgspec keeps what it knows of a class on the class, and makes it at the first use. A second thread that uses the class
# meanwhile ends the process. So it is made here, where one thread imports this module.
_MADE_HERE: tuple[object, ...] = tuple(msgspec.json.Decoder(of) for of in (*COLUMNS, Visitor))
_subject = msgspec.json.Decoder(Subject)
_reviewed = msgspec.json.Decoder(tuple[Subject, tuple[_Given, ...]], dec_hook=_identity)

T = TypeVar("T", Request, Grant, Run, Lock, Holding, OwedReview)


class ValuesMissing(ValueError):
    """A request or a grant that has not ended cannot be read without these values."""


def write(life: Request | Grant | Run | Lock | Holding | OwedReview, values: Values) -> bytes:
    """Return the stored form of ``life``, which is JSON with the members in a fixed order. ``values`` gets the values that it
    commits to. Masked words and what could betray them are left out (``store.masked_words``).
    """
    committed, inlined = _committed(told(life), values), _INLINED.get(type(life))
    return _encoder.encode(committed if inlined is None else inlined.document(*inlined.members(committed)))


def read(life: type[T], document: bytes, values: Callable[[str], Values]) -> T:
    """Return the object in ``document``. ``values`` returns those of an id; ``‹forgotten›``, ``‹missing›`` or nothing stands for
    others. Raises ValueError if it is not a ``life``, or an open request or grant lacks one.
    """
    missing: list[str] = []
    decoded = _decode(document)
    if isinstance(decoded, dict) and isinstance(id := decoded.get("id"), str):
        _fill(decoded, life, values(id), missing)
    if isinstance(decoded, dict) and (inlined := _INLINED.get(life)) is not None:
        decoded[inlined.field] = {name: decoded.pop(name) for name in inlined.names if name in decoded}
    found = msgspec.convert(decoded, life, dec_hook=_identity)
    assert isinstance(found, life)
    if missing and life in (Request, Grant) and COLUMNS[life].is_open(found):
        raise ValuesMissing(f"{found.id} has not ended, and these values of it are missing: {', '.join(missing)}")
    return found


def read_outline(life: type[T], document: bytes) -> T:
    """Return what stands for the object in ``document`` where no values are needed: it has all fields and properties, but the
    content of a field that has values is bytes of JSON. This takes a tenth of the time of ``read``. Raises ValueError.
    """
    if (decoder := _OUTLINES.get(life)) is None:
        hints, values = get_type_hints(life), {name for name, _ in _places(life)}
        parts: list[Any] = []
        for one in fields(life):  # a document of an earlier release does not have the members that have a default
            part: tuple[Any, ...] = one.name, msgspec.Raw if one.name in values else hints[one.name]
            if one.default is not NO_DEFAULT:
                part = *part, msgspec.Raw(_encoder.encode(one.default)) if one.name in values else one.default
            parts.append(part)
        properties = {name: part for name, part in vars(life).items() if isinstance(part, property)}
        if (inlined := _INLINED.get(life)) is not None:
            parts = [part for part in parts if part[0] != inlined.field] + inlined.parts
            properties[inlined.field] = property(inlined.gathered)
        struct = msgspec.defstruct(f"{life.__name__}Outline", parts, namespace=properties, kw_only=True)
        decoder = _OUTLINES[life] = msgspec.json.Decoder(struct, dec_hook=_identity)
    found: T = decoder.decode(document)
    return found


_OUTLINES: dict[type, msgspec.json.Decoder[Any]] = {}  # the decoders that `read_outline` has made


def read_subject(part: bytes) -> Subject:
    """Return the person in ``part`` of a document. Raises ValueError."""
    return _subject.decode(part)


def read_reviewed(part: bytes) -> tuple[Subject, *tuple[Identity, ...]]:
    """Return the requester and the reviewers in ``part``: a document's ``requester`` and ``reviews``. Raises ValueError."""
    requester, reviews = _reviewed.decode(part)
    return (requester, *(review.by for review in reviews))


# --- a field whose own fields are members of the document ----------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Inlining:
    """A document in which an object of the class ``of``, the field ``field`` of the stored object, is inline: its fields,
    whose names are ``names``, are members of the document. ``members`` returns all members of a stored object, in their order,
    and ``document`` makes of them what msgspec encodes.
    """

    field: str
    of: type
    names: tuple[str, ...]
    members: Callable[[Any], tuple[Any, ...]]
    document: Callable[..., Any]

    @property
    def parts(self) -> list[Any]:
        """Return the fields of ``of`` in the form for ``msgspec.defstruct``."""
        hints = get_type_hints(self.of)
        return [(one.name, hints[one.name], *(() if one.default is NO_DEFAULT else (one.default,))) for one in fields(self.of)]

    def gathered(self, outline: Any) -> Any:
        """Return the object that is inline in ``outline``."""
        return self.of(**{name: getattr(outline, name) for name in self.names})


def _inlining(life: type) -> _Inlining | None:
    hints = get_type_hints(life, include_extras=True)
    for one in fields(life):
        mark = next((part for part in _parts(hints[one.name]) if isinstance(part, Inline)), None)
        if mark is None:
            continue
        of = get_args(hints[one.name])[0]
        names = tuple(inner.name for inner in fields(of))
        at = [field.name for field in fields(life)].index(one.name)
        members = [field.name for field in fields(life)]
        members[at : at + 1] = (name for name in names if name not in mark.after)
        for name, before in mark.after.items():
            members.insert(members.index(before) + 1, name)
        document = msgspec.defstruct(f"{life.__name__}Document", [(name, Any) for name in members])
        paths = (f"{one.name}.{name}" if name in names else name for name in members)
        return _Inlining(one.name, of, names, attrgetter(*paths), document)
    return None


# --- the places of the values ------------------------------------------------------------------------------------------


_KNOWN: dict[type, tuple[tuple[str, Said | type], ...]] = {}  # what `_places` has returned


def _places(of: type) -> tuple[tuple[str, Said | type], ...]:
    """Return the fields of the dataclass that are values, with marks, and those that contain such objects, with classes."""
    if (known := _KNOWN.get(of)) is not None:
        return known
    _KNOWN[of] = ()  # a class that contains itself, such as Approval, has no values
    found: list[tuple[str, Said | type]] = []
    hints = get_type_hints(of, include_extras=True)
    for field in fields(of):
        mark = next((part for part in _parts(hints[field.name]) if isinstance(part, Said) or _has_places(part)), None)
        if mark is not None:
            found.append((field.name, mark))
    _KNOWN[of] = tuple(found)
    return _KNOWN[of]


def _has_places(part: Any) -> bool:
    return isinstance(part, type) and is_dataclass(part) and bool(_places(part))


def _parts(hint: Any) -> tuple[Any, ...]:
    """Return the marks of the annotation ``hint``, or the classes in it."""
    if get_origin(hint) is Annotated:
        return get_args(hint)[1:]
    if get_origin(hint) in (Union, UnionType, tuple):
        return tuple(part for inner in get_args(hint) for part in _parts(inner))
    return (hint,)


def _committed(of: Any, values: Values) -> Any:
    """Return a copy of the object ``of`` with commitments in the places of its values."""
    changes: dict[str, Any] = {}
    for name, place in _places(type(of)):
        content = getattr(of, name)
        if not content:
            continue
        if not isinstance(place, Said):
            is_many = isinstance(content, tuple)
            changes[name] = tuple(_part(one, values) for one in content) if is_many else _part(content, values)
            continue
        first, rest = (content[:1], content[1:]) if place.after_first else ((), content)
        said = rest if not rest else msgspec.to_builtins(rest) if place.write is None else place.write(rest)
        if said:
            stands = values.standing(Value(place.name or name, said))
            changes[name] = (*first, stands) if place.after_first else stands
    return _changed(of, changes) if changes else of


def _changed(of: Any, changes: dict[str, Any]) -> Any:
    """Return what msgspec encodes as it would encode a copy of the dataclass ``of`` with ``changes``, and what has the same
    attributes. It is made for each stored document, and takes a third of the time of ``dataclasses.replace``.
    """
    if (known := _FORMS.get(type(of))) is None:
        names = [field.name for field in fields(of)]
        form = msgspec.defstruct(type(of).__name__, [(name, Any) for name in names])
        known = _FORMS[type(of)] = attrgetter(*names), {name: at for at, name in enumerate(names)}, form
    members, places, form = known
    found = [*members(of)]
    for name, changed in changes.items():
        found[places[name]] = changed
    return form(*found)


_FORMS: dict[type, tuple[Callable[[Any], tuple[Any, ...]], dict[str, int], type]] = {}
"""For the classes of which ``_changed`` was asked: all members of an object, the place of each, and the class of the result."""


def _part(of: Any, values: Values) -> Any:
    """Return ``_committed`` of a part of an object. The last results are kept with ``values``."""
    known = values.parts.get(id(of))
    if known is not None and known[0] is of:
        return known[1]
    if len(values.parts) >= MOST_PARTS:
        values.parts.clear()
    made = _committed(of, values)
    values.parts[id(of)] = of, made
    return made


def _fill(part: Any, of: type, values: Values, missing: list[str]) -> None:
    """Fill the values into ``part``, a decoded ``of``. ``missing`` gets the names of the fields without one."""
    if not isinstance(part, dict):
        return  # and refused by the conversion
    for name, place in _places(of):
        content = part.get(name)
        if not content:
            continue
        if not isinstance(place, Said):
            several = content if isinstance(content, list) else [content]
            for one in several:
                _fill(one, place, values, missing)
            continue
        first, rest = (content[:1], content[1:2]) if place.after_first and isinstance(content, list) else ([], [content])
        if not rest:
            continue
        if (committed := committed_in(rest[0])) is None:
            raise ValueError(f"{name} is in clear")
        if (entry := values.entry(committed)) is None:
            missing.append(name)
            said = MISSING if place.forgotten == FORGOTTEN and not values.is_forgotten else place.forgotten
        else:
            said = entry.value if place.read is None else place.read(entry.value)
        part[name] = [*first, *said] if place.after_first else said


_INLINED = {life: found for life in COLUMNS if (found := _inlining(life)) is not None}
"""How the documents differ from their objects, where they do."""
for _life in COLUMNS:
    _places(_life)  # here, because a second thread would take a class whose fields are just being read for one without values
