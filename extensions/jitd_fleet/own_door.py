# SPDX-License-Identifier: Apache-2.0
"""The door of this host, as those find it that carry bytes to it."""

from __future__ import annotations

import posix  # importing `os` would make each start 1 ms longer

SOCKET = "/run/jitd/door.sock"
PIECE = 64 * 1024  # maximum number of bytes that are taken from one side at a time


def why_not(fault: OSError) -> str:
    """Return why the door of this host cannot be reached, as a sentence."""
    if isinstance(fault, FileNotFoundError):
        return f"there is no {SOCKET}: this host has no door (jitd-door(8) says how to open one)"
    if isinstance(fault, PermissionError):
        return f"{SOCKET} is for the group jitd-door, and this account is not in it"
    if isinstance(fault, ConnectionRefusedError):
        return f"nobody listens at {SOCKET}: jitd does not run on this host"
    return f"{SOCKET}: {fault.strerror or fault}"


def say(words: str, descriptor: int) -> None:
    posix.write(descriptor, f"{words}\n".encode())
