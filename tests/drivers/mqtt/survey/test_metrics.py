from tests.drivers.mqtt.sparkplug.node import metric, payload
from tests.drivers.mqtt.survey.said import proposed


def test_the_metrics_of_an_edge_node_are_the_points_of_a_device() -> None:
    said = {
        "spBv1.0/plant/DBIRTH/edge1/meter7": payload(
            metric("Power/Total", 1.5, alias=1), metric("Energy/Import", 3.5, alias=2), metric("bdSeq", 1), seq=0
        ),
        "spBv1.0/plant/DDATA/edge1/meter7": payload(metric("Voltage L1", 230.5), seq=1),
        "spBv1.0/plant/NBIRTH/edge1": payload(
            metric("Node Control/Rebirth", value=False), metric("Temp", 20.5), seq=0
        ),
        "spBv1.0/plant/DDEATH/edge1/meter7": payload(seq=2),
        "spBv1.0/STATE/host": '{"online": true}',
    }
    found = proposed(said)

    assert found["edge1-meter7"].entry == {
        "id": "edge1-meter7",
        "topic": "spBv1.0/plant/+/edge1/meter7",
        "class": "electricity",
        "points": {
            "power_w": {"metric": "Power/Total", "unit": "W"},
            "voltage_l1_v": {"metric": "Voltage L1", "unit": "V"},
        },
    }
    assert found["edge1-meter7"].unknown == (("metric", "Energy/Import"),)
    assert found["edge1"].entry["points"] == {"temperature_c": {"metric": "Temp", "unit": "degC"}}
    assert list(found) == ["edge1-meter7", "edge1"]


def test_metrics_that_come_by_number_are_told() -> None:
    found = proposed({"spBv1.0/plant/DDATA/edge1/meter7": payload(metric("", 1.5, alias=1), seq=1)})[
        "edge1-meter7"
    ]

    assert not found.addable
    assert "come by number" in found.notes[0]


def test_nonsense_from_a_node_makes_nothing() -> None:
    said = {
        f"spBv1.0/plant/DDATA/edge1/{number}": what
        for number, what in enumerate((b"\xff\xff", b"\x0a", b"{}", b""))
    }

    assert proposed(said) == {}
