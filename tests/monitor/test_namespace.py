# SPDX-License-Identifier: Apache-2.0
"""A run in a pid namespace of its own: which runs have one, what is the same in it as elsewhere, and that all of it ends.

Law: what has left the control group was moved by this test, as the user's manager does it for anybody under that account.
"""

from __future__ import annotations

import os
from contextlib import suppress
from typing import Any

import pytest

from tests.monitor.stage import Stage
from tests.waiting import is_living

ALICE = 4001
OF_ALICE: dict[str, Any] = {"user": "alice", "uid": ALICE, "gid": ALICE, "groups": (ALICE,)}
OWN: dict[str, Any] = {**OF_ALICE, "requester_uid": ALICE, "namespace": "auto"}
"""A run under the requester's own account, whose rule says nothing about namespaces."""
HOST = os.readlink("/proc/self/ns/pid")


def namespace_of(pid: int | str) -> str:
    return os.readlink(f"/proc/{pid}/ns/pid")


def all_in(namespace: str) -> set[int]:
    """The processes in a pid namespace that still run."""
    found = set()
    for name in filter(str.isdigit, os.listdir("/proc")):
        with suppress(OSError):
            if namespace_of(name) == namespace and is_living(name):
                found.add(int(name))
    return found


# --- which runs ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "is_contained"),
    [
        (OWN, True),
        ({**OWN, "namespace": "always"}, True),
        ({**OWN, "namespace": "never"}, False),
        ({**OF_ALICE, "namespace": "auto"}, False),
        ({**OF_ALICE, "namespace": "always"}, True),
        ({"namespace": "auto"}, False),
        ({"namespace": "auto", "requester_uid": 0}, False),
        ({"namespace": "always"}, True),
    ],
)
def test_the_rule_and_the_account_decide_who_has_a_namespace(stage: Stage, changes: dict[str, Any], is_contained: bool) -> None:
    said = stage.capture("/bin/sh", "-c", "readlink /proc/self/ns/pid; echo $$; echo /proc/[0-9]*", **changes).decode()
    namespace, pid, processes = said.splitlines()
    assert (namespace != HOST) is is_contained
    assert (int(pid) < 10) is is_contained
    assert (f"/proc/{os.getpid()}" in processes.split()) is not is_contained
