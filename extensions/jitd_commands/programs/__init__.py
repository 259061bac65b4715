# SPDX-License-Identifier: Apache-2.0
"""The one table of programs: what each program gives, reads and changes beyond what its words say.

Law: every warning about commands reads this table: the approver's page, notices, questions, the board, ``jitd check`` and
gatekeepers. A program that is in the table, and for which nothing is found, is harmless. A program that is not in the table is
not known, and that is said. Add a program to the module of its class.
"""

from __future__ import annotations

from jitd_commands.judging import Row
from jitd_commands.programs import (
    accounts,
    backups,
    builtins,
    clouds,
    clusters,
    configuring,
    containers,
    databases,
    editors,
    files,
    harmless,
    hosts,
    interpreters,
    itself,
    languages,
    mail,
    monitoring,
    network,
    packages,
    rare,
    repositories,
    services,
    storage,
    wrappers,
)

MODULES = (
    accounts, backups, builtins, clouds, clusters, configuring, containers, databases, editors, files, harmless, hosts,
    interpreters, itself, languages, mail, monitoring, network, packages, rare, repositories, services, storage, wrappers,
)  # fmt: skip
TABLE: dict[str, Row] = {name: row for module in MODULES for row in module.ROWS for name in row.names.split()}
"""Maps the name of a program's file to its row. Builtins of shells stand there as ``:NAME``."""
