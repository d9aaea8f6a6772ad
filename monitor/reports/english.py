"""The words of reports in English."""

from collections.abc import Mapping
from typing import Final

from monitor.reports.alarmwords import ENGLISH
from monitor.reports.notificationwords import ENGLISH as MESSAGES

__all__ = ["WORDS"]

WORDS: Final[Mapping[str, str]] = {
    # pages
    "title_usage": "Consumption",
    "title_cost": "Cost",
    "title_coverage": "Completeness of the data",
    "title_balance": "Balance of main and sub-meters",
    "complete": "final: the period is over and nothing is missing",
    "incomplete": "provisional: see the notes",
    "generated": "made on {at}",
    "page_day": "{first}",
    "page_period": "{first} to {last}",
    "notes": "Notes",
    "all_meters": "{what}",
    "before_value": "a year before: {value}",
    "not_known": "not known",
    "no_picture": "The pictures could not be drawn; the numbers are complete.",
    "picture_missing": "(the picture could not be drawn)",
    # classes
    "class_electricity": "Electricity",
    "class_water": "Water",
    "class_gas": "Gas",
    "class_heat": "Heat",
    # columns
    "meter": "meter",
    "device": "device",
    "building": "building",
    "tenant": "tenant",
    "tariff": "tariff",
    "register_begin": "register at begin",
    "register_end": "register at end",
    "amount": "consumption",
    "energy": "energy",
    "year_before": "a year before",
    "change": "change",
    "demand_max": "greatest demand",
    "demand_at": "when",
    "base": "base load",
    "estimated": "estimated",
    "known": "known",
    "unit": "unit",
    "carbon": "CO₂",
    "cost": "cost",
    "line": "item",
    "band": "band",
    "quantity": "quantity",
    "price": "price",
    "start": "from",
    "end": "to",
    "class": "class",
    "day": "day",
    "expected": "expected",
    "received": "received",
    "received_share": "received",
    "late": "late",
    "lost": "lost",
    "lost_bus": "lost: bus",
    "lost_unit": "lost: device",
    "lost_database": "lost: storage",
    "lost_off": "lost: monitor off",
    "lost_clock": "lost: clock set",
    "lost_unknown": "lost: not known why",
    "cause_bus": "the bus did not answer",
    "cause_unit": "the device did not answer",
    "cause_database": "storage failed",
    "cause_off": "the monitor was off",
    "cause_clock": "the clock was set",
    "cause_unknown": "not known why",
    "worst_day": "worst day",
    "where": "where",
    "counts": "main / sub",
    "mains": "main meters",
    "subs": "sub-meters",
    "difference": "difference",
    "difference_share": "of main",
    "night": "night minimum",
    # invoice lines
    "line_standing": "standing charge",
    "line_demand": "demand charge",
    "line_tax": "tax",
    "unit_month": "months",
    "line_band": "consumption",
    # sums
    "sum_building": "Building {what}",
    "sum_building_mains": "Building {what} (by its main meter)",
    "sum_class": "{class}, all",
    "sum_class_mains": "{class}, all (by main meters)",
    "sum_all": "All",
    "sum_tenant": "{what}, sum",
    "sum_no_tenant": "Without a tenant, sum",
    "sum_meter": "{what}, sum",
    "whole_site": "whole site",
    # sections
    "coverage": "Samples by meter",
    "worst_days": "The worst days",
    "cost_summary": "Cost by meter and tenant",
    "invoice": "{tenant}: line by line",
    "invoice_nobody": "Meters without a tenant: line by line",
    "balance_per_hour": "By hour",
    "balance_per_day": "By day",
    "balance_per_month": "By month",
    # headlines
    "headline_missing": "not known of: {meters}",
    "headline_estimated": "{amount} of it estimated",
    "headline_guessed": "some of it estimated",
    "mostly": "{percent} % of them: {cause}",
    "not_measured": "{class}: not measured by sub-meters",
    "not_measured_at": "{class}, {what}: not measured by sub-meters",
    "balance_share": "{percent} % of the main meters",
    "balance_unknown": "a meter is missing, see below",
    # charts
    "chart_per_hour": "{class} by hour",
    "chart_per_day": "{class} by day",
    "chart_per_month": "{class} by month",
    "chart_week": "{meter}: mean of each hour of the week",
    "chart_cost_tenant": "Cost by tenant",
    "chart_cost_meter": "Cost by meter",
    "chart_calendar": "Samples received on each day",
    "chart_balance": "{class}: main and sub-meters {per}",
    "chart_balance_at": "{class}, {what}: main and sub-meters {per}",
    "per_hour": "by hour",
    "per_day": "by day",
    "per_month": "by month",
    "chart_estimated": "partly estimated",
    "chart_unknown": "not known",
    "no_tenant": "without a tenant",
    "day_1": "Mon",
    "day_2": "Tue",
    "day_3": "Wed",
    "day_4": "Thu",
    "day_5": "Fri",
    "day_6": "Sat",
    "day_7": "Sun",
    # notes
    "no_meters": "There is no meter that this report could be about.",
    "running": "The period is not over: the report goes up to {until}.",
    "before_cut": "The year before is compared up to the same moment, {until}.",
    "note_estimated": (
        "{meter}: {amount} are estimated, because no reading lies at the edge of the period or a part was lost."
    ),
    "virtual_apart": "Virtual meters (in italics) are reckoned from others and are in no sum.",
    "mains_only": "Sums are those of the main meters; what sub-meters measure is a part of that and is not added.",
    "meter_partly": "{meter}: only {percent} % of the period are known; the consumption is that of this part.",
    "meter_unknown": "{meter}: nothing is known of this period.",
    "coverage_without": "Virtual meters and meters that are read by hand send no samples and are left out.",
    "coverage_unknown": "{meter}: no samples were expected, or nothing is known of this period.",
    "without_tariff": "Without a tariff, and so without a cost: {meters}.",
    "cost_estimated": "Some of the consumption is estimated (column “estimated”); the cost follows the estimate.",
    "cost_running": "The cost is that up to {until}; monthly charges may be shown for the begun month.",
    "cost_incomplete": "{meter}: the cost is provisional, because the consumption is not wholly known.",
    "no_balance": "No class has both main and sub-meters: set `role: main` and `role: sub` in the site file.",
    "balance_means": (
        "The difference is what no sub-meter measured: consumption in common, losses, or tolerance of the meters."
    ),
    "balance_lacking": "Not wholly known, and therefore neither is the difference: {meters}.",
    "balance_negative": (
        "The sub-meters measured more than the main meters: look at roles, transformer ratios and replacements."
    ),
    "night_means": (
        "The night minimum is the least flow of any quarter of an hour. Where it is never zero, look for leaks."
    ),
    # where a counter did not simply count on
    "break_gap": "No readings from {start} to {end}; {amount} were counted in between{by}.",
    "break_gap_lost": "No readings from {start} to {end}; {amount} are booked for it as an estimate{by}.",
    "break_rollover": "The counter passed its highest value between {start} and {end}: {old} to {new}{by}.",
    "break_rollover_lost": "The counter began anew between {start} and {end}, and {amount} are a guess{by}.",
    "break_reset": "The counter was reset between {start} and {end}: {old} to {new}; {amount} are booked{by}.",
    "break_reset_lost": (
        "The counter fell between {start} and {end}: {old} to {new}. What was used in between is not known; "
        "{amount} are booked{by}."
    ),
    "break_replaced": "The meter was replaced between {start} and {end}: {old} to {new}; {amount} are booked{by}.",
    "break_replaced_lost": (
        "The meter was replaced between {start} and {end}: {old} to {new}. Until its last register is entered, "
        "{amount} are a guess{by}."
    ),
    "break_jump": "The counter jumped between {start} and {end}: {old} to {new}; {amount} are booked{by}.",
    "break_jump_lost": "The counter jumped between {start} and {end}: {old} to {new}; {amount} are a guess{by}.",
    "break_corrected": "Corrected by hand between {start} and {end}: {old} to {new}; {amount} are booked{by}.",
    "break_corrected_lost": "Corrected by hand between {start} and {end}: {amount} are a guess{by}.",
    # titles of doors, equipment and the supply
    "title_access": "Doors and zones",
    "title_equipment": "Equipment",
    "title_supply": "Supply",
    # classes of doors, equipment and the supply
    "class_access": "Readers",
    "class_door": "Doors",
    "class_safety": "Detectors",
    "class_environment": "Sensors",
    "class_equipment": "Equipment",
    "utility_electricity": "electricity",
    "utility_water": "water",
    "utility_gas": "gas",
    "utility_heat": "heat",
    # columns of doors, equipment and the supply
    "door": "door",
    "opened": "openings",
    "by_card": "by card",
    "by_rex": "by button",
    "by_unlocked": "unlocked",
    "by_schedule": "open hours",
    "by_none": "no cause",
    "forced": "forced",
    "held": "held open",
    "granted": "cards granted",
    "denied": "cards denied",
    "out_of_hours": "out of hours",
    "median_open": "open, median",
    "longest": "longest",
    "finding": "what was seen",
    "times": "times",
    "whole": "out of",
    "share": "share",
    "for_long": "for",
    "look": "what to look at",
    "zone": "zone",
    "entries": "entries",
    "exits": "exits",
    "most_at_once": "most at once",
    "most_when": "when",
    "mean_most": "daily most, mean",
    "most_allowed": "allowed",
    "crowded": "too many",
    "passback": "entered twice",
    "reader": "reader",
    "offline_times": "times off-line",
    "offline": "off-line",
    "available": "available",
    "outages": "interruptions",
    "tampered": "tampered with",
    "passages": "passages",
    "machine": "equipment",
    "run_time": "running",
    "starts": "starts",
    "mean_run": "mean run",
    "shortest_run": "shortest run",
    "fault": "in fault",
    "failed": "failures",
    "short_cycles": "short cycling",
    "hours_total": "in total",
    "group": "group",
    "service": "service",
    "service_state": "state",
    "due": "due",
    "hours_left": "hours left",
    "done_last": "done last",
    "done_by": "by",
    "remark": "remark",
    "done_at": "when",
    "hours_by_then": "had run",
    "battery_state": "state",
    "battery": "charge",
    "battery_per_day": "per day",
    "battery_empty": "at 10 %",
    "devices": "devices",
    "least_available": "silent longest",
    "detector": "detector",
    "time_down": "silent",
    "time_unknown": "not known",
    "time_lost": "lost",
    "time_partial": "partial",
    "utility": "supply",
    "supply_state": "state",
    "points": "points",
    "duration": "duration",
    "others": "others",
    # states of doors, equipment and the supply
    "service_state_fine": "fine",
    "service_state_soon": "soon",
    "service_state_due": "due",
    "battery_state_fine": "fine",
    "battery_state_soon": "change soon",
    "battery_state_low": "low: change now",
    "supply_state_lost": "lost",
    "supply_state_partial": "partial",
    "finding_shakes": "forced, and shut again within 2 s",
    "look_shakes": "The contact shakes: tighten it, move the magnet nearer, let the door close more softly.",
    "finding_late": "forced, and a card or button came just after",
    "look_late": (
        "The button or reader is late or its clock is wrong: look at its wiring, and at how often it is polled."
    ),
    "finding_unwired": "opened without any cause",
    "look_unwired": (
        "A button, handle or reader of this door does not tell the monitor: wire it, or name it with `door:`."
    ),
    "finding_sticks": "said to be open while granted cards did not open it",
    "look_sticks": "The contact sticks: look at its magnet and at its cable.",
    "finding_unused": "cards granted, and the door was not opened",
    "look_unused": "The lock does not release, or the contact does not see the door: try both.",
    "finding_stands_open": "stood open at one time",
    "look_stands_open": (
        "Wedged open, a closer that is too weak, or a contact that sticks. If it may stand open, give it "
        "hours `unlocked`."
    ),
    "finding_bounces": "the contact bounced",
    "look_bounces": "A loose contact or cable, or a magnet at the limit of its reach.",
    # sections of doors, equipment and the supply
    "access_doors": "Doors",
    "bad_doors": "Doors to look at",
    "access_zones": "Zones",
    "access_readers": "Readers",
    "equipment_runs": "Running hours and failures",
    "equipment_groups": "Groups: who shares the work",
    "services": "Services, as they stand now",
    "work_done": "Work that was done",
    "batteries": "Batteries, as they are now",
    "availability": "Availability by class",
    "silent": "Detectors that were silent",
    "supply_by_building": "Supply by building",
    "supply_outages": "Interruptions",
    # headlines of doors, equipment and the supply
    "most_at": "most of all: {what}",
    "first_is": "first: {what}",
    "services_soon": "{count} more soon",
    "equipment_available": "available",
    "services_due": "services due",
    "batteries_soon": "batteries to change",
    "supply_worst": "least available",
    "longest_outage": "longest interruption",
    "utility_at": "{utility}, {what}",
    "utility_of_site": "{utility}, whole site",
    # charts of doors, equipment and the supply
    "chart_hours": "Passages by hour of the day",
    "chart_opened_day": "Openings by day and cause",
    "chart_opened_month": "Openings by month and cause",
    "chart_zone": "{what}: most people at once on each day",
    "chart_running_day": "Running hours by day",
    "chart_running_month": "Running hours by month",
    "chart_available": "Availability: answered and without a fault",
    "chart_supply": "Supply on each day: share of the time in which all of it was there",
    # notes of doors, equipment and the supply
    "no_access": "Nothing is known of doors here.",
    "no_doors": "There is no door that this report could be about.",
    "no_upkeep": "Nothing is known of equipment and supply here.",
    "no_equipment": "There is no equipment or other device that this report could be about.",
    "no_supply": "No supply is watched: add the section `supply` to the site file.",
    "access_means": (
        "Nobody is named here, and no card: these are counts. An opening has a cause when a card, a button, "
        "a lock or hours of the door explain it; without any it is forced, unless the contact was already "
        "known to be open."
    ),
    "access_kept": (
        "Single entries are kept from {since} on; passages by hour, median times, entries of zones and "
        "events out of hours go back no further."
    ),
    "door_unknown": (
        "{door}: nothing is on record of this period: the door was not used, or nothing was heard of it."
    ),
    "bad_doors_mean": (
        "“Doors to look at” are judged by counts, not by eye: most forced doors are worn contacts and "
        "buttons that are not wired. The limits stand in the documentation."
    ),
    "zones_mean": (
        "People in a zone are counted by the readers of its doors; whoever leaves without a card stays "
        "counted until the zone is reset."
    ),
    "zone_no_reset": "{zone}: has no `reset`; who came in before the day that precedes the period is not counted.",
    "equipment_means": (
        "Available is the share of the time in which the device answered and had no fault; what is not "
        "known, as when the monitor was off, counts neither way. The last column is the reading at this "
        "moment."
    ),
    "equipment_unknown": "{device}: nothing is known of this period.",
    "equipment_partly": (
        "{device}: only {percent} % of the period are known; hours and starts are those of this part."
    ),
    "equipment_own": "Counts its own hours: the total is that of the device.",
    "group_uneven": (
        "{device}: only {percent} % of the hours of its group; change who runs first, or look why it does "
        "not start."
    ),
    "group_no_reserve": "{group}: nobody is in reserve now.",
    "battery_learning": "When it will be empty cannot be said yet, or lies more than ten years ahead.",
    "batteries_more": "{count} more batteries, all of them fuller, are not shown.",
    "silent_means": (
        "A detector that is silent could not have told of anything: look at its battery, its range and its bus."
    ),
    "detector_unheard": "{device}: was not heard at all.",
    "supply_means": (
        "Available is the share of what is known in which all of the supply was there; partial is not "
        "available. When the monitor was off nothing is known, and that counts neither way."
    ),
    "supply_unknown": "Nothing is known of this supply in the period: look whether its device answers.",
    "supply_before": "Began before the period; what lies before it is not counted.",
    "supply_goes_on": "Had not ended by the end of what is reported.",
    "supply_edge": "The monitor knew nothing just before or just after: it may have been longer.",
    **ENGLISH,
    **MESSAGES,
}
"""Key -> what it says; braces are filled with facts."""
