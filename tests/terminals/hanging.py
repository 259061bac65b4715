# SPDX-License-Identifier: Apache-2.0
"""jitd-terminals on a host whose name service never answers. Law: all else of it is the real process."""

from __future__ import annotations

import time

from jitd.beside_process import main as main
from jitd_outsiders.terminals import process
from jitd_outsiders.terminals.messages import Tell, Told

process.SECONDS = 0.1


def _never(question: Tell) -> Told:
    time.sleep(600)
    raise AssertionError


process.tell = _never
