# SPDX-License-Identifier: Apache-2.0
"""All who are asked outside, made from the settings: providers, gatekeepers, and the two processes that ask them.

Law: nobody is asked, and no process is started, before somebody has a question.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from jitd.asking.gatekeepers import Gatekeepers, Now
from jitd.asking.providers import Providers
from jitd.asking.reaching import Reaching
from jitd.asking.running import Running
from jitd.outside import client as outside
from jitd.programs import client as programs
from jitd.settings.config import Config
from jitd.settings.outsiders import key_files

NONCE = 16
"""Bytes of randomness in the nonce of a question."""


class Outsiders:
    """All who are asked outside. ``is_direct`` is True if systemd does not start the two processes, so that the daemon has to.
    ``monotonic`` returns seconds on a clock that only goes forward.
    """

    def __init__(self, config: Config, now: Now, monotonic: Callable[[], float], *, is_direct: bool) -> None:
        keys = key_files(config.providers, config.gatekeepers)
        door = outside.door_by_child(lambda: keys) if is_direct else outside.door_by_socket(config.outside)
        way = programs.child if is_direct else programs.service
        self._outside = outside.Outside(door)
        self._running = Running(*(programs.Programs(way(name)) for name in (programs.APART, programs.NETWORKED)))
        reaching = Reaching(self._outside, self._running, config.host)
        self.providers = Providers(config.providers, reaching, monotonic)
        self.gatekeepers = Gatekeepers(config.gatekeepers, reaching, now, lambda: secrets.token_hex(NONCE))

    def close(self) -> None:
        """Close the connections, and end the processes that are children."""
        self._outside.close()
        self._running.close()
