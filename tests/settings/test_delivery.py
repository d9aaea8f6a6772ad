"""The settings of delivery: the daily self-test and the rate."""

import pytest

from monitor.settings import SettingsInvalid
from monitor.staff import Rate, SelfTest
from tests.settings.conftest import Load


def test_self_test_and_rate_are_bound(load_text: Load) -> None:
    notify = load_text('notify:\n  self_test: {at: "7:05"}\n  rate: {burst: 5, every: 2 s}\n').site.notify

    assert (notify.self_test, notify.rate) == (SelfTest(minute=425), Rate(burst=5, every=2.0))


def test_without_them_nothing_is_tested_and_the_usual_rate_holds(load_text: Load) -> None:
    notify = load_text("notify:\n  self_test:\n  rate:\n").site.notify

    assert (notify.self_test, notify.rate) == (None, Rate())


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ('self_test: {at: "24:00"}', "notify.self_test.at"),
        ("self_test: {at: noon}", "notify.self_test.at"),
        ("self_test: {}", "notify.self_test.at"),
        ("self_test: daily", "notify.self_test"),
        ("rate: {burst: 0}", "notify.rate.burst"),
        ("rate: {every: 2}", "notify.rate.every"),
        ("rate: {per: 2 s}", "notify.rate.per"),
        ('selftest: {at: "10:00"}', "notify.selftest"),
    ],
)
def test_each_mistake_is_told_with_its_place(load_text: Load, text: str, path: str) -> None:
    with pytest.raises(SettingsInvalid) as caught:
        load_text(f"notify:\n  {text}\n")

    assert [finding.path for finding in caught.value.findings] == [path]
