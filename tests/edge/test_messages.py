"""Topics and payloads, held to the schemas that ship."""

import dataclasses
import json
import math
from datetime import UTC, date, datetime
from importlib.resources import files
from typing import Any
from uuid import RFC_4122, UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator, ValidationError

from edge import messages
from edge.messages import Health, Message, Origin, Stamp, rfc3339, uuid7
from edge.records import Event, Heard, Night, Screening, SoundCount
from edge.trend import Change, reason

ORIGIN = Origin("airway", "bedroom", "mic", "0198")
STAMP = Stamp(ORIGIN, uuid7(1, bytes(10)), rfc3339(0.0), clock_synced=True)
SCHEMAS = ("event", "state", "info", "health", "summary", "alert", "screening")


def health(**figures: Any) -> Health:
    """A daemon that does nothing, but for the figures given."""
    zeros = {
        field.name: None if field.type == float | None else field.type()
        for field in dataclasses.fields(Health)
    }
    return Health(**{**zeros, **figures})


seconds = st.floats(0, 1e7)
counts = st.dictionaries(st.sampled_from(["cough", "sneeze", "snore"]), st.integers(0, 10_000))


def schema(name: str) -> Draft202012Validator:
    """A schema as the package ships it."""
    document = json.loads((files("edge") / "schemas" / f"{name}.json").read_text())
    Draft202012Validator.check_schema(document)
    return Draft202012Validator(document, format_checker=Draft202012Validator.FORMAT_CHECKER)


def check(name: str, message: Message) -> None:
    """The payload is valid, and every field of it is one that the schema demands."""
    validator = schema(name)
    validator.validate(json.loads(messages.encode(message.payload)))
    assert set(validator.schema["required"]) == set(message.payload)


@given(
    onset_s=seconds,
    length_s=st.floats(0.01, 60),
    score=st.floats(0, 1),
    p=st.floats(0, 1),
    unix_s=st.floats(0, 4e9),
    rand=st.binary(min_size=10, max_size=10),
)
def test_any_event_fits_its_schema(onset_s, length_s, score, p, unix_s, rand):
    """Whatever was heard, and whenever, the event's payload is valid."""
    event = Event("cough", onset_s, onset_s + length_s, score, p)
    message = messages.event_message(
        Stamp(ORIGIN, uuid7(int(unix_s * 1000), rand), rfc3339(unix_s), clock_synced=False),
        event,
        model="room",
    )
    check("event", message)
    assert message.topic == "airway/bedroom/mic/event"
    assert not message.retain
    assert message.payload["event_type"] == message.payload["label"] == "cough"
    assert message.payload["duration_s"] == pytest.approx(length_s, abs=1e-3)


@given(
    p=st.floats(0, 1),
    novelty=st.floats(0, 1e6),
    heard=st.integers(0, 100),
    duration_s=st.floats(0, 120),
    refused=st.booleans(),
)
def test_any_screening_fits_its_schema(p, novelty, heard, duration_s, refused):
    """Decided or refused, a result is valid and goes to the microphone's own topic."""
    result = Screening(
        probabilities={"obstructive": p, "other": 1 - p},
        decision="abstain" if refused else "obstructive",
        reasons=("unfamiliar", "uncertain") if refused else (),
        novelty=novelty,
        sounds=(SoundCount("wheeze", heard, 100),),
        duration_s=duration_s,
    )
    texts = {"en": "Words.", "zh": "文字。"}
    message = messages.screening_message(
        STAMP, result.to_dict(), explanation=texts, clinician=texts, model="screen-chest"
    )
    check("screening", message)
    assert message.topic == "airway/bedroom/mic/screening"
    assert not message.retain


@given(
    counts=counts, totals=counts, monitored_s=seconds, lost_s=seconds, window_s=st.floats(1, 1e6)
)
def test_any_state_fits_its_schema(counts, totals, monitored_s, lost_s, window_s):
    """Rolling counts of any size are valid, and go to the microphone's own topic."""
    message = messages.state_message(
        STAMP,
        counts=counts,
        totals=totals,
        monitored_s=monitored_s,
        lost_s=lost_s,
        window_s=window_s,
    )
    check("state", message)
    assert message.topic == "airway/bedroom/mic/state"
    assert not message.retain


