# SPDX-License-Identifier: Apache-2.0
"""The helpers as services of systemd: each is what its row of ``jitd/beside/processes.py`` says, and nothing more."""

from __future__ import annotations

import grp
import os
import pwd
from pathlib import Path

import pytest

from jitd.beside.processes import HELPERS, Helper
from tests.booted.conftest import Service, journal, show, systemctl
from tests.waiting import status_of, wait_for

EACH = pytest.mark.parametrize("helper", HELPERS.values(), ids=HELPERS)


def pid_of(helper: Helper) -> int:
    """The process of the service, which is started if it does not run."""
    systemctl("start", f"{helper.unit}.service")
    return wait_for(lambda: int(show(f"{helper.unit}.service", "MainPID")["MainPID"]), what=helper.process)


@EACH
def test_a_helper_is_what_its_row_says(service: Service, helper: Helper) -> None:
    """THREATS U-04."""
    pid = pid_of(helper)
    wait_for(lambda: named(pid) == helper.process[:15], what="its start")
    wait_for(lambda: os.stat(f"/proc/{pid}/mem").st_uid == 0, what="that it is not dumpable")
    status = status_of(pid)
    account = pwd.getpwuid(0) if helper.is_root else pwd.getpwnam(helper.account)
    assert set(status["Uid"].split()) == {str(account.pw_uid)} and set(status["Gid"].split()) == {str(account.pw_gid)}
    groups = {int(group) for group in status["Groups"].split()} - {account.pw_gid}
    assert groups == {grp.getgrnam(group).gr_gid for group in helper.groups}
    assert status["CapEff"] == status["CapPrm"] == status["CapBnd"], "nothing that its unit names is missing"
    assert helper.is_root or {status[name] for name in ("CapInh", "CapPrm", "CapEff", "CapAmb")} == {"0" * 16}
    is_in_network = os.stat(f"/proc/{pid}/ns/net").st_ino == os.stat("/proc/1/ns/net").st_ino
    assert is_in_network is helper.has_network


@EACH
def test_ps_and_the_journal_say_which_helper_it_is(service: Service, helper: Helper) -> None:
    pid = pid_of(helper)
    wait_for(lambda: named(pid) == helper.process[:15], what="its name")
    assert show(f"{helper.unit}.service", "SyslogIdentifier")["SyslogIdentifier"] == helper.process
    assert Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[-2:] == [helper.name.encode(), b""]


def test_what_a_helper_says_is_found_by_its_name(service: Service) -> None:
    systemctl("restart", "jitd-helper@outside.service")
    wait_for(lambda: "jitd-outside: ready; keys: " in journal("--identifier=jitd-outside"), what="its line")


def named(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()
