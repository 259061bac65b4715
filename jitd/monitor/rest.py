# SPDX-License-Identifier: Apache-2.0
"""Ends what is left of a run whose monitor was killed, and that something holds (see ``held``).

The kernel has killed the processes in the run's pid namespace, and the daemon those in its control group. The daemon itself may
neither signal a tracer nor abort a mount, so the launcher forks this process.
Law: nothing is reported here. The daemon reports the end of the run after this process has noted that no process is left.
"""

from __future__ import annotations

import os
import time
from collections.abc import Collection
from contextlib import suppress

from jitd.monitor.held import free
from jitd.monitor.limits import LOOK_AGAIN
from jitd.monitor.places import EMPTY, init_of, note, plate_lines, started_at
from jitd.monitor.signalling import Pid, look_at, members


def end_rest(plate: int) -> None:
    """End the processes of the run of the open ``plate``, and note that none is left. Raises OSError, ValueError."""
    place, *lines = plate_lines(plate)
    groups = [os.fsdecode(place)] if place else []
    while left := _living(groups, init_of(lines)):
        for group in groups:
            with suppress(OSError), open(f"{group}/cgroup.kill", "w", encoding="ascii") as file:
                file.write("1")
        free(left)
        time.sleep(LOOK_AGAIN)
    note(plate, EMPTY)


def _living(groups: Collection[str], init: tuple[Pid, int] | None) -> set[Pid]:
    """Return the processes that have not ended in ``groups`` and in the pid namespace of ``init``, without ``init`` itself."""
    found = members(groups)
    if init is not None:
        inside = _namespace_of(init[0])
        within = {pid for name in os.listdir("/proc") if name.isdigit() and _namespace_of(pid := int(name)) == inside}
        if started_at(init[0]) == init[1]:  # it ends last; after that, another process and namespace may have these numbers
            found = (found | within) - {init[0]}
    return {pid for pid in found if not look_at(pid)[1]}


def _namespace_of(pid: Pid) -> int | None:
    """Return the number of the pid namespace of a process, or None if the process has ended."""
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return None
