# SPDX-License-Identifier: Apache-2.0
"""Implements the verbs ``revoke`` (ends a grant) and ``stop`` (ends a run). Law: both verbs return only after all processes have
ended.
"""

from __future__ import annotations

import click

from jitd.cli.answer import say
from jitd.cli.call import called, done_by
from jitd.cli.everywhere import everywhere
from jitd.cli.ids import whole_id
from jitpam.wire.messages import Revoke, Stop

_reason = click.option("--reason", default="", help="Why: told to the person it is taken from, and recorded.")


@click.command()
@click.argument("id", required=False)
@click.option("--of", metavar="PRINCIPAL", help="All live grants of this person: an account or a principal.")
@_reason
def revoke(id: str | None, *, of: str | None, reason: str) -> None:
    """End a grant and kill what runs under it; return when all of it has ended."""
    if (id is None) == (of is None):
        raise click.UsageError("give a grant ID, or --of PRINCIPAL")
    id = None if id is None else whole_id("revoke", id)
    with everywhere() as hosts:
        hosts.do(Revoke(id=id, of=of, reason=reason), "revoked")


@click.command()
@click.argument("id")
@_reason
def stop(id: str, *, reason: str) -> None:
    """End a run; its grant stays. Return when all its processes have ended."""
    id = whole_id("stop", id)
    with called() as daemon, done_by(daemon):
        say(daemon.do(Stop(id=id, reason=reason)) or "stopped")
