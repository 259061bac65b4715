# SPDX-License-Identifier: Apache-2.0
"""What the kernel asks of this extension: the hosts that stand in files, and to note what was seen on a host."""

from __future__ import annotations

from jitd.cli.hosts import Hosts
from jitd_fleet.called import saw as saw
from jitd_fleet.hosts import read


def hosts() -> Hosts:
    """Read the files of hosts. Raises NotDone if one of them has a fault."""
    return read()
