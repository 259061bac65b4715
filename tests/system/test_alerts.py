# SPDX-License-Identifier: Apache-2.0
"""The alert rules in contrib/prometheus, played by promtool: each of them fires when it should, and not when it should not.

Law: a rule has a row here, and names only metrics that a daemon tells, and commands that can be typed.
"""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from jitd.cli import VERBS
from tests.law.tree import TREE

RULES = TREE / "contrib/prometheus/jitd-alerts.yml"
NAME = re.compile(r"- alert: (\w+)")
MINUTES = 90
"""How long each case lasts; one sample a minute."""
STILL = f"x{MINUTES}"
FILE = 'node_textfile_mtime_seconds{file="/run/jitd-metrics/jitd.prom"}'
BUCKET = "jitd_decision_seconds_bucket"

Series = dict[str, str]

CASES: dict[str, tuple[Series, Series]] = {
    "JitdDoesNotAnswer": ({"jitd_up": f"1x5 0{STILL}"}, {"jitd_up": f"1x60 0 1{STILL}"}),
    "JitdHasNoKey": ({"jitd_keyless": f"1{STILL}"}, {"jitd_keyless": f"1 1 0{STILL}"}),
    "JitdMisses": (
        {'jitd_missing{what="disk"}': f"0x70 1{STILL}"},
        {'jitd_missing{what="keytab"}': f"1{STILL}", 'jitd_missing{what="kdc"}': f"0x86 1{STILL}"},
    ),
    "JitdSudoPlugin": ({'jitd_missing{what="sudo"}': f"0x70 1{STILL}"}, {'jitd_missing{what="sudo"}': f"1x40 0{STILL}"}),
    "JitdMetricsAreOld": ({FILE: f"60{STILL}"}, {FILE: f"60+60{STILL}"}),
    "JitdGlassBroken": ({"jitd_broken_glass_total": f"0x85 1{STILL}"}, {"jitd_broken_glass_total": f"7{STILL}"}),
    "JitdReviewOverdue": (
        {'jitd_reviews_owed{state="overdue"}': f"1{STILL}"},
        {'jitd_reviews_owed{state="overdue"}': f"0{STILL}", 'jitd_reviews_owed{state="owed"}': f"3{STILL}"},
    ),
    "JitdManyDenials": (
        {
            'jitd_requests_total{rule="",state="denied"}': f"0+2{STILL}",
            'jitd_requests_total{rule="x",state="denied"}': f"0+1{STILL}",
        },
        {
            'jitd_requests_total{rule="",state="denied"}': f"0+1{STILL}",
            'jitd_requests_total{rule="x",state="approved"}': f"0+9{STILL}",
        },
    ),
    "JitdChainIsShorter": ({"jitd_chain_records": f"0+5x80 100{STILL}"}, {"jitd_chain_records": f"0+5{STILL}"}),
    "JitdWitnessDisagrees": (
        {'jitd_witness_disagrees{witness="w"}': f"0x85 1{STILL}"},
        {'jitd_witness_disagrees{witness="w"}': f"0{STILL}"},
    ),
    "JitdThingsInTrouble": ({"jitd_things_in_trouble": f"1{STILL}"}, {"jitd_things_in_trouble": f"0x85 1{STILL}"}),
    "JitdRecordIsNotSigned": ({"jitd_records_unsigned": f"3{STILL}"}, {"jitd_records_unsigned": f"0x86 3{STILL}"}),
    "JitdWitnessIsSilent": (
        {'jitd_countersignature_timestamp_seconds{witness="w"}': f"-200000{STILL}"},
        {'jitd_countersignature_timestamp_seconds{witness="w"}': f"0{STILL}"},
    ),
    "JitdSinkIsBehind": (
        {'jitd_sink_lag_seconds{sink="siem"}': f"0x80 400{STILL}"},
        {'jitd_sink_lag_seconds{sink="siem"}': f"100{STILL}"},
    ),
    "JitdSinkRefuses": (
        {'jitd_sink_refused_total{sink="siem"}': f"0x85 1{STILL}"},
        {'jitd_sink_refused_total{sink="siem"}': f"1{STILL}", 'jitd_sink_lag_records{sink="siem"}': f"9{STILL}"},
    ),
    "JitdRequestsWait": (
        {'jitd_requests_open{rule="x",state="pending"}': f"1{STILL}"},
        {'jitd_requests_open{rule="x",state="pending"}': f"1x40 0 1{STILL}"},
    ),
    "JitdDecidesSlowly": (
        {f'{BUCKET}{{le="1.0"}}': f"0{STILL}", f'{BUCKET}{{le="5.0"}}': f"0+9{STILL}", f'{BUCKET}{{le="+Inf"}}': f"0+9{STILL}"},
        {f'{BUCKET}{{le="1.0"}}': f"0+9{STILL}", f'{BUCKET}{{le="5.0"}}': f"0+9{STILL}", f'{BUCKET}{{le="+Inf"}}': f"0+9{STILL}"},
    ),
    "JitdLaneFull": (
        {f'jitd_lane_{of}{{lane="names"}}': f"{n}{STILL}" for of, n in (("threads", 4), ("busy", 4), ("waiting", 1))},
        {f'jitd_lane_{of}{{lane="names"}}': f"{n}{STILL}" for of, n in (("threads", 4), ("busy", 4), ("waiting", 0))},
    ),
    "JitdMountSilent": ({"jitd_silent_mounts": f"1{STILL}"}, {"jitd_silent_mounts": f"0x88 1{STILL}"}),
    "JitdStoreFails": (
        {'jitd_failures_total{what="store"}': f"0x85 1{STILL}"},
        {'jitd_failures_total{what="store"}': f"9{STILL}", 'jitd_failures_total{what="client"}': f"0+9{STILL}"},
    ),
    "JitdFails": (
        {'jitd_runs_ended_total{ending="lost"}': f"0x85 1{STILL}"},
        {'jitd_runs_ended_total{ending="exited"}': f"0+9{STILL}", 'jitd_failures_total{what="jitd"}': f"9{STILL}"},
    ),
    "JitdAsksInVain": (
        {'jitd_failures_total{what="gatekeeper"}': f"0+1{STILL}"},
        {'jitd_failures_total{what="gatekeeper"}': f"0x85 2{STILL}"},
    ),
    "JitdNoticesUnsent": (
        {'jitd_notices_unsent{channel="ops"}': f"2{STILL}"},
        {'jitd_notices_unsent{channel="ops"}': f"2x60 _{STILL}"},
    ),
    "JitdPolicyRefused": (
        {'jitd_policy_reloads_total{result="refused"}': f"0x85 1{STILL}"},
        {
            'jitd_policy_reloads_total{result="loaded"}': f"0x85 1{STILL}",
            'jitd_policy_reloads_total{result="refused"}': f"1{STILL}",
        },
    ),
    "JitdMemory": (
        {"jitd_resident_memory_bytes": f"700000000{STILL}"},
        {"jitd_resident_memory_bytes": f"90000000{STILL}"},
    ),
}
"""Alert → series with which it fires, and series with which neither it nor any other does. The notation is promtool's."""


