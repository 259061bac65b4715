# SPDX-License-Identifier: Apache-2.0
"""Runs a tool of the distribution, such as visudo(8), for one of the kinds of things.

Law: a tool is named by its absolute path. The tool is executed without a shell, in the directory ``/``, and with an environment
that this module sets. A tool may use all the time that is left for the deed. When this time is over, the process that watches
the deed kills the tool.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
MOST_SAID = 500  # characters that are kept of a tool's output


@dataclass(frozen=True, slots=True)
class Ended:
    """The exit status of a tool, or the negative number of the signal that killed it, and all its output."""

    status: int
    output: bytes

    @property
    def said(self) -> str:
        """The tool's output on one line, cut to the maximum length."""
        words = " ".join(self.output.decode("utf-8", "replace").split())
        return words if len(words) <= MOST_SAID else words[: MOST_SAID - 3] + "..."


def run(words: Sequence[str], given: bytes = b"") -> Ended:
    """Run ``words`` with ``given`` as standard input, to its end. Raises OSError if it cannot be started."""
    if not os.path.isabs(words[0]):
        raise ValueError(f"{words[0]} is not an absolute path")
    done = subprocess.run(
        list(words), input=given, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=ENVIRONMENT, cwd="/", check=False
    )
    return Ended(done.returncode, done.stdout)
