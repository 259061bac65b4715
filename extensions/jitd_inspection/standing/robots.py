# SPDX-License-Identifier: Apache-2.0
"""Looks for system accounts that sudoers let run something: jobs of cron and tools that log in from elsewhere. Once sudo asks
jitd, they are refused, because such an account may not ask.
"""

from __future__ import annotations

from dataclasses import dataclass

from jitd.hosts.places import Places
from jitd.settings.config import Config
from jitd_inspection.checking.known import may_ask, why_not
from jitd_inspection.pamlint.linting import Gates
from jitd_inspection.standing.looking import listed_accounts
from jitd_inspection.standing.scene import Scene
from jitd_inspection.standing.sudo_rules import whom_sudoers_let

PAGE = '"A robot" in docs/cookbook.md'


@dataclass(frozen=True, slots=True)
class Robots:
    """``lines`` tell of each account what it may run, and ``mend`` what lets them ask. ``unseen`` says why there may be more."""

    lines: tuple[str, ...] = ()
    mend: str = ""
    unseen: str = ""


def look_for_robots(config: Config) -> Robots:
    """Return the accounts that jitd would refuse under ``config``, but for root's."""
    directory, missing = listed_accounts()
    scene = Scene(config.host, (), Places(), Gates([], {}, {}), directory)
    found = whom_sudoers_let(scene)
    if found is None:
        return Robots(unseen="sudoers cannot be read, so it is not known which system accounts they name: see visudo -c")
    uids = {one.name: one.uid for one in directory.accounts if one.name in found}
    refused = {account: uid for account, uid in sorted(uids.items()) if uid and not may_ask(account, uid, config)}
    lines = tuple(f"{account} (uid {uid}) may run by sudo: {'; '.join(found[account])}" for account, uid in refused.items())
    mend = f"{why_not(refused, config)}: see {PAGE}" if refused else ""
    return Robots(lines, mend, "; ".join(missing))
