# SPDX-License-Identifier: Apache-2.0
"""The part of the disk with jitd's state that is reserved. Below it, jitd writes only reviews, the ends of what has begun, and
what root does. So nobody who fills the disk prevents a revocation or root's own runs.

What is large, the recordings and the copies of commands, ends at twice the reserve. So whoever fills the disk by these does not
prevent the runs of others that need neither.
"""

from __future__ import annotations

import errno
import os

MOST = 256 << 20  # reserved bytes
PART = 20  # on a small disk, at most the PART-th part of the disk is reserved
BULK = 2  # recordings and copies of commands leave this number of reserves


def is_reached(place: str | os.PathLike[str] | int, n_reserves: int = 1) -> bool:
    """True if only ``n_reserves`` times the reserve is left on the disk of ``place``, which is a path or a descriptor. Also True
    if that cannot be determined.

    The blocks that a file system keeps for root are counted as free (statvfs(3), ``f_bfree``): jitd can use them, and other users
    cannot fill them.
    """
    try:
        found = os.statvfs(place)
    except OSError:
        return True
    return found.f_bfree * found.f_frsize < n_reserves * min(MOST, found.f_blocks * found.f_frsize // PART)


def spare(file: int) -> None:
    """Raise OSError (ENOSPC) if no more bulk may be written to ``file``, an open file."""
    if is_reached(file, BULK):
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} but jitd's reserve")
