# SPDX-License-Identifier: Apache-2.0
"""The unit of the door: off until root opens it, and then for the group of carriers alone."""

from __future__ import annotations

import grp
import os
import stat
from typing import Any

from jitpam.wire import messages
from tests.attacks.at_door import GROUP, at_door
from tests.attacks.raw import review
from tests.booted.conftest import Service, show, systemctl


def test_the_door_is_closed_until_its_unit_opens_it_and_again_without_it(service: Service) -> None:
    door = service.socket.with_name("door.sock")
    house: Any = service
    assert not door.exists() and show("jitd-door.socket", "UnitFileState")["UnitFileState"] == "disabled"
    try:
        systemctl("stop", "jitd.socket", "jitd.service")  # as jitd-serve(8) says
        systemctl("start", "jitd.socket", "jitd-door.socket", "jitd.service")
        status = os.stat(door)
        assert (stat.S_IMODE(status.st_mode), status.st_uid) == (0o660, 0)
        assert grp.getgrgid(status.st_gid).gr_name == GROUP
        asking = service.ask("alice", "true")
        with at_door(house, "bob") as bob:
            (row,) = bob.rows(messages.Show(id=asking.id))
        service.restart()
        with at_door(house, "bob") as bob:
            assert isinstance(bob.ask(review(row, "deny"))[-1], messages.Done)
        assert asking.end() == 122, asking.err
        done = service.run("alice", "python3", "-c", f"import socket; s = socket.socket(1, 1); s.connect({str(door)!r})")
        assert done.returncode == 1 and "PermissionError" in done.stderr
    finally:
        systemctl("stop", "jitd.socket", "jitd-door.socket", "jitd.service")
        systemctl("start", "jitd.socket", "jitd.service")
    assert service.jitd("requests").returncode == 0
