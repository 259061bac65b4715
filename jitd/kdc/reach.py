# SPDX-License-Identifier: Apache-2.0
"""The daemon itself checks whether any KDC of the realm can be reached. A local password is accepted only if no KDC can be
reached.

Law: the KDCs are treated as unreachable only after two failed checks by the daemon itself. A check fails if no KDC has answered.
The two checks are at most WITHIN seconds apart. Any answer of any KDC ends the state "unreachable". A check that could not be
made is treated as if a KDC had answered. Nothing that a client sends has an effect on the result.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from jitd.kdc.reaching import PATIENCE, RESOLVING, UNANSWERED
from jitd.kdc.seeking import SEEK, Seek
from jitd.packages import places

PROGRAM = "import sys; sys.path += sys.argv[1:]; from jitd.kdc.reaching import main; raise SystemExit(main())"
WITHIN = 30.0  # seconds at most between the two failed checks after which jitd treats the KDCs as unreachable
LONGEST = RESOLVING + PATIENCE + 5.0  # seconds after which a check is ended, which then is like one that could not be made
APART = 1.0  # seconds between two checks: a KDC that only restarts must not be treated as unreachable
FRESH_FOR = 2.0  # seconds for which the result of a check is reused. During this time all callers get the same result.


def is_unanswered(realm: str, client: str) -> bool:
    """Make one check. Return True if none of the KDCs that krb5.conf names for ``realm`` answers a request of ``client``.

    A separate process sends the requests. If the process takes too long, it is killed, and the result is False. Blocks. Raises
    nothing.
    """
    environment = {name: os.environ[name] for name in ("KRB5_CONFIG",) if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-IS", "-c", PROGRAM, *places()],
            input=SEEK.write(Seek(realm, client)),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=environment,
            cwd="/",
            timeout=LONGEST,
            check=False,
            start_new_session=True,
        )
    except (OSError, ValueError, subprocess.SubprocessError):
        return False
    return done.returncode == UNANSWERED


def boot_clock() -> float:
    """Return the seconds since the host was started, including the time in which the host was suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Reach:
    """Finds out whether any KDC can be reached. ``look`` returns True if none has answered, and may block. For any thread."""

    def __init__(
        self, look: Callable[[], bool], clock: Callable[[], float] = boot_clock, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._look = look
        self._clock = clock
        self._pause = pause
        self._one_at_a_time = threading.Lock()
        self._failed: list[float] = []  # times of the latest failed checks; an answer empties the list
        self._looked_at = float("-inf")

    def is_unreachable(self) -> bool:
        """Check at most twice, because a recent result is reused (FRESH_FOR). Return True if no KDC can be reached. This call
        blocks for at most 23 seconds. If other threads check at the same time, the time of their checks is added.
        """
        with self._one_at_a_time:
            if self._clock() - self._looked_at >= FRESH_FOR:
                self._look_now()
                if len(self._failed) == 1:
                    self._pause(APART)
                    self._look_now()
            return len(self._failed) > 1

    def _look_now(self) -> None:
        is_failed = self._look()
        now = self._looked_at = self._clock()
        self._failed = [*(at for at in self._failed if now - at <= WITHIN), now][-2:] if is_failed else []
