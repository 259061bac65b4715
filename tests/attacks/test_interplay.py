# SPDX-License-Identifier: Apache-2.0
"""Everything that may be done to requests and leases, by the commands that people type, in any order, with restarts between.

Law: whatever the order, a command has run no oftener than somebody else than its requester let it.
"""

from __future__ import annotations

import random
from pathlib import Path

from tests.attacks.raw import shown_to
from tests.system.conftest import OF_THE_LAB

STEPS = 40
"""Steps of one walk."""
WALKS = (11,)
"""Where the dice begin."""
FREEZE = OF_THE_LAB + '[[deny]]\nname = "freeze"\nbecause = "frozen"\n'


class Asked:
    """One request of alice's, and what the walk knows of it."""

    def __init__(self, house, number: int, uses: int) -> None:
        self.left = Path(f"/srv/walk-{number}")
        self.left.unlink(missing_ok=True)
        self.words = ("sh", "-c", f"echo ran >> {self.left}")
        lease = ("--for", "1h", "--uses", str(uses)) if uses > 1 else ()
        done = house.sudo("alice", "--no-wait", *lease, *self.words)
        assert done.returncode == 0, done.stderr
        self.id = done.stdout.strip()
        self.uses = uses
        self.may_run = False
        self.is_over = False

    @property
    def n_runs(self) -> int:
        return self.left.read_text().count("ran") if self.left.exists() else 0


def step(house, dice, asked: list[Asked], is_frozen: bool) -> bool:
    """One thing that happens; whether the rules are frozen after it."""
    one = dice.choice(asked)
    before = one.n_runs
    may_run = False
    match dice.choice(
        [
            "approve",
            "approve",
            "own",
            "deny",
            "withdraw",
            "resume",
            "resume",
            "use",
            "use",
            "revoke",
            "restart",
            "freeze",
            "steal",
        ]
    ):
        case "approve":
            done = house.approve(one.id, dice.choice(["bob", "carol", "dave"]))
            if done.returncode == 0 and not one.is_over:
                one.may_run = True
            elif is_frozen:
                one.is_over = one.is_over or not one.may_run
        case "own":
            assert house.approve(one.id, "alice").returncode in (3, 5)
        case "deny":
            if house.deny(one.id).returncode == 0:
                assert not one.may_run
                one.is_over = True
        case "withdraw":
            if house.jitd("withdraw", one.id, who="alice").returncode == 0:
                assert not one.may_run
                one.is_over = True
        case "resume":
            may_run = one.may_run and not one.is_over and not is_frozen
            if may_run or one.is_over:
                done = house.ask("alice", f"--resume={one.id}").end()
                assert done in (0, 121), done
        case "use":
            may_run = one.may_run and not one.is_over and not is_frozen
            done = house.sudo("alice", "-n", *one.words)
            assert done.returncode in ((0, 118) if may_run else (118, 121)), done.stderr
        case "revoke":
            if house.jitd("revoke", one.id, who="bob").returncode == 0:
                assert one.may_run
                one.is_over = True
        case "restart":
            house.restart()
        case "freeze":
            is_frozen = not is_frozen
            house.set_policy(FREEZE if is_frozen else OF_THE_LAB)
            assert house.jitd("reload").returncode == 0
        case "steal":
            for who in ("bob", "eve"):
                assert house.sudo(who, f"--resume={one.id}").returncode == 121
    assert one.n_runs - before <= may_run, "one run at the most, and only where somebody let it"
    assert sum(other.n_runs for other in asked) == sum(min(other.n_runs, other.uses if other.may_run else 0) for other in asked)
    return is_frozen


def test_nothing_runs_oftener_than_somebody_else_let_it(own_house):
    """THREATS A-01, A-03, A-06, X-13: submitted, approved by others and by oneself, denied, taken back, resumed, used, revoked,
    frozen and restarted in any order."""
    for seed in WALKS:
        dice = random.Random(seed)
        house = own_house().start()
        asked: list[Asked] = []
        is_frozen = False
        for number in range(STEPS):
            if len(asked) < 4 and not is_frozen and (not asked or dice.random() < 0.3):
                asked.append(Asked(house, number, dice.choice([1, 1, 2, 3])))
            else:
                is_frozen = step(house, dice, asked, is_frozen)
        for one in asked:
            row = shown_to(house, "root", one.id)
            started = [run for run in row["runs"] if (run["outcome"] or {}).get("ending") != "not started"]
            assert len(started) == one.n_runs, "the record knows of each"
            by_others = [review for review in row["reviews"] if review["verdict"] == "approve" and "alice" not in review["by"]]
            assert not started or by_others
        assert any(one.n_runs for one in asked), "it is not only refusals that were tried"
        for one in asked:
            one.left.unlink(missing_ok=True)
        house.verify()
