# SPDX-License-Identifier: Apache-2.0
"""Frozen dataclasses that are defined fast: whatever can be seen of one is what the standard library's dataclass shows."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core import frozen
from tests.law.tree import MODULES

T = TypeVar("T")
Define = Callable[..., Any]


def plain(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Value:
        """Two that must be given, and two that need not."""

        first: int
        second: str
        third: tuple[int, ...] = ()
        fourth: list[int] = dataclasses.field(default_factory=list)
        of_all: ClassVar[int] = 3

        def both(self) -> str:
            return f"{self.first} {self.second}"

    return Value


def alone(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Value:
        """One field, which is compared as one of many would be."""

        only: float

    return Value


def empty(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Value:
        """Nothing in it."""

    return Value


def checked(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Value:
        """It looks at itself, and sets what follows from the rest."""

        low: int
        high: int = 9

        def __post_init__(self) -> None:
            if self.low > self.high:
                raise ValueError("low is above high")
            object.__setattr__(self, "high", self.high + 1)

    return Value


def generic(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Value(Generic[T]):
        """Of any type."""

        what: T
        self_: int = 0

    return Value


def keyworded(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Value:
        """A field that is given by name alone, one that is not compared, one that is not shown, one that is not given."""

        first: int
        second: int = dataclasses.field(default=2, kw_only=True)
        third: int = dataclasses.field(default=3, compare=False)
        fourth: int = dataclasses.field(default=4, repr=False)
        fifth: int = dataclasses.field(default=5, init=False)

    return Value


def separated(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Value:
        """What comes after the mark is given by name."""

        first: int
        _: dataclasses.KW_ONLY
        second: int = 2

    return Value


def own(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Value:
        """Not usual: it says itself how it is shown and compared."""

        first: int
        second: int = 2

        def __repr__(self) -> str:
            return f"<{self.first}>"

        def __eq__(self, other: object) -> bool:
            return isinstance(other, type(self)) and self.first == other.first

        def __hash__(self) -> int:
            return self.first

    return Value


def hashed(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Value:
        """Not usual: one field is compared and not hashed."""

        first: int
        second: int = dataclasses.field(default=2, hash=False)

    return Value


def below(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Base:
        """What another is made from."""

        first: int

    @dataclass(frozen=True, slots=True)
    class Value(Base):
        """It has a field of its base."""

        second: int = 2

    return Value


def silent(dataclass: Define) -> type:
    @dataclass(frozen=True, slots=True)
    class Value:
        first: int
        second: int = 2

    return Value


def taken_further(dataclass: Define) -> type:
    class Value(plain(dataclass)):  # type: ignore[misc]
        """No dataclass itself."""

    return Value


SHAPES = {
    shape.__name__: (shape(frozen.dataclass), shape(dataclasses.dataclass))
    for shape in (plain, alone, empty, checked, generic, keyworded, separated, own, hashed, below, silent, taken_further)
}
ARGUMENTS: dict[str, list[tuple[tuple[Any, ...], dict[str, Any]]]] = {
    "plain": [((1, "a"), {}), ((1,), {"second": "b"}), ((1, "a", (2,), [3]), {}), ((1, "a"), {"fourth": [1]})],
    "alone": [((1.0,), {}), ((2.5,), {}), ((float("nan"),), {}), ((), {"only": 1.0})],
    "empty": [((), {})],
    "checked": [((1,), {}), ((1, 3), {})],
    "generic": [((1,), {}), (("a", 4), {})],
    "keyworded": [((1,), {}), ((1,), {"second": 5}), ((1, 7), {}), ((1, 7, 8), {})],
    "separated": [((1,), {}), ((1,), {"second": 5})],
    "own": [((1,), {}), ((1, 3), {}), ((2,), {})],
    "hashed": [((1,), {}), ((1, 3), {})],
    "below": [((1,), {}), ((1, 3), {})],
    "silent": [((1,), {}), ((1, 3), {})],
    "taken_further": [((1, "a"), {}), ((1, "b"), {})],
}


def outcome(deed: Callable[[], Any]) -> object:
    """What it returns, or the error it raises."""
    try:
        return deed()
    except Exception as fault:
        return type(fault), str(fault).replace("_of_", "").replace(".<locals>.Value", "")


def is_of_ours(made: type) -> bool:
    return inspect.unwrap(made.__repr__).__module__ == frozen.__name__


@pytest.fixture(params=SHAPES, ids=list(SHAPES))
def pair(request: pytest.FixtureRequest) -> tuple[type, type, list[Any], list[Any]]:
    """A class made by each, and the same objects of both."""
    ours, theirs = SHAPES[request.param]
    given = ARGUMENTS[request.param]
    return ours, theirs, [ours(*a, **k) for a, k in given], [theirs(*a, **k) for a, k in given]


def test_each_shares_its_functions_but_those_that_say_otherwise() -> None:
    assert [name for name, (made, _) in SHAPES.items() if is_of_ours(made)] == [
        name for name in SHAPES if name not in ("own", "hashed")
    ]


def test_two_are_equal_shown_and_hashed_as_those_of_the_standard_library(pair: tuple[type, type, list[Any], list[Any]]) -> None:
    _, _, ours, theirs = pair
    assert [repr(one) for one in ours] == [repr(one) for one in theirs]
    assert [[a == b for a in ours] for b in ours] == [[a == b for a in theirs] for b in theirs]
    assert [outcome(lambda one=one: hash(one)) for one in ours] == [outcome(lambda one=one: hash(one)) for one in theirs]
    for one, other in zip(ours, theirs, strict=True):
        assert one != other and one.__eq__(3) is NotImplemented or "own" in type(one).__qualname__
        assert repr(dataclasses.asdict(one)) == repr(dataclasses.asdict(other))


def test_nothing_of_one_can_be_changed(pair: tuple[type, type, list[Any], list[Any]]) -> None:
    """An attribute that is no field: the standard library of 3.11 refuses it too, but by a TypeError of its own."""
    ours_, _, ours, theirs = pair
    names = [one.name for one in dataclasses.fields(ours_)]
    for name in (*names, "nothing", "of_all", "__class__"):
        for one, other in zip(ours, theirs, strict=True):
            before = repr(one)
            for change in (lambda it, name=name: setattr(it, name, 9), lambda it, name=name: delattr(it, name)):
                refused, theirs_ = outcome(lambda one=one, change=change: change(one)), outcome(lambda o=other, c=change: c(o))
                assert refused == theirs_ if name in names else refused is not None and theirs_ is not None, name
            assert repr(one) == before
            assert hasattr(one, "__dict__") == hasattr(other, "__dict__")


def test_copies_are_the_same(pair: tuple[type, type, list[Any], list[Any]]) -> None:
    _, _, ours, theirs = pair
    for one, other in zip(ours, theirs, strict=True):
        for copied in (copy.copy, copy.deepcopy, dataclasses.replace):
            assert repr(outcome(lambda one=one, copied=copied: copied(one))) == repr(
                outcome(lambda other=other, copied=copied: copied(other))
            )
        state = outcome(lambda one=one: one.__getstate__())
        assert repr(state) == repr(outcome(lambda other=other: other.__getstate__()))


def test_what_can_be_asked_of_the_class_is_the_same(pair: tuple[type, type, list[Any], list[Any]]) -> None:
    ours, theirs, _, _ = pair
    described = [
        (one.name, one.type, one.default, one.default_factory, one.init, one.repr, one.compare, one.hash, one.kw_only)
        for one in dataclasses.fields(ours)
    ]
    assert described == [
        (one.name, one.type, one.default, one.default_factory, one.init, one.repr, one.compare, one.hash, one.kw_only)
        for one in dataclasses.fields(theirs)
    ]
    for name in ("__doc__", "__match_args__", "__slots__", "__module__", "__annotations__"):
        assert getattr(ours, name, None) == getattr(theirs, name, None), name
    assert repr(ours.__dataclass_params__) == repr(theirs.__dataclass_params__)  # type: ignore[attr-defined]
    parameters = [[(p.name, p.kind, p.annotation) for p in inspect.signature(one).parameters.values()] for one in (ours, theirs)]
    assert parameters[0] == parameters[1]
    assert ours.__init__.__qualname__ == theirs.__init__.__qualname__  # type: ignore[misc]


@pytest.mark.parametrize(
    ("shape", "args", "named"),
    [
        ("plain", (), {}),
        ("plain", (1,), {}),
        ("plain", (1, "a", (), [], 5), {}),
        ("plain", (1, "a"), {"fifth": 5}),
        ("plain", (1, "a"), {"first": 5}),
        ("empty", (1,), {}),
        ("checked", (5, 3), {}),
    ],
)
def test_what_cannot_be_made_is_refused_alike(shape: str, args: tuple[Any, ...], named: dict[str, Any]) -> None:
    ours, theirs = SHAPES[shape]
    assert outcome(lambda: ours(*args, **named)) == outcome(lambda: theirs(*args, **named))


def test_a_default_that_is_made_is_made_for_each() -> None:
    ours, _ = SHAPES["plain"]
    one, other = ours(1, "a"), ours(1, "a")
    one.fourth.append(1)
    assert (one.fourth, other.fourth) == ([1], [])


def test_one_that_holds_itself_is_shown() -> None:
    ours, _ = SHAPES["generic"]
    held: list[Any] = []
    one = ours(held)
    held.append(one)
    assert repr(one).endswith("(what=[...], self_=0)")


@given(st.integers(), st.text(), st.lists(st.integers()).map(tuple), st.lists(st.integers(), max_size=3))
def test_any_two_values(first: int, second: str, third: tuple[int, ...], fourth: list[int]) -> None:
    (ours, theirs), given_ = SHAPES["plain"], (first, second, third, fourth)
    assert repr(ours(*given_)) == repr(theirs(*given_)) and ours(*given_) == ours(*given_)
    assert (ours(1, "", third) == ours(first, second)) == (theirs(1, "", third) == theirs(first, second))


Outside = plain(frozen.dataclass)
Outside.__qualname__ = "Outside"
"""A class that pickle finds by its name."""


def test_one_comes_back_from_pickle() -> None:
    one = Outside(1, "a", (2,), [3])
    assert pickle.loads(pickle.dumps(one)) == one


def test_other_options_are_the_standard_librarys() -> None:
    @frozen.dataclass
    class Bare:
        """It can be changed."""

        first: int = 1

    @frozen.dataclass(slots=True, order=True)
    class Ordered:
        """It has an order."""

        first: int = 1

    bare = Bare()
    bare.first = 2
    assert bare == Bare(2) and Ordered(1) < Ordered(2) and not hasattr(Ordered(), "__dict__")


def test_the_product_defines_its_frozen_classes_fast_where_it_may_know_the_core() -> None:
    rooms = ("jitd.core", "jitd.settings", "jitd.deciding", "jitd.lifecycle", "jitd.verbs", "jitd.server", "jitd.store")
    known = [module for module in MODULES if module.name.startswith(rooms) and module.name != "jitd.core.frozen"]
    frozen_ = [module for module in known if "@dataclass(frozen=True, slots=True)" in module.text]
    assert len(frozen_) > 50
    assert [module.place for module in frozen_ if "from dataclasses import dataclass" in module.text] == []
