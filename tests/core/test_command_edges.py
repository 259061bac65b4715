# SPDX-License-Identifier: Apache-2.0
"""What a lease answers for, and the word that says whose command it is."""

from __future__ import annotations

from jitd.core.command import work_of
from jitd.core.deed import JITSUDO
from tests.scene import command


def test_the_daemons_own_service_is_called_jitsudo() -> None:
    assert JITSUDO == "jitsudo"


def test_a_lease_answers_for_the_same_work_whatever_the_terminal_speaks() -> None:
    one = command("true")
    assert work_of(one) == work_of(command("true", locale=((b"LANG", b"C"),), streams=("tty", "tty", "tty")))
    others = [command("true", "x"), command("true", variables=((b"A", b"B"),)), command("true", cwd=b"/"), command("false")]
    assert len({work_of(one), *map(work_of, others)}) == 5
