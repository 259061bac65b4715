# SPDX-License-Identifier: Apache-2.0
"""The kinds of things that a table ``[givers.NAME]`` of jitd.toml can define. A kind is registered here, and nowhere else.

The daemon and jitd-givers run as root and import what stands here, so the kinds are named, and not looked for in a directory.
"""

from __future__ import annotations

from collections.abc import Mapping

from jitd_things.givers.account import Account
from jitd_things.givers.postgres_role import PostgresRole
from jitd_things.givers.program import ProgramGiver
from jitd_things.givers.settings import GiverSettings
from jitd_things.givers.ssh_certificate import SshCertificate
from jitd_things.givers.sudoers import Sudoers
from jitd_things.givers.vault import Vault

KINDS: tuple[type[GiverSettings], ...] = (Account, PostgresRole, ProgramGiver, SshCertificate, Sudoers, Vault)
OF_NAME: Mapping[str, type[GiverSettings]] = {kind.KIND: kind for kind in KINDS}
