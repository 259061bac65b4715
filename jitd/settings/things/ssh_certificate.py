# SPDX-License-Identifier: Apache-2.0
"""The kind ``ssh-certificate``: a certificate of OpenSSH for the key that a person brings."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from jitd.core.conditions import is_name
from jitd.core.toml_table import Table, quoted
from jitd.settings.outsiders import file_in
from jitd.settings.things import GiverSettings

_ADDRESSES = re.compile(r"[0-9A-Fa-f.:/,]{1,1000}")


@dataclass(frozen=True, slots=True)
class SshCertificate(GiverSettings):
    """A certificate for the person's key. ``ca`` is the file of the signing key, or the socket of an agent. A revoked certificate
    is listed in the file ``krl``.
    """

    KIND = "ssh-certificate"
    KEYS = ("ca", "principals", "krl", "force_command", "source_address")
    IS_MENDED = False

    ca: Path = Path("/")
    principals: tuple[str, ...] = ()
    krl: Path | None = None
    force_command: str = ""
    source_address: str = ""

    @classmethod
    def read(cls, table: Table) -> dict[str, object]:
        table.needs("ca", "principals")
        source = table.text("source_address", "")
        if "source_address" in table.values and not _ADDRESSES.fullmatch(source):
            table.fault('"source_address" must be networks with commas between them, such as "10.1.0.0/16"', "source_address")
        return {
            "ca": file_in(table, "ca") or Path("/"),
            "principals": table.words("principals", (), _read_name),
            "krl": file_in(table, "krl"),
            "force_command": table.sentence("force_command"),
            "source_address": source,
        }

    @property
    def needs_key(self) -> bool:
        return True

    def sentences(self) -> tuple[str, ...]:
        forced = f", for the command {self.force_command}" if self.force_command else ""
        source = f", from {self.source_address}" if self.source_address else ""
        revoked = f"revoked in {self.krl}" if self.krl else "revoked nowhere before its time is over"
        whom = ", ".join(self.principals)
        return (f"log in by ssh as {whom}{forced}{source}, with a certificate by {self.ca}, {revoked}",)


def _read_name(word: str) -> str:
    if not is_name(word):
        raise ValueError(f"{quoted(word)} is not a name")
    return word
