# SPDX-License-Identifier: Apache-2.0
"""Doors to processes that are not as the product has them: under an account that every host has, or with a ``main`` of the
tests' own.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TypeVar
from unittest.mock import patch

from jitd.beside import connecting
from jitd.beside.connecting import ChildConnector, SocketConnector
from jitd.beside.processes import Helper

D = TypeVar("D", ChildConnector, SocketConnector)


def of_account(account: str, connector: D) -> D:
    """``connector``, to a process that has to be ``account``: a name, or a uid in digits."""
    connector.account = account
    return connector


class OwnChild(ChildConnector):
    """A child as any other, but that the ``main`` of ``module`` is what it runs."""

    def __init__(
        self,
        module: str,
        helper: Helper,
        options: Mapping[str, object] = MappingProxyType({}),
        passed: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        super().__init__(helper, options, passed)
        self._program = connecting.PROGRAM.replace("jitd.beside_process", module)

    async def open(self) -> socket.socket:
        with patch.object(connecting, "PROGRAM", self._program):
            return await super().open()
