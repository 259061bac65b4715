# SPDX-License-Identifier: Apache-2.0
"""Where each module of the product belongs: the kernel, or the extension whose package it is in."""

from __future__ import annotations

KERNEL = "kernel"
MAY: dict[str, set[str]] = {
    "board": set(),
    "commands": set(),
    "inspection": {"outsiders", "things", "gates"},
    "evidence": set(),
    "sinks": {"outsiders"},
    "things": {"outsiders"},
    "gates": set(),
    "fleet": set(),
    "outsiders": set(),
    "policy": {"inspection"},
}
"""Extension → the extensions that it may import; there is no circle. All may import the kernel, and the kernel imports none."""


def home_of(module: str) -> str:
    """The kernel, or the extension, that ``module`` belongs to."""
    first = module.partition(".")[0]
    return first.removeprefix("jitd_") if first.startswith("jitd_") else KERNEL
