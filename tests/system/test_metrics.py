# SPDX-License-Identifier: Apache-2.0
"""``jitd metrics`` of a real daemon, read by what administrators read it with: promtool, node_exporter, and the parser of
prometheus_client, which is as strict as OpenMetrics 1.0. Law: whatever is read, no person and no command is in it.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from jitd.failures import Failure
from tests.law.tree import TREE
from tests.system.conftest import OF_THE_LAB, House
from tests.waiting import PATIENCE, wait_for

RULES = f"""
[[permit]]
name = "merger-with-acme"
who = ["group:dba"]
run_as = ["root"]
commands = [["/usr/bin/id"], ["/bin/id"]]
visible_to = ["group:ops"]

[[permit]]
name = "web \\"farm\\" \\\\ €"
who = ["group:dba"]
run_as = ["root"]
commands = [["/usr/bin/true", "**"], ["/bin/true", "**"]]
{OF_THE_LAB}
[[permit]]
name = "glass"
who = ["group:dba"]
run_as = ["*"]
commands = [["**"]]
grant = {{ lasts = "10m" }}
break_glass = {{ instead_of = "lab-dba", review = "1h", open = 2 }}
"""
WEB = r"web \"farm\" \\\\ €"
"""The name of the rule with a quote, a backslash and more than ASCII: as jitd shows it, and then as a label escapes it."""
STRICT = """
import sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as families
print(len([family for family in families(sys.stdin.read()) if family.documentation]))
"""


@pytest.fixture(scope="module")
def house() -> Iterator[House]:
    found = House(RULES, 'auditors = ["principal:carol@EXAMPLE.TEST"]')
    found.start()
    wait_for(lambda: "jitd_checkpoint_timestamp_seconds" in told(found), what="a signed head: the record grows by itself before")
    yield found
    found.close()


def read(text: str) -> dict[str, float]:
    """Each sample with its labels → its value, from either format."""
    samples = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    return {sample: float(value) for sample, _, value in samples}


def told(house: House, who: str = "root") -> dict[str, float]:
    answer = house.jitd("metrics", who=who)
    assert answer.returncode == 0, answer.stderr + house.log()
    return read(answer.stdout)


def more(before: dict[str, float], after: dict[str, float], *names: str) -> dict[str, float]:
    """What has grown of the samples that begin with one of ``names``, and by how much."""
    grown = {name: value - before.get(name, 0.0) for name, value in after.items() if name.startswith(names)}
    return {name: value for name, value in grown.items() if value}


def checked(text: str) -> str:
    """What promtool finds wrong with the older text format."""
    done = subprocess.run(["promtool", "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr + ("" if done.returncode == 0 else f"exit {done.returncode}")


# --- what is counted -----------------------------------------------------------------------------------------------------


def test_requests_are_counted_by_rule_and_state(house: House) -> None:
    before = told(house)
    assert house.sudo("alice", "true").returncode == 0
    assert house.sudo("alice", "id").returncode == 0
    assert house.sudo("eve", "true").returncode != 0
    asking = house.ask("alice", "date")
    house.approved(asking.id)
    assert asking.end() == 0
    after = told(house.at_rest())
    assert more(before, after, "jitd_requests_total") == {
        f'jitd_requests_total{{rule="{WEB}",state="approved"}}': 1,
        'jitd_requests_total{rule="(not shown)",state="approved"}': 1,
        'jitd_requests_total{rule="",state="denied"}': 1,
        'jitd_requests_total{rule="lab-dba",state="pending"}': 1,
        'jitd_requests_total{rule="lab-dba",state="approved"}': 1,
    }
    assert more(before, after, "jitd_decision_seconds_count", "jitd_time_to_decision_seconds_count", "jitd_runs_ended") == {
        "jitd_decision_seconds_count": 4,
        'jitd_time_to_decision_seconds_count{state="approved"}': 1,
        'jitd_runs_ended_total{ending="exited"}': 3,
    }
    assert after["jitd_chain_records"] == house.head().number > before["jitd_chain_records"]
    assert after["jitd_up"] == 1 and after["jitd_resident_memory_bytes"] > 10_000_000 and after["jitd_database_bytes"] > 0


def test_what_is_live_is_counted_as_long_as_it_lives(house: House) -> None:
    open_ = 'jitd_requests_open{rule="lab-dba",state="pending"}'
    asking = house.ask("alice", "sleep", "600")
    assert asking.id
    waiting = told(house)
    assert waiting[open_] == 1 and waiting["jitd_connections"] == 2  # its client, and who asks for the metrics
    house.approved(asking.id)
    wait_for(lambda: told(house)['jitd_runs_live{state="running"}'] == 1, what="a run that is counted")
    live = told(house)
    assert open_ not in live and live["jitd_grants_live"] == 1 + waiting["jitd_grants_live"]
    assert house.ended("revoke", asking.id).returncode == 0
    asking.end()
    assert told(house.at_rest())['jitd_runs_live{state="running"}'] == 0


def test_locks_and_what_a_daemon_refuses_are_counted(house: House) -> None:
    before = told(house)
    assert house.jitd("lock", "--user", "eve", "--reason", "away").returncode == 0
    house.set_policy("[[permit]]\nnonsense = 1\n", "90-broken.toml")
    assert house.jitd("reload").returncode != 0
    house.set_policy("", "90-broken.toml")
    assert house.jitd("reload").returncode == 0
    after = told(house)
    assert more(before, after, "jitd_locks_active", "jitd_policy_reloads") == {
        "jitd_locks_active": 1,
        'jitd_policy_reloads_total{result="loaded"}': 1,
        'jitd_policy_reloads_total{result="refused"}': 1,
    }
    assert after["jitd_policy_loaded_timestamp_seconds"] > before["jitd_policy_loaded_timestamp_seconds"]
    (lock,) = house.rows("locks")
    assert house.jitd("unlock", lock["id"]).returncode == 0
    assert told(house)["jitd_locks_active"] == 0


def test_a_client_that_breaks_the_protocol_is_a_failure_of_a_client(house: House) -> None:
    before = told(house)
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(house.socket))
        client.sendall(b"\0\0\0\4nono")
        assert client.recv(1) == b""
    after = told(house)
    assert more(before, after, "jitd_failures") == {'jitd_failures_total{what="client"}': 1}


# --- who may see it, and what they see ------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["dave", "carol"])
def test_operators_and_auditors_may_read_metrics(house: House, who: str) -> None:
    assert told(house, who)["jitd_up"] == 1


@pytest.mark.parametrize("who", ["alice", "bob", "eve"])
def test_nobody_else_may_read_metrics(house: House, who: str) -> None:
    """THREATS N-05."""
    before = house.head()
    answer = house.jitd("metrics", who=who)
    assert answer.returncode == 3 and answer.stdout == ""
    assert answer.stderr == "jitd: only operators, auditors and root may read the metrics\n"
    assert house.head() == before


def test_metrics_name_no_person_no_command_and_no_hidden_rule(house: House) -> None:
    """THREATS N-05. Each of them has asked, approved or was locked by then."""
    assert house.sudo("alice", "--reason=a reason of hers", "true", "quite-a-word").returncode == 0
    assert house.sudo("alice", "id").returncode == 0 and house.sudo("eve", "sleep", "1").returncode != 0
    asking = house.ask("alice", "sleep", "0")
    house.approved(asking.id)
    assert asking.end() == 0
    text = re.sub(r" [^ ]+$", "", house.jitd("metrics").stdout, flags=re.MULTILINE)  # without what is counted: any number
    for word in ("alice", "bob", "eve", "EXAMPLE.TEST", "/bin", "sleep", "quite-a-word", "of hers", "merger", "acme", "4001"):
        assert word not in text
    assert "lab-dba" in text


# --- who reads it ---------------------------------------------------------------------------------------------------------


def test_it_is_openmetrics(house: House) -> None:
    text = house.jitd("metrics").stdout
    done = subprocess.run(["/usr/bin/python3", "-Ic", STRICT], input=text, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == len([line for line in text.splitlines() if line.startswith("# HELP ")]) > 20


def test_promtool_finds_nothing_wrong_with_the_textfile(house: House) -> None:
    text = house.jitd("metrics", "--textfile", "-").stdout
    assert checked(text) == ""
    assert read(text).keys() == read(house.jitd("metrics").stdout).keys()


@contextlib.contextmanager
def node_exporter(directory: Path) -> Iterator[str]:
    """node_exporter with nothing but its textfile collector. Yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        at = f"127.0.0.1:{probe.getsockname()[1]}"
    words = ["--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={directory}"]
    line = ["prometheus-node-exporter", *words, f"--web.listen-address={at}", "--web.disable-exporter-metrics"]
    process = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield f"http://{at}/metrics"
    finally:
        process.kill()
        process.wait()


