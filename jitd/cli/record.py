# SPDX-License-Identifier: Apache-2.0
"""The verbs about the record: ``audit key``, those of ``recorded`` and ``verifying``, and those of the extension evidence."""

from __future__ import annotations

import click

from jitd import packages
from jitd.cli import desk, far
from jitd.cli.answer import quote
from jitd.cli.call import called
from jitd.cli.extended import Extended
from jitd.cli.recorded import export, show
from jitpam.wire.messages import SigningKey


@click.group(cls=Extended, subcommand_metavar="VERB ...")
@click.pass_context
def audit(context: click.Context) -> None:
    """Print the record, export it, or prove that nobody has changed it."""
    far.must_be_at_the_door(f"audit {context.invoked_subcommand}")
    desk.must_have(f"audit {context.invoked_subcommand}")


for verb in (export, show):
    audit.add_command(verb)
if packages.is_desk():
    audit.add_command(desk.of_a_host("verify"))
else:
    from jitd.cli.verifying import verify

    audit.add_command(verify)


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
