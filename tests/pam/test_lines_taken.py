# SPDX-License-Identifier: Apache-2.0
"""Lines of sudoers are taken back from somebody whose sudo is behind the gate: the real daemon, jitd-givers, PAM and sudo."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.core.holding import HoldingState
from tests.givers.worlds import SudoersWorld
from tests.pam.programs import BY_NAME, GATED, POLICY, SUDOERS, Driven, Gated, Program, all_end, write
from tests.waiting import wait_for

pytestmark = pytest.mark.skipif(os.uname().nodename != "lab.example.test", reason="the lab's people and programs")
GIVES = '[[permit]]\nname = "lines"\nwho = ["user:alice"]\ngives = ["sudoers:logs"]\ngrant = { lasts = "10m" }\n'
CONF = Path("/etc/sudo.conf")
LONG = Program("sudo", "sudo", ("sudo", "/usr/bin/sleep", "600"), ("/usr/bin/sleep", "600"))


@pytest.fixture
def gated(request: pytest.FixtureRequest) -> Iterator[Gated]:
    """sudo has a gate in its PAM stack, or the plugin instead."""
    has_plugin, kept = getattr(request, "param", "gate") == "plugin", CONF.read_bytes()
    stacks = tuple(name for name in GATED if not (has_plugin and name.startswith("sudo")))
    made = Gated(POLICY + GIVES, SudoersWorld.config, stacks=stacks)
    write("/etc/sudoers", f"{SUDOERS}@includedir /etc/sudoers.d\n", 0o440)
    try:
        if has_plugin:
            CONF.write_text("Plugin jit_approval /usr/lib/jitd/jit_approval.so\n")
        made.start()
        yield made
        made.verify()
    finally:
        CONF.write_bytes(kept)
        made.close()


def sleeps(gated: Gated, who: str = "alice") -> Driven:
    """A sudo that was let in, and runs its command. bob has approved alice's."""
    typed = gated.type(who, LONG)
    if who == "alice":
        gated.approved(typed.id)
    wait_for(lambda: programs_below(typed.terminal.pid)[-1:] == ["sleep"], what="the command of sudo")
    return typed


def programs_below(pid: int) -> list[str]:
    """The programs of the first children of ``pid``, of their first children, and so on."""
    found = []
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
        found.append(Path(f"/proc/{pid}/comm").read_text().strip())
    return found


@pytest.mark.parametrize("gated", ["gate", "plugin"], indirect=True)
def test_what_jitd_has_let_in_goes_on_and_what_still_asks_ends(gated: Gated) -> None:
    """THREATS Q-48, P-22. jitd knows after a restart what it has let in. A sudo that waits for an approval has read the lines."""
    before, other = sleeps(gated), sleeps(gated, "carol")
    got = gated.sudo("alice", "--get", "sudoers:logs")
    assert got.returncode == 0, got.stderr
    assert list(SudoersWorld.directory.glob("jitd_*"))
    gated.restart()
    after = sleeps(gated)
    waits = gated.type("alice", BY_NAME["sudo"])
    request = waits.id
    (held,) = gated.kept("holdings")
    taken = gated.jitd("revoke", held.grant)
    assert taken.returncode == 0, taken.stderr
    all_end([waits])
    assert not waits.has_run and gated.until(request, "withdrawn")
    assert not list(SudoersWorld.directory.glob("jitd_*"))
    assert [one.state for one in gated.kept("holdings", ended=True)] == [HoldingState.ENDED]
    for going_on in (before, after, other):
        assert not going_on.has_ended() and programs_below(going_on.terminal.pid)[-1:] == ["sleep"], going_on.text


def test_the_page_says_which_sudo_ends_with_the_lines(gated: Gated) -> None:
    """Approver and requester read it before the lines are given."""
    asked = gated.sudo("alice", "--no-wait", "--get", "sudoers:logs")
    assert asked.returncode == 0, asked.stderr
    shown = gated.jitd("show", asked.stdout.strip())
    assert "when it ends, every sudo of this person ends, with what it has started" in " ".join(shown.stdout.split())
