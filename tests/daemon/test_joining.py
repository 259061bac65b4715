# SPDX-License-Identifier: Apache-2.0
"""Extensions that join the daemon at one place: each is asked about its own names, and what any of them refuses is refused."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jitd import extensions, packages
from jitd.core.facts import Facts, Unknown
from jitd.core.notice import Heard
from jitd.core.request import RequestState
from jitd.core.toml_document import ConfigError
from jitd.deciding.gatekeepers import Answers
from jitd.deciding.hearings import Hearings
from jitd.deciding.knowledge import NO_PROVIDER, AllProviders
from jitd.extension_points import Adviser, Advisers, Site
from jitd.lifecycle.notifier import Notifier
from jitd.settings import config
from jitd_outsiders.asking.reaching import Reaching
from jitd_outsiders.assembly import Outsiders
from jitd_outsiders.outside.messages import Fetched
from tests.daemon.asking import AskingHouse, Client, house
from tests.graders import FINDINGS
from tests.law.tree import TREE

__all__ = ["house"]  # a fixture

FREEZE = re.search(r"^```python\n(class Freeze.*?)^```$", (TREE / "ARCHITECTURE.md").read_text(), re.DOTALL | re.MULTILINE)
SETTINGS = """
from jitd.settings.section import Section

class FreezeSection(Section):
    __slots__ = ()
    deadlines = {"freeze": 5.0}

    @classmethod
    def read(cls, table, place):
        return cls()

SECTION = FreezeSection
"""
ASSEMBLY = """
from jitd.core.gatekeeping import Answer, Asking, Refuses
from jitd.deciding.gatekeepers import Gatekeepers
from jitd.extension_points import Adviser

{classes}

def adviser(site):
    return OwnAdviser()
"""
GATEKEEPER = '[gatekeepers.{name}]\nkind = "program"\nprogram = ["/bin/true"]\n'


@pytest.fixture
def freeze(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The adviser of ARCHITECTURE, installed as an extension of its own beside all others. Returns a file for settings."""
    assert FREEZE is not None
    package = tmp_path / "extensions" / "jitd_freeze"
    package.mkdir(parents=True)
    for name, text in ("__init__", ""), ("settings", SETTINGS), ("assembly", ASSEMBLY.format(classes=FREEZE[1])):
        (package / f"{name}.py").write_text(text)
    places = [*packages.places(), str(package.parent)]
    monkeypatch.setattr(packages, "places", lambda: places)
    monkeypatch.setattr(packages, "TOP", tmp_path)  # what is above it may be written by anybody
    monkeypatch.syspath_prepend(str(package.parent))
    own = extensions.Extension("freeze", "keeps changes back", joins=("adviser",), keys=("freeze",))
    monkeypatch.setitem(extensions.EXTENSIONS, "freeze", own)
    return tmp_path / "jitd.toml"


def load(file: Path, text: str) -> config.Config:
    file.write_text('realms = ["EXAMPLE.TEST"]\nhost = "db1.example.test"\n' + text)
    return config.read(file)


@pytest.fixture
def advisers(freeze: Path, house: AskingHouse) -> Iterator[Advisers]:
    ground = SimpleNamespace(config=load(freeze, GATEKEEPER.format(name="change")), now=house.now)
    site: Any = Site(ground, house.lifecycle, None, None, True)  # type: ignore[arg-type]
    found = Advisers(site)
    yield found
    for one in found.all:
        one.close()