def test_info_is_retained_and_fits_its_schema():
    """What runs on the device stands at the broker for those who come later."""
    message = messages.info_message(
        STAMP,
        version="0.1.0",
        runtime="tflite-runtime",
        bundles={"room": "ab" * 32},
        config_digest="cd" * 32,
    )
    check("info", message)
    assert message.topic == "airway/bedroom/info"
    assert message.retain


@pytest.mark.parametrize("oldest_s", [None, 0.0, 86_400.123_456])
def test_health_fits_its_schema(oldest_s):
    """The daemon's figures are valid with an empty outbox (null) and with a full one."""
    message = messages.health_message(STAMP, health(outbox_oldest_s=oldest_s))
    check("health", message)
    assert message.topic == "airway/bedroom/health"
    assert message.payload["outbox_oldest_s"] == (oldest_s and round(oldest_s, 4))
    assert not message.retain


def test_the_health_schema_says_what_the_code_says():
    """Each figure has its type and its words from `Health`, in its order."""
    types = {
        float: "number",
        int: "integer",
        bool: "boolean",
        str: "string",
        float | None: ["number", "null"],
    }
    properties = schema("health").schema["properties"]
    figures = dataclasses.fields(Health)
    assert list(properties)[-len(figures) :] == [figure.name for figure in figures]
    for figure in figures:
        assert properties[figure.name]["type"] == types[figure.type]
        assert properties[figure.name]["description"] == figure.metadata["words"]


@given(counts=counts, monitored_s=seconds, lost_s=seconds)
def test_any_summary_fits_its_schema(counts, monitored_s, lost_s):
    """A night of any kind is valid, and its rates are counts over the hours monitored."""
    message = night(counts, monitored_s, lost_s)
    check("summary", message)
    assert message.topic == "airway/bedroom/summary/night"
    assert message.retain
    for label, count in counts.items():
        rate = message.payload["rate_per_hour"][label]
        if monitored_s == 0:
            assert rate is None
        elif monitored_s > 1:
            assert rate == pytest.approx(count * 3600 / monitored_s, abs=1e-3)


def test_a_dead_microphone_is_not_a_quiet_night():
    """Without a monitored second there is no rate, rather than a rate of zero."""
    assert night({"cough": 0}, 0.0, 100.0).payload["rate_per_hour"] == {"cough": None}
    assert night({"cough": 0}, 3600.0, 0.0).payload["rate_per_hour"] == {"cough": 0.0}


def night(
    counts: dict[str, int],
    monitored_s: float,
    lost_s: float,
    alert: bool | None = None,
    estimates: dict[str, Any] | None = None,
) -> Message:
    """The summary of an eight-hour night."""
    heard = {label: Heard(count, count) for label, count in counts.items()}
    return messages.summary_message(
        STAMP,
        Night(date(1970, 1, 1), 0.0, 28_800.0, heard, monitored_s, lost_s, "ab" * 32, alert),
        estimates=estimates or {},
        model="room",
    )


@given(
    per_hour=st.floats(0, 1e4),
    corrected=st.booleans(),
    alert=st.sampled_from([True, False, None]),
)
def test_a_night_carries_its_estimate_and_the_alert(per_hour, corrected, alert):
    """The rate with its interval is valid beside a label without one, in each state of alert."""
    found = {
        "per_hour": per_hour,
        "low": per_hour / 2,
        "high": 2 * per_hour,
        "corrected": corrected,
    }
    message = night({"cough": 1, "snore": 0}, 60.0, 0.0, alert, {"cough": found, "snore": None})
    check("summary", message)
    estimate = message.payload["estimated_per_hour"]
    assert estimate["snore"] is None
    assert estimate["cough"]["per_hour"] == pytest.approx(per_hour, abs=1e-3)
    assert estimate["cough"]["corrected"] is corrected
    assert message.payload["alert"] is alert


