"""The things that flow through Airway, from the microphone to the outbox.

Time is a sample index on the clock of one capture session: sample 0 is the first
sample that the source delivered, and indices count on through gaps. Seconds are an index
divided by the rate. Only the store turns an index into UTC, once.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

Pcm = NDArray[np.int16]

TREND_LABEL = "cough"  # the label whose nights are compared with each other


@dataclass(frozen=True, slots=True)
class AudioBlock:
    """Consecutive mono samples as a source delivered them.

    Attributes:
        pcm: int16 [samples]; may be empty.
        rate_hz: sampling rate of `pcm`, 4,000 to 192,000.
        start: index of the first sample on the session's clock, at `rate_hz`.
        lost: samples that the source dropped just before `start` (already counted in it).
    """

    pcm: Pcm
    rate_hz: int
    start: int
    lost: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """One respiratory event.

    Attributes:
        label: a label of the bundle that detected it.
        onset_s, offset_s: seconds on the session's clock, onset < offset.
        score: the model's raw confidence at the event's peak, 0 to 1.
        p: calibrated probability that a listener would agree, 0 to 1.
    """

    label: str
    onset_s: float
    offset_s: float
    score: float
    p: float

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.offset_s - self.onset_s


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a span of time was really listened to.

    Attributes:
        audio_s: seconds of audio that the source should have delivered.
        processed_s: seconds that went through the frontend and the model.
        lost_s: seconds that were dropped, by the source or under load.
    """

    audio_s: float
    processed_s: float
    lost_s: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """How well a bundle finds one label, as measured beside its training.

    Attributes:
        sensitivity: share of the sounds that it finds, above 0, to 1.
        sounds: how many sounds that was measured on.
        false_alarms_per_hour: reports an hour without such a sound, 0 or more.
        hours: of sound that this was measured on.
    """

    sensitivity: float
    sounds: int
    false_alarms_per_hour: float
    hours: float


@dataclass(frozen=True, slots=True)
class Heard:
    """What one label amounted to in one night.

    Attributes:
        count: events.
        spells: groups of them; those of one group follow each other closely, and tell no
            more about the night than one of them. At most `count`.
        detector: how well the bundle finds them; None when that was not measured.
    """

    count: int
    spells: int
    detector: Accuracy | None = None


@dataclass(frozen=True, slots=True)
class Night:
    """One night as it was summed up, for the long view.

    Attributes:
        date: local day on which it began.
        start_unix_s, end_unix_s: the span, seconds since 1970.
        heard: by label; every label of the bundle is there, be it with a count of 0.
        monitored_s: seconds of it that went through the model.
        lost_s: seconds of it that were dropped.
        model: digest of the bundle; counts of two bundles are not compared.
        alert: whether an alert stood at its end, as it was told; None when nothing was.
    """

    date: date
    start_unix_s: float
    end_unix_s: float
    heard: dict[str, Heard]
    monitored_s: float
    lost_s: float
    model: str
    alert: bool | None = None


@dataclass(frozen=True, slots=True)
class SoundCount:
    """How often a sound was heard in a recording.

    Attributes:
        label: the sound.
        heard: stretches that hold it.
        stretches: all of them; neighbours overlap by half.
    """

    label: str
    heard: int
    stretches: int


@dataclass(frozen=True, slots=True)
class Screening:
    """What one recording says about disease: an aid, never a diagnosis.

    Attributes:
        probabilities: calibrated, by label, 0 to 1; they sum to 1.
        decision: a label, or "abstain".
        reasons: why it abstains; empty when it decides.
        novelty: distance from the recordings that the bundle knows; above 1 is refused.
        sounds: what was heard how often.
        duration_s: length of the recording in seconds.
    """

    probabilities: dict[str, float]
    decision: str
    reasons: tuple[str, ...]
    novelty: float
    sounds: tuple[SoundCount, ...]
    duration_s: float

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values, rounded, one a field: what a command prints and a message carries."""
        return {
            "probabilities": {label: round(p, 4) for label, p in self.probabilities.items()},
            "decision": self.decision,
            "reasons": list(self.reasons),
            "novelty": round(self.novelty, 3),
            "sounds": {
                sound.label: {"heard": sound.heard, "stretches": sound.stretches}
                for sound in self.sounds
            },
            "duration_s": round(self.duration_s, 3),
        }
