# SPDX-License-Identifier: Apache-2.0
"""The verbs about the record: ``audit verify``, ``audit key``, and those of ``recorded`` and ``witnessing``.
Law: ``verify`` works without the daemon and changes nothing.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from jitd.cli.answer import answer
from jitd.cli.call import NotDone, called
from jitd.cli.house import config_option
from jitd.cli.recorded import export, show
from jitd.cli.witnessing import countersigned, digests, witness
from jitpam.wire.messages import SigningKey

if TYPE_CHECKING:
    from jitd.settings.config import Config


@click.group()
def audit() -> None:
    """Print the record, export it, or prove that nobody has changed it."""


for verb in (countersigned, digests, export, show, witness):
    audit.add_command(verb)


@audit.command()
@click.argument("file", required=False, type=click.Path(path_type=Path))
@config_option
def verify(*, file: Path | None, config: Path | None) -> None:
    """Prove that the record in FILE (or in the live database) is complete and unchanged. Also compare it with the stored
    objects.
    """
    from jitd.audit.verify import Finding
    from jitd.audit.verify import verify as walk
    from jitd.core.chain import Broken
    from jitd.lifecycle.integrity import Noted, examine_head, examine_index, examine_tables
    from jitd.store import StoreError
    from jitd.store.opening import file_of, read_store

    noted = None
    if file is None:
        settings = _settings(config)
        file, noted = file_of(settings.state), Noted(settings.socket.parent / "head")
    try:
        file.open("rb").close()
        # Read the noted head before the database, because the daemon may append records between the two reads.
        head = None if noted is None else noted.read()
        store = read_store(file)
        try:
            verified = walk(store.records(), store.documents(), store.misfiled())
            examine_tables(store)
            examine_index(store)
            if noted is not None:
                examine_head(store, head, noted)
        finally:
            store.close()
    except (Broken, Finding, StoreError) as fault:
        raise NotDone(f"audit: {fault}") from None
    except OSError as fault:
        raise NotDone(f"audit: {file} cannot be read: {fault.strerror}") from None
    answer(f"audit: {verified.n} records, chain whole, head {verified.head.hex()}")


@audit.command()
@click.option("--rotate", is_flag=True, help="Make a new key first (root).")
@click.option("--allowed-signers", is_flag=True, help="Print a line for ssh-keygen -Y verify.")
def key(*, rotate: bool, allowed_signers: bool) -> None:
    """Print the public key by which the head of the record is signed (operators and root)."""
    with called() as daemon:
        line = daemon.do(SigningKey(rotate=rotate))
    if allowed_signers:
        public, _, signer = line.rpartition(" ")
        line = f'{signer} namespaces="jitd-checkpoint,jitd-key" {public}'
    answer(line)


def _settings(config: Path | None) -> Config:
    from jitd.settings.config import load
    from jitd.settings.toml_document import ConfigError

    try:
        return load(config)
    except ConfigError as error:
        raise NotDone(f"cannot tell where the database is: {error.faults[0]}") from None
