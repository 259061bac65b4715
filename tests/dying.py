# SPDX-License-Identifier: Apache-2.0
"""Has this process killed at one of its calls: what a child of a test does, to show what it leaves behind."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterable
from typing import Any


def die_before(number: int, calls: Iterable[tuple[Any, str]]) -> None:
    """From now on, be killed in the place of call ``number`` of those: attributes of modules, by name."""
    n_calls = 0

    def counted(call: Callable[..., object]) -> Callable[..., object]:
        def made(*args: object, **more: object) -> object:
            nonlocal n_calls
            n_calls += 1
            if n_calls == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return call(*args, **more)

        return made

    for module, name in calls:
        setattr(module, name, counted(getattr(module, name)))
