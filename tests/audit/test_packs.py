# SPDX-License-Identifier: Apache-2.0
"""What verify.py finds in a pack, and what it says of one that is whole."""

from __future__ import annotations

import pytest

from tests.audit.packs import Host, wrong, zipped


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Host:
    made = Host(tmp_path_factory.mktemp("host"))
    made.others(9)
    made.live()
    made.others(3, "CCCC")
    return made


def test_a_pack_of_a_host_is_whole(host: Host) -> None:
    data = zipped(host.pack())
    assert wrong(data) == []
    assert wrong(data, host.public) == []
