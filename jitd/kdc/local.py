# SPDX-License-Identifier: Apache-2.0
"""Reads and changes the KDC's database with kadmin.local(1), as root on the KDC, for the verbs of the KDC's administrator.

Law: each word is passed as one argument, so kadmin.local does not split it again.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from jitd.kdc.plan import Entry, read_entry

PROGRAM = "/usr/sbin/kadmin.local"
KEPT = ("KRB5_CONFIG", "KRB5_KDC_PROFILE")
"""Environment variables that are passed to kadmin.local if they are set."""
MISSING = "Principal does not exist"


class LocalError(Exception):
    """kadmin.local has failed; the text is what it wrote to standard error."""


class NoEntry(LocalError):
    """The database has no such principal."""


def kadmin(*words: str) -> str:
    """Run ``kadmin.local WORDS``, and return what it prints. Raises NoEntry if there is no such principal, else LocalError."""
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
    """Return the database's entry of ``principal``. Raises NoEntry if there is none, LocalError if it cannot be read."""
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
