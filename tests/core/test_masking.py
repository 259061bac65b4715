# SPDX-License-Identifier: Apache-2.0
"""Which words a mask hides, and what people read in place of them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.masking import MASKED, Mask, masked, places, read_mask

HIDDEN = MASKED.encode()


@pytest.mark.parametrize(
    ("masks", "typed", "read"),
    [
        (["--password *"], "mysql --password hunter2 db", ["mysql", "--password", MASKED, "db"]),
        (["--password=*"], "mysql --password=hunter2 db", ["mysql", f"--password={MASKED}", "db"]),
        (["-p*"], "mysql -phunter2 -p", ["mysql", f"-p{MASKED}", "-p"]),
        (["PGPASSWORD=*"], "env PGPASSWORD=x psql", ["env", f"PGPASSWORD={MASKED}", "psql"]),
        (["-p *"], "mysql -p", ["mysql", "-p"]),
        (["-p *"], "mysql -p --verbose", ["mysql", "-p", "--verbose"]),
        (["-p *"], "mysql -p -p hunter2", ["mysql", "-p", "-p", MASKED]),
        (["my*", "mysql *"], "mysql myself", ["mysql", MASKED]),
        (["--user=*", "--user=alice:*"], "curl --user=alice:x", ["curl", f"--user={MASKED}"]),
        (["a *"], "a a a a", ["a", MASKED, MASKED, MASKED]),
        (["--password *"], "mysql --passwords hunter2", ["mysql", "--passwords", "hunter2"]),
        ([], "mysql -phunter2", ["mysql", "-phunter2"]),
    ],
)
def test_a_mask_hides_the_word_after_an_option_or_the_rest_of_a_word(masks: list[str], typed: str, read: list[str]) -> None:
    argv = [word.encode() for word in typed.split()]
    assert masked(argv, places(argv, map(read_mask, masks))) == tuple(word.encode() for word in read)


@pytest.mark.parametrize("text", ["", "*", "-*", "--password", "--pass*word=*", "--pass?=*", "a b *", " *", "--password**"])
def test_a_mask_that_is_not_literal_up_to_its_one_star_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        read_mask(text)


WORDS = st.lists(
    st.sampled_from([b"-p", b"-psecret", b"--password", b"--password=x", b"db", b"", b"\xff"]), min_size=1, max_size=8
)
MASKS = st.lists(st.sampled_from(["-p *", "-p*", "--password *", "--password=*", "d*"]).map(read_mask), max_size=4)


@given(WORDS, MASKS)
def test_no_first_word_and_no_option_is_hidden_whole_and_the_length_is_not_told(argv: list[bytes], masks: list[Mask]) -> None:
    read = masked(argv, places(argv, masks))
    assert len(read) == len(argv) and read[0] == argv[0]
    for word, shown in zip(argv, read, strict=True):
        if shown != word:
            start, hidden, rest = shown.partition(HIDDEN)
            assert hidden and not rest and word.startswith(start)
            assert not word.startswith(b"-") or start  # of an option, only what follows its literal beginning
