# SPDX-License-Identifier: Apache-2.0
"""pexpect's programs on a terminal, without a fork of the tests' process (tests/pseudo_terminals.py)."""

from __future__ import annotations

import os
from typing import Any

import pexpect
from ptyprocess import PtyProcess

from tests.pseudo_terminals import execute_on, open_terminal


class OnTerminal(pexpect.spawn):  # type: ignore[misc]
    """pexpect's ``spawn``. The directory, if one is given, is entered by env(1)."""

    def _spawnpty(
        self,
        args: list[str],
        *,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        dimensions: tuple[int, int] = (24, 80),
        **more: Any,
    ) -> PtyProcess:
        assert not any(value for name, value in more.items() if name != "echo") and more.get("echo", True), more
        line = ["/usr/bin/env", "-C", cwd, *args] if cwd else args
        person, program = open_terminal(dimensions)
        made = PtyProcess(execute_on(program, line, {**os.environ} if env is None else env), person)
        made.argv, made.launch_dir = args, cwd
        return made
