# SPDX-License-Identifier: Apache-2.0
"""Who can change a file. Each helper imports this at its start, so it needs little."""

from __future__ import annotations

import stat


def who_else_may_write(uid: int, mode: int, owner: int) -> str | None:
    """Return why a file or directory of ``uid`` and ``mode`` is not only root's and ``owner``'s to write, or None."""
    if uid not in (0, owner):
        return f"belongs to uid {uid}, not to root"
    if mode & stat.S_IWOTH:
        return "may be written by anyone"
    if mode & stat.S_IWGRP:
        return "may be written by its group"
    return None
