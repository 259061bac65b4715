# SPDX-License-Identifier: Apache-2.0
"""How long a monitor waits for what, and by which signals a person ends a command before it begins.

Law: each time is in seconds. None of them can be set: what is right for one run is right for all.
"""

from __future__ import annotations

import signal

PATIENCE = 10.0
"""Seconds that a client may take to hand over its streams, and that the daemon may be gone before the command has begun."""
READY_WITHIN = 30.0
"""Seconds until the command must be ready to begin. Its file may take 20 of them, and its directory may be on a dead server."""
GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL for a run that is stopped."""
LEAVE = 5.0
"""Seconds between SIGHUP and SIGKILL: for processes that a command leaves behind, and for a command whose client is gone."""
STALL = 1.0
"""Seconds that a client may take to read the last output of a run that did not end by itself."""
LOOK_AGAIN = 0.03
"""Seconds between two checks whether all processes of the run have ended."""
ENDED = "it was ended before it began"
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
"""Signals by which a person ends a command before it begins. The client then ends by the same signal."""
