# SPDX-License-Identifier: Apache-2.0
"""Runs the programs that administrators have set up in jitd.toml. Two processes run these programs for the daemon. If the
settings allow network access for a program, jitd-programs-net runs it. jitd-programs runs all other programs, without network
access.

Law: the daemon itself starts no program. The output of a program is used only if the program ends with exit status 0.
"""

from __future__ import annotations

from jitd_outsiders.asking.settings import Program
from jitd_outsiders.programs.client import Programs
from jitd_outsiders.programs.messages import Failed, Printed, Run


class Running:
    """Runs programs in jitd-programs, which has no network (``apart``), or jitd-programs-net (``networked``)."""

    def __init__(self, apart: Programs, networked: Programs) -> None:
        self._apart = apart
        self._networked = networked

    async def run(self, name: str, program: Program, body: bytes, within: float) -> bytes | Failed:
        """Run ``program`` with ``body`` on its standard input, and return its output. The time limit ``within`` is in seconds."""
        by = self._networked if program.network else self._apart
        said = await by.run(Run(name, program.words, body, max(1, int(within * 1000))))
        return said.output if isinstance(said, Printed) else said

    def close(self) -> None:
        """Close the connections to the two processes. If they are children of the daemon, end them."""
        self._apart.close()
        self._networked.close()
