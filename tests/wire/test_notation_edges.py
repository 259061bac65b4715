# SPDX-License-Identifier: Apache-2.0
"""The notation alone, without the messages: how long a number may be, which blanks are skipped, and which fault is named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from jitpam.wire import notation

READ = [
    (b"0", 0),
    (b"9" * 20, int("9" * 20)),
    (b"9" * 21, int("9" * 21)),
    (b"-" + b"9" * 20, -int("9" * 20)),
    (b" \t\n\r1 \t\n\r", 1),
    (b"[ 1 ,\n2 ]", [1, 2]),
    (b'{"a":1,"b":[true,false,null]}', {"a": 1, "b": [True, False, None]}),
    (b"{}", {}),
    ('"ä"'.encode(), "ä"),
]
REFUSED = [
    (b"9" * 22, "a number is out of bounds"),
    (b"-" + b"9" * 21, "a number is out of bounds"),
    (b"-0", "a number is out of bounds"),
    (b"1.5", "1.5 is not an integer"),
    (b"1e" + b"5" * 40, "1e555555555555555555 is not an integer"),
    (b"NaN", "NaN is not an integer"),
    (b'{"a":1,"a":1}', "a name occurs twice"),
    (b"", "not JSON"),
    (b"\x0b1", "not JSON"),
    (b"1 2", "more than one value"),
    (b"1\x0b", "more than one value"),
    (b"[" * 100_000, "too deep"),
]


@pytest.mark.parametrize(("body", "value"), READ)
def test_what_is_read(body, value):
    assert notation.read(body) == value


@pytest.mark.parametrize(("body", "sentence"), REFUSED, ids=[sentence for _, sentence in REFUSED])
def test_what_is_refused_and_how_that_is_told(body, sentence):
    with pytest.raises(ValueError, match=f"^{sentence}$"):
        notation.read(body)


def test_a_control_character_in_text_is_refused():
    with pytest.raises(ValueError):
        notation.read(b'"a\tb"')


def test_what_is_written_is_as_short_as_it_can_be_in_the_order_of_the_fields():
    value = {"type": "item", "a": [1, -2, None, True, False], "ä": "\n\u20ac", "": {}}
    assert notation.write(value) == b'{"type":"item","a":[1,-2,null,true,false],"\\u00e4":"\\n\\u20ac","":{}}'


@pytest.mark.parametrize("value", [{("a",): 1}, {"a": float("nan")}, {"a": float("inf")}, {"a": b"x"}])
def test_what_has_no_spelling_is_never_written(value):
    with pytest.raises((TypeError, ValueError)):
        notation.write(value)


def test_a_long_list_is_written_as_it_is():
    """The encoder gives it in more than one piece."""
    many = list(range(100_000))
    assert json.loads(notation.write(many)) == many


NEARLY = (b"{", b"[", b'{"a":1,}', b'{"a" 1}', b"{1:2}", b"[1 2]", b'"a', b'"\\x"', b'"\\u12"', b'"a\tb"', b'{"a"')
ALONE = """
import sys
sys.path.append(sys.argv[1])
from jitpam.wire import notation
assert "json.decoder" not in sys.modules
for body in map(bytes.fromhex, sys.argv[2:]):
    try:
        notation.read(body)
    except ValueError as fault:
        print(fault)
"""


def test_a_process_that_has_not_loaded_json_refuses_by_the_same_error():
    """THREATS S-07. The scanner of Python 3.11 looks for its exception among loaded modules, or raises SystemError."""
    line = [sys.executable, "-IS", "-c", ALONE, str(Path(notation.__file__).parents[2]), *(body.hex() for body in NEARLY)]
    done = subprocess.run(line, capture_output=True, text=True, check=False)
    assert (done.stderr, done.returncode, len(done.stdout.splitlines())) == ("", 0, len(NEARLY))
