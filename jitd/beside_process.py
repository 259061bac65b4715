# SPDX-License-Identifier: Apache-2.0
"""``jitd-helper NAME``, the program of all helpers (``beside.processes``). Either systemd or the daemon starts it.

Law: it imports the work of the helper that it is, and of no other.
"""

from __future__ import annotations

import sys
from pathlib import Path

from jitd import extensions
from jitd.beside.processes import HELPERS

SITE = Path(__file__).resolve().parents[1] / "site-packages"  # beside the installed `jitd`. Elsewhere: `ChildConnector`


def main() -> int:
    """Run the command line ``jitd-helper NAME [--OPTION=FILE ...]``. Return the exit status."""
    helper = HELPERS.get(sys.argv[1]) if len(sys.argv) > 1 else None
    if helper is None:
        print(f"usage: jitd-helper NAME [--OPTION=FILE ...]    (NAME: {', '.join(HELPERS)})", file=sys.stderr)
        return 2
    extension = extensions.HELPERS[helper.name]
    if why := extension.why_not():
        told = f"its work is that of the extension {extension.name}, which {why}: install it in /usr/lib/jitd"
        print(f"{helper.process}: {told}", file=sys.stderr)
        return 1
    if helper.package:
        sys.path.append(str(SITE))
    if not helper.has_tls:
        sys.modules["ssl"] = None  # type: ignore[assignment]  # asyncio would load it, and OpenSSL: 4 MB for nothing
    from jitd.beside.serving import run

    return run(helper, sys.argv[2:], extensions.work(helper.name))
