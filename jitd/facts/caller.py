# SPDX-License-Identifier: Apache-2.0
"""Facts about the process that makes the request: its systemd unit, its control group, and where its login session began.

Law: jitd has an open descriptor of the process while it reads the facts of the process. Therefore the facts never come from a
later process with the same pid. A process that has ended has no facts. jitd finds the unit in the name of the control group. It
uses only the part of this name that root has chosen.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from jitd.core.facts import Facts, Unknown, Value
from jitd.core.origin import CONSOLE, OF_THE_CALLER, REMOTE, Caller, spell_address
from jitd.facts import sessions
from jitd.files import processes

_NO_SESSION = 2**32 - 1  # the audit session id of a process that belongs to no login session
_UNIT = re.compile(r"_?(.+\.(?:service|scope|socket|mount|swap))")
_SYSTEMD = b"name=systemd"
_FORGOTTEN = Unknown("this fact was not examined when the request was made: ask again")


def look(names: frozenset[str], caller: Caller | None) -> Facts:
    """Return the facts of this module that are in ``names``. ``caller`` is None if nothing is known about the process."""
    wanted = sorted(names & OF_THE_CALLER)
    if caller is None or caller.hold is None:
        kept = {} if caller is None else dict(caller.kept)
        return {name: kept.get(name, _FORGOTTEN) for name in wanted}
    try:
        held = caller.hold()
        read = {name: _FACTS[name](held.pid, caller) for name in wanted}
        # if the process has not ended, the values that were read belong to this process
        held.refuse_gone()
    except OSError:
        return dict.fromkeys(wanted, Unknown("the process that asked has ended"))
    return read


def _origin(pid: int, caller: Caller) -> Value | Unknown:
    if caller.is_login:
        return _of_login(caller)
    session = int(Path(f"{processes.PROC}/{pid}/sessionid").read_bytes())
    return sessions.origin(None if session == _NO_SESSION else session, cgroup_of(pid))


def _of_login(caller: Caller) -> Value | Unknown:
    """Return the place from which a person logs in. ``caller`` describes the program that lets this person log in."""
    if caller.remote_host:
        return spell_address(caller.remote_host) or REMOTE
    if sessions.of_terminal(caller.tty) == CONSOLE:
        return CONSOLE
    return Unknown("the login program does not say from where the person logs in")


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
    """Return the control group of process ``pid``, spelled as by ``spelled``, in systemd's own hierarchy if there are several.
    Raises OSError.
    """
    found = processes.control_groups_of(pid)
    paths = [found[kind] for kind in (b"", _SYSTEMD) if kind in found]
    if not paths:
        raise OSError(f"the kernel does not say in which control group process {pid} is")
    return next((path for path in paths if path != b"/"), b"/").replace(b"\\", b"\\\\").decode("utf-8", "backslashreplace")


def unit_in(cgroup: str) -> str:
    """Return the unit of systemd's system manager that contains the control group ``cgroup``. Return an empty text if there is
    no such unit.

    The unit is the first part of the path ``cgroup`` that is not a slice. Names below a unit are not used, because the unit
    itself chooses these names. For example, a person's own systemd manager can give the name ``backup.service`` to a group below
    its unit.
    """
    for part in cgroup.strip("/").split("/"):
        if part.endswith(".slice"):
            continue
        found = _UNIT.fullmatch(part)
        return "" if found is None else found[1]
    return ""
