# SPDX-License-Identifier: Apache-2.0
"""Finds out which KDCs krb5.conf names. This module also finds out whether jitd could ever conclude that all these KDCs are
unreachable.

Law: jitd does not ask a KDC that it can find only by DNS. A person who controls the answers of DNS could name KDCs that do not
exist. Such KDCs would not answer, and jitd would then accept a local password. The function ``why_never`` is pure.
Source: krb5.conf(5), the forms of ``kdc``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from jitd.kdc.libkrb5 import Krb5Error, Library

KDC = re.compile(r"(?:(?P<by>tcp|udp)/)?(?:\[(?P<six>[^]\s]+)\]|(?P<host>[^]\[:/\s]+))(?::(?P<port>\d{1,5}))?")
"""The form in which krb5.conf names a KDC that is asked by UDP or TCP."""
NEVER = "so a local password never counts here (without_kdc)"


def kdcs_of(realm: str) -> list[str]:
    """Return the KDCs of ``realm`` that krb5.conf names. Raises Krb5Error. Raises OSError if libkrb5 cannot be loaded."""
    relations = Library().relations(realm)
    kinds = ("kdc", "primary_kdc", "master_kdc")
    return list(dict.fromkeys(value for kind in kinds for value in relations.get(kind, [])))


def why_never(realm: str, kdcs: Sequence[str]) -> str:
    """Return the reason why jitd can never conclude that all of ``kdcs`` are unreachable. The reason is a sentence without a full
    stop. Return "" if jitd is able to draw this conclusion.
    """
    if not kdcs:
        return f"krb5.conf names no KDC of {realm}, and jitd asks none that is found by DNS, {NEVER}"
    other = next((kdc for kdc in kdcs if KDC.fullmatch(kdc) is None), None)
    return f"the KDC {other} of krb5.conf cannot be asked by UDP or TCP, {NEVER}" if other is not None else ""


def fault_of(realm: str) -> str:
    """Return why jitd can never say that krb5.conf's KDCs are unreachable (``why_never``), also if it cannot be read."""
    try:
        return why_never(realm, kdcs_of(realm))
    except (Krb5Error, OSError) as fault:
        return f"jitd cannot read which KDCs krb5.conf names: {fault}, {NEVER}"
