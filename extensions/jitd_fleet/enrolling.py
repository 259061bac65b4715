# SPDX-License-Identifier: Apache-2.0
"""``jitd-door enrol`` makes the key by which an engine knows this host. ``jitd-door permissions`` writes the part of the engine's
configuration that says who may connect, from the hosts and the keys that stand in files.
"""

from __future__ import annotations

import os
import sys

from jitd_fleet.nkey import NoKey, load, write
from jitd_fleet.own_door import say

KEY = "/etc/jitd/door.nk"


def enrol() -> int:
    """Print the public key of this host, and make the key if there is none. Return the exit status."""
    try:
        key = load(KEY) if os.path.lexists(KEY) else write(KEY)
    except NoKey as fault:
        say(f"jitd-door: {fault}", 2)
        return 1
    print(key.public)
    return 0


def permissions() -> int:
    """Print the configuration. Return the exit status: 1 if a host has no key yet, so that the engine does not know it."""
    from jitd.cli.not_done import NotDone
    from jitd_fleet.hosts import read
    from jitd_fleet.permissions import configuration

    try:
        hosts, approvers = read().known_to_engines()
    except NotDone as fault:
        say(f"jitd-door: {fault}", 2)
        return 2
    sys.stdout.write(configuration(hosts, approvers))
    without = sorted(host for host, keys in hosts.items() if not keys)
    for host in without:
        say(f"jitd-door: {host} has no key in hosts.toml, so it cannot connect: type jitd-door enrol there", 2)
    return 1 if without else 0
