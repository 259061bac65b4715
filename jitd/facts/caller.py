# SPDX-License-Identifier: Apache-2.0
"""Facts about the process that asks: its systemd unit, its control group, and where its login session began.

Law: the process is held while it is read, so that the facts are of this process and of no later one with its number. A process
that has ended has no facts. Of a control group's name, only the part that root has given counts as a unit.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from jitd.core.facts import Facts, Unknown, Value
from jitd.core.origin import CONSOLE, OF_THE_CALLER, REMOTE, Caller, spell_address
from jitd.facts import sessions

_NO_SESSION = 2**32 - 1
"""The audit session of a process for which nobody has logged in."""
_UNIT = re.compile(r"_?(.+\.(?:service|scope|socket|mount|swap))")
_SYSTEMD = b"name=systemd"
_PROC = Path("/proc")
_FORGOTTEN = Unknown("it was not looked at when this was asked for: ask again")


def look(names: frozenset[str], caller: Caller | None) -> Facts:
    """Return those facts of this module that are among ``names``. ``caller`` is None if nothing is known of the process."""
    wanted = sorted(names & OF_THE_CALLER)
    if caller is None or caller.hold is None:
        kept = {} if caller is None else dict(caller.kept)
        return {name: kept.get(name, _FORGOTTEN) for name in wanted}
    try:
        held = caller.hold()
        read = {name: _FACTS[name](held.pid, caller) for name in wanted}
        held.refuse_gone()  # if it still lives, what was read is its own
    except OSError:
        return dict.fromkeys(wanted, Unknown("the process that asked has ended"))
    return read


def _origin(pid: int, caller: Caller) -> Value | Unknown:
    if caller.is_login:
        return _of_login(caller)
    session = int((_PROC / f"{pid}/sessionid").read_bytes())
    return sessions.origin(None if session == _NO_SESSION else session, cgroup_of(pid))


def _of_login(caller: Caller) -> Value | Unknown:
    """Return where the login session begins that the enforcement point asks about."""
    if caller.remote_host:
        return spell_address(caller.remote_host) or REMOTE
    if sessions.of_terminal(caller.tty) == CONSOLE:
        return CONSOLE
    return Unknown("the program that lets people log in does not say from where")


def _unit(pid: int, caller: Caller) -> Value | Unknown:
    return unit_in(cgroup_of(pid)) or Unknown("the process that asked is in no systemd unit")


def _cgroup(pid: int, caller: Caller) -> Value | Unknown:
    return cgroup_of(pid)


_FACTS: dict[str, Callable[[int, Caller], Value | Unknown]] = {
    "fact.origin": _origin,
    "fact.unit": _unit,
    "fact.cgroup": _cgroup,
}


def cgroup_of(pid: int) -> str:
    """Return the path of the control group of process ``pid``, as text in which a byte that is not UTF-8 is ``\\xNN`` and a
    backslash is doubled. It is the path in systemd's own hierarchy, if the host has more than one. Raises OSError.
    """
    lines = (line.split(b":", 2) for line in (_PROC / f"{pid}/cgroup").read_bytes().split(b"\n") if line)
    found = {kind: path for _, kind, path in lines}
    paths = [found[kind] for kind in (b"", _SYSTEMD) if kind in found]
    if not paths:
        raise OSError(f"the kernel does not say in which control group process {pid} is")
    return next((path for path in paths if path != b"/"), b"/").replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def unit_in(cgroup: str) -> str:
    """Return the unit of the system's manager that the control group ``cgroup`` belongs to; empty if there is none.

    It is the first unit on the way down that is not a slice. What is below it is named by the unit itself: a person's own
    manager can call a group there ``backup.service``.
    """
    for part in cgroup.strip("/").split("/"):
        if part.endswith(".slice"):
            continue
        found = _UNIT.fullmatch(part)
        return "" if found is None else found[1]
    return ""
