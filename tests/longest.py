"""The test files that take longest, five seconds or more: workers begin with them.

`pytest --durations=50` says when another one belongs here. What is left out, or in the wrong place, is run all the
same: it only ends later than it might.
"""

from typing import Final

__all__ = ["LONGEST"]

LONGEST: Final = (
    "tests/end_to_end/test_demo.py",
    "tests/grafana/test_panels.py",
    "tests/systemd/test_install.py",
    "tests/end_to_end/test_demo_month.py",
    "tests/end_to_end/test_a_day_of_people.py",
    "tests/soak/test_soak.py",
    "tests/faults/test_network.py",
    "tests/end_to_end/test_commissioning.py",
    "tests/faults/test_kills.py",
    "tests/poller/test_plant_room.py",
    "tests/end_to_end/test_backfill.py",
    "tests/end_to_end/test_outages.py",
    "tests/end_to_end/test_bounds.py",
    "tests/end_to_end/test_metering.py",
    "tests/end_to_end/test_simulate.py",
    "tests/poller/test_fairness.py",
    "tests/cli/test_listen.py",
    "tests/cli/test_export.py",
    "tests/cli/test_identify.py",
    "tests/faults/test_files.py",
    "tests/cli/test_scan.py",
    "tests/cli/test_access.py",
    "tests/cli/test_init.py",
    "tests/metering/test_month.py",
    "tests/systemd/test_sandbox.py",
    "tests/drivers/modbus/survey/test_identify.py",
    "tests/end_to_end/test_backlog.py",
    "tests/end_to_end/test_privacy.py",
    "tests/end_to_end/test_kill.py",
    "tests/end_to_end/test_erasing.py",
    "tests/end_to_end/test_space.py",
    "tests/cli/test_sinks.py",
    "tests/cli/test_check.py",
    "tests/cli/test_meter.py",
    "tests/cli/test_equipment.py",
    "tests/equipment/test_year.py",
    "tests/seeding/test_seeding.py",
    "tests/drivers/modbus/test_byhand.py",
    "tests/drivers/modbus/test_faults.py",
    "tests/simulation/test_faults.py",
    "tests/fuzz/test_fuzz.py",
    "tests/cli/test_clients.py",
    "tests/cli/test_reports.py",
    "tests/cli/test_profiles.py",
    "tests/reports/test_html.py",
    "tests/web/test_accessroutes.py",
    "tests/sinks/test_catching_up.py",
    "tests/notify/test_reports.py",
    "tests/metering/test_rollup.py",
    "tests/grafana/test_picture.py",
    "tests/grafana/test_truth.py",
)
"""The longest first; what else looks at the demo's month comes last, when `test_panels` has had it filled in."""
