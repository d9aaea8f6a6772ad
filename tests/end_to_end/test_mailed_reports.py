"""The month ends, and the daemon mails its report: once, with what a meter read by hand has counted."""

from pathlib import Path

from tests.end_to_end.daemon import Daemon
from tests.faults.clocks import KernelClock, WallClock, together
from tests.servers.smtp import MailServer

SITE = """\
site: {{id: maple-court, name: Maple Court, timezone: Europe/Berlin}}
devices:
  - {{id: garden-water, name: Garden tap, class: water, manual: volume_m3, rating: 2.5 m3/h, building: A}}
notify:
  people:
    - {{id: ana, name: Ana, language: en, channels: {{mail: "{mail}&to=ana@example.org"}}}}
    - {{id: ben, name: Ben, language: zh, channels: {{mail: "{mail}&to=ben@example.org"}}}}
reports:
  - {{id: monthly, name: Monthly report, kinds: [usage], every: month, people: [ana, ben], wait: 1 h}}
"""


def test_a_month_that_ends_while_the_monitor_is_off_is_mailed_once(tmp_path: Path) -> None:
    site = tmp_path / "site.yaml"
    clock = WallClock(tmp_path)
    clock.set("2026-10-20 12:00:00")
    with MailServer() as mail:
        site.write_text(SITE.format(mail=f"mailto://127.0.0.1:{mail.port}/?from=monitor@example.org"))
        environ = together(clock.environ, KernelClock(tmp_path).environ)
        with Daemon(site, tmp_path / "state", environ) as daemon:
            daemon.start()
            daemon.until(lambda: daemon.memory("SELECT 1 FROM reports"), "reports begin")
            assert daemon.stop() == 0
            clock.set("2026-11-01 12:00:00")
            daemon.start()
            daemon.until(lambda: len(mail.messages) == 2, "two reports arrive")
            daemon.until(
                lambda: not daemon.memory("SELECT 1 FROM outbox WHERE state <> 'sent'"), "all is written down"
            )
            assert daemon.stop() == 0

            assert daemon.memory("SELECT done FROM reports")[0]["done"] == "2026-10"
            assert len(daemon.memory("SELECT 1 FROM outbox")) == 2
    first = {str(message["To"]): message for message in mail.messages}
    assert str(first["ana@example.org"]["Subject"]) == "Maple Court: Monthly report, 2026-10"
    assert {str(message["To"]) for message in mail.messages} == {"ana@example.org", "ben@example.org"}
    names = [part.get_filename() for part in first["ben@example.org"].walk() if part.get_filename()]
    assert names == ["maple-court-2026-10.html", "maple-court-2026-10-usage.csv"]
