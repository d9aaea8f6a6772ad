"""What Grafana puts in place of variables."""

import pytest

from tests.grafana.answers import ALL
from tests.grafana.answers.variables import fill, substitute

_ALL_VALUES = {"site": ".*"}


@pytest.mark.parametrize(
    ("chosen", "shown"),
    [([ALL], ".*"), (["hq"], "hq"), (["hq", "b.1"], r"(hq|b\.1)"), (["a/b (c)"], r"a\/b \(c\)")],
)
def test_a_choice_is_a_regular_expression(chosen: list[str], shown: str):
    assert substitute('"site" =~ /^${site:regex}$/', {"site": chosen}, _ALL_VALUES) == f'"site" =~ /^{shown}$/'


@pytest.mark.parametrize(("chosen", "shown"), [([ALL], ".*"), (["e-1"], "e-1"), (["e-1", "e-2"], "e-1,e-2")])
def test_a_choice_as_it_is_names_one_alone(chosen: list[str], shown: str):
    said = substitute("\"device\" = '${device:raw}'", {"device": chosen}, {"device": ".*"})

    assert said == f"\"device\" = '{shown}'"


def test_titles_take_the_plain_value():
    assert substitute("Power of $site", {"site": ["hq"]}, {}) == "Power of hq"
    assert substitute("Power of ${site}", {"site": ["hq", "b"]}, {}) == "Power of {hq,b}"


def test_what_the_data_source_replaces_is_left_to_it():
    query = "WHERE $timeFilter GROUP BY time($__interval)"

    assert substitute(query, {}, {}) == query
    assert fill(query, 1, 2, 60_000) == "WHERE time >= 1ms and time <= 2ms GROUP BY time(1m)"
    assert substitute("$tag_device $col $m", {}, {}) == "$tag_device $col $m"


def test_a_variable_that_nobody_knows_is_a_mistake():
    with pytest.raises(AssertionError, match="nobody replaces"):
        substitute("${nobody:regex}", {"site": [ALL]}, {})
