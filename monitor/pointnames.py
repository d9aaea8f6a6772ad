"""What points are called: the plain names of the quantities and states that a point's name is made of.

A point is named by what it is made of, `<quantity>[_<phase>]_<unit>`: the quantity has a name here, phases,
tariffs, numbers and the like are put behind it. What a site made up itself is called by its own words.
"""

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Final

from monitor.schema import PHASES, SUFFIX_UNITS, point_unit

__all__ = ["PointNames"]

_Say = Callable[[str], str]

_BEHIND: Final = re.compile(r"delta|resettable|avg|max|t(?P<tariff>\d)|q(?P<quadrant>[1-4])|\d+")
"""Words of a point's name that say which one of a quantity it is."""


class PointNames:
    """Names points in one language; `say` puts English into it."""

    def __init__(self, say: _Say = str) -> None:
        self._say = say

    @cached_property
    def _known(self) -> Mapping[str, str]:
        """Quantities and states, without their units, in the language."""
        tables = (
            _of_electricity,
            _of_pipes,
            _of_air,
            _of_states,
            _of_machines,
            _of_devices,
            _of_the_monitor,
        )
        return {point: name for table in tables for point, name in table(self._say).items()}

    def __call__(self, point: str) -> str:
        """Name a point, `energy_import_kwh` -> `Energy imported`; what is not known, by its own words."""
        return self.known(point) or _own_words(point)

    def known(self, point: str) -> str:
        """The name of a point whose quantity has one, `voltage_l1_v` -> `Voltage L1`; else an empty text."""
        if point in self._known:
            return self._known[point]
        quantity = _quantity(point)
        if quantity in self._known:
            return self._known[quantity]
        stem: list[str] = []
        behind: list[str] = []
        for word in quantity.split("_"):
            (behind if stem and (word in PHASES or _BEHIND.fullmatch(word)) else stem).append(word)
        name = self._known.get("_".join(stem), "")
        for word in behind if name else ():
            name = self._with(name, word)
        return name

    def _with(self, name: str, word: str) -> str:
        """A name with one word more of what says which one it is."""
        say = self._say
        which = _BEHIND.fullmatch(word)
        if which is None:
            return f"{name} {word.upper()}"
        if which["tariff"]:
            return say("%(name)s, tariff %(number)s") % {"name": name, "number": which["tariff"]}
        if which["quadrant"]:
            return say("%(name)s, quadrant %(number)s") % {"name": name, "number": which["quadrant"]}
        known = {
            "delta": say("%(name)s, increase"),
            "resettable": say("%(name)s, since it was reset"),
            "avg": say("%(name)s, average"),
            "max": say("%(name)s, highest"),
        }
        return known[word] % {"name": name} if word in known else f"{name} {word}"


def _quantity(point: str) -> str:
    """A point's name without its unit."""
    unit = point_unit(point)
    suffixes = (suffix for suffix, known in SUFFIX_UNITS.items() if known == unit)
    return next((point[: -len(each) - 1] for each in suffixes if point.endswith(f"_{each}")), point)


def _own_words(point: str) -> str:
    """A point as those who named it wrote it: `oil_pump_bar` -> `Oil pump`."""
    words = _quantity(point).replace("_", " ")
    return words[:1].upper() + words[1:]


def _of_electricity(say: _Say) -> Mapping[str, str]:
    return {
        "voltage": say("Voltage"),
        "voltage_ll": say("Voltage between phases"),
        "voltage_thd": say("Distortion of the voltage (THD)"),
        "system_voltage": say("Voltage of the system"),
        "supply_v": say("Supply voltage"),
        "current": say("Current"),
        "current_thd": say("Distortion of the current (THD)"),
        "power": say("Power"),
        "power_import": say("Power imported"),
        "power_export": say("Power exported"),
        "solar_power": say("Solar power"),
        "apparent_power": say("Apparent power"),
        "reactive_power": say("Reactive power"),
        "power_demand": say("Demand"),
        "demand": say("Demand"),
        "demand_predicted": say("Demand, predicted"),
        "demand_sliding": say("Demand, sliding"),
        "pf": say("Power factor"),
        "frequency": say("Frequency"),
        "phase_sequence_reversed": say("Phases in the wrong order"),
        "energy": say("Energy"),
        "energy_import": say("Energy imported"),
        "energy_export": say("Energy exported"),
        "energy_total": say("Energy, total"),
        "energy_net": say("Energy, net"),
        "energy_day": say("Energy of the day"),
        "energy_import_rate_a": say("Energy imported, rate A"),
        "energy_import_rate_b": say("Energy imported, rate B"),
        "energy_import_rate_c": say("Energy imported, rate C"),
        "energy_import_rate_d": say("Energy imported, rate D"),
        "apparent_energy": say("Apparent energy"),
        "apparent_energy_import": say("Apparent energy imported"),
        "apparent_energy_export": say("Apparent energy exported"),
        "apparent_energy_net": say("Apparent energy, net"),
        "reactive_energy": say("Reactive energy"),
        "reactive_energy_import": say("Reactive energy imported"),
        "reactive_energy_export": say("Reactive energy exported"),
        "reactive_energy_total": say("Reactive energy, total"),
        "reactive_energy_inductive": say("Reactive energy, inductive"),
        "reactive_energy_capacitive": say("Reactive energy, capacitive"),
        "overload": say("Overload"),
    }


