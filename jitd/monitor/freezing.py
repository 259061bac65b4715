# SPDX-License-Identifier: Apache-2.0
"""Freezes and thaws all processes of a run. Processes in the run's control group are frozen by the group's freezer. All other
processes of the run are stopped by SIGSTOP.

Law: a process that was stopped before the freeze stays stopped after the thaw. SIGSTOP is weaker than the freezer, because
another process of the same account can continue a stopped process, and a user manager can move a process out of the group. A
process that goes on is stopped again, and if that happens again and again, the run cannot be frozen.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress

from jitd.monitor.housing import Housing
from jitd.monitor.signalling import Pid, is_stopped, members, set_freezer, signal_all, signal_until_none_is_new, state_of

MOST_ON = 3  # looks that may find a process that goes on although its run is frozen. The first one may have missed some.


class Freezer:
    """Freezes and thaws a run. ``is_sure``: all of it was in a control group with a freezer that only root controls."""

    def __init__(self, housing: Housing) -> None:
        self._housing = housing
        self._held: set[Pid] = set()
        self.is_sure = False
        self._n_looks = self._n_on = 0

    @property
    def is_in_vain(self) -> bool:
        """True if processes of the frozen run have gone on again and again."""
        return self._n_on >= MOST_ON

    def freeze(self) -> None:
        """Freeze the run. Repeated as long as it must stay frozen: each call finds processes that others have missed."""
        group = self._group()
        has_freezer = group is not None and set_freezer(group, "1")
        frozen = members([group]) if has_freezer and group is not None else set()
        outside = self._housing.found() - frozen
        self.is_sure = has_freezer and not outside
        # a process that waits in the kernel (D) has not gone on: it stops when it returns to its program
        self._n_on += self._n_looks > 0 and any(state_of(pid) in b"RS" for pid in outside)
        self._n_looks += 1

        def going_on() -> set[Pid]:
            return {pid for pid in self._housing.found() - frozen if not is_stopped(pid)}

        self._held |= signal_until_none_is_new(going_on, signal.SIGSTOP)

    def thaw(self) -> None:
        """Let the processes continue."""
        held, self._held = self._held, set()
        signal_all(lambda: self._housing.found() & held, signal.SIGCONT)
        if (group := self._group()) is not None:
            with suppress(OSError):
                set_freezer(group, "0")
        self.is_sure = False
        self._n_looks = self._n_on = 0

    def _group(self) -> str | None:
        directory = self._housing.directory
        if directory is None:
            return None
        group = f"{directory}/command"
        return group if os.path.exists(f"{group}/cgroup.freeze") else None
