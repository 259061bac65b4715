# SPDX-License-Identifier: Apache-2.0
"""All who are asked outside, made from the settings: providers, gatekeepers, and the processes that ask them or carry messages.

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
from jitd.settings import channels
from jitd.settings.config import Config
from jitd.settings.outsiders import key_files
from jitd.terminals import client as terminals

NONCE = 16
"""Bytes of randomness in the nonce of a question."""


class Outsiders:
    """All who are asked outside. ``is_direct`` is True if systemd does not start the two processes, so that the daemon has to.
    ``monotonic`` returns seconds on a clock that only goes forward.
    """

    def __init__(self, config: Config, now: Now, monotonic: Callable[[], float], *, is_direct: bool) -> None:
        keys = {**key_files(config.providers, config.gatekeepers), **channels.key_files(config.notify)}
        door = outside.door_by_child(lambda: keys) if is_direct else outside.door_by_socket(config.outside)
        way = programs.child if is_direct else programs.service
        self.posts = outside.Outside(door)
        self.programs = Running(*(programs.Programs(way(name)) for name in (programs.APART, programs.NETWORKED)))
        self.terminals = terminals.Terminals(terminals.child() if is_direct else terminals.service())
        self.reaching = Reaching(self.posts, self.programs, config.host)
        self.providers = Providers(config.providers, self.reaching, monotonic)
        self.gatekeepers = Gatekeepers(config.gatekeepers, self.reaching, now, lambda: secrets.token_hex(NONCE))

    def close(self) -> None:
        """Close the connections, and end the processes that are children."""
        self.posts.close()
        self.programs.close()
        self.terminals.close()