def _of_pipes(say: _Say) -> Mapping[str, str]:
    return {
        "volume": say("Volume"),
        "volume_reverse": say("Volume that flowed back"),
        "flow": say("Flow"),
        "flow_standard": say("Flow at standard conditions"),
        "flow_unit": say("Unit of the flow"),
        "sample_flow": say("Flow of the sample"),
        "total_decimals": say("Decimal places of the total"),
        "flow_temperature": say("Flow temperature"),
        "supply_temperature": say("Supply temperature"),
        "return_temperature": say("Return temperature"),
        "energy_heat": say("Heat energy"),
        "energy_cooling": say("Cooling energy"),
        "pressure": say("Pressure"),
        "pressure_ok": say("Pressure"),
        "level": say("Level"),
        "distance": say("Distance"),
        "leak": say("Leak"),
        "leaks": say("Leaks counted"),
        "leak_duration": say("Leak, how long"),
        "burst": say("Burst pipe"),
        "backflow": say("Flows backwards"),
        "pipe_empty": say("Pipe is empty"),
        "temperature_low": say("Temperature is low"),
        "valve_on": say("Valve on"),
    }


def _of_air(say: _Say) -> Mapping[str, str]:
    return {
        "temperature": say("Temperature"),
        "humidity": say("Humidity"),
        "dew_point": say("Dew point"),
        "co2": say("CO2"),
        "voc": say("Vapours in the air (VOC)"),
        "oxygen": say("Oxygen"),
        "illuminance": say("Brightness"),
        "illuminance_lux": say("Brightness"),
        "sound_level_db": say("Loudness"),
        "concentration": say("Concentration"),
        "full_scale": say("End of the range"),
        "zero_suppression": say("Zero suppression"),
        "sensor": say("Signal of the sensor"),
        "gas": say("Gas"),
        "gas_density": say("Amount of gas"),
        "smoke_density": say("Amount of smoke"),
    }


def _of_states(say: _Say) -> Mapping[str, str]:
    return {
        "alarm": say("Alarm"),
        "alarms": say("Alarms counted"),
        "alarm_bits": say("Alarm flags"),
        "alarm_delay": say("Delay of the alarm"),
        "alarm_mode": say("Alarm mode"),
        "alarm_set": say("Limit of the alarm"),
        "called": say("Called to run"),
        "fault": say("Fault"),
        "fault_temporary": say("Passing fault"),
        "forced": say("Forced open"),
        "held": say("Held open"),
        "locked": say("Locked"),
        "maintenance": say("Needs maintenance"),
        "movements": say("Movements counted"),
        "open": say("Open"),
        "present": say("Present"),
        "rex": say("Exit button"),
        "running": say("Runs"),
        "state": say("State"),
        "status": say("Status"),
        "tamper": say("Tampered with"),
        "tilt": say("Tilt"),
        "vibration": say("Vibration"),
    }


def _of_machines(say: _Say) -> Mapping[str, str]:
    return {
        "hours": say("Hours run"),
        "running": say("Runs"),
        "running_time": say("Hours run"),
        "running_h": say("Hours run"),
        "operating": say("Hours in operation"),
        "operating_hours": say("Hours in operation"),
        "online": say("Hours on-line"),
        "lifetime": say("Hours since it was made"),
        "life_left": say("Life left"),
        "since_service": say("Since the last service"),
        "since_test": say("Since the last test"),
        "speed": say("Speed"),
        "starts": say("Starts"),
        "start_count": say("Starts"),
    }


def _of_devices(say: _Say) -> Mapping[str, str]:
    return {
        "battery": say("Battery"),
        "battery_v": say("Battery voltage"),
        "battery_left": say("Battery life left"),
        "battery_low": say("Battery is low"),
        "application": say("Application"),
        "contact_lost": say("Contact lost"),
        "error_code": say("Error code"),
        "error_flags": say("Error flags"),
        "firmware": say("Firmware"),
        "info_code": say("Information code"),
        "input": say("Input"),
        "maker": say("Maker"),
        "luid": say("Number of the reader"),
        "measurement_mode": say("Way of measuring"),
        "measuring_system": say("Measuring system"),
        "message": say("Message"),
        "model": say("Model"),
        "over_range": say("Above its range"),
        "product_id": say("Product number"),
        "pulses": say("Pulses"),
        "a_pulses": say("Pulses of channel A"),
        "b_pulses": say("Pulses of channel B"),
        "pulses_per_unit": say("Pulses for a unit"),
        "relay": say("Relay"),
        "relay_on": say("Relay on"),
        "reset": say("Restarted"),
        "sequence": say("Number of the message"),
        "serial_number": say("Serial number"),
        "under_range": say("Below its range"),
    }


def _of_the_monitor(say: _Say) -> Mapping[str, str]:
    return {
        "readings": say("Readings"),
        "readings_dropped": say("Readings lost"),
        "devices_down": say("Devices that do not answer"),
        "journal_lag": say("Entries that wait to be written out"),
        "journal_mb": say("Size of the journal"),
        "journal_left_h": say("Time until the journal is full"),
        "journal_over_size": say("The journal is too large"),
        "journal_replaced": say("The journal was begun anew"),
        "state_restored": say("The state was put back from a copy"),
        "ledger_replaced": say("The ledger was begun anew"),
        "ledger_failing": say("The ledger takes nothing"),
        "access_replaced": say("What is known of people was begun anew"),
        "access_failing": say("What is known of people is not kept"),
        "dead_letters": say("Entries that nothing takes"),
        "sink_down_s": say("Time without the database"),
        "write_ms_p95": say("Time of a write"),
        "notify_waiting": say("Messages that wait"),
        "notify_failed": say("Messages that failed"),
        "channels_failing": say("Channels that fail"),
        "rules_failing": say("Rules that fail"),
        "engine_lag_s": say("Delay of the rules"),
        "alarm_flood": say("Flood of alarms"),
        "loop_lag_ms": say("Delay of the program"),
        "rss_mb": say("Memory used"),
        "disk_free_pct": say("Disk space free"),
        "clock_synchronised": say("The clock is right"),
    }
