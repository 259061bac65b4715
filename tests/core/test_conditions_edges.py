# SPDX-License-Identifier: Apache-2.0
"""The longest and the shortest name that an account or a group can have."""

from __future__ import annotations

import pytest

from jitd.core.conditions import is_name


@pytest.mark.parametrize(("length", "is_one"), [(0, False), (1, True), (2, True), (254, True), (255, True), (256, False)])
def test_a_name_is_as_long_as_this(length: int, is_one: bool) -> None:
    assert is_name("a" * length) is is_one
