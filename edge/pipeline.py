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
from edge.records import AudioBlock, Coverage, Event, ScoreBlock
from edge.rows import Rows

_PIECE_S = 1.0  # of a long recording, so that little of it is in memory twice


class Scorer:
    """Feature frames -> score steps, patch by patch.

    Step j stands for frames [j * step_frames, (j + 1) * step_frames) and is scored with
    `before_frames` of the past; the first ones see silence before the recording.

    Args:
        bundle: whose layout.
        classifier: of the same bundle.
    """

    def __init__(self, bundle: Bundle, classifier: Classifier) -> None:
        self._layout = bundle.layout
        self._classifier = classifier
        self._coefficients = bundle.spec.coefficients
        self.reset()

    def reset(self) -> None:
        """Forget the past: the next frame is frame 0."""
        self._frames = np.zeros((self._layout.before_frames, self._coefficients), dtype=np.int16)
        self._received = 0
        self._scored = 0

    def push(self, frames: NDArray[np.int16]) -> ScoreBlock:
        """Take int16 [frames, coefficients]; give the steps they complete."""
        self._received += len(frames)
        return self._advance(frames)

    def finish(self) -> ScoreBlock:
        """End of the recording: the last steps, with silence after them."""
        layout = self._layout
        whole = self._received // layout.step_frames
        missing = whole - self._scored
        silence = np.zeros((layout.patch_frames, self._coefficients), dtype=np.int16)
        block = self._advance(silence)
        return ScoreBlock(block.logits[:missing], block.first)

    def _advance(self, frames: NDArray[np.int16]) -> ScoreBlock:
        layout = self._layout
        self._frames = np.concatenate([self._frames, frames])
        logits = [np.zeros((0, self._classifier.labels), dtype=np.int8)]
        start = 0
        while start + layout.patch_frames <= len(self._frames):
            patch = self._frames[start : start + layout.patch_frames]
            logits.append(self._classifier.score(patch))
            start += layout.own_frames
        self._frames = self._frames[start:]
        block = ScoreBlock(np.concatenate(logits), self._scored)
        self._scored += len(block.logits)
        return block


class ScoreStream:
    """Samples of one source -> score steps: the frontend, the gate and the model.

    Patches for which the gate stays shut get the lowest logits, without features or the model;
    a bundle without a gate scores everything, as `Scorer` does.
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

    def push(self, pcm: NDArray[np.int16]) -> ScoreBlock:
        """Take int16 [samples]; give the steps they complete."""
        first, logits = self._patch * self._layout.patch_steps, [self._quiet[:0]]
        for start in range(0, len(pcm), self._piece):
            samples = self._resampler.push(pcm[start : start + self._piece])
            self._rows.push(samples)
            self._look(samples)
            logits.append(self._advance(self._layout.patches(self._rows.received)))
        return ScoreBlock(np.concatenate(logits), first)

    def finish(self) -> ScoreBlock:
        """End of the recording: the last steps, with silence after them."""
        layout = self._layout
        missing = self._rows.received // layout.step_frames - self._patch * layout.patch_steps
        patches = -(-missing // layout.patch_steps)
        silence = (patches + 1) * layout.own_frames * self._spec.hop_samples
        self._look(np.zeros(silence, np.int16))
        first = self._patch * layout.patch_steps
        return ScoreBlock(self._advance(self._patch + patches)[:missing], first)

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

    def push(self, block: ScoreBlock) -> list[Event]:
        """Take the next steps; give the events that end in them, by onset."""
        return self._events(
            span for detector in self._detectors for span in detector.push(block.logits)
        )

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
        logit = (span.peak - layout.logit_zero) * layout.logit_scale
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
    frames = Frontend(bundle.spec, bundle.tables).push(golden["pcm"]).frames
    scorer = Scorer(bundle, classifier)
    logits = np.concatenate([scorer.push(golden["features"]).logits, scorer.finish().logits])
    if logits.shape != golden["logits"].shape:
        raise BadInputError(
            f"bundle {bundle.name}: its golden audio gives {logits.shape} scores and the golden "
            f"ones are {golden['logits'].shape}; export it again"
        )
    difference = np.abs(logits.astype(int) - golden["logits"].astype(int)).max(initial=0)
    return bool(np.array_equal(frames, golden["features"])), int(difference)