def fetched(address: str) -> dict[str, float]:
    with contextlib.suppress(OSError), urllib.request.urlopen(address, timeout=PATIENCE) as answer:
        return read(answer.read().decode("utf-8"))
    return {}


def test_node_exporter_reads_the_file_through_a_link(house: House, tmp_path: Path) -> None:
    """As jitd-serve(8) has it: the collector's directory has only a link to the file of jitd."""
    own, collectors = tmp_path / "jitd-metrics", tmp_path / "node-exporter"
    own.mkdir()
    collectors.mkdir()
    (collectors / "jitd.prom").symlink_to(own / "jitd.prom")
    assert house.jitd("metrics", "--textfile", f"{own}/jitd.prom").returncode == 0
    assert [file.name for file in own.iterdir()] == ["jitd.prom"]
    assert (own / "jitd.prom").stat().st_mode & 0o777 == 0o644
    ours = read((own / "jitd.prom").read_text("utf-8"))
    with node_exporter(collectors) as address:
        wait_for(lambda: fetched(address), what="node_exporter")
        read_by_it = fetched(address)
    assert read_by_it["node_textfile_scrape_error"] == 0
    by_it = {name: value for name, value in read_by_it.items() if name.startswith("jitd_")}
    assert by_it == {re.sub(r'le="(\d+)\.0"', r'le="\1"', name): value for name, value in ours.items()}, "it writes 1.0 as 1"


