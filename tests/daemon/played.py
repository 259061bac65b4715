# SPDX-License-Identifier: Apache-2.0
"""Tests that are coroutines, each in a loop of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

H = TypeVar("H")


def played(scene: Callable[[H], Coroutine[Any, Any, None]]) -> Callable[[H], None]:
    """A test of the coroutine ``scene``."""

    def test(house: H) -> None:
        asyncio.run(scene(house))

    test.__name__, test.__doc__, test.__module__ = scene.__name__, scene.__doc__, scene.__module__
    return test
