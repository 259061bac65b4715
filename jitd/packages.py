# SPDX-License-Identifier: Apache-2.0
"""Where the product's own packages are: ``jitpam``, ``jitd`` and those of the extensions, which are named ``jitd_NAME``.

When the product is installed, all of them are in one directory. In a checkout of the source, extensions are in a directory of
their own below it (ADR 0156).
"""

from __future__ import annotations

from pathlib import Path

TOP = Path(__file__).resolve().parents[1]  # the directory that contains the package `jitd`
EXTENSIONS = TOP / "extensions"  # the directory that contains the packages of the extensions, unless it is `TOP` itself
INSTALLED = Path("/usr/lib/jitd")
OF_A_HOST = frozenset({"jitd.cli.explaining", "jitd.cli.house", "jitd.cli.muting", "jitd.cli.verifying"})
"""The modules of verbs that a desk does not have."""


def is_installed() -> bool:
    """True if this is an installed product. Otherwise, it is a checkout of the source."""
    return TOP == INSTALLED


def is_desk() -> bool:
    """True if the client is here without the daemon: the package jitsudo-client, or its wheel (ADR 0167)."""
    return not (TOP / "jitd/daemon.py").is_file()


def places() -> list[str]:
    """Return the directories from which a process of ours imports our packages."""
    return [str(place) for place in (TOP, EXTENSIONS) if place == TOP or place.is_dir()]


def packages() -> list[Path]:
    """Return the directories of all our packages that are there."""
    return [TOP / "jitd", TOP / "jitpam", *(found for place in places() for found in sorted(Path(place).glob("jitd_*")))]
