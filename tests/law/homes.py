# SPDX-License-Identifier: Apache-2.0
"""Where each module of the product belongs: the kernel, or one extension. What is not named here belongs to the kernel.

Law: a name stands for a module, or for a package with all below it, and the longest name that fits counts. What has moved into a
package of its own (``jitd_NAME``) needs no line.
"""

from __future__ import annotations

KERNEL = "kernel"
HOMES: dict[str, str] = {name: home for home, names in {}.items() for name in names.split()}
MAY: dict[str, set[str]] = {
    "board": set(),
    "commands": set(),
    "inspection": {"outsiders", "things", "gates"},
    "evidence": set(),
    "sinks": {"outsiders"},
    "things": {"outsiders"},
    "gates": set(),
    "outsiders": set(),
}
"""Extension → the extensions that it may import; there is no circle. All may import the kernel, and the kernel imports none."""


def home_of(module: str) -> str:
    """The kernel, or the extension, that ``module`` belongs to."""
    first = module.partition(".")[0]
    if first.startswith("jitd_"):
        return first.removeprefix("jitd_")
    parts = module.split(".")
    for length in range(len(parts), 0, -1):
        if home := HOMES.get(".".join(parts[:length])):
            return home
    return KERNEL
