# SPDX-License-Identifier: Apache-2.0
"""The accounts of this host, by the names that a rule would compare."""

from __future__ import annotations

import grp
import pwd

from jitd.core.subject import ROOT


def is_here(word: str) -> bool:
    """True if ``word`` of a rule, such as ``user:alice``, has the very name that the host gives the account or the group. sudo
    compares names without case, and rules with.
    """
    kind, _, name = word.partition(":")
    try:
        return (pwd.getpwnam(name).pw_name if kind == "user" else grp.getgrnam(name).gr_name) == name
    except KeyError:
        return False


def is_root(account: str) -> bool:
    """True if ``account`` is root, perhaps by another name."""
    try:
        return account == ROOT or pwd.getpwnam(account).pw_uid == 0
    except KeyError:
        return False
