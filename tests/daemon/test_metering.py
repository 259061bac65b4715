# SPDX-License-Identifier: Apache-2.0
"""What is counted for ``jitd metrics``, what a label may have in it, and how it is written."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from jitd.audit.countersigned import add, file_of
from jitd.audit.forms import Countersignature
from jitd.audit.sshsig import public_line, sign
from jitd.core.condition import Family
from jitd.core.public_key import PublicKey, read_key
from jitd.core.request import RequestState
from jitd.core.run import Ending, Outcome, Recording, Run, RunState
from jitd.failures import Failure, count, counted
from jitd.store.sqlite import SqliteStore
from jitd_sinks.metrics.answer import AT_ONCE, _rows_of
from jitd_sinks.metrics.meters import MOST_RULES, OTHER, Histogram, Meters
from jitd_sinks.metrics.record import signatures
from jitd_sinks.sinks.condition import lags
from jitd_sinks.sinks.feed import Lag
from jitd_sinks.verbs.exposition import openmetrics, prometheus
from jitpam.wire import coding
from jitpam.wire.framing import SMALL
from jitpam.wire.messages import Item
from tests.core.chains import public_of
from tests.scene import START, asked, moment, permit
from tests.stored import put

LONGEST = "\U0001f512" * 64
"""A name of a rule that takes as many bytes in a frame as one can."""


def under(rule: str, state: RequestState, **more: Any) -> Any:
    return replace(asked(), rule=rule, state=state, obligations=permit().obligations, **more)


def samples(meters: Meters, name: str) -> dict[tuple[str, ...], int]:
    (family,) = [family for family in meters.families() if family.name == name]
    return {(suffix, *labels): value for suffix, labels, value in family.samples}


# --- requests ------------------------------------------------------------------------------------------------------------


def test_a_request_is_counted_once_in_each_state_and_not_while_it_is_screened() -> None:
    meters, screening = Meters(0.0), under("", RequestState.SCREENING)
    pending = under("web", RequestState.PENDING)
    approved = replace(pending, state=RequestState.APPROVED)
    for before, after in ((None, screening), (screening, pending), (pending, pending), (pending, approved)):
        meters.changed(before, after, moment())
    assert samples(meters, "jitd_requests") == {("_total", "web", "pending"): 1, ("_total", "web", "approved"): 1}


@pytest.mark.parametrize("is_denied_at_once", [True, False])
def test_a_rule_with_visible_to_is_not_named(is_denied_at_once: bool) -> None:
    """THREATS N-05."""
    limited = under("merger", RequestState.APPROVED)
    if is_denied_at_once:
        limited = replace(limited, obligations=None, visible_to=("group:ops",), state=RequestState.DENIED)
    else:
        limited = replace(limited, obligations=replace(limited.obligations, visible_to=("group:ops",)))
    meters = Meters(0.0)
    meters.changed(None, limited, moment())
    assert samples(meters, "jitd_requests") == {("_total", "(not shown)", str(limited.state)): 1}
    meters.changed(None, replace(limited, obligations=permit().obligations, visible_to=None), moment())
    assert ("_total", "merger", str(limited.state)) in samples(meters, "jitd_requests"), "its honest twin"


def test_the_number_of_rules_that_are_named_is_limited_and_a_name_stays() -> None:
    """THREATS N-05."""
    meters = Meters(0.0)
    for n in range(MOST_RULES + 50):
        for _ in range(2):
            meters.changed(None, under(f"rule {n}", RequestState.APPROVED), moment())
    found = samples(meters, "jitd_requests")
    assert len(found) == MOST_RULES + 1 and sum(found.values()) == 2 * (MOST_RULES + 50)
    assert found["_total", OTHER, "approved"] == 100 and found["_total", "rule 0", "approved"] == 2


@pytest.mark.parametrize("rebooted", [False, True])
def test_the_time_to_a_decision_is_measured_by_the_boot_clock_and_over_a_boot_by_the_other(rebooted: bool) -> None:
    meters, waiting = Meters(0.0), under("web", RequestState.PENDING)
    now = replace(moment(), boot=waiting.submitted_boot + 40.0, boot_id=waiting.boot_id, at=waiting.submitted_at)
    if rebooted:
        now = replace(now, boot=3.0, boot_id="another", at=waiting.submitted_at + timedelta(seconds=40))
    meters.changed(waiting, replace(waiting, state=RequestState.DENIED), now)
    meters.changed(None, under("web", RequestState.DENIED), now)  # nobody was waited for
    found = samples(meters, "jitd_time_to_decision_seconds")
    assert found["_bucket", "denied", "30.0"] == 0 and found["_bucket", "denied", "60.0"] == 1
    assert found["_sum", "denied"] == 40_000_000 and found["_count", "denied"] == 1 and found["_count", "approved"] == 0


def test_glass_is_counted_when_it_breaks() -> None:
    meters = Meters(0.0)
    meters.changed(None, under("glass", RequestState.APPROVED, breaks_glass=True), moment())
    meters.changed(None, under("glass", RequestState.DENIED, breaks_glass=True), moment())
    assert samples(meters, "jitd_broken_glass") == {("_total",): 1}


def test_runs_are_counted_by_how_they_ended_and_their_recordings_are_added() -> None:
    meters, running = Meters(0.0), Run("AAAA-0001", "AAAA-0001", "AAAA-0001", START, state=RunState.RUNNING)
    ended = replace(running, state=RunState.ENDED, outcome=Outcome(Ending.LOST, 1), recording=Recording(1, 500, "0" * 64))
    meters.recorded(1000)
    for before, after in ((None, running), (running, ended), (ended, ended)):
        meters.changed(before, after, moment())
    assert samples(meters, "jitd_runs_ended")["_total", "lost"] == 1 and meters.n_recorded == 1500


def test_a_clock_that_was_set_back_counts_as_no_time() -> None:
    histogram = Histogram((1, 2))
    for seconds in (-5.0, 1.0, 1.5, 9.0):
        histogram.observe(seconds)
    assert list(histogram.samples("x")) == [
        ("_bucket", ("x", "1.0"), 2), ("_bucket", ("x", "2.0"), 3), ("_bucket", ("x", "+Inf"), 4),
        ("_count", ("x",), 4), ("_sum", ("x",), 11_500_000),
    ]  # fmt: skip


def test_failures_are_counted_from_many_threads() -> None:
    before = counted()[Failure.SINK]
    threads = [threading.Thread(target=lambda: [count(Failure.SINK) for _ in range(500)]) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counted()[Failure.SINK] == before + 4000 and counted().keys() == set(Failure)


# --- what lives ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> SqliteStore:
    found = SqliteStore(tmp_path / "jitd.db")
    pending = under("web", RequestState.PENDING)
    hidden = replace(pending, obligations=replace(pending.obligations, visible_to=("group:ops",)))
    everything = [
        replace(pending, id="AAAA-0001"), replace(pending, id="AAAA-0002"), replace(hidden, id="AAAA-0003"),
        replace(asked("AAAA-0004"), state=RequestState.SCREENING), replace(asked("AAAA-0005"), state=RequestState.DENIED),
        Run("AAAA-0005", "AAAA-0005", "AAAA-0005", START, state=RunState.RUNNING),
        Run("AAAA-0005.2", "AAAA-0005", "AAAA-0005", START, state=RunState.ENDED),
    ]  # fmt: skip
    put(found, *everything)
    return found


def test_open_objects_are_counted_by_state_and_nothing_else_is(store: SqliteStore) -> None:
    found = store.live_counts()
    assert found.requests == {("web", False, "pending"): 2, ("web", True, "pending"): 1, ("", False, "screening"): 1}
    assert found.others["runs"] == {"running": 1} and found.others["grants"] == {}


def test_the_count_reads_open_objects_and_no_record(store: SqliteStore) -> None:
    """A scan of a whole table would take longer with every request that ever was."""
    said: list[str] = []
    store._db.set_trace_callback(said.append)
    store.live_counts()
    store._db.set_trace_callback(None)
    plans = [row[3] for one in said for row in store._db.execute(f"EXPLAIN QUERY PLAN {one}").fetchall()]
    read = [plan for plan in plans if plan.startswith(("SCAN", "SEARCH"))]
    assert len(read) == 6 and all("USING INDEX" in plan and "_open" in plan for plan in read), plans


# --- rows and text -------------------------------------------------------------------------------------------------------


def family(*values: str) -> Family:
    return Family("jitd_x", "counter", "Help.", tuple(("_total", (value, "approved"), 1) for value in values), ("rule", "state"))


def test_a_row_fits_into_a_frame_whatever_rules_are_called() -> None:
    rows = list(_rows_of(family(*(LONGEST[:60] + f"{n:04}" for n in range(500)))))
    assert len(rows) == 500 // AT_ONCE and all(len(coding.encode(Item(row=row))) <= SMALL for row in rows)
    lines = list(openmetrics(rows))
    assert len([line for line in lines if line.startswith("# TYPE")]) == 1 and len(lines) == 500 + 3


def test_a_name_adds_no_line_and_no_label() -> None:
    """THREATS N-05. What a name would have to contain for that is escaped."""
    name = 'a"} 1\njitd_up 0\n# EOF\\'
    rows = [row | {"samples": [["_total", [name, "approved"], 1]]} for row in _rows_of(family("x"))]
    for write in (openmetrics, prometheus):
        lines = list(write(rows))
        assert [line for line in lines if not line.startswith("#")] == [
            r'jitd_x_total{rule="a\"} 1\njitd_up 0\n# EOF\\",state="approved"} 1'
        ]


@pytest.mark.parametrize(
    "change",
    [{"name": "a b"}, {"name": ""}, {"type": "x\n"}, {"labels": ["a=", "b"]}, {"samples": [[" 1\n", ["a", "b"], 1]]},
     {"samples": [["", ["a"], 1]]}, {"samples": [["", ["a", "b"], "x"]]}, {"unit": "\n"}],
)  # fmt: skip
def test_what_is_no_name_no_type_and_no_number_is_not_written(change: dict[str, Any]) -> None:
    """THREATS N-05."""
    (row,) = _rows_of(family("x"))
    with pytest.raises(ValueError):
        list(openmetrics([row | change]))


def test_seconds_are_written_from_microseconds_and_counts_as_they_are() -> None:
    histogram = Histogram((0.5,))
    histogram.observe(1.25)
    rows = list(_rows_of(Family("jitd_t_seconds", "histogram", "Help.", tuple(histogram.samples()), unit="seconds")))
    assert list(openmetrics(rows)) == [
        "# TYPE jitd_t_seconds histogram", "# UNIT jitd_t_seconds seconds", "# HELP jitd_t_seconds Help.",
        'jitd_t_seconds_bucket{le="0.5"} 0', 'jitd_t_seconds_bucket{le="+Inf"} 1', "jitd_t_seconds_count 1",
        "jitd_t_seconds_sum 1.25", "# EOF",
    ]  # fmt: skip


def test_the_older_format_names_a_counter_by_its_sample() -> None:
    assert list(prometheus(_rows_of(family("x")))) == [
        "# HELP jitd_x_total Help.", "# TYPE jitd_x_total counter", 'jitd_x_total{rule="x",state="approved"} 1',
    ]  # fmt: skip


# --- how far the record has come -----------------------------------------------------------------------------------------


def test_metrics_say_when_a_witness_has_countersigned_and_that_it_disagrees(store: SqliteStore, tmp_path: Path) -> None:
    private = Ed25519PrivateKey.generate()
    key = read_key(public_line(public_of(private), "w"))

    def countersigned(number: int, seal: bytes) -> None:
        line = Countersignature("w", "web1", number, seal, START.replace(microsecond=0), "")
        signature = sign(private, Countersignature.NAMESPACE, line.signed.encode("ascii"))
        add(file_of(tmp_path), {key: replace(line, signature=signature)}, [key])

    def told(*witnesses: PublicKey) -> dict[str, int]:
        return {family.name: family.samples[0][2] for family in signatures(store, tmp_path, witnesses)}

    assert told() == {}, "nothing is signed, and there is no witness"
    store.commit([], [b"{}", b"{}"])
    assert told(key) == {"jitd_countersignature_timestamp_seconds": 0, "jitd_witness_disagrees": 0}
    countersigned(2, store.head().digest)
    store.commit([], [b"{}"])
    at = round(START.replace(microsecond=0).timestamp() * 1_000_000)
    assert told(key) == {"jitd_countersignature_timestamp_seconds": at, "jitd_witness_disagrees": 0}
    countersigned(3, b"x" * 32)
    assert told(key) == {"jitd_countersignature_timestamp_seconds": at, "jitd_witness_disagrees": 1}


def test_metrics_tell_nothing_of_sinks_that_are_not_there() -> None:
    assert list(lags({})) == []
    found = {family.name: family.samples for family in lags({"siem": Lag(7, 2.5, 1)})}
    assert found == {
        "jitd_sink_lag_records": (("", ("siem",), 7),), "jitd_sink_lag_seconds": (("", ("siem",), 2_500_000),),
        "jitd_sink_refused": (("_total", ("siem",), 1),),
    }  # fmt: skip
