# SPDX-License-Identifier: Apache-2.0
"""``when``: a rule's own condition. It was compiled elsewhere, and is a pure function of the values of its names here.

Law: pure. An expression whose names are not all known fails before it is evaluated, since ``error || true`` is true. What is not
the boolean true does not hold. An expression that fails denies, in a permit and in a deny.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from jitd.core.facts import Facts, Unasked, Unknown, Value


class WhenFailed(Exception):
    """The expression could not be evaluated. The text is a sentence for people, without a full stop."""


@dataclass(frozen=True, slots=True)
class When:
    """A compiled condition. ``text`` is the expression as it was written. ``names`` are the names that it uses, such as
    ``fact.load`` or ``claim.reason``. ``evaluate`` gets a value for each of them; it raises WhenFailed.
    """

    text: str
    names: frozenset[str]
    evaluate: Callable[[Mapping[str, Value]], bool] = field(compare=False, repr=False)

    def holds(self, known: Facts) -> bool:
        """True if the condition holds. Raises Unasked if a name is not in ``known``, WhenFailed if a value is unknown or the
        expression fails.
        """
        missing = self.names - known.keys()
        if missing:
            raise Unasked(missing)
        values: dict[str, Value] = {}
        for name in sorted(self.names):
            value = known[name]
            if isinstance(value, Unknown):
                raise WhenFailed(f"{name} is not known: {value.why}")
            values[name] = value
        return self.evaluate(values) is True
