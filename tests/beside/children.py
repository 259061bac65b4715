# SPDX-License-Identifier: Apache-2.0
"""Children of the daemon that run something of the tests' own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jitd.beside.doors import ChildDoor
from jitd.beside.helpers import Helper


class OwnChild(ChildDoor):
    """A child as any other, but that the ``main`` of ``module`` is what it runs."""

    def __init__(
        self,
        module: str,
        helper: Helper,
        options: Mapping[str, Any] | None = None,
        passed: Callable[[], Mapping[str, int]] = dict,
        account: str | None = None,
    ) -> None:
        super().__init__(helper, options or {}, passed, account)
        self.module = module
