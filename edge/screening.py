"""A recording -> calibrated probabilities of disease, and a decision or an abstention.

The model scores each patch; a recording's scores are their mean. What is too short, too quiet,
clipped or unlike anything the bundle was measured on is refused before its probabilities are
believed; what stays uncertain is said to be so. Sources: temperature scaling, Guo et al., On
Calibration of Modern Neural Networks, 2017; split conformal prediction, Angelopoulos & Bates, A
Gentle Introduction to Conformal Prediction, 2021.
"""

from dataclasses import dataclass
from math import comb
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.frontend import Frontend
from edge.novelty import Novelty
from edge.patches import recording_logits
from edge.records import Pcm, Screening, SoundCount

# Every label that a screen may name; which of them a bundle can tell apart stands in its card.
# Heart failure is here as a look-alike. No public recordings of lung cancer are known: the label
# exists, and no bundle claims it.
TAXONOMY = (
    "healthy",
    "asthma",
    "COPD",
    "pneumonia",
    "bronchiectasis",
    "bronchiolitis",
    "upper respiratory infection",
    "lower respiratory infection",
    "heart failure",
    "lung cancer",
)
ABSTAIN = "abstain"

# Reasons to abstain, in the order in which they are looked for.
TOO_SHORT = "too_short"
TOO_QUIET = "too_quiet"
CLIPPED = "clipped"
UNFAMILIAR = "unfamiliar"
NO_EVIDENCE = "no_evidence"
UNCERTAIN = "uncertain"

# Two breaths or so; every recording that the screens were measured on is longer.
LEAST_S = 5.0
# A screen looks at a minute of listening, not at a night.
MOST_S = 120.0
# Share of the features above the frontend's floor: digital silence has none.
LEAST_HEARD = 0.10
# Share of samples at the end of the scale; above it the loud parts are no longer sound.
MOST_CLIPPED = 0.01
_FULL_SCALE = 32_700
# Share of stretches without a sound that are above its limit all the same: every limit is set so
# (train_export/screen/sounds.py; measured in docs/screening.md).
FALSE_SHARE = 0.05
# Share of recordings without a sound that may hold more such stretches than chance gives. Higher,
# and more healthy people are told of a sound; lower, and yet more sounds are passed over, which
# are most as it is (docs/screening.md).
MOST_MISTOLD = 0.05


@dataclass(frozen=True, slots=True)
class Measured:
    """How well the first label was told from the rest, on people whom the model never heard.

    Attributes:
        auroc: by recording.
        low, high: its 95 % interval, resampled over people.
        people: how many.
    """

    auroc: float
    low: float
    high: float
    people: int


@dataclass(frozen=True, slots=True, eq=False)
class ScreenRule:
    """How a bundle's logits become probabilities and a decision; from its card.

    Attributes:
        labels: the groups that it tells apart.
        outputs: by label, the model's outputs whose odds are summed; its first ones, in order. A
            group of unlike illnesses has several.
        members: labels of TAXONOMY in each group; what stands in none was not in the data.
        sounds: the model's other outputs, with the logit from which a patch holds the sound.
        temperature: divides the logits.
        offsets: added to them then, by label.
        quantile: of 1 - p of the truth on the people it was calibrated on.
        claim: whether its measured figures beat their baselines.
        measured: those figures.
        novelty: what it knows.
        level_q7: level of the features that the model is given, Q8.7.
    """

    labels: tuple[str, ...]
    outputs: dict[str, tuple[str, ...]]
    members: dict[str, tuple[str, ...]]
    sounds: dict[str, float]
    temperature: float
    offsets: dict[str, float]
    quantile: float
    claim: bool
    measured: Measured
    novelty: Novelty
    level_q7: int

    @property
    def classes(self) -> tuple[str, ...]:
        """The outputs of all labels, in the model's order."""
        return tuple(output for label in self.labels for output in self.outputs[label])

    def merged(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits of the labels, float64 [labels], of those of the classes, float64 [classes]."""
        ends = np.cumsum([len(self.outputs[label]) for label in self.labels])
        return np.array([np.logaddexp.reduce(own) for own in np.split(logits, ends[:-1])])

    def probabilities(self, logits: NDArray[np.float64]) -> dict[str, float]:
        """Calibrated probabilities of the labels' logits, float64 [labels]; they sum to 1."""
        shifts = np.array([self.offsets[label] for label in self.labels])
        scaled = logits / self.temperature + shifts
        odds = np.exp(scaled - scaled.max())
        return dict(zip(self.labels, (odds / odds.sum()).tolist(), strict=True))

    def conforming(self, probabilities: dict[str, float]) -> list[str]:
        """The labels that can't be ruled out: 1 - p is at most the quantile."""
        return [label for label, p in probabilities.items() if 1 - p <= self.quantile]


def screen_rule(bundle: Bundle) -> ScreenRule:
    """Read a bundle's rule.

    Raises:
        BadInputError: it is no screening bundle, or its card garbles the rule.
    """
    section = bundle.card.get("screening")
    if section is None:
        raise BadInputError(
            f"bundle {bundle.name} does not screen recordings; name one that does, such as "
            "screen-chest"
        )
    try:
        rule = _rule(section, bundle.labels)
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"bundle {bundle.name}: card.json lacks or garbles {error}; export the bundle again"
        ) from error
    if bundle.labels != (*rule.classes, *rule.sounds):
        raise BadInputError(
            f"bundle {bundle.name}: its outputs {bundle.labels} are not those of its screening "
            "section; export the bundle again"
        )
    return rule


