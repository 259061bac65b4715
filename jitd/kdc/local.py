# SPDX-License-Identifier: Apache-2.0
"""The KDC's database by kadmin.local(1), as root on the KDC: for its administrator's verbs.

Law: each word is an argument of its own, so that nothing is parsed a second time.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from jitd.kdc.plan import Entry, read_entry

PROGRAM = "/usr/sbin/kadmin.local"
KEPT = ("KRB5_CONFIG", "KRB5_KDC_PROFILE")
"""The variables of the environment that are passed to kadmin.local, if an administrator has set them."""
MISSING = "Principal does not exist"


class LocalError(Exception):
    """kadmin.local has failed; the text is what it said."""


class NoEntry(LocalError):
    """There is no such principal."""


def kadmin(*words: str) -> str:
    """Return what ``kadmin.local WORDS`` prints. Raises LocalError, NoEntry."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", "TZ": "UTC"}
    environment |= {name: os.environ[name] for name in KEPT if name in os.environ}
    try:
        done = subprocess.run([PROGRAM, *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as fault:
        raise LocalError(f"{PROGRAM} cannot be run ({fault.strerror}): this verb works on the KDC, as root") from None
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode:
        raise (NoEntry if MISSING in said else LocalError)(said or f"{PROGRAM} ended with status {done.returncode}")
    return done.stdout.decode("utf-8", "surrogateescape")


def entry(principal: str) -> Entry:
    """Return an entry of the database. Raises LocalError, NoEntry."""
    printed = kadmin("getprinc", principal)
    try:
        return read_entry(printed, kadmin("getstrs", principal))
    except ValueError as fault:
        raise LocalError(f"what kadmin.local prints of {principal} cannot be read: {fault}") from None


def strings_of(principals: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the string attributes of each of ``principals`` that is in the database. Raises LocalError."""
    found = {}
    for principal in principals:
        try:
            found[principal] = dict(entry(principal).strings)
        except NoEntry:
            continue
    return found
