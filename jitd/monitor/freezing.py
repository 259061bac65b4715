# SPDX-License-Identifier: Apache-2.0
"""Holds all processes of a run still, and lets them go on: by the freezer of their control group, others by SIGSTOP.

Law: a process that was stopped before stays stopped when the others go on. What SIGSTOP holds is held as well as that can be
done: another process of the same account can continue it, and then it is stopped again.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from jitd.monitor.housing import Housing
from jitd.monitor.signalling import Pid, is_stopped, members, set_freezer, signal_all, signal_until_none_is_new


class Freezer:
    """The processes of one run. ``is_sure``: they are in a control group with a freezer, which only root can open."""

    def __init__(self, housing: Housing) -> None:
        self._housing = housing
        self._held: set[Pid] = set()
        self.is_sure = False

    def freeze(self) -> None:
        """Hold all processes of the run still. To be called again as long as they are to stay so: it finds what was missed."""
        group = self._group()
        self.is_sure = group is not None and set_freezer(group, "1")
        frozen = members([group]) if self.is_sure and group is not None else set()

        def going_on() -> set[Pid]:
            return {pid for pid in self._housing.found() - frozen if not is_stopped(pid)}

        self._held |= signal_until_none_is_new(going_on, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        held, self._held = self._held, set()
        signal_all(lambda: self._housing.found() & held, signal.SIGCONT)
        if (group := self._group()) is not None:
            with suppress(OSError):
                set_freezer(group, "0")
        self.is_sure = False

    def _group(self) -> str | None:
        directory = self._housing.directory
        if directory is None:
            return None
        group = f"{directory}/command"
        return group if os.path.exists(f"{group}/cgroup.freeze") else None
