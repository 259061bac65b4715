# SPDX-License-Identifier: Apache-2.0
"""Numbers that a person types. click's own types with bounds would write inequalities into the help and into errors."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import click

Read = Callable[[click.Context, click.Parameter, Any], Any]


def number(kind: type[float], least: float, most: float = math.inf, *, said: str) -> Read:
    """Return the callback of an option that takes a number of the type ``kind`` (int or float) from ``least`` to ``most``. The
    callback raises BadParameter: it must be ``said``. Without the option, it returns None.
    """

    def read(context: click.Context, option: click.Parameter, typed: Any) -> float | None:
        try:
            value = None if typed is None else kind(typed)
        except ValueError:
            raise click.BadParameter(f"must be {said}") from None
        if value is not None and not least <= value <= most:  # also NaN
            raise click.BadParameter(f"must be {said}")
        return value

    return read


record_number = number(int, 0, said="a whole number, 0 or more")  # 0 stands before the first one
