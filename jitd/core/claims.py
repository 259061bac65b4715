# SPDX-License-Identifier: Apache-2.0
"""What comes with a request beside the command: what its client says, and where it was asked.

Law: nothing of it is believed but what an enforcement point says, which is root's.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitd.core.run import Process


@dataclass(frozen=True, slots=True)
class Claims:
    """What the client said beside the command, and nobody can check."""

    reason: str | None
    tty: bytes | None
    login_session: int
    parents: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """The enforcement point that asks, and what it says, being root's: at which stage of its stack, from where the person comes,
    what they were authenticated by before. ``process`` is the peer's, where a login session is to begin.
    """

    stage: str
    remote_host: str | None
    authenticated: str | None
    process: Process | None
