import pytest

from drivers.mqtt import jsonpath


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("$", ()),
        ("$.temp", ("temp",)),
        ("$.ENERGY.Power[0]", ("ENERGY", "Power", 0)),
        ("$['em:0'].a_voltage", ("em:0", "a_voltage")),
        ('$.params["em:0"]', ("params", "em:0")),
    ],
)
def test_a_path_is_its_steps(text: str, path: tuple[str | int, ...]):
    assert jsonpath.parse(text) == path


@pytest.mark.parametrize(
    "text", ["temp", "", "$.", "$..a", "$[a]", "$[-1]", "$.a b", "$" + ".a" * 17, "$[1234567]"]
)
def test_what_is_no_path_is_refused(text: str):
    with pytest.raises(ValueError, match="JSON path"):
        jsonpath.parse(text)
