# SPDX-License-Identifier: Apache-2.0
"""The text of a policy: whatever its files are, it is read back as it was, and nothing else is taken for it."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jitd.core.policy_text import OF_HOST, PolicyText, read
from jitd.core.receipt import LEVELS

FILES = st.lists(st.tuples(st.binary(min_size=1, max_size=12), st.binary(max_size=60)), max_size=4)
TEXT = PolicyText(((b"10-dba.toml", 'pattern = "\\\\d" # ü‮\n'.encode()), (b"\xff.toml", b"\\x41 \x00\xfe")))


@given(FILES)
def test_a_policy_is_read_back_as_it_was(files: list[tuple[bytes, bytes]]) -> None:
    text = PolicyText(tuple(files))
    again = read(text.document())
    assert (again, again.digest) == (text, text.digest)


@given(FILES, FILES)
def test_different_files_have_different_digests_and_documents(
    one: list[tuple[bytes, bytes]], other: list[tuple[bytes, bytes]]
) -> None:
    first, second = PolicyText(tuple(one)), PolicyText(tuple(other))
    assert (first.digest == second.digest) is (first.document() == second.document()) is (one == other)


def test_the_digest_and_the_document_are_those_of_the_protocol() -> None:
    parts = b"".join(len(part).to_bytes(8, "big") + part for file in TEXT.files for part in file)
    assert TEXT.digest == hashlib.sha256(parts).hexdigest()
    assert TEXT.document() == (
        b'{"files":[{"name":"10-dba.toml","text":"pattern = \\"\\\\\\\\\\\\\\\\d\\" # \\u00fc\\u202e\\n"},'
        b'{"name":"\\\\xff.toml","text":"\\\\\\\\x41 \\u0000\\\\xfe"}],"form":"jitd policy 1"}'
    )


@given(FILES, st.sampled_from(LEVELS), st.sampled_from(LEVELS))
def test_what_a_host_demands_of_each_receipt_is_a_part_of_its_policy(
    files: list[tuple[bytes, bytes]], one: str, other: str
) -> None:
    """THREATS A-32."""
    first, second = PolicyText.of(files, one), PolicyText.of(files, other)
    assert (first.digest == second.digest) is (first.document() == second.document()) is (one == other)
    assert (read(first.document()).signed, first.of_rules) == (one, tuple(files))
    assert PolicyText.of(files) == PolicyText(tuple(files)), "hosts that demand nothing have the digest that they had"


def test_a_demand_that_this_version_does_not_know_is_the_most_that_can_be_demanded() -> None:
    assert PolicyText(((OF_HOST, b"[approvals]\nsigned = 'retina'\n"),)).signed == LEVELS[-1]


WHOLE = TEXT.document().decode("ascii")
NONE = {
    "nothing": "",
    "no object": "[]",
    "no files": '{"form":"jitd policy 1"}',
    "another form": WHOLE.replace("policy 1", "policy 2"),
    "a space": WHOLE.replace('"form":', '"form": '),
    "another order": json.dumps(dict(reversed(json.loads(WHOLE).items())), separators=(",", ":")),
    "a member more": WHOLE.replace('"form"', '"also":1,"form"'),
    "a member twice": WHOLE.replace('"form"', '"files":[],"form"', 1),
    "a name that is none": WHOLE.replace('"10-dba.toml"', "10"),
    "a file that is none": WHOLE.replace('{"name":"10-dba.toml"', '[{"name":"10-dba.toml"').replace("},{", "}],{"),
    "a lone surrogate": WHOLE.replace("10-dba", "\\ud800"),
    "a byte spelled in two ways": WHOLE.replace("10-dba", "\\\\x41"),
    "deep": "[" * 100_000,
    "no text": "\udcff",
}


@pytest.mark.parametrize("document", NONE.values(), ids=list(NONE))
def test_no_other_bytes_are_the_document_of_a_policy(document: str) -> None:
    with pytest.raises(ValueError, match="is not the document of a policy|codec|JSON|Expecting|double quotes"):
        read(document.encode("utf-8", "surrogateescape"))
