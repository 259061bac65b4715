# SPDX-License-Identifier: Apache-2.0
"""The policy that is in force: what takes its place, and what does not, without a daemon."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd.core.toml_document import ConfigError, Fault
from jitd.reloading import PolicyInForce
from jitd.settings import policyfile
from jitd.settings.config import Config

WHOLE = '[[permit]]\nname = "a"\nwho = ["group:dba"]\ncommands = [["**"]]\n'


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory for policies whose files nobody else could have written, as far as is looked."""
    monkeypatch.setattr(policyfile, "_faults_of_directory", lambda directory, owner: [])
    monkeypatch.setattr(policyfile, "who_else_may_write", lambda uid, mode, owner: None)
    return tmp_path


def in_force(directory: Path) -> PolicyInForce:
    return PolicyInForce(Config(frozenset({"EXAMPLE.TEST"}), "db1.example.test", policy=directory))


def reload(rules: PolicyInForce) -> None:
    async def run(uid: int, work: Callable[[], Any]) -> Any:
        return work()

    workers: Any = SimpleNamespace(kept=SimpleNamespace(run=run))
    asyncio.run(rules.reload(workers))


def test_a_whole_policy_takes_the_place_of_a_broken_one_and_never_the_other_way_round(directory: Path) -> None:
    """THREATS O-20."""
    file = directory / "a.toml"
    file.write_text("\npermit everything\n")
    rules = in_force(directory)
    assert rules.policy.broken and rules.policy.rules == ()
    assert rules.sentence.startswith(f"no policy is in force: {file}:2: is not TOML")
    file.write_text("[[permits]]\n")
    with pytest.raises(ConfigError):
        reload(rules)
    assert rules.policy.broken and f"{file}:1: " in rules.sentence, "the newest faults are told"
    file.write_text(WHOLE)
    reload(rules)
    assert (rules.policy.broken, rules.refused, rules.sentence) == ("", None, "1 rule in force")
    before = rules.policy
    file.write_text("permit everything\n")
    with pytest.raises(ConfigError):
        reload(rules)
    assert rules.policy is before and rules.refused is not None and rules.sentence == "1 rule in force"


def test_a_defect_while_the_files_are_read_leaves_no_policy_and_ends_no_start(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS O-20: by itself it would end the daemon, which systemd would start again for ever."""

    def fails(*args: object, **more: object) -> None:
        raise RecursionError("too deep")

    monkeypatch.setattr(policyfile, "load", fails)
    rules = in_force(directory)
    assert rules.policy.broken.startswith(f"the policy is broken at {directory}, ")
    assert rules.refused is not None
    assert rules.refused.faults == (f"{directory}: cannot be read: RecursionError: too deep",)


@pytest.mark.parametrize(
    ("fault", "told"), [(TimeoutError(), "in time"), (RecursionError("too deep"), "RecursionError: too deep")]
)
def test_whatever_ends_a_reload_is_known_until_one_succeeds(
    directory: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception, told: str
) -> None:
    """THREATS O-20: after ``systemctl reload``, nobody reads what was refused, so ``jitd status`` must know it."""

    def fails(*args: object, **more: object) -> None:
        raise fault

    rules = in_force(directory)
    before = rules.policy
    with monkeypatch.context() as now:
        now.setattr(policyfile, "load", fails)
        with pytest.raises(type(fault)):
            reload(rules)
    assert rules.policy is before
    assert rules.refused is not None and rules.refused.faults[0].endswith(told)
    reload(rules)
    assert rules.refused is None


def test_who_is_denied_reads_where_the_files_are_broken_now(directory: Path) -> None:
    """THREATS O-20: else root looks at a line that was mended."""
    (directory / "a.toml").write_text("permit everything\n")
    rules = in_force(directory)
    (directory / "a.toml").write_text(WHOLE)
    (directory / "b.toml").write_text("\n\npermit everything\n")
    with pytest.raises(ConfigError):
        reload(rules)
    assert f"{directory}/b.toml:3" in rules.policy.broken and rules.policy.rules == ()


@pytest.mark.parametrize(("line", "place"), [(0, "/x/y.toml"), (7, "/x/y.toml:7")])
def test_a_place_has_a_line_if_it_is_known(line: int, place: str) -> None:
    assert Fault("/x/y.toml", line, "a", "is wrong", 3).place == place
