"""What the gate ahead of the model misses, and what it spares, on scenes of unheard people.

    python -m benchmarks.gate [room] --corpus CORPUS [--hours 10]

Every scene of the test split goes twice through the device's own way from samples to events:
with the gate, and as if there were none. A sound is shut out when the model was shown
no step of it; an event is lost when it is found without the gate and not with it. Writes
benchmarks/gate.md; exits 1 when the gate loses as much as LIMIT of what a label's rule finds, or
shuts out as much of its sounds.
"""

import argparse
import itertools
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.stats import beta
from tqdm import tqdm

from edge.bundle import Bundle, load_bundle
from edge.card import GateRule
from edge.classifier import Classifier
from edge.gate import bundle_gate, step_samples
from edge.pipeline import EventFinder, ScoreStream, step_begin_s
from train_export.features import scene_of
from train_export.metrics import match_onsets
from train_export.prepare import RECIPES, SCENE_S
from train_export.room import GATE
from train_export.soundscape import Recipe, Scene, Truth

LIMIT = 0.005  # of the events, that the gate may lose
SNR_DB = (0, 5, 10, 15, 20)  # edges of the classes
_HISS = 10  # standard deviation in units of int16: a microphone in an empty room
_SEED = 3
Pair: TypeAlias = tuple[NDArray[np.int8], NDArray[np.int8]]  # logits without and with the gate


@dataclass(slots=True)
class Tally:
    """What the gate did to one label.

    Attributes:
        sounds: laid into the scenes.
        shut_out: of them, those that the model was shown no step of.
        found: of them, those that the rule finds without the gate.
        lost: of the found, those that it does not find with the gate.
        false_without, false_with: events that are none, without and with the gate.
        snr_db: of the sounds that were shut out or lost.
    """

    sounds: int = 0
    shut_out: int = 0
    found: int = 0
    lost: int = 0
    false_without: int = 0
    false_with: int = 0
    snr_db: list[float] = field(default_factory=list)

    @property
    def shares(self) -> tuple[float, float]:
        """Shut out of the sounds, and lost of the found."""
        return self.shut_out / max(1, self.sounds), self.lost / max(1, self.found)


@dataclass(slots=True)
class Outcome:
    """All of it.

    Attributes:
        tallies: by label.
        hours: of scenes.
        skipped: shares of the time that the model was spared, by what was played.
    """

    tallies: dict[str, Tally]
    hours: float
    skipped: dict[str, float]


