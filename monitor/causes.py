"""What alarms came of: the words with which a case is closed, so that they can be counted over a year."""

from collections.abc import Mapping
from typing import Final

__all__ = ["CAUSES"]

CAUSES: Final[Mapping[str, tuple[str, str]]] = {
    "fixed": ("a fault, repaired", "故障，已修复"),  # noqa: RUF001 - Chinese punctuation
    "replaced": ("a part or a device, replaced", "部件或设备，已更换"),  # noqa: RUF001
    "adjusted": ("cleaned, set or refilled", "清洁、调整或补充"),
    "connection": ("power, cable or radio of a device", "设备的供电、线缆或无线"),
    "supplier": ("the supplier: grid, water, gas, network", "供应方（电网、供水、燃气、网络）"),  # noqa: RUF001
    "weather": ("weather", "天气"),
    "user_error": ("operated wrongly, or left open", "操作不当或忘记关闭"),
    "vandalism": ("vandalism or theft", "人为破坏或盗窃"),
    "planned_work": ("planned work", "计划内作业"),
    "false_alarm": ("false: the sensor was wrong", "误报：传感器有误"),  # noqa: RUF001
    "nuisance": ("true, and nothing to do: change the rule", "属实但无需处理：应修改规则"),  # noqa: RUF001
    "by_itself": ("went away by itself, nothing found", "自行消失，未发现原因"),  # noqa: RUF001
    "unknown": ("not known", "原因不明"),
}
"""Word -> English, Chinese."""