def _rule(section: dict[str, Any], outputs: tuple[str, ...]) -> ScreenRule:
    groups: dict[str, list[str]] = section["groups"]
    unknown = sorted({name for members in groups.values() for name in members} - set(TAXONOMY))
    if unknown:
        raise ValueError(f"groups (no label {', '.join(unknown)})")
    labels = tuple(section["labels"])
    own = {label: tuple(section["outputs"][label]) for label in labels}
    return ScreenRule(
        labels=labels,
        outputs=own,
        members={label: tuple(groups[label]) for label in labels},
        sounds={  # in the order of the outputs: a card sorts its keys
            name: float(section["sounds"][name]) for name in outputs[sum(map(len, own.values())) :]
        },
        temperature=float(section["temperature"]),
        offsets={label: float(section["offsets"][label]) for label in labels},
        quantile=float(section["conformal"]["quantile"]),
        claim=bool(section["claim"]),
        measured=Measured(**section["measured"]),
        novelty=Novelty.from_dict(section["novelty"]),
        level_q7=int(section["level_q7"]),
    )


def level_of(frames: NDArray[np.int16]) -> int:
    """How loud a recording is: what the loudest tenth of its features exceeds, Q8.7.

    The loud ones, since a lower gain lets the quiet ones sink below the frontend's floor.

    Args:
        frames: int16 [frames, bands], at least one frame.
    """
    place = frames.size - 1 - frames.size // 10
    return int(np.partition(frames, place, axis=None)[place])


def levelled(frames: NDArray[np.int16], level_q7: int) -> NDArray[np.int16]:
    """Features about as if the recording had been made at another gain.

    How loud a recording is depends on its device and on how firmly it was pressed, so its level is
    brought to a common one. The shape of the spectrum stays; what sank below the frontend's floor
    does not come back.

    Args:
        frames: int16 [frames, bands], log2 power in Q8.7; 0 is below the frontend's floor.
        level_q7: where `level_of` goes, Q8.7.

    Returns:
        int16 [frames, bands], Q8.7; what was not heard stays 0. A recording of which hardly
        anything was heard, so that its level is 0, comes back as it is.
    """
    level = level_of(frames)
    if level == 0:
        return frames
    moved = np.clip(frames.astype(np.int32) + (level_q7 - level), 0, np.iinfo(np.int16).max)
    return np.where(frames > 0, moved, 0).astype(np.int16)


def least_beyond_chance(stretches: int) -> int:
    """From how many stretches on a sound was heard more often than chance gives.

    There the binomial tail at FALSE_SHARE is at most MOST_MISTOLD.

    Args:
        stretches: all of a recording; neighbours overlap by half.

    Returns:
        A count, at least 2; more than `stretches` where they are too few to say it.
    """
    # Neighbours hold half of the same sound, so a chance outlier often shows in both: two stretches
    # count as one that is independent. An odd one is rounded to where less is said: up among all
    # stretches, down among those that hold the sound.
    independent = (stretches + 1) // 2
    counts = range(independent + 2)
    return 2 * next(k for k in counts if _chance_of(k, independent) <= MOST_MISTOLD)


