"""How good the resampler's filters are: `python benchmarks/resampler.py`.

Measures the ripple over the pass band and what is left of aliases and images, from the
integer taps of every common pair of rates, and writes a table and a picture beside this file.
"""

import math
from pathlib import Path

import numpy as np

from edge.frontend.resample import PASSBAND, TAP_BITS, build_taps

RATES_HZ = (8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000, 192_000)
TARGETS_HZ = (16_000, 4_000)
PAIRS = [(a, b) for b in TARGETS_HZ for a in RATES_HZ if a != b]
HERE = Path(__file__).parent


def prototype_response(rate_in_hz: int, rate_out_hz: int) -> tuple[np.ndarray, np.ndarray]:
    """Gain of the filter whose samples are the taps of all phases, over frequency in Hz.

    What lies above half the lower rate is what aliases (or images) leave of a tone there.
    """
    taps = build_taps(rate_in_hz, rate_out_hz)
    phases, count = taps.values_q30.shape
    prototype = np.zeros(phases * count)
    for phase in range(phases):  # tap j of a phase stands at (j - lead) * phases - phase
        prototype[np.arange(count) * phases + phases - 1 - phase] = taps.values_q30[phase]
    size = 1 << math.ceil(math.log2(8 * len(prototype)))
    gain = np.abs(np.fft.rfft(prototype, size)) / phases / 2**TAP_BITS
    return np.arange(len(gain)) / size * phases * rate_in_hz, gain


def quality(rate_in_hz: int, rate_out_hz: int) -> tuple[float, float]:
    """Ripple over the pass band, and the largest alias or image, in decibels."""
    hz, gain = prototype_response(rate_in_hz, rate_out_hz)
    nyquist_hz = min(rate_in_hz, rate_out_hz) / 2
    ripple_db = np.abs(20 * np.log10(gain[hz <= PASSBAND * nyquist_hz])).max()
    return float(ripple_db), float(20 * np.log10(gain[hz >= nyquist_hz].max()))


def plot(path: Path) -> None:
    """Draw each filter's gain over frequency, a panel for each target rate."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, panels = plt.subplots(len(TARGETS_HZ), 1, figsize=(9, 8), layout="constrained")
    for target_hz, panel in zip(TARGETS_HZ, panels, strict=True):
        for rate_hz in (rate for rate, target in PAIRS if target == target_hz):
            hz, gain = prototype_response(rate_hz, target_hz)
            shown = hz <= 2 * min(rate_hz, target_hz)
            gain_db = 20 * np.log10(np.maximum(gain[shown], 1e-7))
            panel.plot(hz[shown] / 1000, gain_db, linewidth=0.7, label=f"{rate_hz:,} Hz")
        panel.axhline(-80, color="grey", linestyle=":", linewidth=1)
        panel.set(title=f"to {target_hz:,} Hz", xlabel="kHz", ylabel="gain, dB", ylim=(-130, 5))
        panel.legend(fontsize=7, ncols=2, loc="upper right")
    figure.savefig(path, dpi=110)


def main() -> None:
    """Write benchmarks/resampler.md and benchmarks/resampler.png."""
    lines = [
        "# The resampler's filters",
        "",
        "Written by `python benchmarks/resampler.py` from the integer taps. The bars: a ripple of",
        "at most 0.1 dB over the pass band, aliases and images at least 80 dB down.",
        "",
        "| from, Hz | to, Hz | ripple, dB | alias or image, dB |",
        "|---|---|---|---|",
    ]
    for pair in PAIRS:
        ripple_db, alias_db = quality(*pair)
        lines.append(f"| {pair[0]:,} | {pair[1]:,} | {ripple_db:.4f} | {alias_db:.1f} |")
    lines += ["", "![Gain over frequency](resampler.png)", ""]
    (HERE / "resampler.md").write_text("\n".join(lines))
    plot(HERE / "resampler.png")
    print("\n".join(lines))


if __name__ == "__main__":
    main()
