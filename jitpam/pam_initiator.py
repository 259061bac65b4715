# SPDX-License-Identifier: Apache-2.0
"""The initiator of the PAM module. This process changes to the user's account, and makes a token from the user's credential
cache.

Law: this process gives up all of root's rights before it opens a file of the user. The initiator only authenticates the user, and
makes no decisions. Processes of the user cannot trace the initiator, because a process that gave up root's rights is not dumpable
(prctl(2), PR_SET_DUMPABLE).
"""

from __future__ import annotations

# ruff: noqa: E402
import os
import sys

OURS = "/usr/lib/jitd"
sys.path[:] = [OURS, *(place for place in sys.path if place.startswith("/usr/lib/python3"))]

import pwd
import signal
from _socket import MSG_NOSIGNAL, socket  # importing `socket` would make each start 5 ms longer

from jitpam.wire import coding, notation
from jitpam.wire.framing import FrameReader, frame

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

PROOF = b"jitd proof 1\n"
_TEXT, _COUNT, _BYTES = coding.READ["str"], coding.READ["Count"], coding.READ["bytes"]
ASKED = {"uid": _COUNT, "cache": coding.READ["bytes | None"], "host": _TEXT, "binding": _BYTES}
"""The fields of the module's question, and how they are read."""
ANSWERED = {"token": _BYTES}  # the fields of jitd's answer to the token, which the module passes on
ENDS_WITHIN = 12
"""Seconds after which SIGALRM ends this process, even if a call hangs and the PAM module has already ended."""


def main() -> None:
    """Answer the module's questions on descriptor 0, until no more questions come."""
    signal.alarm(ENDS_WITHIN)
    os.closerange(3, 1 << 20)  # sudo does not close the caller's descriptors
    module = socket(fileno=0)
    try:
        asked = hear(module, ASKED)
        become(asked["uid"])
        prove(module, asked)
    except Exception as fault:
        because = str(fault) if type(fault).__module__ == "jitpam.initiator" else f"{type(fault).__name__}: {fault}"
        say(module, {"type": "refused", "text": because})


def become(uid: int) -> None:
    """Change to the rights of the account ``uid``, and give up all other rights. Raises OSError, KeyError or PermissionError."""
    account = pwd.getpwuid(uid)
    os.initgroups(account.pw_name, account.pw_gid)
    os.setresgid(account.pw_gid, account.pw_gid, account.pw_gid)
    os.setresuid(uid, uid, uid)
    if uid == 0 or os.getresuid() != (uid, uid, uid) or os.getresgid() != (account.pw_gid,) * 3:
        raise PermissionError("this process still has rights of root")
    os.environ.clear()
    os.chdir("/")


def prove(module: socket, asked: dict[str, Any]) -> None:
    """Send a token, read jitd's answer to the token, and send the proof. Raises NotAuthenticated, Unproved, and what ``hear``
    raises.
    """
    from jitpam.initiator import Initiator

    initiator = Initiator(asked["host"], asked["cache"])
    initiator.obtain_ticket()
    say(module, {"type": "token", "token": coding.write_bytes(initiator.first_token(asked["binding"]))})
    initiator.finish(hear(module, ANSWERED)["token"])
    say(module, {"type": "proof", "proof": coding.write_bytes(initiator.wrap(PROOF + asked["binding"]))})


def say(module: socket, words: dict[str, str]) -> None:
    """Send one frame. Raises OSError."""
    module.sendall(frame(notation.write(words)), MSG_NOSIGNAL)


def hear(module: socket, readers: Mapping[str, Any]) -> dict[str, Any]:
    """Receive one frame, and return its fields. Raises OSError, EOFError, RemoteProtocolError or ValueError."""
    frames = FrameReader()
    while (body := frames.next_frame()) is None:
        data = module.recv(65536)
        if not data:
            raise EOFError("the module is gone")
        frames.feed(data)
    return coding.read_fields("the module's message", coding.read_object(body), readers)


if __name__ == "__main__":
    try:
        main()
    finally:
        os._exit(0)  # nobody reads the status