def alerts() -> list[str]:
    return NAME.findall(RULES.read_text("utf-8"))


def played(directory: Path, alert: str, series: Series, *, fires: bool) -> subprocess.CompletedProcess[str]:
    """What promtool says of a host with ``series``, if ``alert`` is to fire on it, or no alert at all. JSON is YAML."""
    given = [{"series": name, "values": values} for name, values in series.items()]
    expected = [{"eval_time": f"{MINUTES}m", "alertname": one, "exp_alerts": []} for one in alerts() if one != alert or not fires]
    file = directory / "case.yml"
    test = {"interval": "1m", "input_series": given, "alert_rule_test": expected}
    file.write_text(json.dumps({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": [test]}))
    return subprocess.run(
        ["promtool", "test", "rules", str(file)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False
    )


def test_promtool_finds_no_fault_with_the_rules() -> None:
    done = subprocess.run(["promtool", "check", "rules", "--lint-fatal", str(RULES)], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and f"{len(alerts())} rules found" in done.stdout, done.stdout + done.stderr


def test_each_alert_has_a_case() -> None:
    assert alerts() == list(CASES)


@pytest.mark.parametrize("alert", CASES)
def test_an_alert_fires_and_no_other_does(alert: str, tmp_path: Path) -> None:
    others = played(tmp_path, alert, CASES[alert][0], fires=True)
    assert others.returncode == 0, others.stdout
    itself = played(tmp_path, alert, CASES[alert][0], fires=False)
    assert itself.returncode != 0 and f"alertname: {alert}," in itself.stdout, itself.stdout


@pytest.mark.parametrize("alert", CASES)
def test_no_alert_fires_on_its_honest_twin(alert: str, tmp_path: Path) -> None:
    done = played(tmp_path, alert, CASES[alert][1], fires=False)
    assert done.returncode == 0, done.stdout


def test_the_rules_name_metrics_that_the_page_describes_and_commands_that_there_are() -> None:
    text = RULES.read_text("utf-8")
    described = set(re.findall(r"^\| `(jitd_\w+)`", (TREE / "docs/metrics.md").read_text("utf-8"), re.MULTILINE))
    named = {re.sub(r"_bucket$", "", name) for name in re.findall(r"\bjitd_\w+", text)}
    assert named and named - described == set()
    typed = [
        words.split()[0] for line in re.findall(r'description: "(.*)"', text) for words in re.findall(r"\bjitd ([a-z-]+)", line)
    ]
    assert typed and set(typed) <= VERBS
