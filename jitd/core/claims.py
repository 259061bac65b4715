# SPDX-License-Identifier: Apache-2.0
"""What comes with a request beside the command: what its client says, and which enforcement point asked.

Law: what a client says is not believed. What an enforcement point says is believed, since it runs as root.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitd.core.run import Process


@dataclass(frozen=True, slots=True)
class Claims:
    """What the client said beside the command. Nobody can check it."""

    reason: str | None
    tty: bytes | None
    login_session: int
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """What the enforcement point says. It runs as root and is believed.

    ``stage`` is the stage of the PAM stack, ``remote_host`` where the person comes from, ``authenticated`` what has
    authenticated them before. ``process`` is the process that asks, if a login session is to begin.
    """

    stage: str
    remote_host: str | None
    authenticated: str | None
    process: Process | None
