# SPDX-License-Identifier: Apache-2.0
"""Which uids [givers.NAME] of the kind account may have."""

from __future__ import annotations

from pathlib import Path

import pytest

from jitd.core.toml_document import ConfigError
from jitd.settings.account_uids import read_uids, without
from jitd_things.givers.account_notes import AccountNotes, Used
from jitd_things.givers.account_numbers import n_used
from jitd_things.settings import load_givers

TABLE = '[givers.{0}]\nkind = "account"\nuids = "{1}"\n'


@pytest.mark.parametrize("spelled", ["61000-61999", "1000-1001", "65536-99999"])
def test_a_range_with_uids_that_systemd_leaves_is_read(spelled: str) -> None:
    assert "-".join(map(str, read_uids(spelled))) == spelled


@pytest.mark.parametrize(
    "spelled", ["", "61000", "0-5000", "999-5000", "5000-4000", "61200-61999", "61183-61999", "600000-700000", "1000-2147483648"]
)
def test_any_other_range_is_refused(spelled: str) -> None:
    with pytest.raises(ValueError, match="must be|needs at least"):
        read_uids(spelled)


def test_what_is_left_of_a_range_is_in_none_of_the_others() -> None:
    assert without((10, 20), [(12, 13), (19, 30)]) == [(10, 11), (14, 18)]
    assert without((10, 20), [(1, 30)]) == [] and without((10, 20), []) == [(10, 20)]


def test_two_givers_do_not_share_uids(tmp_path: Path) -> None:
    file = tmp_path / "jitd.toml"
    file.write_text(TABLE.format("one", "70000-70999") + TABLE.format("two", "70999-71999"))
    with pytest.raises(ConfigError, match="overlaps"):
        load_givers(file)
    file.write_text(TABLE.format("one", "70000-70999") + TABLE.format("two", "71000-71999"))
    assert sorted(load_givers(file)) == ["one", "two"]


def test_how_many_uids_are_used_up_is_counted_among_those_that_accounts_get(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jitd_things.givers.account_numbers.SUBORDINATE", ())
    notes = AccountNotes(tmp_path / "accounts")
    assert n_used((70000, 70009), notes) == (0, 10)
    with notes.alone():
        notes.use(Used(((70000, 70001), (70003, 70003), (90000, 90000))))
    assert n_used((70000, 70009), notes) == (4, 10), "no uid below a used one is used again"
    assert n_used((61180, 65530), notes) == (0, 15), "systemd has the others"
