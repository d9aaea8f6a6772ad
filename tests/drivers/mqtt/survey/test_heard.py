import pytest

from drivers.mqtt.payload import MAX_PAYLOAD, Body
from drivers.mqtt.survey.heard import MAX_SHAPES, Survey
from drivers.mqtt.survey.payloads import kind_of, leaves, shape_of, written


@pytest.mark.parametrize(
    ("payload", "kind"),
    [
        (b'{"a": 1}', "json"),
        (b" [1, 2]", "json"),
        (b'{"a": NaN}', "json"),
        (b"21.5", "number"),
        (b" -3e4 ", "number"),
        (b"ON", "state"),
        (b"v1=230.1 p=-5", "pairs"),
        (b"v1=230.1;p=5", "pairs"),
        (b"all is well", "text"),
        (b'{"a": 1', "text"),
        (b"\x08\x96\x01", "binary"),
        (b"\xff\xfe", "binary"),
        (b"", "empty"),
        (None, "too large"),
    ],
)
def test_payloads_are_told_apart(payload: bytes | None, kind: str) -> None:
    assert kind_of("a/b", payload, Body(payload)) == kind


def test_what_is_retained_and_what_is_live_is_counted_apart() -> None:
    survey = Survey()
    survey.hear("a", b"1", retained=True, now=0.0)
    for now in (10.0, 12.0, 14.0, 16.0):
        survey.hear("a", b"2", retained=False, now=now)

    heard = survey.topics["a"]

    assert (heard.retained, heard.live, heard.every, heard.kind) == (1, 4, 2.0, "number")


def test_the_newest_payload_of_each_shape_is_kept() -> None:
    survey = Survey()
    for number in range(3):
        survey.hear("a", b'{"type": "heartbeat", "time": %d}' % number, retained=False, now=0.0)
        survey.hear("a", b'{"type": "access", "uid": %d}' % number, retained=False, now=0.0)

    assert [sample.payload for sample in survey.topics["a"].samples.values()] == [
        b'{"type": "heartbeat", "time": 2}',
        b'{"type": "access", "uid": 2}',
    ]


def test_topics_and_bytes_are_bounded() -> None:
    survey = Survey(max_topics=3, max_bytes=1000)
    for number in range(10):
        survey.hear(f"topic/{number}", b"x" * 400, retained=False, now=0.0)
    survey.hear("t" * 600, b"1", retained=False, now=0.0)
    survey.hear("topic/0", b"x" * (MAX_PAYLOAD + 1), retained=False, now=0.0)

    kept = sum(len(each.payload) for heard in survey.topics.values() for each in heard.samples.values())

    assert (len(survey.topics), survey.messages, survey.left_out, survey.unseen) == (3, 12, 8, 2)
    assert kept == 800
    assert survey.topics["topic/0"].largest == MAX_PAYLOAD + 1


def test_a_sender_of_ever_new_shapes_is_bounded_too() -> None:
    survey = Survey()
    for number in range(100):
        survey.hear("a", b'{"k%d": 1}' % number, retained=False, now=0.0)

    assert [next(iter(each.body.tree())) for each in survey.topics["a"].samples.values()] == [
        f"k{number}" for number in range(100 - MAX_SHAPES, 100)
    ]


def test_trees_are_walked_to_a_bounded_depth_and_number() -> None:
    deep = Body(b'{"a":' * 500 + b"1" + b"}" * 500)
    wide = Body(b"[" + b",".join([b"1"] * 5000) + b"]")

    assert list(leaves(deep.tree())) == []
    assert len(list(leaves(wide.tree()))) < 250
    assert shape_of("json", wide) == ("json", "…", "*")
    assert shape_of("json", deep) == ("json", "…")
    assert shape_of("json", Body(b'{"a": [1, 2]}')) == ("json", "a.*")


def test_a_path_is_written_as_profiles_read_it() -> None:
    assert written(("a", 0, "em:0", "x")) == "$.a[0]['em:0'].x"
    assert written(("it's",)) is None
    assert written(("a\x1b[31m",)) is None