def test_a_file_says_that_the_daemon_cannot_be_asked(house: House, tmp_path: Path) -> None:
    file = tmp_path / "jitd.prom"
    assert house.jitd("metrics", "--textfile", str(file)).returncode == 0
    gone = {"env": {**os.environ, "JITD_SOCKET": str(tmp_path / "nobody.sock")}}
    done = subprocess.run(["jitd", "metrics", "--textfile", str(file)], capture_output=True, text=True, check=False, **gone)
    assert done.returncode == 125 and "jitd: " in done.stderr
    assert read(file.read_text("utf-8")) == {"jitd_up": 0} and checked(file.read_text("utf-8")) == ""
    piped = subprocess.run(["jitd", "metrics", "--textfile", "-"], capture_output=True, text=True, check=False, **gone)
    assert (piped.returncode, piped.stdout, piped.stderr) == (125, file.read_text("utf-8"), done.stderr)


def test_a_link_in_the_place_of_the_file_leads_nowhere(house: House, tmp_path: Path) -> None:
    """THREATS N-06. The directory may belong to another account. What is written replaces a link, and goes through none."""
    mine, file = tmp_path / "shadow", tmp_path / "jitd.prom"
    mine.write_text("root's own")
    for name in ("jitd.prom", ".jitd.prom.new"):
        (tmp_path / name).symlink_to(mine)
    assert house.jitd("metrics", "--textfile", str(file)).returncode == 0
    assert mine.read_text("utf-8") == "root's own"
    assert not file.is_symlink() and "jitd_up 1" in file.read_text("utf-8")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["jitd.prom", "shadow"]


def described() -> list[str]:
    """The metrics of docs/metrics.md."""
    return sorted(re.findall(r"^\| `(jitd_\w+)`", (TREE / "docs/metrics.md").read_text("utf-8"), re.MULTILINE))


def test_the_page_describes_every_failure() -> None:
    page = (TREE / "docs/metrics.md").read_text("utf-8").partition("| `what` | |")[2]
    assert {f"`{failure}`" for failure in Failure} <= set(re.findall(r"`\w+`", page))


# --- the record on its way out -------------------------------------------------------------------------------------------

WITNESS = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f"
OUT = f"""
[record]
witnesses = ["{WITNESS}"]

[sinks.siem]
kind = "https"
url = "https://localhost:9/nobody"
addresses = ["127.0.0.0/8"]
"""


def test_metrics_say_how_far_the_record_has_come(house: House) -> None:
    """A sink that nobody hears, a witness that has countersigned nothing, and a head that is signed soon."""
    assert not [name for name in told(house) if "sink=" in name or "witness" in name], "without them, nothing is told of them"
    apart = House(OF_THE_LAB, OUT)
    try:
        apart.start()
        assert apart.jitd("lock", "--user", "eve", "--reason", "away").returncode == 0
        wait_for(lambda: told(apart)["jitd_records_unsigned"] == 0, what="a signed head")
        failed = wait_for(lambda: (now := told(apart))['jitd_failures_total{what="sink"}'] and now, what="a sink that fails")
        assert failed['jitd_sink_lag_records{sink="siem"}'] > 0 and failed['jitd_sink_lag_seconds{sink="siem"}'] > 0
        assert failed['jitd_sink_refused_total{sink="siem"}'] == 0
        assert failed["jitd_checkpoint_timestamp_seconds"] > failed["jitd_start_timestamp_seconds"] - 2
        seen = {name.partition("{")[0]: value for name, value in failed.items() if "witness=" in name}
        assert seen == {"jitd_countersignature_timestamp_seconds": 0, "jitd_witness_disagrees": 0}
        text = apart.jitd("metrics", "--textfile", "-").stdout
        assert checked(text) == "" and described() == sorted(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    finally:
        apart.close()
