"""The order of the stages, written once: audio blocks -> events.

No stage reads a clock: a whole night replays in one call, with the same result every time and
for blocks of any size.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edge.bundle import Bundle
from edge.card import sigmoid
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.events import Detector, Span
from edge.frontend import Frontend, FrontendSpec, resampler
from edge.gate import Gate, bundle_gate, skip_samples, source_gate
from edge.records import AudioBlock, Coverage, Event
from edge.rows import Rows

_PIECE_S = 1.0  # of a long recording, so that little of it is in memory twice


class ScoreStream:
    """Samples of one source -> score steps: the frontend, the gate and the model.

    Step j stands for feature frames [j * step_frames, (j + 1) * step_frames) and is scored with
    `before_frames` of the past; the first ones see silence before the recording. Patches for
    which the gate stays shut get the lowest logits, without features or the model; a bundle
    without a gate scores everything.
    """

    def __init__(self, bundle: Bundle, classifier: Classifier, rate_hz: int) -> None:
        """Prepare for a source that delivers `rate_hz` samples a second."""
        self._layout, self._spec = bundle.layout, bundle.spec
        self._classifier = classifier
        self._piece = round(_PIECE_S * rate_hz)
        self._resampler = resampler(rate_hz, bundle.spec.rate_hz)
        self._rows = Rows(bundle.spec, bundle.tables)
        self._gate = (
            None if bundle.gate is None else bundle_gate(bundle.gate, bundle.layout, bundle.spec)
        )
        self._quiet = np.full((bundle.layout.patch_steps, len(bundle.labels)), -128, np.int8)
        self._open = bytearray()  # of the steps whose patch is not dealt with
        self._stirs = True  # the last of them
        self._patch = 0
        self._skipped = 0

    def push(self, pcm: NDArray[np.int16]) -> NDArray[np.int8]:
        """Take int16 [samples]; give the logits of the steps they complete, [steps, labels]."""
        logits = [self._quiet[:0]]
        for start in range(0, len(pcm), self._piece):
            samples = self._resampler.push(pcm[start : start + self._piece])
            self._rows.push(samples)
            self._look(samples)
            logits.append(self._advance(self._layout.patches(self._rows.received)))
        return np.concatenate(logits)

    def finish(self) -> NDArray[np.int8]:
        """End of the recording: the last steps, with silence after them."""
        layout = self._layout
        missing = self._rows.received // layout.step_frames - self._patch * layout.patch_steps
        patches = -(-missing // layout.patch_steps)
        silence = (patches + 1) * layout.own_frames * self._spec.hop_samples
        self._look(np.zeros(silence, np.int16))
        return self._advance(self._patch + patches)[:missing]

    @property
    def quiet(self) -> bool:
        """Nothing that has come so far will be worth the model's time; never so without a gate."""
        return not self._stirs and 1 not in self._open

    @property
    def skipped_s(self) -> float:
        """Seconds that the gate found too quiet for the model."""
        frames = self._skipped * self._layout.own_frames
        return frames * self._spec.hop_samples / self._spec.rate_hz

    def _look(self, samples: NDArray[np.int16]) -> None:
        if self._gate is not None and (steps := self._gate.push(samples)):
            self._open += steps
            self._stirs = bool(steps[-1])

    def _advance(self, until: int) -> NDArray[np.int8]:
        """The scores of the patches before this one that were not dealt with."""
        layout = self._layout
        logits = [self._quiet[:0]]
        while self._patch < until:
            logits.append(self._score(self._patch * layout.own_frames - layout.before_frames))
            self._patch += 1
        self._rows.forget(max(0, self._patch * layout.own_frames - layout.before_frames))
        return np.concatenate(logits)

    def _score(self, begin: int) -> NDArray[np.int8]:
        """The patch whose rows begin there."""
        own = slice(0, self._layout.patch_steps)
        is_open = self._gate is None or 1 in self._open[own]
        del self._open[own]
        if is_open:
            return self._classifier.score(self._rows.take(begin, self._layout.patch_frames))
        self._skipped += 1
        return self._quiet


class EventFinder:
    """Score steps -> events, by every rule of a bundle."""

    def __init__(self, bundle: Bundle) -> None:
        self._bundle = bundle
        self._detectors = [Detector(rule, bundle.labels) for rule in bundle.rules]

    def push(self, logits: NDArray[np.int8]) -> list[Event]:
        """Take the next steps, int8 [steps, labels]; give the events that end in them, by onset."""
        return self._events(span for detector in self._detectors for span in detector.push(logits))

    @property
    def is_open(self) -> bool:
        """An event may be open."""
        return any(detector.is_open for detector in self._detectors)

    def finish(self) -> list[Event]:
        """End of the recording: the events still open."""
        return self._events(span for detector in self._detectors for span in detector.finish())

    def _events(self, spans: Iterable[Span]) -> list[Event]:
        return sorted((self._event(span) for span in spans), key=_onset)

    def _event(self, span: Span) -> Event:
        spec, layout = self._bundle.spec, self._bundle.layout
        logit = layout.logit(span.peak)
        return Event(
            label=span.label,
            onset_s=step_begin_s(span.onset, layout.step_frames, spec),
            offset_s=step_begin_s(span.offset, layout.step_frames, spec),
            score=sigmoid(logit),
            p=self._bundle.calibration[span.label].probability(logit),
        )


