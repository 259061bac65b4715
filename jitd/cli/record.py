# SPDX-License-Identifier: Apache-2.0
"""The verbs about the record: ``audit key``, those of ``recorded`` and ``verifying``, and those of the extension evidence."""

from __future__ import annotations

import click

from jitd.cli import far
from jitd.cli.answer import quote
from jitd.cli.call import called
from jitd.cli.extended import Extended
from jitd.cli.recorded import export, show
from jitd.cli.verifying import verify
from jitpam.wire.messages import SigningKey


@click.group(cls=Extended, subcommand_metavar="VERB ...")
@click.pass_context
def audit(context: click.Context) -> None:
    """Print the record, export it, or prove that nobody has changed it."""
    far.must_be_at_the_door(f"audit {context.invoked_subcommand}")


for verb in (export, show, verify):
    audit.add_command(verb)


@audit.command()
@click.option("--rotate", is_flag=True, help="Make a new key first (root).")
@click.option("--acknowledge", is_flag=True, help="Record that you know why jitd made this key (root).")
@click.option("--allowed-signers", is_flag=True, help="Print a line for ssh-keygen -Y verify.")
def key(*, rotate: bool, acknowledge: bool, allowed_signers: bool) -> None:
    """Print the public key by which the head of the record is signed (operators, auditors and root)."""
    if rotate and acknowledge:
        raise click.UsageError("--acknowledge is about the key in use, and --rotate replaces it")
    with called() as daemon:
        line = daemon.do(SigningKey(rotate=rotate, acknowledge=acknowledge))
    if allowed_signers:
        public, _, signer = line.rpartition(" ")
        line = f'{signer} namespaces="jitd-checkpoint,jitd-key" {public}'
    quote([line], "")
