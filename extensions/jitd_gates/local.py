# SPDX-License-Identifier: Apache-2.0
"""Reads and changes the KDC's database with kadmin.local(1). The commands for the KDC's administrator use this module, as root on
the KDC.

Law: each word is passed as one argument, so that kadmin.local cannot split a word.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence

from jitd_gates.plan import Entry, read_entry

PROGRAM = "/usr/sbin/kadmin.local"
KEPT = ("KRB5_CONFIG", "KRB5_KDC_PROFILE")  # environment variables that kadmin.local gets if they are set
MISSING = "Principal does not exist"


class LocalError(Exception):
    """kadmin.local has failed. The text of the exception is the error output of kadmin.local."""


class NoEntry(LocalError):
    """The principal does not exist in the database."""


def kadmin(*words: str) -> str:
    """Return the standard output of ``kadmin.local WORDS``. Raises NoEntry, or LocalError if it fails for another reason."""
    environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C", "TZ": "UTC"}
    environment |= {name: os.environ[name] for name in KEPT if name in os.environ}
    try:
        done = subprocess.run([PROGRAM, *words], env=environment, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as fault:
        raise LocalError(f"{PROGRAM} cannot be run ({fault.strerror}): this command works only on the KDC, as root") from None
    said = done.stderr.decode("utf-8", "replace").strip()
    if done.returncode:
        raise (NoEntry if MISSING in said else LocalError)(said or f"{PROGRAM} ended with status {done.returncode}")
    return done.stdout.decode("utf-8", "surrogateescape")


def entry(principal: str) -> Entry:
    """Return the database's entry of ``principal``. Raises NoEntry if there is none, and LocalError."""
    printed = kadmin("getprinc", principal)
    try:
        return read_entry(printed, kadmin("getstrs", principal))
    except ValueError as fault:
        raise LocalError(f"the output of kadmin.local about {principal} cannot be read: {fault}") from None


def strings_of(principals: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return the string attributes of each of ``principals`` that is in the database. Raises LocalError."""
    found = {}
    for principal in principals:
        try:
            found[principal] = dict(entry(principal).strings)
        except NoEntry:
            continue
    return found
