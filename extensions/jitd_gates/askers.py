# SPDX-License-Identifier: Apache-2.0
"""The messages of the process that asks KDCs whether they obey grants (``asking``), which is started anew for one question.

The question, Ask, comes on standard input. The process answers with a line for each pair of KDC and service, which is a
Sighting, and so do its children. tests/gates/golden-askers has the bytes of each message.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from jitd.kdc.names import PRINCIPAL
from jitd.kdc.seeking import REALM
from jitd_gates.strings import Sighting
from jitpam.wire.declared import Codec, integer, list_of, text

MOST_MS = 3_600_000
_KDC = text("a KDC in the form of krb5.conf", least=1, most=1_024)


@dataclass(frozen=True, slots=True)
class Ask:
    """Request tickets for ``services`` as ``client``, whose key is in the file ``keytab``, from each KDC of ``realm``. ``kdcs``
    are the KDCs to ask. If ``kdcs`` is empty, ask those that krb5.conf names. Each has ``patience_ms`` milliseconds to answer.
    """

    realm: Annotated[str, REALM]
    client: Annotated[str, PRINCIPAL]
    keytab: Annotated[str, text("a path", least=1, most=4_096)]
    services: Annotated[tuple[str, ...], list_of(PRINCIPAL, most=1_000)]
    kdcs: Annotated[tuple[str, ...], list_of(_KDC, most=1_000)]
    patience_ms: Annotated[int, integer(1, MOST_MS)]


ASK = Codec[Ask]("do", {"ask": Ask})
SEEN = Codec[Sighting]("said", {"seen": Sighting})
