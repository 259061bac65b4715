# SPDX-License-Identifier: Apache-2.0
"""The host's own libpam: what it answers to a stack that lies in some directory."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

CONVERSE = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.c_int, ctypes.c_void_p, ctypes.POINTER(ctypes.c_void_p), ctypes.c_void_p, use_errno=False
)
SIZE_OF_RESPONSE = 16


class Conversation(ctypes.Structure):
    _fields_ = [("converse", CONVERSE), ("data", ctypes.c_void_p)]


PAM: Any = ctypes.CDLL("libpam.so.0")
LIBC: Any = ctypes.CDLL(None)
LIBC.calloc.restype = ctypes.c_void_p
PAM.pam_start.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Conversation), ctypes.POINTER(ctypes.c_void_p))
PAM.pam_start_confdir.argtypes = (
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.POINTER(Conversation),
    ctypes.c_char_p,
    ctypes.POINTER(ctypes.c_void_p),
)
for name in ("pam_acct_mgmt", "pam_open_session", "pam_end"):
    getattr(PAM, name).argtypes = (ctypes.c_void_p, ctypes.c_int)


@CONVERSE
def nod(count: int, _messages: Any, answers: Any, _data: Any) -> int:
    """Take whatever a module says."""
    answers[0] = LIBC.calloc(count, SIZE_OF_RESPONSE)  # the library frees it
    return 0


CONVERSATION = Conversation(nod, None)
CALLS = {"account": "pam_acct_mgmt", "session": "pam_open_session"}


def answer(service: str, kind: str, directory: Path | None) -> int | None:
    """What libpam answers; None if it refuses the service. ``directory`` None is /etc/pam.d."""
    handle = ctypes.c_void_p()
    begin = (service.encode(), b"root", ctypes.byref(CONVERSATION))
    if directory is None:
        code = PAM.pam_start(*begin, ctypes.byref(handle))
    else:
        code = PAM.pam_start_confdir(*begin, str(directory).encode(), ctypes.byref(handle))
    try:
        return int(getattr(PAM, CALLS[kind])(handle, 0)) if code == 0 else None
    finally:
        if handle:
            PAM.pam_end(handle, code)
