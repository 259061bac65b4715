# SPDX-License-Identifier: Apache-2.0
"""The daemon's end of the connections to jitd-programs and jitd-programs-net."""

from __future__ import annotations

from jitd.beside.asking import Client
from jitd_outsiders.programs.messages import Answer, Run
from jitd_outsiders.programs.questions import RUN


class Programs(Client):
    """Lets a process run programs. Many programs may run at the same time. If a call is cancelled, the program is killed."""

    async def run(self, run: Run) -> Answer:
        return await self.ask(RUN, run)
