"""Home Assistant itself reads what it is told: its validation, its templates.

`make homeassistant` installs it in an environment of its own; without one, or another
interpreter in AIRWAY_HOMEASSISTANT, these tests are skipped, and the documented fields in
`test_discovery` are what holds.
"""

import json
import os
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from test_discovery import LABELS, STAMP, discovered

from edge.messages import Message, event_message, state_message, summary_message
from edge.records import Event, Heard, Night

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("AIRWAY_HOMEASSISTANT", ROOT / ".cache/homeassistant/bin/python"))
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not PYTHON.exists(), reason="no Home Assistant: make homeassistant"),
]


def asked(payload: dict[str, Any], messages: tuple[Message, ...] = ()) -> dict[str, Any]:
    """What Home Assistant says of a discovery payload, and shows of messages."""
    script = Path(__file__).with_name("homeassistant_check.py")
    given = {"discovery": payload, "messages": {each.topic: each.payload for each in messages}}
    ran = subprocess.run(
        [PYTHON, script], input=json.dumps(given), capture_output=True, text=True, timeout=120,
        check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-2000:]
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.parametrize("labels", [LABELS, ("odd label/ö",)])
def test_it_takes_the_device_and_every_entity(labels):
    """No component is refused, by the schema of discovery or by the strict one."""
    answer = asked(discovered(labels))
    assert answer["refused"] == {}
    assert answer["version"] >= "2024.11", "older ones know no device discovery"


def test_it_refuses_what_is_wrong():
    """A misspelt key, an unknown device class and a missing identifier are each refused."""
    payload = discovered()
    components = payload["components"]
    components["cough_count"]["state_clas"] = "measurement"
    components["microphone"]["device_class"] = "connectedness"
    assert set(asked(payload)["refused"]) == {"cough_count", "microphone"}
    del payload["device"]["identifiers"]
    assert set(asked(payload)["refused"]) == {"device"}


def test_it_shows_what_was_heard():
    """Counts, rates, the last night and an event come out of its own templates as meant."""
    heard = {"cough": Heard(12, 9), "sneeze": Heard(0, 0)}
    night = Night(date(1970, 1, 1), 0.0, 43_200.0, heard, 9_000.0, 0.0, "ab" * 32, True)
    event = event_message(STAMP, Event("cough", 1.0, 1.5, 0.9, 0.8), model="room")
    state = state_message(
        STAMP, counts={"cough": 3, "sneeze": 0}, totals={"cough": 41, "sneeze": 2},
        monitored_s=1800.0, lost_s=0.0, window_s=3600.0,
    )  # fmt: skip
    summary = summary_message(STAMP, night, estimates={}, model="room")
    answer = asked(discovered(), (event, state, summary))
    assert answer["refused"] == {}
    shown = answer["shown"]
    assert json.loads(shown.pop("event")) == event.payload
    assert shown == {
        "cough_count": "41",
        "cough_rate": "6.0",
        "sneeze_count": "2",
        "sneeze_rate": "0.0",
        "night_monitored": "2.5",
        "night_cough": "12",
        "night_sneeze": "0",
        "alert": "on",
    }
