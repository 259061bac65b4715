# SPDX-License-Identifier: Apache-2.0
"""The orders to ask PAM about an account: whether a local password is right, or whether the account may be used at all. No
message in this module contains the password.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitpam.wire.declared import text

SERVICE = "jitd-local"  # the PAM service that checks local passwords
STACK = "/etc/pam.d/jitd-local"
WITHIN = 60  # seconds within which the person must type the password, and PAM must check it
POLICY_WITHIN = 10  # seconds within which PAM must say whether an account may be used
YES, NO, NOTHING, UNSET = b"yes", b"no", b"nothing", b"unset"
"""NOTHING: no password was sent. UNSET: PAM could not be called. Neither counts as a wrong guess."""
_ACCOUNT = text("the name of an account", least=1, most=256).where(str.isprintable, "the name of an account")


@dataclass(frozen=True, slots=True)
class Prove:
    """Check the password of the account ``prove``."""

    prove: Annotated[str, _ACCOUNT]


@dataclass(frozen=True, slots=True)
class MayUse:
    """Ask the account stage of the PAM service ``service`` whether the account ``may_use`` may be used."""

    may_use: Annotated[str, _ACCOUNT]
    service: Annotated[str, text("the name of a PAM service", r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")]
