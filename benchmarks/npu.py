"""What accelerators make of the shipped bundles: `python -m benchmarks.npu` writes npu.md.

Compiles every bundle of the package for the two Arm NPUs with Vela (extra `npu`), and judges
each operator by the Edge TPU's published rules. Nothing here ran on an accelerator.
"""

import argparse
import tempfile
from pathlib import Path

from benchmarks.rows import Row, add_option, write
from edge.bundle import Bundle, load_bundle, shipped_bundles
from edge.errors import BadInputError
from train_export.compile import TARGETS, compile_bundle
from train_export.edgetpu import check

PAGE = Path(__file__).with_suffix(".md")
NPUS = [target for target in TARGETS if target != "edgetpu"]
HEAD = """# Accelerators

`python -m benchmarks.npu` writes this page. **No figure here was measured on an accelerator**:
those of the Arm NPUs are the estimates of Arm's compiler, Vela, and the verdicts for the Edge TPU
come from its published rules, since its compiler was not at hand.

## Arm Ethos-U

| bundle | target | ms a patch | ms a second of sound | SRAM, KiB | flash, KiB | on the CPU |
|---|---|---|---|---|---|---|
"""
TPU = """
## Coral Edge TPU

Rules: [A] the operators that Axis lists for the same chip
(developer.axis.com/computer-vision/on-device/system-on-chip/artpec-7/supported-ops), [B] Coral's
own list in its state of 2019 (coral.ai/docs/edgetpu/models-intro), [C] Axis' tips beside A: the
graph is divided once, and from the first operator that does not map everything runs on the CPU.
The compiler has the last word.
"""


def npu_row(bundle: Bundle, target: str) -> tuple[str, Row]:
    """One row of the table, and one of README.md; what the compiler says when it refuses."""
    name = f"{bundle.name} {bundle.version}"
    with tempfile.TemporaryDirectory() as folder:
        try:
            about = compile_bundle(bundle, target, Path(folder))
        except BadInputError as error:
            words = f"refused: {error}"
            row = Row("Accelerators", f"{name} on {target}", words, "estimated")
            return f"| {name} | {target}: {words} | | | | | |", row
    estimate, layout = about.card["compiled"]["estimate"], bundle.layout
    hop_s = bundle.spec.hop_samples / bundle.spec.rate_hz
    patch_s = layout.patch_steps * layout.step_frames * hop_s
    line = (
        f"| {name} | {about.card['compiled']['compiler']}, {target} at "
        f"{estimate['clock_mhz']} MHz | {estimate['ms_per_patch']:.3f} | "
        f"{estimate['ms_per_patch'] / patch_s:.3f} | {estimate['sram_kib']:.1f} | "
        f"{estimate['flash_kib']:.1f} | no operator |"
    )
    figure = (
        f"{estimate['ms_per_patch']:.3f} ms a patch, {estimate['sram_kib']:.1f} KiB of SRAM, "
        "no operator on the CPU"
    )
    return line, Row("Accelerators", f"{name} on {target}", figure, "estimated")


def tpu_table(bundle: Bundle) -> str:
    """The verdict on each operator of one bundle."""
    verdicts = check(bundle.model)
    mapped = sum(verdict.maps for verdict in verdicts)
    rows = [
        f"| {v.index} | {v.operator} | {'maps' if v.maps else 'CPU'} | {v.why} | {v.source} |"
        for v in verdicts
    ]
    head = f"\n### {bundle.name} {bundle.version}: {mapped} of {len(verdicts)} operators map\n\n"
    return head + "\n".join(
        ["| | operator | verdict | rule | source |", "|---|---|---|---|---|", *rows]
    )


def tpu_row(bundle: Bundle) -> Row:
    """The verdict in one line."""
    verdicts = check(bundle.model)
    left = [verdict for verdict in verdicts if not verdict.maps]
    figure = f"{len(verdicts) - len(left)} of {len(verdicts)} operators map"
    if left:
        figure += f"; the first that does not, {left[0].operator}: {left[0].why}"
    what = f"{bundle.name} {bundle.version} on an Edge TPU, by published rules"
    return Row("Accelerators", what, figure, "estimated")


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    add_option(parser)
    arguments = parser.parse_args()
    bundles = [load_bundle(name) for name in shipped_bundles()]
    npus = [npu_row(bundle, target) for bundle in bundles for target in NPUS]
    tables = [tpu_table(bundle) for bundle in bundles]
    lines = "\n".join(line for line, _ in npus)
    PAGE.write_text(HEAD + lines + "\n" + TPU + "\n".join(tables) + "\n", "utf-8")
    write(arguments.rows, [*(row for _, row in npus), *map(tpu_row, bundles)])
    print(PAGE.read_text("utf-8"))


if __name__ == "__main__":
    main()
