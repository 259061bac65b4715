# SPDX-License-Identifier: Apache-2.0
"""The question to the process that finds out whether a KDC answers (``reaching``), which is started anew for each.

The question comes on standard input, and the exit status is the answer. tests/kdc/golden-seeker has its bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitd.kdc.names import PRINCIPAL, is_principal
from jitpam.wire.declared import Codec, text

REALM = text("a realm").where(lambda realm: is_principal(f"x@{realm}"), "a realm")


@dataclass(frozen=True, slots=True)
class Seek:
    """Find out whether any KDC that krb5.conf names for ``realm`` answers a request of ``client``."""

    realm: Annotated[str, REALM]
    client: Annotated[str, PRINCIPAL]


SEEK = Codec[Seek]("do", {"seek": Seek})
