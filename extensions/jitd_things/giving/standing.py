# SPDX-License-Identifier: Apache-2.0
"""Takes back, when the daemon starts, what an earlier version has given as a kind that is gone, if no holding is about it. This
happens if the database was replaced.

Law: only what the earlier version has noted is taken. On a host without such notes, jitd-givers is not started for this.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from jitd.core.thing import FORMER_KIND
from jitd_things.givers.client import GiversLine
from jitd_things.givers.kind import Order, Strays, Taken
from jitd_things.givers.messages import Search, Take

NOTES = Path("/var/lib/jitd-givers/groups")
NAME, NOBODY = "former", "nobody"
"""The order has to name a giver and an account. The note alone says which they were."""


async def take_standing(
    line: GiversLine,
    live: Callable[[], Collection[str]],
    note: Callable[[str, dict[str, Any]], None],
    log: Callable[..., None],
    notes: Path = NOTES,
) -> None:
    """Take back each thing that has a note in ``notes`` and whose holding is not in ``live``. ``note`` writes into the record.
    What cannot be taken is told by ``log``, and tried again at the next start. Raises the exceptions of ``live`` and ``note``.
    """
    try:
        if not any(notes.iterdir()):
            return
    except OSError:
        return
    found = await line.ask(Search(FORMER_KIND, NAME, tuple(live())))
    for id in found.holdings if isinstance(found, Strays) else ():
        thing = {"holding": id, "thing": f"{FORMER_KIND}:{NAME}"}
        note("thing.stray", thing)
        said = await line.ask(Take(FORMER_KIND, Order(id, NAME, NOBODY, 0, 0)))
        if isinstance(said, Taken):
            note("thing.stray_gone", thing)
            log("what an earlier version has given was taken back", holding=id, left=said.left)
        else:
            log("what an earlier version has given is not taken back", holding=id, because=getattr(said, "why", ""))