@given(
    raised=st.booleans(),
    cause=st.sampled_from(["more", "usual", "adopted", "bundle"]),
    since=st.dates(),
    nights=st.integers(1, 400),
    rates=st.tuples(*4 * [st.floats(0, 1e4)]),
)
def test_any_alert_fits_its_schema(raised, cause, since, nights, rates):
    """Raised or cleared, for each cause, the alert is valid and is not retained."""
    change = Change(raised, cause, since, nights, *rates)
    message = messages.alert_message(
        STAMP,
        **dataclasses.asdict(change),
        label="cough",
        reason=reason(change),
        model="room",
    )
    check("alert", message)
    assert message.topic == "airway/bedroom/alert"
    assert not message.retain
    assert message.payload["state"] == ("raised" if raised else "cleared")


@pytest.mark.parametrize("name", SCHEMAS)
def test_schemas_are_strict(name):
    """Each schema refuses a field that it does not know, and an empty object."""
    validator = schema(name)
    with pytest.raises(ValidationError, match="required"):
        validator.validate({})
    assert any(
        error.validator == "additionalProperties" for error in validator.iter_errors({"audio": ""})
    )


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("p", 1.01),
        ("score", -0.1),
        ("duration_s", 0),
        ("seq", -1),
        ("seq", 0.5),
        ("schema", 2),
        ("ts", "2026-01-31 23:59:59"),
        ("ts", "2026-01-31T23:59:59.000+01:00"),
        ("id", "cough-1"),
        ("id", "017f22e2-79b0-4cc3-98c4-dc0c0c07398f"),
        ("label", ""),
        ("historical", 0),
    ],
)
def test_the_event_schema_refuses_wrong_values(field, value):
    """A value out of its range, or of another form, is not an event."""
    event = Event("cough", 1.0, 1.5, 0.9, 0.8)
    message = messages.event_message(STAMP, event, model="room")
    with pytest.raises(ValidationError):
        schema("event").validate({**message.payload, field: value})


def test_availability_topics():
    """The node and each of its microphones have a topic of their own."""
    assert messages.availability_topic("airway", "bedroom") == "airway/bedroom/availability"
    assert messages.availability_topic("a/b", "n", "mic") == "a/b/n/mic/availability"


def test_uuid7_gives_the_example_of_the_standard():
    """The test vector of RFC 9562, appendix A.6, comes out digit by digit."""
    rand = (0xCC3 << 62 | 0x18C4DC0C0C07398F).to_bytes(10, "big")
    assert uuid7(0x017F22E279B0, rand) == "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"


@given(unix_ms=st.integers(0, 2**48 - 1), rand=st.binary(min_size=10, max_size=10))
def test_uuid7_is_a_uuid_that_sorts_by_time(unix_ms, rand):
    """Version and variant are right for any bits, and a later one is greater."""
    text = uuid7(unix_ms, rand)
    assert (UUID(text).version, UUID(text).variant) == (7, RFC_4122)
    assert UUID(text).int >> 80 == unix_ms
    if unix_ms:
        assert uuid7(unix_ms - 1, b"\xff" * 10) < text


@pytest.mark.parametrize(("unix_ms", "rand"), [(-1, bytes(10)), (2**48, bytes(10)), (0, bytes(9))])
def test_uuid7_refuses_what_does_not_fit(unix_ms, rand):
    """A time beyond 48 bits, or too little randomness, is an error and not another UUID."""
    with pytest.raises(ValueError, match=r"does not fit|takes 10"):
        uuid7(unix_ms, rand)


@given(st.floats(0, 4e9))
def test_rfc3339_is_the_nearest_millisecond(unix_s):
    """The text reads back as the same time, to half a millisecond, in UTC."""
    text = rfc3339(unix_s)
    assert text.endswith("Z")
    back = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    assert abs(back.timestamp() - unix_s) <= 0.000_51


def test_rfc3339_carries_into_the_next_second():
    """Rounding up crosses the second, the day and the year."""
    assert rfc3339(1_767_225_599.9996) == "2026-01-01T00:00:00.000Z"


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_json_cannot_say_is_refused(value):
    """A number that is not finite is an error here, not broken JSON at a consumer."""
    with pytest.raises(ValueError, match="JSON"):
        messages.encode({"rtf": value})
