# SPDX-License-Identifier: Apache-2.0
"""The time limits of a monitor, and the signals by which a person ends a command before it begins.

Law: all times are in seconds. These limits cannot be configured, because the right value is the same for all runs.
"""

from __future__ import annotations

import signal

AWAY = 1.0
"""A client learns that its command was not started when the daemon knows it. If the daemon is disconnected for this number of
seconds, or is silent for PATIENCE seconds, the client does not wait for it any longer.
"""
PATIENCE = 10.0
"""Seconds within which a client must send its streams. The same limit applies to a disconnected daemon: if the daemon is
disconnected for more seconds before the command begins, the run is refused.
"""
READY_WITHIN = 30.0
"""Seconds within which the command's file and directory must be examined. Reading the file may take 20 seconds of this time. If
the directory is on a server that does not respond, the run is refused after this time.
"""
GRACE = 2.0  # seconds between SIGTERM and SIGKILL for a run that is stopped
HELD = 0.5  # seconds after SIGKILL. If a process is still there, what holds it is ended, too.
LEAVE = 5.0  # seconds from SIGHUP to SIGKILL for what remains after a command's end, or after its client has disconnected
STALL = 1.0  # if a run did not end by itself, its client must read the last output within this number of seconds
LOOK_AGAIN = 0.03  # seconds between two checks whether all processes of the run have ended
ENDED = "it was ended before it began"
ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM)
"""By these, a person ends a command before it begins; the client then ends itself by the same."""
