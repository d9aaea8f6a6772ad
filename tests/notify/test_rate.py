"""How fast messages may go to a service, and what a service is."""

from typing import Any

import pytest

from monitor.notify.channels import CHANNELS, check_address, service_of
from monitor.notify.rate import Bucket, limit_of
from monitor.staff import Rate

USUAL = Rate(burst=30, every=1.0)
SECRET = "s3cr3t-t0ken"


def test_a_bucket_gives_its_burst_then_one_after_each_pause() -> None:
    bucket = Bucket(Rate(burst=3, every=2.0), 0.0)
    for _ in range(3):
        bucket.take(0.0)

    assert [bucket.left(now) for now in (0.0, 1.9, 2.0, 4.0, 100.0)] == [0, 0, 1, 2, 3]


def test_the_terminal_is_not_slowed_down() -> None:
    assert limit_of("terminal:", USUAL).rate.burst == 1000


def test_what_goes_all_the_same_is_owed() -> None:
    bucket = Bucket(Rate(burst=1, every=1.0), 0.0)
    bucket.take(0.0)
    bucket.take(0.0)

    assert [bucket.left(now) for now in (1.0, 2.0)] == [0, 1]


@pytest.mark.parametrize(
    ("address", "most", "each"),
    [
        ("mailto://mail.example.org/?to=a@example.org", 90, False),
        ("tgram://123456789:abcdefg_hijklmnop/12315544", 63, True),
        ("tgram://123456789:abcdefg_hijklmnop/-10012315544", 20, True),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#ops", 63, True),
        ("dingtalk://abcdefgh12345678", 20, True),
        ("wecombot://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa", 20, True),
        ("ntfys://ntfy.example.org/facility", 52, False),
    ],
)
def test_no_service_gets_more_in_a_minute_than_its_makers_allow(address: str, most: int, *, each: bool) -> None:
    limit = limit_of(address, USUAL)

    bucket, sent = Bucket(limit.rate, 0.0), 0
    for tenth in range(600):
        while bucket.left(tenth / 10) > 0:
            bucket.take(tenth / 10)
            sent += 1
    assert sent <= most
    assert limit.each is each


@pytest.mark.parametrize(
    ("address", "service"),
    [
        (f"mailtos://ana:{SECRET}@mail.example.org?to=a@example.org", "mailtos://mail.example.org"),
        (f"mailtos://ana:{SECRET}@example.org?smtp=smtp.example.org", "mailtos://smtp.example.org"),
        (f"json://ana:{SECRET}@127.0.0.1:8080/{SECRET}?rto=5", "json://127.0.0.1:8080"),
        (f"ntfys://{SECRET}", "ntfy"),
        (f"ntfys://ana:{SECRET}@ntfy.example.org/{SECRET}", "ntfys://ntfy.example.org"),
        (f"tgram://123456789:{SECRET}/12315544", "tgram"),
        (f"slack://{SECRET}/{SECRET}/{SECRET}", "slack"),
        (f"wecombot://{SECRET}", "wecombot"),
        (f"https://hooks.slack.com/services/{SECRET}/{SECRET}/{SECRET}", "https://hooks.slack.com"),
        (f"mqtt://ana:{SECRET}@broker.example.org:1884/alarms", "mqtt://broker.example.org:1884"),
        (f"json://ana:{SECRET}@host:wrong/", "json"),
        ("terminal:", "terminal"),
    ],
)
def test_a_service_is_known_by_what_is_no_secret(address: str, service: str) -> None:
    assert service_of(address) == service


def test_what_counts_as_a_host_is_one_to_apprise() -> None:
    from apprise.manager_plugins import NotificationManager

    from monitor.notify.channels import _NAMES_A_HOST

    check_address("json://localhost")
    plugins: Any = NotificationManager()  # type: ignore[no-untyped-call]
    for scheme in _NAMES_A_HOST - {"http", "https", "ntfy", "ntfys", *CHANNELS}:
        templates = [str(each) for each in plugins[scheme].templates]
        assert all("{host}" in each for each in templates), scheme
