"""What the two denoisers gain, and what they take from the sound that matters.

Real coughs at 16 kHz and real crackles at 4 kHz are mixed with real household noise, denoised
and compared with what went in; the recordings as they are show what a denoiser takes from a
crackle that has no noise to hide in. Writes a Markdown table:

    AIRWAY_CORPUS=<folder of the corpus> python benchmarks/denoise.py --out benchmarks/denoise.md
"""

import argparse
import csv
import hashlib
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile as sf
from numpy.typing import NDArray

from edge.frontend import spectral, wavelet
from edge.frontend.resample import Resampler

Pcm = NDArray[np.int16]
Floats = NDArray[np.float64]

SNRS_DB = (0, 5, 10, 20)
LEAD_S, TAIL_S = 4.0, 0.1  # noise before an event, to learn it, and after, for the latency
COUGH_S = 0.75  # about a peak
CRACKLE_S = 3.0  # at most, of an annotated segment
NEAR_DB = 20.0  # frames this close to the event's loudest count as the event
FRAME_S = 0.016
SEGMENT_DB = (-10.0, 35.0)  # usual limits of a frame's SNR (Hu & Loizou, 2008)
TRANSIENT_DB = 10.0  # a crackle rises this far above its segment's median
TRANSIENT_BAND_HZ = (150, 1_800)
WORSE_DB = 0.5
RESAMPLES = 2_000
PEAK_DBFS = -6.0

KEPT_HOUSEHOLD = {
    "brushing_teeth", "clock_alarm", "clock_tick", "door_wood_creaks", "door_wood_knock",
    "drinking_sipping", "footsteps", "keyboard_typing", "mouse_click", "pouring_water", "rain",
    "thunderstorm", "toilet_flush", "vacuum_cleaner", "washing_machine", "water_drops", "wind",
}  # fmt: skip
AMBIENCE = ("negatives/moodist", "negatives/noice", "negatives/blanket")


@dataclass(frozen=True)
class Event:
    """A stretch of a recording, and who made it."""

    source: str
    subject: str
    path: Path
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Kind:
    """A sound to be kept: where it is found and the rate it is heard at."""

    name: str
    rate_hz: int
    sources: dict[str, tuple[str, ...]]
    per_subject: int


KINDS = (
    Kind("cough", 16_000, {"coswara_subset": ("cough",), "ghchen_coughs": ("cough",)}, 8),
    Kind(
        "crackle",
        4_000,
        {
            "sprsound": ("Fine Crackle", "Coarse Crackle", "Wheeze+Crackle"),
            "icbhi2017_partial": ("crackle", "crackle+wheeze"),
        },
        3,
    ),
)


def denoisers(rate_hz: int) -> dict[str, spectral.SpectralDenoiser | wavelet.WaveletDenoiser]:
    """Fresh denoisers with the presets that the specs offer."""
    tables = spectral.build_tables(spectral.fft_size_for(rate_hz), spectral.FLOOR_DB)
    sigmas = wavelet.ROOM_SIGMAS if rate_hz > 8_000 else wavelet.CHEST_SIGMAS
    return {
        "spectral": spectral.SpectralDenoiser(tables),
        "wavelet": wavelet.WaveletDenoiser(wavelet.build_tables(sigmas)),
    }


