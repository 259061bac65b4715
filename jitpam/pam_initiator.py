# SPDX-License-Identifier: Apache-2.0
"""The helper process of the PAM module. This process changes to the user's account, and makes a token from the user's credential
cache.

Law: this process gives up all of root's rights before it opens a file of the user. The helper only authenticates the user, and
makes no decisions. Processes of the user cannot trace the helper, because a process that gave up root's rights is not dumpable
(prctl(2), PR_SET_DUMPABLE).
"""

from __future__ import annotations

# ruff: noqa: E402
import os
import sys

sys.path[:] = [place for place in sys.path if place.startswith("/usr/lib/python3")]

import binascii
import json
import pwd
import signal
from _socket import MSG_NOSIGNAL, socket  # importing `socket` would make each start 5 ms longer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PROOF = b"jitd proof 1\n"
OURS = "/usr/lib/jitd"
ENDS_WITHIN = 12
"""Seconds after which SIGALRM ends this process, even if a call hangs and the PAM module has already ended."""
FRAME_LIMIT = 256 * 1024


def main() -> None:
    """Answer the module's questions on descriptor 0, until no more questions come."""
    signal.alarm(ENDS_WITHIN)
    os.closerange(3, 1 << 20)  # sudo does not close the caller's descriptors
    module = socket(fileno=0)
    try:
        asked = hear(module)
        become(int(asked["uid"]))
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
    """Send a token, read jitd's answer to the token, and send the proof. Raises NotAuthenticated, Unproved, OSError or
    ValueError.
    """
    binding = binascii.a2b_base64(asked["binding"])
    cache = None if asked["cache"] is None else binascii.a2b_base64(asked["cache"])
    sys.path.insert(0, OURS)
    from jitpam.initiator import Initiator

    initiator = Initiator(asked["host"], cache)
    initiator.obtain_ticket()
    say(module, {"type": "token", "token": _b64(initiator.first_token(binding))})
    initiator.finish(binascii.a2b_base64(hear(module)["token"]))
    say(module, {"type": "proof", "proof": _b64(initiator.wrap(PROOF + binding))})


def say(module: socket, words: dict[str, str]) -> None:
    """Send one frame. Raises OSError."""
    body = json.dumps(words).encode("ascii")
    module.sendall(len(body).to_bytes(4, "big") + body, MSG_NOSIGNAL)


def hear(module: socket) -> dict[str, Any]:
    """Receive one frame. Raises OSError, EOFError or ValueError."""
    words: dict[str, Any] = json.loads(_exactly(module, min(FRAME_LIMIT, int.from_bytes(_exactly(module, 4), "big"))))
    return words


def _exactly(module: socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        more = module.recv(count - len(data))
        if not more:
            raise EOFError("the module is gone")
        data += more
    return data


def _b64(data: bytes) -> str:
    return binascii.b2a_base64(data, newline=False).decode("ascii")


if __name__ == "__main__":
    try:
        main()
    finally:
        os._exit(0)  # nobody reads the status
