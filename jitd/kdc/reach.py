# SPDX-License-Identifier: Apache-2.0
"""Whether no KDC of the realm can be reached, as the daemon itself has found out. Only then a local password counts.

Law: the KDCs are unreachable only after two looks of the daemon's own that all of them left unanswered, at most WITHIN seconds
apart. Any answer of any KDC ends that. A look that could not be made counts as an answer. No word of a client counts.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

from jitd.kdc.reaching import PATIENCE, RESOLVING, UNANSWERED

PROGRAM = "import sys; sys.path.append(sys.argv[1]); from jitd.kdc.reaching import main; raise SystemExit(main())"
PACKAGES = str(Path(__file__).resolve().parents[2])
"""The directory that holds ``jitd``."""
WITHIN = 30.0
"""Seconds in which two looks have to fail."""
LONGEST = RESOLVING + PATIENCE + 5.0
"""Seconds after which a look is ended; then it counts as one that could not be made."""
APART = 1.0
"""Seconds from the end of one look to the next: a KDC that is started anew must not be called unreachable."""
FRESH_FOR = 2.0
"""Seconds for which the result of a look is used again. Everybody who asks meanwhile has the same answer."""


def is_unanswered(realm: str, client: str) -> bool:
    """Look once: True if every KDC of ``realm`` that krb5.conf names left the question of ``client`` unanswered.

    A separate process asks, and is killed if it takes too long; then the answer is False. Blocks. Raises nothing.
    """
    question = json.dumps({"realm": realm, "client": client}).encode("ascii")
    environment = {name: os.environ[name] for name in ("KRB5_CONFIG",) if name in os.environ}
    try:
        done = subprocess.run(
            [sys.executable, "-IS", "-c", PROGRAM, PACKAGES], input=question, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, env=environment, cwd="/", timeout=LONGEST, check=False, start_new_session=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return done.returncode == UNANSWERED


def boot_clock() -> float:
    """Return the seconds since the host was started, times of sleep included."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Reach:
    """Says whether no KDC can be reached. ``look`` is True if all KDCs left it unanswered; it may block. Threads may share it."""

    def __init__(
        self, look: Callable[[], bool], clock: Callable[[], float] = boot_clock, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._look = look
        self._clock = clock
        self._pause = pause
        self._one_at_a_time = threading.Lock()
        self._failed: list[float] = []  # when the looks of late have failed, without an answer since
        self._looked_at = float("-inf")

    def is_unreachable(self) -> bool:
        """Look, once or twice, and return True if no KDC can be reached. Blocks for 23 seconds at most, and while others look."""
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
