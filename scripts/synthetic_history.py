"""Write a history that nobody lived: months of invented nights, for tests and for pictures.

    python scripts/synthetic_history.py airway.db

Every figure in it comes from a seed. It shows how the pages look with data; it says nothing
about how well anything is detected.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
from numpy.random import Generator

from edge.errors import AirwayError
from edge.messages import Origin, Stamp, event_message, rfc3339, uuid7
from edge.records import Accuracy, Coverage, Event, Heard, Night
from edge.store import Store
from edge.trend import judge

NODE, SOURCE, LABELS = "bedroom", "mic", ("cough", "sneeze", "snore")
# Invented, like the rest.
DETECTOR = Accuracy(sensitivity=0.85, sounds=400, false_alarms_per_hour=0.3, hours=40.0)
BEGIN, END, NIGHT_S = time(21), time(9), 12 * 3600.0
USUAL_PER_HOUR = 2.2
SPREAD = 0.25  # coefficient of variation of the rate from night to night
_EVENTS_DAYS = 3  # the daemon keeps every event; the latest are enough to look at


@dataclass(frozen=True)
class Scenario:
    """What happens over the months.

    Attributes:
        now_unix_s: the end of it all, on a morning after the last night; UTC.
        nights: how many.
        ill: the last so many nights have three times as many coughs.
        missing: so many nights before the last, nothing was listened to for these nights.
    """

    now_unix_s: float = datetime(2026, 3, 2, 10, 20, tzinfo=UTC).timestamp()
    nights: int = 120
    ill: int = 6
    missing: tuple[int, ...] = (17, 18, 44, 71)


def make_history(path: Path, scenario: Scenario = Scenario(), seed: int = 1) -> None:
    """Write the database; the same scenario and seed give the same history.

    Args:
        path: a file that is not there yet.
        scenario: what happens.
        seed: decides the rest.
    """
    rng = np.random.Generator(np.random.PCG64(seed))
    today = datetime.fromtimestamp(scenario.now_unix_s, UTC).date()
    with Store(path) as store:
        first = scenario.now_unix_s - _EVENTS_DAYS * 86_400
        store.start_session("synthetic", SOURCE, first, clock_synced=True)
        nights: list[Night] = []
        for back in range(scenario.nights, 0, -1):
            nights.append(_night(store, rng, today - timedelta(days=back), back, scenario))
            nights[-1] = replace(nights[-1], alert=judge(nights).alert)  # as the daemon does
            store.add_night(nights[-1], [])
        _coverage(store, scenario.now_unix_s - first)


def _night(store: Store, rng: Generator, day: date, back: int, scenario: Scenario) -> Night:
    start = datetime.combine(day, BEGIN, UTC).timestamp()
    monitored_s = 0.0 if back in scenario.missing else float(rng.uniform(0.75, 1.0)) * NIGHT_S
    if back == 30:
        monitored_s = 0.1 * NIGHT_S
    rate = USUAL_PER_HOUR * rng.gamma(1 / SPREAD**2, SPREAD**2)
    rate *= 3 if back <= scenario.ill else 1
    count = int(rng.poisson(rate * monitored_s / 3600))
    recent = start > scenario.now_unix_s - _EVENTS_DAYS * 86_400
    if recent:
        onsets = np.sort(rng.uniform(start, start + NIGHT_S, count))
        for onset in onsets.tolist():
            _event(store, rng, onset, "cough", scenario)
        for onset in np.sort(rng.uniform(start, start + NIGHT_S, 4)).tolist():
            _event(store, rng, onset, str(rng.choice(LABELS[1:])), scenario)
    spells = int(np.ceil(count * 0.7))
    heard = {label: Heard(0, 0) for label in LABELS} | {"cough": Heard(count, spells, DETECTOR)}
    return Night(day, start, start + NIGHT_S, heard, monitored_s, 0.0, "synthetic")


def _event(
    store: Store, rng: Generator, onset_unix_s: float, label: str, scenario: Scenario
) -> None:
    onset_s = onset_unix_s - (scenario.now_unix_s - _EVENTS_DAYS * 86_400)
    p = float(rng.uniform(0.55, 0.99))
    event = Event(label, onset_s, onset_s + float(rng.uniform(0.2, 0.6)), p, p)
    id = uuid7(int(onset_unix_s * 1000), rng.bytes(10))
    origin = Origin("airway", NODE, SOURCE, "synthetic")
    stamp = Stamp(origin, id, rfc3339(onset_unix_s), clock_synced=True)
    message = event_message(stamp, event, model="synthetic")
    store.add_event("synthetic", event, message)
    if onset_unix_s < scenario.now_unix_s - 7_200:  # the broker has taken all but the latest
        store.delete(store.pending(0, 1)[0].seq)


def _coverage(store: Store, total_s: float) -> None:
    """Listened to throughout, but for four hours and a dropped minute of yesterday."""
    off_from_s = total_s - 20 * 3600
    store.add_coverage("synthetic", Coverage(off_from_s, off_from_s, 0.0))
    store.add_coverage("synthetic", Coverage(4 * 3600.0, 60.0, 0.0))
    rest_s = total_s - off_from_s - 4 * 3600
    store.add_coverage("synthetic", Coverage(rest_s, rest_s - 42.0, 42.0))


def main() -> int:
    """Write the history to the file named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path, metavar="OUT.db")
    options = parser.parse_args()
    if options.out.exists():
        print(f"{options.out} is there already; name another file", file=sys.stderr)
        return 64
    try:
        make_history(options.out)
    except AirwayError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    print(f"{options.out}: a synthetic history")
    return 0


if __name__ == "__main__":
    sys.exit(main())
