"""What lies behind the figures of one label: the trade-off, the odds, who and what was missed."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from edge.bundle import Bundle
from edge.card import EventRule
from edge.records import Event
from train_export.annotations import TrueEvent
from train_export.curve import AT_FALSE_ALARMS, detection_curve, sensitivity_at
from train_export.intervals import rounded
from train_export.outcome import Outcome
from train_export.reliability import expected_calibration_error, reliability
from train_export.scoring import Scored

SLICES = ("source", "recorder", "sex")
# A false alarm belongs to a sound that it overlaps, or that ended this short a time before.
_ECHO_S = 0.3


def closer_look(bundle: Bundle, rule: EventRule, outcomes: Sequence[Outcome]) -> dict[str, Any]:
    """Everything that `evaluate` tells of a label beyond its rates.

    Returns:
        `det` and `sensitivity_at` (by false alarms an hour), `reliability` and `ece` of the
        found events' probabilities, `false_alarms_by_sound` (what they were on),
        `false_alarms_per_1000_others` (those that were on one), and `slices` of the sensitivity.
    """
    points = detection_curve(
        bundle,
        rule,
        [
            Scored(outcome.logits, [event.onset_s for event in outcome.truth], outcome.hours)
            for outcome in outcomes
        ],
    )
    hours = sum(outcome.hours for outcome in outcomes)
    events = sum(len(outcome.truth) for outcome in outcomes)
    odds = [
        (event.p, int(number in hits))
        for outcome in outcomes
        for hits in [{j for _, j in outcome.pairs}]
        for number, event in enumerate(outcome.found)
    ]
    bins = reliability([p for p, _ in odds], [hit for _, hit in odds])
    others = sum(len(outcome.others) for outcome in outcomes)
    blamed = [blame for outcome in outcomes for blame in _blamed(outcome)]
    on_others = sum(other for _, other in blamed)
    return {
        "sensitivity_at": {
            f"{rate:g}": rounded(sensitivity_at(points, rate, hours)) if events else None
            for rate in AT_FALSE_ALARMS
        },
        "ece": round(expected_calibration_error(bins), 4) if bins else None,
        "reliability": bins,
        "others": others,
        "false_alarms_per_1000_others": round(1000 * on_others / others, 2) if others else None,
        "false_alarms_by_sound": dict(Counter(sound for sound, _ in blamed).most_common()),
        "slices": {trait: _sliced(outcomes, trait) for trait in SLICES},
        "det": points,
    }


def _blamed(outcome: Outcome) -> Iterable[tuple[str, bool]]:
    """What each false alarm was on, in words, and whether that is another sound."""
    matched, taken = ({pair[side] for pair in outcome.pairs} for side in (0, 1))
    for number, event in enumerate(outcome.found):
        if number in taken:
            continue
        own = [i for i, sound in enumerate(outcome.truth) if _under(sound, event)]
        under = [sound for sound in outcome.others if _under(sound, event)]
        if matched.intersection(own):
            yield f"{outcome.label} counted twice", False
        elif own:
            yield f"{outcome.label} at another onset", False
        elif under:
            yield under[-1].traits.get("kind", under[-1].label), True
        else:
            yield "background", False


def _under(sound: TrueEvent, event: Event) -> bool:
    return sound.onset_s - _ECHO_S < event.offset_s and event.onset_s < sound.offset_s + _ECHO_S


def _sliced(outcomes: Sequence[Outcome], trait: str) -> dict[str, dict[str, Any]]:
    """Sensitivity for each value of a trait that the truth names."""
    counts: dict[str, list[int]] = {}
    for outcome in outcomes:
        hits = {i for i, _ in outcome.pairs}
        for number, event in enumerate(outcome.truth):
            if value := event.traits.get(trait):
                slot = counts.setdefault(value, [0, 0])
                slot[0] += number in hits
                slot[1] += 1
    return {
        value: {"true": total, "sensitivity": round(hit / total, 4)}
        for value, (hit, total) in sorted(counts.items())
    }
