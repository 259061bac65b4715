# SPDX-License-Identifier: Apache-2.0
"""Tells of imported rules for system accounts: sudo lets them run their jobs, and jitd refuses them until its settings say
otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from jitd.core.toml_document import ConfigError
from jitd.settings import config
from jitd.settings.host import host_name
from jitd_policy.cases import Person
from jitd_policy.sudoers import Carried


def settings() -> config.Config:
    """Return the settings of this host, or what holds without any."""
    try:
        return config.load()
    except ConfigError:
        return config.Config(frozenset(), host_name())


def add_notes(found: Sequence[Carried], own: config.Config) -> int:
    """Write into each rule that names system accounts what lets them ask. Return how many rules do."""
    from jitd_inspection.checking.directory import look_up

    known = look_up(frozenset(word for one in found for word in one.users), own)
    robots = [(one, accounts) for one in found if (accounts := known.system_accounts(one.users))]
    realm = min(own.realms, default="REALM")
    for one, accounts in robots:
        told = ", ".join(f"{account} (uid {uid})" for account, uid in sorted(accounts.items()))
        one.notes += [
            f"WARNING: jitd refuses {told} as a system account. If it has a key of its own (kinit -k), write into jitd.toml:",
            "  [principals]",
            *(f'  "{account}@{realm}" = "{account}"' for account in sorted(accounts)),
        ]
        without = (
            'Without a key, write ticket = "optional" into this rule, and into jitd.toml, where it holds for all such accounts:'
        )
        lower = [uid for uid in accounts.values() if uid < own.min_uid]  # that of nobody is above
        one.notes += [without, f"  min_uid = {min(lower)}"] if lower else []
    return len(robots)


def as_it_asks(who: Person, own: config.Config) -> Person:
    """Return ``who`` without a ticket, if it is a system account that the settings do not list: such an account has none."""
    from jitd_inspection.checking.known import may_ask

    return who if may_ask(who.user, who.uid, own) else replace(who, proved_by="nothing")
