# SPDX-License-Identifier: Apache-2.0
"""Checks of jitd's approval plugin in sudo. What is wrong with it, ``jitd.hosts.sudo_plugin`` judges for the daemon, too."""

from __future__ import annotations

from collections.abc import Iterator

from jitd.hosts.places import Places
from jitd.hosts.plugin_look import look
from jitd.hosts.sudo_plugin import CONF, SERVICE, SHIPPED, Seen, judge
from jitd_inspection.doctor.finding import Result, bad, ok, weak
from jitd_inspection.pamlint.linting import gates_of_host

CHECK = "sudo.plugin"


def examine() -> Iterator[Result]:
    """Yield the findings about the plugin."""
    seen = look(Places())
    judged = gates_of_host(Places()).judged.get(SERVICE) if seen.words else None
    yield from found(seen, has_gate=judged is not None and bool(judged.gates))


def found(seen: Seen, *, has_gate: bool) -> Iterator[Result]:
    """Yield what is wrong, or that nothing is. ``has_gate`` is true if the PAM stack of sudo asks jitd, too."""
    faults = list(judge(seen))
    for fault in faults:
        yield bad(CHECK, str(fault), fault.mend, command=fault.command)
    if faults:
        return
    if has_gate:
        yield weak(CHECK, "sudo asks jitd twice, by its plugin and in its PAM stack", f"jitd pam-install --remove {SERVICE}")
    elif seen.words:
        yield ok(CHECK, f"sudo asks jitd by {SHIPPED}, which root alone may write")
    else:
        yield ok(CHECK, f"{CONF} names no plugin of jitd's: sudo asks jitd if its PAM stack has a gate")
