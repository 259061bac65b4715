# SPDX-License-Identifier: Apache-2.0
"""To forget and to authenticate: what is a time stamp there, and leases here. Law: one row is one scenario."""

from __future__ import annotations

import pytest

from tests.differential.scenario import LEASES, Row

ROWS = [
    Row("to forget", ("-k",), ours={"speaks": True}, because=LEASES),
    Row("to forget all", ("-K",), ours={"speaks": True}, because=LEASES),
    Row("to forget, and to forget all", ("-k", "-K"), ours={"speaks": True}, because=LEASES),
    Row("to forget, with what is about a password", ("-kS", "-p", "x"), ours={"speaks": True}, because=LEASES),
    Row("to forget all, and list", ("-K", "-l"), refused=120),
    Row("to forget all, and authenticate", ("-K", "-v"), refused=120),
    Row("to forget all, and a shell", ("-K", "-s"), refused=120),
    Row("to forget, with a user", ("-k", "-u", "bob"), refused=120),
    Row("to forget all, with a user", ("-K", "-u", "bob"), refused=120),
    Row("to forget all, with a group", ("-K", "-g", "ops"), refused=120),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_it_is_the_same(compared, row):
    compared(row)
