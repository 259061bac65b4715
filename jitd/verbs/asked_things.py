# SPDX-License-Identifier: Apache-2.0
"""Describes what each thing in a request lets a person do, and adds the description to the request. The description comes from
the present jitd.toml. It is added before anybody decides about the request.

Law: if a thing cannot be given as requested, this module refuses the request. Therefore no approver gets a request for such a
thing.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jitd.deciding.command_lookup import Asked
from jitd.settings.giver_words import lets_of_things, read_things
from jitd.settings.section import ThingSettings
from jitd.verbs.refusal import Refusal


def things_of(words: Sequence[str], brought: str) -> tuple[list[str], str]:
    """Return what ``settings.giver_words.read_things`` returns. Raises Refusal."""
    try:
        return read_things(words, brought)
    except ValueError as fault:
        raise Refusal("usage", str(fault)) from None


def lets_in(givers: Mapping[str, ThingSettings], asked: Asked) -> tuple[str, ...]:
    """Return descriptions of what the things in ``asked`` let a person do. For some things, such as an SSH certificate, jitd
    signs the person's own public key. Raises Refusal if the request is for such a thing but contains no public key.
    """
    things = [word.decode("ascii") for word in asked.argv]
    for thing in things:
        kind, _, name = thing.partition(":")
        giver = givers.get(name)
        if giver is not None and kind == giver.KIND and giver.needs_key and not asked.brought:
            raise Refusal("usage", f"{thing} needs your public key: name the key's file by --key ~/.ssh/id_ed25519.pub")
    return lets_of_things(givers, things)
