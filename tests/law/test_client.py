# SPDX-License-Identifier: Apache-2.0
"""What a desk has (contrib/client.py): verbs that can be used with ``--host``, what they import, and nothing of the daemon."""

from __future__ import annotations

from contrib.scripts import load
from jitd.cli import HIDDEN, OWN
from jitd.cli.far import AT_THE_DOOR
from jitd.packages import OF_A_HOST
from tests.law.tree import NAMES, TREE, is_ours

client = load("client.py")
ROOMS = {
    "jitd", "jitd.audit", "jitd.beside", "jitd.cli", "jitd.core", "jitd.recording", "jitd.settings", "jitd_fleet", "jitpam",
    "jitpam.wire",
}  # fmt: skip
"""Where its modules are. A new row needs a reason: a desk gets what is in it, and trusts it with the words of every host."""
OF_ROOMS = {
    "jitd": {"jitd.extensions", "jitd.packages"},
    "jitd.audit": {
        "jitd.audit.events",
        "jitd.audit.forms",
        "jitd.audit.libcrypto",
        "jitd.audit.receipt",
        "jitd.audit.sentences",
        "jitd.audit.ssh_signatures",
        "jitd.audit.strict_json",
        "jitd.audit.times",
    },
    "jitd.beside": {"jitd.beside.processes"},
    "jitd.settings": {"jitd.settings.section"},
}
"""Those of rooms that are the daemon's otherwise: leaves, which import nothing of it."""
UNCALLED = {("jitd.cli.record", "jitd.cli.verifying")}
"""What a module of a desk imports that a desk does not have, because it looks first where it is."""


def room_of(module: str) -> str:
    return module if module in ROOMS else module.rpartition(".")[0]


def test_nothing_of_the_daemon_is_at_a_desk() -> None:
    modules = client.modules()
    assert {room_of(name) for name in modules} == ROOMS
    for room, expected in OF_ROOMS.items():
        assert {name for name in modules if room_of(name) == room and name != room} == expected
    assert {name for name in modules if name.startswith("jitd.core.keys")} == set(), "a desk decides nothing"
    assert not modules.keys() & OF_A_HOST and "jitd.daemon" not in modules


def test_what_a_module_of_a_desk_imports_is_there() -> None:
    modules = client.modules()
    found = {(name, other) for name, file in modules.items() for other in client.imported(file) if is_ours(other)}
    assert {(name, other) for name, other in found if other not in modules} == UNCALLED


def test_a_desk_imports_one_package_of_others_and_one_more_for_hosts_that_only_dial_out() -> None:
    assert client.needs() == {"click": "click ~= 8.1"}
    assert client.declared()[client.OF_NATS] == "nats-py ~= 2.16.0"


def test_a_desk_has_the_verbs_at_the_door_and_the_modules_of_others_stay_on_hosts() -> None:
    there = {verb.partition(" ")[0] for verb in AT_THE_DOOR} | HIDDEN
    modules = {f"jitd.cli.{OWN[verb]}" for verb in there}
    assert modules <= client.modules().keys()
    assert OF_A_HOST == {f"jitd.cli.{module}" for module in OWN.values()} - modules | {"jitd.cli.verifying"} <= NAMES


def test_its_manual_pages_are_there() -> None:
    assert [page for page in client.PAGES if not (TREE / "docs/man" / page).is_file()] == []
