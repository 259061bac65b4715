# SPDX-License-Identifier: Apache-2.0
"""The kinds of things that jitd-givers can give. A table maps each class of settings to the class that does the deeds.

Law: if a kind has no row in this table, its things are refused, and the refusal names the kind.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from jitd.givers.account import Accounts
from jitd.givers.kind import Kind
from jitd.givers.passwords import is_handed_out, password_of
from jitd.givers.ssh_certificate import SshCertificates
from jitd.givers.standing_groups import StandingGroups
from jitd.givers.sudoers import SudoersLines
from jitd.settings.givers import Givers
from jitd.settings.things import GiverSettings
from jitd.settings.things.account import Account
from jitd.settings.things.postgres_role import PostgresRole
from jitd.settings.things.ssh_certificate import SshCertificate
from jitd.settings.things.sudoers import Sudoers


class NoGiver(Exception):
    """jitd.toml has no settings for a thing, or this host cannot give the thing. The text of this exception is a sentence that
    says what is missing and what to do.
    """


def _postgres_roles(giver: PostgresRole) -> Kind:
    """Return the kind for roles of PostgreSQL. Raises NoGiver. Only deeds of this kind load the library of PostgreSQL. So the
    deeds of other kinds work without this library.
    """
    try:
        from jitd.givers.postgres_role import PostgresRoles
    except ImportError as fault:
        raise NoGiver(f"the library of PostgreSQL cannot be loaded: install libpq5 ({fault})") from None
    return PostgresRoles(giver, password_of, is_handed_out)


KINDS: Mapping[type[GiverSettings], Callable[[Any], Kind]] = {
    Account: Accounts,
    SshCertificate: SshCertificates,
    PostgresRole: _postgres_roles,
    Sudoers: SudoersLines,
}
"""Maps each class of settings to the class of the kind."""

FORMER: Mapping[str, Callable[[], Kind]] = {"group": StandingGroups}
"""Maps each of ``thing.FORMER_KINDS`` to its class, which needs no settings."""


def kind_of(givers: Givers, kind: str, name: str) -> Kind:
    """Return the object that gives the thing ``kind``:``name``. Raises NoGiver."""
    giver = givers.get(name)
    if giver is None:
        raise NoGiver(f"jitd.toml sets up no giver {name}: add the table [givers.{name}] there (if it was removed, restore it)")
    if (found := giver.KIND) != kind:
        raise NoGiver(f'jitd.toml says that {name} is of the kind "{found}", not "{kind}"')
    if type(giver) not in KINDS:
        raise NoGiver(f'things of the kind "{kind}" are not given by this process')
    return KINDS[type(giver)](giver)