@pytest.mark.parametrize(
    ("names", "state", "told"),
    [
        (("change",), RequestState.PENDING, []),
        (("change", "freeze"), RequestState.DENIED, [("denied", 'denied: freeze says: "nothing changes this week"')]),
    ],
)
def test_what_one_adviser_refuses_is_refused_whatever_another_says(
    names: tuple[str, ...],
    state: RequestState,
    told: list[tuple[str, str]],
    advisers: Advisers,
    house: AskingHouse,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    async def passes(self: Reaching, name: str, by: object, body: bytes, within: float) -> Fetched:
        asked.append(name)
        question = json.loads(body)
        answer = {"nonce": question["nonce"], "fingerprint": question["fingerprint"], "answer": "pass"}
        return Fetched(200, (("content-type", "application/json"),), json.dumps(answer).encode())

    monkeypatch.setattr(Reaching, "ask", passes)
    house.rules(gatekeepers=names)
    house.decider._hearings = Hearings(Answers(advisers.gatekeepers, house.now), house.store, house, house.now, FINDINGS)

    async def play() -> None:
        client = Client(house)
        made = await client.submit()
        assert (await house.decided(made.id)).state is state, client.refused
        assert client.refused == told and set(asked) <= {"change"}

    house.run(play())


def test_advisers_are_in_the_order_of_the_table_and_one_is_found_by_its_class(advisers: Advisers) -> None:
    assert [type(one).__name__ for one in advisers.all] == ["Outsiders", "OwnAdviser"]
    assert advisers.the(Outsiders) is advisers.all[0]
    with pytest.raises(TypeError, match="no adviser is a Foreign"):
        advisers.the(type("Foreign", (Adviser,), {}))


def test_every_extension_has_the_functions_by_which_it_joins() -> None:
    names = {by for one in extensions.EXTENSIONS.values() for by in one.joins}
    assert {name for by in names for name in extensions.joined(by)} == extensions.EXTENSIONS.keys() - {"board"}


def test_a_name_that_two_extensions_set_up_is_a_fault_before_anything_starts(freeze: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load(freeze, GATEKEEPER.format(name="freeze"))
    why = 'the extensions outsiders and freeze both set up the gatekeeper "freeze": give one of them another name'
    assert [str(fault) for fault in caught.value.faults] == [f"{freeze}: {why}"]


class Told:
    """A provider that knows ``own`` facts, and says something of others', too."""

    def __init__(self, own: str) -> None:
        self.own = own
        self.asked: list[frozenset[str]] = []
        self.n_forgotten = 0

    async def ask(self, names: frozenset[str], about: Any) -> Facts:
        self.asked.append(names)
        return {"fact.a": self.own, "fact.b": self.own}

    def told(self, name: str, about: Any) -> object:
        return self.own, name

    def forget(self) -> None:
        self.n_forgotten += 1


def test_each_provider_is_asked_about_its_own_facts_and_believed_about_no_others() -> None:
    one, other = Told("one"), Told("other")
    about: Any = None
    providers = AllProviders({"fact.a": one, "fact.b": other, "fact.c": other})
    names = frozenset({"fact.a", "fact.b", "fact.c", "fact.d"})
    found = asyncio.run(providers.ask(names, about))
    assert found == {"fact.a": "one", "fact.b": "other", "fact.c": Unknown(NO_PROVIDER), "fact.d": Unknown(NO_PROVIDER)}
    assert one.asked == [frozenset({"fact.a"})] and other.asked == [frozenset({"fact.b", "fact.c"})]
    assert providers.told("fact.b", about) == ("other", "fact.b") and providers.told("fact.d", about) == ""
    providers.forget()
    assert (one.n_forgotten, other.n_forgotten) == (1, 1)


class Tells(Notifier):
    def __init__(self, channel: str) -> None:
        super().__init__()
        self.channel = channel
        self.done: list[str] = []

    def look(self, request: str) -> None:
        self.done.append(request)

    def look_at_all(self) -> None:
        self.done.append("all")

    def look_again(self) -> None:
        self.done.append("again")

    def heard_of(self, request: Any) -> tuple[Heard, ...]:
        return (Heard(self.channel, True, (), frozenset()),)

    async def keep(self) -> None:
        self.done.append("kept")

    async def finish(self) -> None:
        self.done.append("finished")


def test_all_notifiers_are_told() -> None:
    each = Tells("mail"), Notifier(), Tells("pager")
    every: Any = Notifier(each)
    every.look("K7QM-2XVD")
    every.look_at_all()
    every.look_again()
    asyncio.run(every.keep())
    asyncio.run(every.finish())
    for one in (each[0], each[2]):
        assert one.done == ["K7QM-2XVD", "all", "again", "kept", "finished"]  # type: ignore[attr-defined]
    assert [heard.channel for heard in every.heard_of(None)] == ["mail", "pager"]
