# SPDX-License-Identifier: Apache-2.0
"""Has programs of administrators run: by jitd-programs, or by jitd-programs-net if the settings let them use the network.

Law: the daemon starts no program itself. What a program printed counts only if the program ended with status 0.
"""

from __future__ import annotations

from jitd.outside.client import Failed
from jitd.programs.client import Programs
from jitd.programs.messages import Printed, Run
from jitd.settings.outsiders import Program


class Running:
    """Runs programs by ``apart``, which has no network, and by ``networked``, which has the host's."""

    def __init__(self, apart: Programs, networked: Programs) -> None:
        self._apart = apart
        self._networked = networked

    async def run(self, name: str, program: Program, body: bytes, within: float) -> bytes | Failed:
        """Run ``program`` with ``body`` on its standard input, and return what it printed. ``within`` is in seconds."""
        by = self._networked if program.network else self._apart
        said = await by.run(Run(name, program.words, body, max(1, int(within * 1000))))
        return said.output if isinstance(said, Printed) else Failed(said.why)

    def close(self) -> None:
        """Close the connections, and end the processes that are children."""
        self._apart.close()
        self._networked.close()
