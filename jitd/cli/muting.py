# SPDX-License-Identifier: Apache-2.0
"""The verb ``mute``. Law: it is about the person who types it."""

from __future__ import annotations

from typing import Any

import click

from jitd.cli.answer import say
from jitd.cli.call import called
from jitd.core.duration import read_duration
from jitpam.wire.messages import Mute

BY_DEFAULT = 8 * 3600
"""Seconds that a mute lasts, if --for does not say."""


def _duration(context: click.Context, option: click.Parameter, value: Any) -> int | None:
    if value is None:
        return None
    seconds = read_duration(value)
    if seconds is None:
        raise click.BadParameter("a duration is such as 90s, 15m, 1h30m or 7d")
    return seconds


@click.command()
@click.option("--for", "lasts_for", metavar="DURATION", callback=_duration, help="How long: 8h by default, 30d at most.")
@click.option("--off", "is_off", is_flag=True, help="Be told again.")
def mute(*, lasts_for: int | None, is_off: bool) -> None:
    """Be told nothing of requests that wait, for a while."""
    if is_off and lasts_for is not None:
        raise click.UsageError("either --for or --off")
    with called() as daemon:
        say(daemon.do(Mute(lasts_for=None if is_off else lasts_for or BY_DEFAULT)) or "done")