@dataclass(frozen=True, slots=True)
class Attention:
    """When a pipeline may have something to say: what comes in between can wait.

    Attributes:
        first_s, every_s: seconds of sound after which it has, and those from one time to the next.
        ear: hears, on the source's own samples, that it will not be `quiet`; None is deaf.
    """

    first_s: float
    every_s: float
    ear: Gate | None


class Pipeline:
    """One source's way from samples to events."""

    def __init__(self, bundle: Bundle, classifier: Classifier, rate_hz: int) -> None:
        """Prepare for a source that delivers `rate_hz` samples a second."""
        self._bundle = bundle
        self._rate_hz = rate_hz
        self._scores = ScoreStream(bundle, classifier, rate_hz)
        self._finder = EventFinder(bundle)
        self._processed = 0
        self._lost = 0

    def push(self, block: AudioBlock) -> list[Event]:
        """Take audio of any length; give the events that end in it, by onset.

        Samples that the source lost count as digital silence, so that time stays right.
        """
        self._lost += block.lost
        self._processed += len(block.pcm)
        events = []
        for start in range(0, block.lost, self._rate_hz):  # a second at a time: a night may lack
            missing = min(self._rate_hz, block.lost - start)
            events += self._finder.push(self._scores.push(np.zeros(missing, dtype=np.int16)))
        return events + self._finder.push(self._scores.push(block.pcm))

    def finish(self) -> list[Event]:
        """End of the recording: the last steps and the events still open."""
        events = self._finder.push(self._scores.finish())
        return sorted(events + self._finder.finish(), key=_onset)

    @property
    def coverage(self) -> Coverage:
        """What was listened to since the start."""
        processed, lost = self._processed / self._rate_hz, self._lost / self._rate_hz
        return Coverage(processed + lost, processed, lost)

    @property
    def quiet(self) -> bool:
        """Nothing happens: no event is open, and none will be; see `ScoreStream.quiet`."""
        return self._scores.quiet and not self._finder.is_open

    def attention(self) -> Attention:
        """When it has something to say, with an ear of its own."""
        spec, layout, gate = self._bundle.spec, self._bundle.layout, self._bundle.gate
        ear = None if gate is None else source_gate(gate, layout, spec, self._rate_hz)
        rows = layout.patch_frames - layout.before_frames
        samples = (rows - 1) * spec.hop_samples + spec.window_samples
        reach = Frontend(spec, self._bundle.tables, self._rate_hz).latency_samples
        every = layout.own_frames * spec.hop_samples
        return Attention((samples + reach) / spec.rate_hz, every / spec.rate_hz, ear)

    @property
    def skipped_s(self) -> float:
        """Seconds that the gate found too quiet for the model."""
        return self._scores.skipped_s


def step_logits(
    bundle: Bundle, classifier: Classifier, frames: NDArray[np.int16]
) -> NDArray[np.int8]:
    """Scores of a whole recording, int8 [steps, labels], from its features [frames, coefficients].

    What `ScoreStream` gives where no gate is shut, without the sound.
    """
    layout = bundle.layout
    steps = len(frames) // layout.step_frames
    padded = np.pad(frames, ((layout.before_frames, layout.patch_frames), (0, 0)))
    logits = [np.zeros((0, classifier.labels), np.int8)]
    for begin in range(0, steps * layout.step_frames, layout.own_frames):
        logits.append(classifier.score(padded[begin : begin + layout.patch_frames]))
    return np.concatenate(logits)[:steps]


def step_begin_s(step: int, step_frames: int, spec: FrontendSpec) -> float:
    """Where a score step begins, in seconds.

    A frame speaks for the hop around the middle of its window.
    """
    return (step * step_frames * spec.hop_samples + skip_samples(spec)) / spec.rate_hz


def _onset(event: Event) -> float:
    return event.onset_s


def golden_difference(bundle: Bundle, classifier: Classifier) -> tuple[bool, int]:
    """Run a bundle's golden audio through this machine.

    Returns:
        Whether the features are the golden ones bit for bit, and the largest difference of a
        logit, in units of the int8 output: 0 on the runtime that made them.
    """
    golden = bundle.golden
    frames = Frontend(bundle.spec, bundle.tables).push(golden["pcm"])
    logits = step_logits(bundle, classifier, golden["features"])
    if logits.shape != golden["logits"].shape:
        raise BadInputError(
            f"bundle {bundle.name}: its golden audio gives {logits.shape} scores and the golden "
            f"ones are {golden['logits'].shape}; export it again"
        )
    difference = np.abs(logits.astype(int) - golden["logits"].astype(int)).max(initial=0)
    return bool(np.array_equal(frames, golden["features"])), int(difference)
