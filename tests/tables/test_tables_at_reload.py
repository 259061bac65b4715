# SPDX-License-Identifier: Apache-2.0
"""``jitd reload`` tries the tables before it asks the daemon, and ``jitd check`` tries them, too."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from jitd import extensions, policy_tables
from jitd.cli import house
from jitd.cli.call import NotDone
from jitd.core.toml_document import ConfigError, Fault
from jitd.settings import config, policyfile
from jitd.settings.config import Config
from jitpam.wire.messages import Message, Reload, Reloadtested
from tests.tables.place import PEOPLE, PERMITTED, place

WRONG = PERMITTED.replace('"permit"', '"deny"')


class Host:
    """A host with rules and tables, and a daemon that takes note of what it is asked."""

    def __init__(self, at: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at = at
        self.asked: list[Message] = []
        self.fault = ""
        self.settings = Config(frozenset({"EXAMPLE.TEST"}), "web1.example.test", policy=at / "policy.d", keytab=Path("/dev/null"))
        self.load_as_root = policyfile.load
        monkeypatch.setattr(house, "called", self.called)
        monkeypatch.setattr(config, "load", self.load)
        monkeypatch.setattr(policyfile, "load", lambda at, **more: self.load_as_root(at, **{**more, "owner": at.stat().st_uid}))

    @contextmanager
    def called(self) -> Iterator[Host]:
        yield self

    def do(self, message: Message) -> str:
        self.asked.append(message)
        return "in force"

    def load(self) -> Config:
        if self.fault:
            raise ConfigError((Fault("jitd.toml", 1, "", self.fault),))
        return self.settings

    @property
    def digest(self) -> str:
        return policyfile.load_with(self.settings).digest

    def reload(self, *options: str) -> Result:
        return CliRunner().invoke(house.reload, options, standalone_mode=False)

    def check(self, *options: str) -> Result:
        return CliRunner().invoke(house.check, options, standalone_mode=False)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Host:
    at = tmp_path.resolve() / "etc"
    at.mkdir(mode=0o755)
    return Host(place(at, PEOPLE + PERMITTED), monkeypatch)


def test_the_daemon_is_asked_with_the_digest_of_what_was_tried(host: Host) -> None:
    assert host.reload().exception is None
    assert host.asked == [Reloadtested(digest=host.digest)]


def test_if_a_case_does_not_hold_the_daemon_is_not_asked_and_the_case_is_told(host: Host) -> None:
    place(host.at, PEOPLE + WRONG)
    done = host.reload()
    assert host.asked == [] and isinstance(done.exception, NotDone) and done.exception.code == "not_done"
    assert "web.toml:5: web restarts: it should be denied, but rule restart permits it" in done.output
    assert "the rules in force stay" in str(done.exception)


@pytest.mark.parametrize("broken", ["a table", "a rule", "the settings"])
def test_what_cannot_be_tried_is_not_asked_for_either(host: Host, broken: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if broken == "a table":
        place(host.at, {"broken": "x ="})
    elif broken == "a rule":
        (host.at / "policy.d/broken.toml").write_text("x =")
    else:
        host.fault = "is broken"
        monkeypatch.setattr(policy_tables, "place_beside", lambda rules: host.at / "policy.test")
    done = host.reload()
    assert host.asked == [] and isinstance(done.exception, NotDone) and "broken" in done.output


def test_untested_asks_all_the_same_and_says_so(host: Host) -> None:
    place(host.at, PEOPLE + WRONG)
    assert host.reload("--untested").exception is None
    assert host.asked == [Reloadtested(digest=None)]


def test_without_tables_the_daemon_is_asked_as_ever_and_says_what_is_broken(host: Host) -> None:
    (host.at / "policy.test").rename(host.at / "elsewhere")
    (host.at / "policy.d/broken.toml").write_text("x =")
    assert host.reload().exception is None
    host.fault = "is broken"
    assert host.reload().exception is None
    assert host.asked == [Reload(), Reload()]


def test_without_the_extension_the_verbs_say_that_nothing_was_tried_and_go_on(
    host: Host, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extensions, "of_first", lambda by, *given: None)
    monkeypatch.setattr(extensions, "why_not", lambda name: "is not installed")
    place(host.at, PEOPLE + WRONG)
    told = "policy.test were not tried, because the extension policy is not installed"
    done = host.reload()
    assert host.asked == [Reloadtested(digest=None)] and told in done.output.replace("\n      ", " ")
    assert told in host.check().output.replace("\n      ", " ")


def test_check_counts_the_cases_and_tells_each_that_does_not_hold(host: Host) -> None:
    done = host.check()
    assert done.exception is None and "2 rules, 1 case: no fault" in done.output
    place(host.at, PEOPLE + WRONG)
    done = host.check()
    assert isinstance(done.exception, NotDone) and str(done.exception) == "the tables of the policy find 1 fault"
    assert "web.toml:5: web restarts: it should be denied" in done.output
    assert "web restarts" not in host.check(str(host.at / "policy.d/50-web.toml")).output, "of files, nothing is tried"
