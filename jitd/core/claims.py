# SPDX-License-Identifier: Apache-2.0
"""Defines two parts of a request that do not belong to the command. The first part contains the claims of the client. The second
part contains the statements of the enforcement point. An enforcement point is the PAM module through which a program such as
sudo or sshd asks jitd.

Law: jitd does not trust the claims of a client. The daemon trusts the statements of an enforcement point, because the enforcement
point runs as root.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitd.core.run import Process
from jitd.core.values import BYTES, MANY, TYPED


@dataclass(frozen=True, slots=True)
class Claims:
    """The claims that the client sends in addition to the command. jitd cannot check these values."""

    reason: Annotated[str | None, TYPED]
    tty: Annotated[bytes | None, BYTES]
    login_session: int
    parents: Annotated[tuple[str, ...], MANY]


COMMAND = "command"  # the stage of a request by sudo's approval plugin


@dataclass(frozen=True, slots=True)
class Point:
    """The statements of the enforcement point, which the daemon trusts. The enforcement point runs as root.

    ``stage`` is the stage in the PAM stack, or COMMAND for sudo's approval plugin. ``remote_host`` is the host from which the
    person has connected. ``authenticated`` is the method with which the person authenticated to sshd before this request. sshd
    reports the method. ``process`` is the process that will begin a login session. ``process`` is None if the request does not
    begin a session.
    """

    stage: str
    remote_host: str | None
    authenticated: str | None
    process: Process | None