def measure(bundle: Bundle, rule: GateRule, corpus: Path, hours: float) -> Outcome:
    """Play scenes, their backgrounds and hiss.

    Args:
        bundle: whose model and rules.
        rule: of the gate.
        corpus: folder of the corpus.
        hours: of scenes.
    """
    count, recipe = round(hours * 3600 / SCENE_S), RECIPES["home"]
    empty = replace(recipe, bouts_per_hour=0.0, others_per_hour=0.0)
    classifier = Classifier(bundle)
    tallies = {each.label: Tally() for each in bundle.rules}
    shown, backgrounds = [], []
    for scene in mixed(corpus, count, recipe):
        pair = scored(bundle, classifier, rule, scene.pcm)
        shown.append(opened(bundle, rule, scene.pcm))
        check(pair, shown[-1])
        compare(bundle, tallies, scene.truths, pair, shown[-1])
    for scene in mixed(corpus, max(1, count // 3), empty):
        backgrounds.append(opened(bundle, rule, scene.pcm))
    played = {"the scenes": shown, "their backgrounds alone": backgrounds}
    played["hiss"] = [opened(bundle, rule, hiss(bundle))]
    skipped = {what: 1 - float(np.mean(np.concatenate(steps))) for what, steps in played.items()}
    return Outcome(tallies, count * SCENE_S / 3600, skipped)


def mixed(corpus: Path, count: int, recipe: Recipe) -> Iterator[Scene]:
    """Scenes of the people that neither training nor validation heard."""
    for number in tqdm(range(count), desc="playing", unit="scene"):
        yield scene_of(corpus, "auto", "test", _SEED, number, recipe)


def hiss(bundle: Bundle) -> NDArray[np.int16]:
    """Ten minutes of a microphone in an empty room."""
    rng = np.random.default_rng(_SEED)
    return np.round(rng.normal(0, _HISS, 600 * bundle.spec.rate_hz)).astype(np.int16)


def scored(bundle: Bundle, classifier: Classifier, rule: GateRule, pcm: NDArray[np.int16]) -> Pair:
    """The device's scores of a recording without the gate, and with it."""
    streams = (
        ScoreStream(replace(bundle, gate=gate), classifier, bundle.spec.rate_hz)
        for gate in (None, rule)
    )
    without, gated = (np.concatenate([one.push(pcm), one.finish()]) for one in streams)
    return without, gated


def opened(bundle: Bundle, rule: GateRule, pcm: NDArray[np.int16]) -> NDArray[np.bool_]:
    """Whether the gate shows the model each step of a recording."""
    layout, spec = bundle.layout, bundle.spec
    patch = layout.own_frames * spec.hop_samples
    steps = (len(pcm) - spec.window_samples + spec.hop_samples) // step_samples(layout, spec)
    after = np.zeros(2 * patch, np.int16)  # as at the end of a recording
    gate = bundle_gate(rule, layout, spec)
    flags = np.frombuffer(gate.push(np.concatenate([pcm, after])), np.bool_)
    patches = flags[: len(flags) // layout.patch_steps * layout.patch_steps]
    shown = patches.reshape(-1, layout.patch_steps).any(axis=1)
    return np.repeat(shown, layout.patch_steps)[:steps]


def check(pair: Pair, shown: NDArray[np.bool_]) -> None:
    """What the gate does not show is as low as it gets, and the rest as it was.

    Raises:
        RuntimeError: what is measured here is not what the device does.
    """
    without, gated = pair
    if not np.array_equal(np.where(shown[:, None], without, -128), gated):
        raise RuntimeError("the device's gate gives other scores than this benchmark's")


def compare(
    bundle: Bundle,
    tallies: dict[str, Tally],
    truths: Sequence[Truth],
    pair: Pair,
    shown_steps: NDArray[np.bool_],
) -> None:
    """Count one scene: its events without and with the gate, and the sounds shut out."""
    onsets_s = []  # [without, with] of all labels
    for logits in pair:
        finder = EventFinder(bundle)
        onsets_s.append([*finder.push(logits), *finder.finish()])
    layout, spec = bundle.layout, bundle.spec
    begins_s = np.array(
        [step_begin_s(step, layout.step_frames, spec) for step in range(len(shown_steps) + 1)]
    )
    for label, tally in tallies.items():
        own = [truth for truth in truths if truth.label == label]
        true_s = [truth.onset_s for truth in own]
        found_s = [
            sorted(event.onset_s for event in events if event.label == label) for events in onsets_s
        ]
        without, gated = ({i for i, _ in match_onsets(true_s, each)} for each in found_s)
        shown = [
            bool(shown_steps[(begins_s[1:] > t.onset_s) & (begins_s[:-1] < t.offset_s)].any())
            for t in own
        ]
        tally.sounds += len(own)
        tally.shut_out += shown.count(False)
        tally.found += len(without)
        tally.lost += len(without - gated)
        tally.false_without += len(found_s[0]) - len(without)
        tally.false_with += len(found_s[1]) - len(gated)
        tally.snr_db += [
            truth.snr_db
            for number, truth in enumerate(own)
            if not shown[number] or number in without - gated
        ]


def most(count: int, of: int) -> float:
    """Upper end of the exact 95 % interval of a share (Clopper & Pearson, 1934)."""
    return 1.0 if count >= of else float(beta.ppf(0.975, count + 1, of - count))


def page(bundle: Bundle, rule: GateRule, outcome: Outcome, command: str) -> str:
    """The page."""
    whose = "its own" if bundle.gate else "it has none; this is the one that a training writes"
    lines = [
        "# What the gate misses",
        "",
        f"`{command}`: bundle `{bundle.name}` ({bundle.digest[:12]}), {outcome.hours:g} h of home "
        "scenes of the test split, people whom neither training nor validation heard, sounds at "
        f"0 to 20 dB over the background. Gate ({whose}): one of the {rule.groups} highest octaves "
        f"{rule.rise_q7 / 128:g} log2 units over its floor, open for {rule.hold_steps} steps more.",
        "",
        "A sound is *shut out* when the model was shown no step of it; an event is *lost* when it "
        "is found without the gate and not with it. In brackets, the upper end of the exact 95 % "
        "interval, as if the sounds of one person were independent. The limit is "
        f"{100 * LIMIT:g} %.",
        "",
        "| label | sounds | shut out | found without the gate | lost with it | "
        "false alarms without, with |",
        "|---|---|---|---|---|---|",
    ]
    for label, tally in outcome.tallies.items():
        shut_out, lost = tally.shares
        lines.append(
            f"| {label} | {tally.sounds} | {tally.shut_out} = {100 * shut_out:.2f} % "
            f"[{100 * most(tally.shut_out, tally.sounds):.2f}] | {tally.found} | "
            f"{tally.lost} = {100 * lost:.2f} % [{100 * most(tally.lost, tally.found):.2f}] | "
            f"{tally.false_without}, {tally.false_with} |"
        )
    lines += [
        "",
        "Shut out or lost, by the sound's level over the background: "
        + "; ".join(
            f"{low} to {high} dB: "
            f"{sum(low <= snr < high for t in outcome.tallies.values() for snr in t.snr_db)}"
            for low, high in itertools.pairwise(SNR_DB)
        )
        + ".",
        "",
        "| what was played | of its time, the model was spared |",
        "|---|---|",
        *(f"| {name} | {100 * share:.1f} % |" for name, share in outcome.skipped.items()),
    ]
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, write the page, and say whether the limit is kept."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("bundle", nargs="?", default="room", help="a name, or a folder")
    parser.add_argument("--corpus", type=Path, default=os.environ.get("AIRWAY_CORPUS"))
    parser.add_argument("--hours", type=float, default=12.0, help="of scenes (12)")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_suffix(".md"))
    arguments = parser.parse_args()
    if arguments.corpus is None:
        parser.error("give --corpus, or set AIRWAY_CORPUS")
    bundle = load_bundle(arguments.bundle)
    rule = bundle.gate or GATE
    outcome = measure(bundle, rule, Path(arguments.corpus), arguments.hours)
    command = f"python -m benchmarks.gate {bundle.name} --hours {arguments.hours:g}"
    text = page(bundle, rule, outcome, command)
    arguments.out.write_text(text, encoding="utf-8")
    print(text)
    worst = max((share for t in outcome.tallies.values() for share in t.shares), default=1.0)
    return 0 if worst < LIMIT else 1


if __name__ == "__main__":
    sys.exit(main())
