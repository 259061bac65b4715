# SPDX-License-Identifier: Apache-2.0
"""jitd-metrics.timer under systemd, set up as in jitd-serve(8): node_exporter, as its package sets it up, has jitd's metrics."""

from __future__ import annotations

import contextlib
import subprocess
import urllib.request
from pathlib import Path

from tests.booted.conftest import Service, show, systemctl, with_command, written_by
from tests.waiting import PATIENCE, wait_for

FILE = Path("/run/jitd-metrics/jitd.prom")
LINK = Path("/var/lib/prometheus/node-exporter/jitd.prom")
TIMER, SERVICE, EXPORTER = "jitd-metrics.timer", "jitd-metrics.service", "prometheus-node-exporter.service"


def fetched() -> str:
    with contextlib.suppress(OSError), urllib.request.urlopen("http://127.0.0.1:9100/metrics", timeout=PATIENCE) as answer:
        return str(answer.read().decode("utf-8"))
    return ""


def test_the_timer_is_off_until_it_is_enabled(service: Service) -> None:
    assert show(TIMER, "UnitFileState", "ActiveState") == {"UnitFileState": "disabled", "ActiveState": "inactive"}
    assert not FILE.exists()


def test_two_commands_bring_the_metrics_into_node_exporter(service: Service) -> None:
    """The two commands are those of jitd-serve(8)."""
    try:
        for line in (f"ln -s {FILE} {LINK.parent}/", f"systemctl enable --now {TIMER}"):
            assert line in Path("/usr/share/man/man8/jitd-serve.8").read_text("utf-8")
            assert subprocess.run(line.split(), capture_output=True, text=True, check=False).returncode == 0
        wait_for(FILE.exists, what="the first file")
        systemctl("start", EXPORTER)
        wait_for(lambda: "jitd_up 1" in fetched(), what="node_exporter with the metrics of jitd")
        told = fetched()
        assert "node_textfile_scrape_error 0" in told and f"jitd_chain_records {service.head().number}" in told
        assert FILE.stat().st_uid == 0 and FILE.stat().st_mode & 0o777 == 0o644
    finally:
        systemctl("stop", EXPORTER)
        systemctl("disable", "--now", TIMER)
        LINK.unlink(missing_ok=True)
        FILE.unlink(missing_ok=True)


def test_the_service_can_write_no_directory_but_its_own(service: Service) -> None:
    """THREATS N-06."""
    places = ("/etc/cron.d", str(LINK.parent), "/run", "/run/jitd", "/tmp", "/root")
    assert written_by(SERVICE, places, "id -u; grep CapBnd /proc/self/status") == ([], ["0", "CapBnd:", "0" * 16])


def test_a_service_that_is_led_elsewhere_fails_and_writes_nothing(service: Service) -> None:
    """THREATS N-06. What the account of a collector could do, if root wrote into its directory: a link to another one."""
    with with_command(SERVICE, "/usr/sbin/jitd metrics --textfile /etc/cron.d/jitd.prom"):
        assert subprocess.run(["systemctl", "start", SERVICE], capture_output=True, check=False).returncode != 0
    written = list(Path("/etc/cron.d").glob("*jitd*"))
    for file in written:
        file.unlink()
    assert written == []