def rows(folder: Path) -> list[dict[str, str]]:
    """A manifest."""
    with (folder / "manifest.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def read(path: Path, rate_hz: int) -> Pcm:
    """A recording at a rate."""
    pcm, own_hz = sf.read(path, dtype="int16")
    return Resampler(own_hz, rate_hz).push(pcm)


def is_for_tuning(subject: str) -> bool:
    """The half of the subjects on whom the presets were chosen; the other half is reported."""
    return hashlib.sha256(subject.encode()).digest()[0] % 2 == 0


def find_events(
    corpus: Path, kind: Kind, rng: np.random.Generator, tuning: bool = False
) -> list[Event]:
    """At most `per_subject` events of each subject, drawn by chance."""
    by_subject: dict[tuple[str, str], list[Event]] = defaultdict(list)
    for source, labels in kind.sources.items():
        for row in rows(corpus / source):
            if row["label_event"] not in labels or not row["subject"]:
                continue
            if is_for_tuning(row["subject"]) != tuning:
                continue
            event = Event(
                source,
                row["subject"],
                corpus / source / row["path"],
                float(row["start_s"]),
                float(row["end_s"]),
            )
            by_subject[source, row["subject"]].append(event)
    chosen = []
    for _, events in sorted(by_subject.items()):
        order = rng.permutation(len(events))[: kind.per_subject]
        chosen += [events[index] for index in order]
    return chosen


def cut(event: Event, kind: Kind) -> tuple[Pcm, slice]:
    """The recording at the kind's rate, and the samples of the event."""
    pcm = read(event.path, kind.rate_hz)
    if kind.name == "cough":  # the recording's loudest moment
        size = int(0.05 * kind.rate_hz)
        power = np.convolve(pcm.astype(float) ** 2, np.ones(size), mode="same")
        start = int(power.argmax()) - int(COUGH_S / 3 * kind.rate_hz)
        return pcm, slice(max(0, start), min(len(pcm), start + int(COUGH_S * kind.rate_hz)))
    start = int(event.start_s * kind.rate_hz)
    length = int(min(event.end_s - event.start_s, CRACKLE_S) * kind.rate_hz)
    return pcm, slice(start, min(len(pcm), start + length))


def noises(corpus: Path) -> list[Path]:
    """Household sounds without a respiratory sound in them."""
    paths = [corpus / folder / row["path"] for folder in AMBIENCE for row in rows(corpus / folder)]
    paths += [
        corpus / "esc50_mixed" / row["path"]
        for row in rows(corpus / "esc50_mixed")
        if row["label_event"] in KEPT_HOUSEHOLD and row["split"].startswith("fold")
    ]
    return paths


def power(x: Floats | Pcm) -> float:
    """Mean square."""
    return float(np.mean(np.asarray(x, dtype=float) ** 2))


def scenes(clean: Pcm, noise: Pcm, rate_hz: int) -> Iterator[tuple[int, Pcm, Pcm, slice]]:
    """SNR, mixture, the event alone and its place, for each SNR.

    The noise's level is set by its power under the event.
    """
    lead, tail = int(LEAD_S * rate_hz), int(TAIL_S * rate_hz)
    place = slice(lead, lead + len(clean))
    fade = np.minimum(1.0, np.arange(len(clean)) / (0.01 * rate_hz))
    event = clean * fade * fade[::-1]
    event *= 10 ** (PEAK_DBFS / 20) * 32_768 / np.abs(event).max()
    alone = np.zeros(lead + len(clean) + tail)
    alone[place] = event
    stretch = np.resize(noise, len(alone)).astype(float)
    for snr_db in SNRS_DB:
        level = np.sqrt(power(event) / power(stretch[place]) / 10 ** (snr_db / 10))
        mixed = alone + level * stretch
        headroom = min(1.0, 32_767 / np.abs(mixed).max())
        parts = [np.round(headroom * x).astype(np.int16) for x in (mixed, alone)]
        yield snr_db, *parts, place


def frames_of(x: Floats | Pcm, rate_hz: int) -> Floats:
    """[frames, samples], without overlap."""
    size = int(FRAME_S * rate_hz)
    count = len(x) // size
    return np.asarray(x[: count * size], dtype=float).reshape(count, size)


def segmental_snr_db(out: Pcm, clean: Pcm, rate_hz: int) -> float:
    """Mean over the frames of the event of their limited SNR."""
    signal = (frames_of(clean, rate_hz) ** 2).mean(axis=1)
    error = (frames_of(out.astype(float) - clean, rate_hz) ** 2).mean(axis=1)
    active = signal >= signal.max() * 10 ** (-NEAR_DB / 10)
    ratio = 10 * np.log10(np.maximum(signal[active], 1e-3) / np.maximum(error[active], 1e-3))
    return float(np.clip(ratio, *SEGMENT_DB).mean())


def transients(clean: Pcm, rate_hz: int) -> NDArray[np.bool_]:
    """Frames in which a crackle stands out of its segment."""
    edges = [hz / (rate_hz / 2) for hz in TRANSIENT_BAND_HZ]
    sections = scipy.signal.butter(2, edges, "bandpass", output="sos")
    band = scipy.signal.sosfiltfilt(sections, clean.astype(float))
    energy = (frames_of(band, rate_hz) ** 2).sum(axis=1)
    found: NDArray[np.bool_] = energy > np.median(energy) * 10 ** (TRANSIENT_DB / 10)
    return found


@dataclass
class Results:
    """By (kind, source, denoiser, ...): values of each subject."""

    gain_db: dict[tuple[str, str, int], dict[str, list[float]]]
    kept: dict[tuple[str, str, str], dict[str, list[float]]]
    events: dict[str, dict[str, int]]
    noises: int


def measure(corpus: Path, per_subject: int | None) -> Results:
    """Run every event through every denoiser."""
    rng = np.random.default_rng(0)
    results = Results(
        defaultdict(lambda: defaultdict(list)),
        defaultdict(lambda: defaultdict(list)),
        defaultdict(lambda: defaultdict(int)),
        0,
    )
    household = noises(corpus)
    used = set()
    for kind in KINDS:
        events = find_events(corpus, kind, rng)
        if per_subject is not None:
            events = _fewer(events, per_subject)
        for event in events:
            recording, place = cut(event, kind)
            clean = recording[place]
            path = household[rng.integers(len(household))]
            noise = read(path, kind.rate_hz)
            if len(clean) < 0.1 * kind.rate_hz or np.abs(clean).max() < 64:
                continue  # nothing to hear
            need = int((LEAD_S + TAIL_S) * kind.rate_hz) + len(clean)
            offset = int(rng.integers(max(1, len(noise) - need)))
            noise = noise[offset : offset + need]
            if power(np.resize(noise, need)[int(LEAD_S * kind.rate_hz) :][: len(clean)]) < 1:
                continue  # a pause of the noise: no level could be set
            used.add(path)
            results.events[kind.name][event.source] += 1
            _mixtures(results, kind, event, clean, noise)
            _survival(results, kind, event, recording, place)
    results.noises = len(used)
    return results


def _fewer(events: list[Event], per_subject: int) -> list[Event]:
    count: dict[str, int] = defaultdict(int)
    kept = []
    for event in events:
        count[event.subject] += 1
        if count[event.subject] <= per_subject:
            kept.append(event)
    return kept


def _mixtures(results: Results, kind: Kind, event: Event, clean: Pcm, noise: Pcm) -> None:
    for snr_db, mixed, alone, place in scenes(clean, noise, kind.rate_hz):
        before = segmental_snr_db(mixed[place], alone[place], kind.rate_hz)
        for name, denoiser in denoisers(kind.rate_hz).items():
            out = denoiser.push(mixed)
            after = segmental_snr_db(out[place], alone[place], kind.rate_hz)
            results.gain_db[kind.name, name, snr_db][event.subject].append(after - before)


def _survival(results: Results, kind: Kind, event: Event, recording: Pcm, place: slice) -> None:
    """Energy that is left of the event in its own recording, and of its transients."""
    size = int(FRAME_S * kind.rate_hz)
    padded = np.concatenate([recording, np.zeros(kind.rate_hz, dtype=np.int16)])
    clean = frames_of(recording[place], kind.rate_hz)
    high = transients(recording[place], kind.rate_hz) if kind.name == "crackle" else None
    for name, denoiser in denoisers(kind.rate_hz).items():
        out = frames_of(denoiser.push(padded)[place], kind.rate_hz)[: len(clean)]
        left = results.kept[kind.name, name, "event"][event.subject]
        left.append(100 * float((out**2).sum() / (clean**2).sum()))
        if high is not None and high.any():
            left = results.kept[kind.name, name, "transients"][event.subject]
            left.append(100 * float((out[high] ** 2).sum() / (clean[high] ** 2).sum()))
    assert clean.shape[1] == size


def interval(by_subject: dict[str, list[float]]) -> tuple[float, float, float]:
    """Mean over subjects, and its 95 % bootstrap interval over subjects."""
    means = np.array([np.mean(values) for _, values in sorted(by_subject.items())])
    rng = np.random.default_rng(1)
    drawn = means[rng.integers(len(means), size=(RESAMPLES, len(means)))].mean(axis=1)
    low, high = np.percentile(drawn, [2.5, 97.5])
    return float(means.mean()), float(low), float(high)


def report(results: Results, command: str) -> str:
    """The tables and what they say."""
    lines = [
        "# Denoisers on real sounds in real noise",
        "",
        f"Made by `{command}`.",
        "",
        "Segmental SNR over the frames (16 ms) of the event, each limited to -10 to 35 dB, after "
        f"denoising less before, in dB. {LEAD_S:g} s of the noise go ahead of each event. Crackles "
        "and their noise are at 4 kHz. Means over subjects with 95 % bootstrap intervals over "
        f"subjects; {results.noises} household recordings (moodist, noice, blanket, ESC-50) were "
        "drawn. The presets were chosen on the other half of the subjects, in noises of the same "
        "sources. The recordings taken as clean hold some noise of their own, which a denoiser is "
        "charged for removing. The noise is mixed in as it is in the air: a chest piece on skin "
        "would let less of it through.",
        "",
        "| sound | events (subjects) | denoiser | " + " | ".join(f"{x} dB" for x in SNRS_DB) + " |",
        "|---|---|---|" + "---|" * len(SNRS_DB),
    ]
    verdicts = []
    for kind in KINDS:
        counts = ", ".join(f"{n} {s}" for s, n in results.events[kind.name].items())
        for name in ("spectral", "wavelet"):
            values = [results.gain_db[kind.name, name, snr] for snr in SNRS_DB]
            cells = [_cell(interval(x), "+.1f") for x in values]
            people = f"{counts} ({len(values[0])})"
            lines.append(f"| {kind.name} | {people} | {name} | {' | '.join(cells)} |")
            verdicts.append(_verdict(kind.name, name, [interval(x) for x in values]))
    lines += ["", *_worse(results), ""]
    lines += [
        "Energy left in the recordings as they are, in percent. Transients are the frames of an "
        f"annotated crackle segment that stand {TRANSIENT_DB:g} dB above the segment's median "
        f"between {TRANSIENT_BAND_HZ[0]} and {TRANSIENT_BAND_HZ[1]} Hz.",
        "",
        "| sound | part | subjects | spectral | wavelet |",
        "|---|---|---|---|---|",
    ]
    for kind_name, part in (("cough", "event"), ("crackle", "event"), ("crackle", "transients")):
        both = [results.kept[kind_name, name, part] for name in ("spectral", "wavelet")]
        cells = [_cell(interval(x), ".1f") for x in both]
        lines.append(f"| {kind_name} | {part} | {len(both[0])} | {cells[0]} | {cells[1]} |")
        if part == "transients":
            verdicts += [_loss(*pair) for pair in zip(("spectral", "wavelet"), both, strict=True)]
    return "\n".join([*lines, "", "## Verdict", "", *(f"- {x}" for x in verdicts), ""])


def _worse(results: Results) -> list[str]:
    """Means hide who loses: the share of events that do."""
    lines = [
        f"Events made worse by more than {WORSE_DB:g} dB, in percent of all.",
        "",
        "| sound | denoiser | " + " | ".join(f"{x} dB" for x in SNRS_DB) + " |",
        "|---|---|" + "---|" * len(SNRS_DB),
    ]
    for kind in KINDS:
        for name in ("spectral", "wavelet"):
            cells = []
            for snr_db in SNRS_DB:
                by_subject = results.gain_db[kind.name, name, snr_db]
                gains = [gain for values in by_subject.values() for gain in values]
                cells.append(f"{100 * np.mean(np.array(gains) < -WORSE_DB):.0f}")
            lines.append(f"| {kind.name} | {name} | {' | '.join(cells)} |")
    return lines


def _cell(value: tuple[float, float, float], form: str) -> str:
    mean, low, high = (format(x, form) for x in value)
    return f"{mean} [{low}, {high}]"


def _verdict(kind: str, name: str, values: list[tuple[float, float, float]]) -> str:
    """Helps where the whole interval is above zero, harms where it is below."""
    groups: dict[str, list[str]] = defaultdict(list)
    for snr_db, (_, low, high) in zip(SNRS_DB, values, strict=True):
        effect = "helps" if low > 0 else "harms" if high < 0 else "makes no sure difference"
        groups[effect].append(str(snr_db))
    parts = [f"{effect} at {', '.join(at)} dB" for effect, at in groups.items()]
    return f"On {kind}s, `{name}` {', '.join(parts)}."


def _loss(name: str, by_subject: dict[str, list[float]]) -> str:
    kept, low, _ = interval(by_subject)
    events = [x for values in by_subject.values() for x in values]
    halved = 100 * sum(x < 50 for x in events) / len(events)
    return (
        f"Without added noise, `{name}` leaves {kept:.0f} % of a crackle's energy on average "
        f"(at least {low:.0f} % at 95 % confidence), and takes more than half of it in "
        f"{halved:.0f} % of {len(events)} segments."
    )


def main(arguments: list[str]) -> int:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="Markdown file; standard output when not given")
    parser.add_argument("--per-subject", type=int, help="at most so many events of a subject")
    options = parser.parse_args(arguments)
    corpus = os.environ.get("AIRWAY_CORPUS")
    if not corpus or not Path(corpus).is_dir():
        print(f"AIRWAY_CORPUS={corpus} is no folder; name the corpus there", file=sys.stderr)
        return 64
    command = " ".join(["AIRWAY_CORPUS=<corpus> python benchmarks/denoise.py", *arguments])
    text = report(measure(Path(corpus), options.per_subject), command)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    else:
        print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
