"""The words of the report `notifications`."""

from collections.abc import Mapping
from typing import Final

__all__ = ["CHINESE", "ENGLISH"]

ENGLISH: Final[Mapping[str, str]] = {
    "title_notifications": "Messages to people",
    "messages_all": "Messages about alarms",
    "messages_by_night": "of them at night",
    "messages_failed": "Not delivered",
    "messages_by_person": "By person",
    "messages_by_channel": "By channel",
    "woken_at_night": "Who was told what at night",
    "messages_one_by_one": "One by one",
    "of_critical": "critical",
    "of_high": "high",
    "of_medium": "medium",
    "of_low": "low",
    "put_off": "put off",
    "not_delivered": "not delivered",
    "perhaps_delivered": "perhaps delivered",
    "over_budget": "times above the budget",
    "channel": "channel",
    "woken_at": "told",
    "acknowledged_after": "acknowledged after",
    "over_after": "over after",
    "told_at": "when",
    "message_kind": "message",
    "delivery": "delivery",
    "held": "waited for",
    "no_messages_kept": "Nothing is known of messages here.",
    "messages_gone": "Messages are kept for 400 days: the beginning of the period is not known any more.",
    "budget_not_kept": (
        "Got more messages than wanted on so many days and nights: all of what is high or critical goes out."
    ),
    "perhaps_not_worth_it": "Was over by itself within ten minutes: perhaps not worth waking anybody.",
    "woken_more": "{count} more messages at night are not shown.",
}
CHINESE: Final[Mapping[str, str]] = {
    "title_notifications": "发给人员的消息",
    "messages_all": "告警消息",
    "messages_by_night": "其中夜间",
    "messages_failed": "未送达",
    "messages_by_person": "按人员",
    "messages_by_channel": "按渠道",
    "woken_at_night": "夜间通知了谁、通知了什么",
    "messages_one_by_one": "逐条列出",
    "of_critical": "危急",
    "of_high": "高",
    "of_medium": "中",
    "of_low": "低",
    "put_off": "推迟",
    "not_delivered": "未送达",
    "perhaps_delivered": "可能已送达",
    "over_budget": "超出限额次数",
    "channel": "渠道",
    "woken_at": "通知时间",
    "acknowledged_after": "确认用时",
    "over_after": "结束用时",
    "told_at": "时间",
    "message_kind": "消息",
    "delivery": "送达情况",
    "held": "等待原因",
    "no_messages_kept": "这里没有消息记录。",
    "messages_gone": "消息保存 400 天：该时段的开头已无记录。",  # noqa: RUF001 - Chinese punctuation
    "budget_not_kept": "在若干天或夜里收到的消息超过限额：高和危急的告警总会发出。",  # noqa: RUF001 - Chinese punctuation
    "perhaps_not_worth_it": "十分钟内自行结束：也许不值得叫醒任何人。",  # noqa: RUF001 - Chinese punctuation
    "woken_more": "另有 {count} 条夜间消息未列出。",
}
