from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from influxdb_client.rest import ApiException
from urllib3.exceptions import NewConnectionError, ReadTimeoutError, SSLError

from monitor.errors import SinkError, SinkRejected, SinkUnavailable
from monitor.sinks.influxdb.errors import classify
from monitor.sinks.rejection import AllRejected, BucketMissing, SinkMisconfigured


def answer(status: int, body: str = "", **headers: str) -> ApiException:
    error = ApiException(status=status, reason="reason")
    error.body = body
    error.headers = {key.replace("_", "-"): value for key, value in headers.items()}
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answer(400, '{"error":"unable to parse \'x\': missing fields"}'), SinkRejected),
        (answer(422, '{"code":"unprocessable entity","message":"field type conflict"}'), SinkRejected),
        (answer(413, "<html>too large</html>"), SinkRejected),
        (answer(400, "<html>The plain HTTP request was sent to HTTPS port</html>"), SinkMisconfigured),
        (answer(400, '{"error":"database is required"}'), SinkMisconfigured),
        (answer(401, '{"error":"authorization failed"}'), SinkMisconfigured),
        (answer(403, '{"code":"forbidden","message":"insufficient permissions for write"}'), SinkMisconfigured),
        (answer(404, '{"code":"not found","message":"bucket \\"b\\" not found"}'), BucketMissing),
        (answer(404, '{"error":"database not found: \\"b\\""}'), BucketMissing),
        (answer(404, '{"code":"not found","message":"organization not found"}'), SinkMisconfigured),
        (answer(301), SinkMisconfigured),
        (answer(429), SinkUnavailable),
        (answer(500, '{"error":"engine is closed"}'), SinkUnavailable),
        (answer(503), SinkUnavailable),
        (ApiException(status=0, reason="SSLError\nself-signed certificate"), SinkMisconfigured),
        (SSLError("self-signed"), SinkMisconfigured),
        (ReadTimeoutError(None, "/write", "Read timed out."), SinkUnavailable),  # type: ignore[arg-type]
        (NewConnectionError(None, "refused"), SinkUnavailable),  # type: ignore[arg-type]
        (ConnectionResetError("reset"), SinkUnavailable),
        (TimeoutError(), SinkUnavailable),
    ],
    ids=lambda value: getattr(value, "__name__", None) or str(getattr(value, "status", type(value).__name__)),
)
def test_each_failure_says_who_must_act(error: Exception, expected: type[SinkError]):
    assert type(classify(error, lines=2)) is expected


@pytest.mark.parametrize(
    ("error", "maybe"),
    [
        (answer(500, '{"error":"timeout"}'), True),
        (answer(502), True),
        (answer(504), True),
        (ReadTimeoutError(None, "/write", "Read timed out."), True),  # type: ignore[arg-type]
        (answer(429), False),
        (answer(503), False),
        (NewConnectionError(None, "refused"), False),  # type: ignore[arg-type]
        (ConnectionResetError("reset"), False),
    ],
    ids=range(8),
)
def test_what_is_given_up_may_be_written_later_where_nobody_said_that_it_is_not(error: Exception, maybe: bool):  # noqa: FBT001
    found = classify(error, lines=2)

    assert isinstance(found, SinkUnavailable)
    assert found.maybe_taken is maybe


def test_what_3x_says_line_by_line_is_the_reason():
    body = (
        '{"error":"partial write of line protocol occurred","data":[{"line_number":1,"error_message":"bad type"}]}'
    )
    found = classify(answer(400, body), lines=2)

    assert type(found) is SinkRejected
    assert "bad type" in str(found)


def test_a_line_that_cannot_be_parsed_is_not_repeated_in_the_reason():
    found = classify(answer(400, '{"error":"unable to parse \'secret 1\': bad timestamp"}'), lines=1)

    assert str(found) == "400: unable to parse a line: bad timestamp"


@pytest.mark.parametrize(("lines", "expected"), [(3, AllRejected), (4, SinkRejected)])
def test_as_many_dropped_as_sent_means_all(lines: int, expected: type[SinkError]):
    error = answer(400, '{"error":"partial write: points beyond retention policy dropped=3"}')

    assert type(classify(error, lines=lines)) is expected


@pytest.mark.parametrize(
    ("value", "seconds"),
    [("7", 7.0), ("0", 0.0), ("-3", 0.0), ("1e9", 3600.0), ("soon", None), ("nan", None), ("", None)],
)
def test_retry_after_in_seconds(value: str, seconds: float | None):
    found = classify(answer(503, Retry_After=value), lines=1)

    assert isinstance(found, SinkUnavailable)
    assert found.retry_after == seconds


def test_retry_after_as_a_date():
    date = format_datetime(datetime.now(UTC) + timedelta(minutes=5), usegmt=True)
    found = classify(answer(429, Retry_After=date), lines=1)

    assert isinstance(found, SinkUnavailable)
    assert found.retry_after is not None
    assert 250 < found.retry_after <= 300
