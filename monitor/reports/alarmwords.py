"""The words of the report `alarms`."""

from collections.abc import Mapping
from typing import Final

from monitor.causes import CAUSES

__all__ = ["CHINESE", "ENGLISH"]

ENGLISH: Final[Mapping[str, str]] = {
    "title_alarms": "Alarms",
    # at the top, and pictures
    "alarms_per_day": "Alarms a day",
    "alarms_many": "more than is acceptable",
    "alarms_too_many": "too many: they have to be made fewer",
    "messages_most_day": "Most messages to one person on a day",
    "messages_most_night": "Most messages to one person in a night",
    "messages_above": "more than {limit}",
    "alarms_peak": "Most alarms in ten minutes",
    "chart_alarms_raised_day": "Alarms by day",
    "chart_alarms_raised_month": "Alarms by month",
    "chart_alarms_worst_day": "The worst ten minutes of each day",
    "chart_alarms_worst_month": "The worst ten minutes of each month",
    "alarms_worst": "most in ten minutes",
    # tables
    "alarm_figures": "Figures",
    "kpi": "figure",
    "kpi_value": "value",
    "aim": "aim",
    "kpi_per_day": "alarms a day",
    "kpi_days_above": "days with more than is acceptable",
    "kpi_above_one": "spans of ten minutes with more than one alarm",
    "kpi_peak": "most alarms in ten minutes",
    "kpi_daily_peak": "worst ten minutes of each day, on average",
    "kpi_floods": "floods (from more than 10 in ten minutes until fewer than 5)",
    "kpi_in_flood": "time in flood",
    "kpi_chattering": "sources that chattered (3 alarms within a minute)",
    "kpi_fleeting": "fleeting alarms (over within 10 s, nobody responded)",
    "kpi_standing": "most at once on a day that stood for more than 24 h",
    "kpi_acknowledge_time": "time to acknowledge: half within; nine of ten within",
    "kpi_unacknowledged": "alarms that nobody acknowledged",
    "kpi_repair_time": "time to the end: half within; nine of ten within",
    "kpi_again": "alarms that were raised before within seven days",
    "kpi_top_share": "share of the ten worst sources",
    "messages_to_people": "Messages about alarms to people",
    "person": "person",
    "messages": "messages",
    "messages_per_day": "a day",
    "most_a_day": "most on a day",
    "days_above": "days above the limit",
    "at_night": "at night",
    "most_a_night": "most in a night",
    "nights_above": "nights above the limit",
    "alarms_top": "The ten sources with the most alarms",
    "rule": "rule",
    "source": "source",
    "alarms_raised": "alarms",
    "share_of_all": "of all",
    "alarms_bands": "How many alarms in ten minutes",
    "in_ten_minutes": "alarms in ten minutes",
    "how_often": "how often",
    "share_of_time": "of the time",
    "alarms_severities": "Severities",
    "severity": "severity",
    "severity_critical": "critical",
    "severity_high": "high",
    "severity_medium": "medium",
    "severity_low": "low",
    "response_class": "Times by class",
    "response_rule": "Times by rule",
    "response_device": "Times by device",
    "unacknowledged": "not acknowledged",
    "acknowledge_median": "to acknowledge, median",
    "acknowledge_p90": "to acknowledge, 9 of 10",
    "repair_median": "to the end, median",
    "repair_p90": "to the end, 9 of 10",
    "alarms_causes": "What alarms came of",
    "came_of": "cause",
    "share_of_closed": "of those closed",
    "alarms_standing": "Alarms that stood for more than 24 h",
    "raised_at": "raised",
    "stood": "stood for",
    "alarms_chattering": "Sources that chattered",
    "bursts": "bursts",
    "alarms_by_day": "Alarms by day",
    "worst": "most in ten minutes",
    "standing": "standing",
    # notes
    "no_alarms_kept": "Nothing is known of alarms here.",
    "alarms_mean": (
        "The aims are those of control rooms (ISA-18.2, EEMUA 191), with somebody at the screen. A caretaker is "
        "no control-room operator: for a house, messages to each person, and those at night, count more."
    ),
    "alarms_gone": "Alarms are kept for 400 days: the beginning of the period is not known any more.",
    "budget_broken": "Got more than {most} messages on a day, or more than {night} in a night (22:00 to 6:00).",
    "standing_goes_on": "Had not ended by the end of what is reported.",
    "standing_more": "{count} more alarms stood for more than 24 h; they are not shown.",
    "response_means": (
        "Times run from the raise to the first acknowledgement, and to the end of the alarm. Half of the alarms "
        "took at most the median, nine of ten at most the other. What nobody acknowledged has no time, and is "
        "counted beside."
    ),
    "causes_open": "Nobody has said of {count} more alarms what they came of (`alarms close`).",
    **{f"came_of_{word}": english for word, (english, _) in CAUSES.items()},
}
CHINESE: Final[Mapping[str, str]] = {
    "title_alarms": "告警",
    "alarms_per_day": "每天告警数",
    "alarms_many": "超过可接受的数量",
    "alarms_too_many": "太多，必须减少",  # noqa: RUF001 - Chinese punctuation
    "messages_most_day": "一人一天最多消息数",
    "messages_most_night": "一人一夜最多消息数",
    "messages_above": "超过 {limit}",
    "alarms_peak": "十分钟内最多告警数",
    "chart_alarms_raised_day": "每天的告警",
    "chart_alarms_raised_month": "每月的告警",
    "chart_alarms_worst_day": "每天最多的十分钟",
    "chart_alarms_worst_month": "每月最多的十分钟",
    "alarms_worst": "十分钟内最多",
    "alarm_figures": "指标",
    "kpi": "指标",
    "kpi_value": "数值",
    "aim": "目标",
    "kpi_per_day": "每天告警数",
    "kpi_days_above": "超过可接受数量的天数",
    "kpi_above_one": "告警多于一个的十分钟时段",
    "kpi_peak": "十分钟内最多告警数",
    "kpi_daily_peak": "每天最多的十分钟（平均）",  # noqa: RUF001 - Chinese punctuation
    "kpi_floods": "告警泛滥次数（十分钟内多于 10 个开始，少于 5 个结束）",  # noqa: RUF001 - Chinese punctuation
    "kpi_in_flood": "泛滥时间占比",
    "kpi_chattering": "抖动的来源（一分钟内 3 个告警）",  # noqa: RUF001 - Chinese punctuation
    "kpi_fleeting": "瞬时告警（10 秒内结束，无人响应）",  # noqa: RUF001 - Chinese punctuation
    "kpi_standing": "一天内同时持续超过 24 小时的告警最多数",
    "kpi_acknowledge_time": "确认用时：一半在此之内；九成在此之内",  # noqa: RUF001 - Chinese punctuation
    "kpi_unacknowledged": "无人确认的告警",
    "kpi_repair_time": "恢复用时：一半在此之内；九成在此之内",  # noqa: RUF001 - Chinese punctuation
    "kpi_again": "七天内重复发出的告警",
    "kpi_top_share": "最多的十个来源所占比例",
    "messages_to_people": "发给个人的告警消息",
    "person": "人员",
    "messages": "消息",
    "messages_per_day": "每天",
    "most_a_day": "一天最多",
    "days_above": "超限天数",
    "at_night": "夜间",
    "most_a_night": "一夜最多",
    "nights_above": "超限夜数",
    "alarms_top": "告警最多的十个来源",
    "rule": "规则",
    "source": "来源",
    "alarms_raised": "告警数",
    "share_of_all": "占全部",
    "alarms_bands": "十分钟内的告警数",
    "in_ten_minutes": "十分钟内告警数",
    "how_often": "次数",
    "share_of_time": "占时间",
    "alarms_severities": "严重程度分布",
    "severity": "严重程度",
    "severity_critical": "危急",
    "severity_high": "高",
    "severity_medium": "中",
    "severity_low": "低",
    "response_class": "按类别的用时",
    "response_rule": "按规则的用时",
    "response_device": "按设备的用时",
    "unacknowledged": "未确认",
    "acknowledge_median": "确认用时中位数",
    "acknowledge_p90": "九成确认用时",
    "repair_median": "恢复用时中位数",
    "repair_p90": "九成恢复用时",
    "alarms_causes": "告警的原因",
    "came_of": "原因",
    "share_of_closed": "占已关闭",
    "alarms_standing": "持续超过 24 小时的告警",
    "raised_at": "发出时间",
    "stood": "持续",
    "alarms_chattering": "抖动的来源",
    "bursts": "次数（阵）",  # noqa: RUF001 - Chinese punctuation
    "alarms_by_day": "每天的告警",
    "worst": "十分钟内最多",
    "standing": "长期告警",
    "no_alarms_kept": "这里没有告警记录。",
    "alarms_mean": (
        "目标值来自有人值守的控制室（ISA-18.2、EEMUA 191）。"  # noqa: RUF001 - Chinese punctuation
        "物业维护人员不是控制室操作员：对楼宇而言，每个人收到的消息数和夜间消息数更重要。"  # noqa: RUF001 - Chinese punctuation
    ),
    "alarms_gone": "告警保存 400 天：该时段的开头已无记录。",  # noqa: RUF001 - Chinese punctuation
    "budget_broken": "一天收到多于 {most} 条消息，或一夜（22:00 至 6:00）多于 {night} 条。",  # noqa: RUF001 - Chinese punctuation
    "standing_goes_on": "到报告截止时尚未结束。",
    "standing_more": "另有 {count} 个告警持续超过 24 小时，未列出。",  # noqa: RUF001 - Chinese punctuation
    "response_means": (
        "用时从告警发出算起，分别到首次确认和告警结束。一半的告警不超过中位数，九成不超过另一数值。"  # noqa: RUF001 - Chinese punctuation
        "无人确认的告警没有用时，另行计数。"  # noqa: RUF001 - Chinese punctuation
    ),
    "causes_open": "另有 {count} 个告警尚未说明原因（`alarms close`）。",  # noqa: RUF001 - Chinese punctuation
    **{f"came_of_{word}": chinese for word, (_, chinese) in CAUSES.items()},
}