def _chance_of(least: int, stretches: int) -> float:
    """Chance that so many or more of independent stretches without a sound are above its limit."""
    return sum(
        comb(stretches, k) * FALSE_SHARE**k * (1 - FALSE_SHARE) ** (stretches - k)
        for k in range(least, stretches + 1)
    )


class Screener:
    """Screens recordings with one bundle."""

    def __init__(self, bundle: Bundle, classifier: Classifier) -> None:
        """Prepare.

        Raises:
            BadInputError: it is no screening bundle.
        """
        self.bundle = bundle
        self.classifier = classifier
        self.rule = screen_rule(bundle)

    def features(self, pcm: Pcm, rate_hz: int) -> NDArray[np.int16]:
        """Feature frames of a recording.

        Args:
            pcm: int16 [samples], mono.
            rate_hz: its sampling rate.

        Returns:
            int16 [frames, bands], Q8.7.

        Raises:
            BadInputError: it is too long.
        """
        if len(pcm) > MOST_S * rate_hz:
            raise BadInputError(
                f"{len(pcm) / rate_hz:.0f} s are too long to screen; cut a stretch of at most "
                f"{MOST_S:.0f} s"
            )
        return Frontend(self.bundle.spec, self.bundle.tables, rate_hz).push(pcm)

    def screen(self, pcm: Pcm, rate_hz: int) -> Screening:
        """Screen a recording.

        Args:
            pcm: int16 [samples], mono.
            rate_hz: its sampling rate.

        Returns:
            The result. Where the recording is refused its probabilities are still the model's, and
            the decision is to abstain.

        Raises:
            BadInputError: it is too long.
        """
        return self.judge(self.features(pcm, rate_hz), pcm, rate_hz)

    def judge(self, frames: NDArray[np.int16], pcm: Pcm, rate_hz: int) -> Screening:
        """Screen a recording whose `features` are at hand."""
        seconds = len(pcm) / rate_hz
        known = frames if len(frames) else np.zeros((1, self.bundle.spec.coefficients), np.int16)
        level = levelled(known, self.rule.level_q7)
        logits = recording_logits(self.classifier, level)  # [patches, outputs]
        probabilities = self.rule.probabilities(self.pooled(logits))
        novelty = self.rule.novelty.distance(known)
        reasons = _faults(known, pcm, seconds)
        if novelty > 1:
            reasons.append(UNFAMILIAR)
        if not self.rule.claim:
            reasons.append(NO_EVIDENCE)
        conforming = self.rule.conforming(probabilities)
        if len(conforming) != 1:
            reasons.append(UNCERTAIN)
        return Screening(
            probabilities=probabilities,
            decision=ABSTAIN if reasons else conforming[0],
            reasons=tuple(reasons),
            novelty=novelty,
            sounds=tuple(self._sounds(logits)),
            duration_s=seconds,
        )

    def pooled(self, logits: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits of a recording's labels, float64 [labels], of float64 [patches, outputs]."""
        return self.rule.merged(logits[:, : len(self.rule.classes)].mean(axis=0))

    def _sounds(self, logits: NDArray[np.float64]) -> list[SoundCount]:
        first = len(self.rule.classes)
        return [
            SoundCount(name, int((logits[:, first + k] >= limit).sum()), len(logits))
            for k, (name, limit) in enumerate(self.rule.sounds.items())
        ]


def _faults(frames: NDArray[np.int16], pcm: Pcm, seconds: float) -> list[str]:
    """What is wrong with the recording itself."""
    clipped = np.abs(pcm.astype(np.int32)) >= _FULL_SCALE
    checks = {
        TOO_SHORT: seconds < LEAST_S,
        TOO_QUIET: (frames > 0).mean() < LEAST_HEARD,
        CLIPPED: len(pcm) > 0 and clipped.mean() > MOST_CLIPPED,
    }
    return [reason for reason, found in checks.items() if found]
