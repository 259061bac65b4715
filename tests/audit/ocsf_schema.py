# SPDX-License-Identifier: Apache-2.0
"""Checks an event against the published files of OCSF in tests/audit/ocsf. What the files do not say is not checked."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

FILES = Path(__file__).parent / "ocsf"
WHOLE = {"integer_t": 32, "long_t": 64, "timestamp_t": 64}
OTHER = 99


@cache
def read(name: str) -> dict[str, Any]:
    found = json.loads((FILES / name).read_text("utf-8"))
    assert isinstance(found, dict)
    return found


def place(kind: str, room: str) -> str:
    (found,) = (FILES / room).rglob(f"{kind}.json")
    return str(found.relative_to(FILES))


@cache
def merged(kind: str, room: str) -> dict[str, Any]:
    """The class or object ``kind`` with what it inherits."""
    own = read(place(kind, room))
    if "extends" not in own:
        return own
    above = merged(own["extends"], room)
    attributes = {name: dict(said) for name, said in above["attributes"].items() if name != "$include"}
    for name, said in own["attributes"].items():
        if name != "$include":
            before = attributes.get(name, {})
            attributes[name] = {**before, **said, "enum": {**before.get("enum", {}), **said.get("enum", {})}}
    return {**above, **own, "attributes": attributes, "constraints": own.get("constraints", above.get("constraints", {}))}


def faults(event: dict[str, Any]) -> list[str]:
    """Everything that is wrong with ``event``."""
    categories = {one["uid"]: name for name, one in read("categories.json")["attributes"].items()}
    classes = {}
    for file in (FILES / "events").rglob("*.json"):
        kind = merged(file.stem, "events")
        if "uid" in kind:
            classes[kind["uid"] + 1000 * read("categories.json")["attributes"][kind["category"]]["uid"]] = file.stem
    name = classes.get(event.get("class_uid", 0))
    if name is None:
        return [f"no such class: {event.get('class_uid')}"]
    kind = merged(name, "events")
    found = []
    if categories.get(event.get("category_uid", -1)) != kind["category"]:
        found.append("category_uid")
    if event.get("class_name") != kind["caption"] or event.get("type_uid") != event["class_uid"] * 100 + event["activity_id"]:
        found.append("class_name or type_uid")
    if event["category_name"] != read("categories.json")["attributes"][kind["category"]]["caption"]:
        found.append("category_name")
    if event["metadata"]["version"] != read("version.json")["version"]:
        found.append("metadata.version")
    profiles = [read(f"profiles/{profile}.json") for profile in event["metadata"].get("profiles", ())]
    extra = {name: said for profile in profiles for name, said in profile["attributes"].items()}
    attributes = {**kind["attributes"], **{name: said for name, said in extra.items() if name not in kind["attributes"]}}
    # the enums of these three are made of the classes and categories, which were compared above
    found += _object(event, attributes, kind.get("constraints", {}), name, without=("category_uid", "class_uid", "type_uid"))
    return found


def _object(
    value: dict[str, Any], attributes: dict[str, Any], constraints: dict[str, Any], at: str, without: tuple[str, ...] = ()
) -> list[str]:
    found = [f"{at}.{name} is required" for name, said in attributes.items()
             if name != "$include" and said.get("requirement") == "required" and name not in value]  # fmt: skip
    for name, part in value.items():
        if name not in attributes or name == "$include":
            found.append(f"{at} has no {name}")
        elif name not in without:
            found += _attribute(name, part, attributes[name], value, f"{at}.{name}")
    if (any_of := constraints.get("at_least_one")) and not set(any_of) & value.keys():
        found.append(f"{at} needs one of {any_of}")
    if (just := constraints.get("just_one")) and len(set(just) & value.keys()) != 1:
        found.append(f"{at} needs just one of {just}")
    return found


def _attribute(name: str, value: Any, said: dict[str, Any], beside: dict[str, Any], at: str) -> list[str]:
    known = read("dictionary.json")["attributes"][name]
    if known.get("is_array"):
        if type(value) is not list:
            return [f"{at} is not a list"]
        return [fault for one in value for fault in _single(known["type"], one, at)]
    enum = {**known.get("enum", {}), **said.get("enum", {})}
    found = _single(known["type"], value, at)
    if enum and str(value) not in enum:
        found.append(f"{at} is {value}, not one of {sorted(enum)}")
    sibling = known.get("sibling")
    if enum and not found and sibling:
        if value == OTHER and sibling not in beside:
            found.append(f"{at} is Other, and {sibling} does not say what")
        if value != OTHER and sibling in beside and beside[sibling] != enum[str(value)]["caption"]:
            found.append(f"{at} is {value}, and {sibling} is {beside[sibling]}")
    return found


def _single(kind: str, value: Any, at: str) -> list[str]:
    types = read("dictionary.json")["types"]["attributes"]
    if kind == "object":
        return [] if type(value) is dict else [f"{at} is not an object"]
    if kind not in types:
        if type(value) is not dict:
            return [f"{at} is not an object"]
        inner = merged(kind, "objects")
        return _object(value, inner["attributes"], inner.get("constraints", {}), at)
    if kind == "boolean_t":
        return [] if type(value) is bool else [f"{at} is not a boolean"]
    base = kind if kind in WHOLE else types[kind].get("type", kind)
    if base in WHOLE:
        most = 2 ** (WHOLE[base] - 1)
        return [] if type(value) is int and -most <= value < most else [f"{at} is not a number of {kind}"]
    if type(value) is not str or any("\ud800" <= character <= "\udfff" for character in value):
        return [f"{at} is not a text"]
    form, longest = types[kind].get("regex"), types[kind].get("max_len")
    if (form and not re.search(form, value)) or (longest and len(value) > longest):
        return [f"{at} is not of the form {kind}"]
    return []
