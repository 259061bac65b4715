# SPDX-License-Identifier: Apache-2.0
"""The address of a PostgreSQL server in jitd.toml: a Unix socket, and nothing that libpq would read as more."""

from __future__ import annotations

import pytest

from jitd_things.givers.postgres_settings import Address, read_address


@pytest.mark.parametrize(
    ("uri", "address"),
    [
        ("postgresql:///app", Address("app")),
        ("postgres:///app?host=/run/postgresql", Address("app", "/run/postgresql")),
        ("postgresql://admin@/app?host=/srv/pg&port=5433", Address("app", "/srv/pg", 5433, "admin")),
    ],
)
def test_a_database_behind_a_socket_is_an_address(uri: str, address: Address) -> None:
    assert read_address(uri) == address
    assert address.socket == f"{address.directory}/.s.PGSQL.{address.port}"


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("mysql:///app", "URI of PostgreSQL"),
        ("postgresql:app", "URI of PostgreSQL"),
        ("postgresql:///app#x", "URI of PostgreSQL"),
        ("postgresql://db1/app", "no network"),
        ("postgresql:///app?host=db1", "no network"),
        ("postgresql:///app?host=@abstract", "no network"),
        ("postgresql:///app?host=/run/../tmp", "absolute path"),
        ("postgresql:///app?host=/run,/tmp", "absolute path"),
        ("postgresql:///app?host=/run%2fx", "absolute path"),
        ("postgresql:///app?port=0", "port"),
        ("postgresql:///app?port=65536", "port"),
        ("postgresql:///app?port=1&port=2", "once each"),
        ("postgresql:///app?options=-csearch_path=x", "nothing else"),
        ("postgresql:///app?service=x", "nothing else"),
        ("postgresql://a:secret@/app", "password does not belong"),
        ("postgresql:///", "name a database"),
        ("postgresql:///a'b", "name a database"),
    ],
)
def test_everything_else_is_refused_with_the_reason(uri: str, why: str) -> None:
    with pytest.raises(ValueError, match=why) as fault:
        read_address(uri)
    assert "secret" not in str(fault.value)
