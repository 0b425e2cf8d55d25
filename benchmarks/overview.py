"""Runs every benchmark of speed and size and makes one page of them: `make benchmarks`.

    python -m benchmarks.overview [--yamnet yamnet.tflite] [--only NAME…]

Each benchmark is a process of its own, so what a row names as its command is what was run. The
page is README.md beside this file. One that fails is a row that says so, and the exit code is 1;
`--only` runs a few and keeps the rows of the others as they are on the page's data, rows.json.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.machine import machine
from benchmarks.rows import SECTIONS, Row, read
from edge.bundle import load_bundle, shipped_bundles

HERE = Path(__file__).resolve().parent
LONGEST_S = 3600.0


@dataclass(frozen=True, slots=True)
class Step:
    """A benchmark.

    Attributes:
        name: the module in this folder.
        page: its own page beside README.md; "" when the overview is all there is.
        options: words after the module's name.
        written: how its command is written down, where that is not `python -m benchmarks.NAME`.
    """

    name: str
    page: str = ""
    options: tuple[str, ...] = ()
    written: str = ""

    @property
    def command(self) -> str:
        """What a reader types."""
        words = (f"python -m benchmarks.{self.name}", *(Path(o).name for o in self.options))
        return self.written or " ".join(words)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a step.

    Attributes:
        name, command, page: the step's.
        where: the machine, and its load before.
        rows: what it found; none when it failed.
        failure: its last words when it failed, else "".
    """

    name: str
    command: str
    page: str
    where: str
    rows: tuple[Row, ...]
    failure: str = ""


def steps(yamnet: Path | None) -> list[Step]:
    """Everything that the page is made of, in the order in which it runs."""
    peer = ("--yamnet", str(yamnet)) if yamnet else ()
    return [
        Step("frontend", "frontend.md"),
        Step("model", options=peer),
        Step("pipeline"),
        Step("leanness", "leanness.md", peer),
        Step("cortex_m4", "cortex_m4.md"),
        Step("watch", "watch.md", written="make watch-test"),
        Step("npu", "npu.md"),
        Step("fleet", "fleet.md"),
    ]


def carry_out(step: Step) -> Outcome:
    """Run one benchmark."""
    about = (step.name, step.command, step.page, machine())
    with tempfile.TemporaryDirectory(prefix="airway-rows-") as name:
        path = Path(name) / "rows.json"
        command = [sys.executable, "-m", f"benchmarks.{step.name}", *step.options]
        try:
            done = subprocess.run(
                [*command, "--rows", str(path)], cwd=HERE.parent, env=_environment(),
                stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False,
                timeout=LONGEST_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return Outcome(*about, (), f"it did not end within {LONGEST_S:.0f} s")
        found = tuple(read(path)) if path.exists() else ()
        last = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
        last = last.replace(f"{HERE.parent}/", "")  # no place for this machine's folders
        return Outcome(*about, found, last if done.returncode != 0 else "")


def _environment() -> dict[str, str]:
    found = [str(HERE.parent), *filter(None, [os.environ.get("PYTHONPATH", "")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(found)}


def page(outcomes: Sequence[Outcome]) -> str:
    """The whole page."""
    names = [load_bundle(name) for name in shipped_bundles()]
    bundles = ", ".join(f"{b.name} {b.version} (card {b.digest[:12]})" for b in names)
    parts = [HEAD.format(bundles=bundles)]
    for section in SECTIONS:
        lines = [
            f"| {'*peer:* ' if row.peer else ''}{_cell(row.what)} | {_cell(row.figure)} | "
            f"{row.how} | `{outcome.command}` |"
            for outcome in outcomes
            for row in outcome.rows
            if row.section == section
        ]
        if lines:
            parts.append("\n".join([f"## {section}", "", *TABLE, *lines, ""]))
    failed = [outcome for outcome in outcomes if outcome.failure]
    if failed:
        told = [f"- `{one.command}`: {_cell(one.failure)}" for one in failed]
        parts.append("\n".join(["## Not as it should be", "", *told, ""]))
    ran = [f"| `{one.command}` | {_link(one.page)} | {one.where} |" for one in outcomes]
    parts.append("\n".join([*WHERE, *ran, ""]))
    return "\n".join([*parts, OTHERS])


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "/").split())


def _link(page: str) -> str:
    return f"[{page}]({page})" if page else ""


def keep(path: Path, outcomes: Iterable[Outcome]) -> None:
    """Write the page's data."""
    content = [asdict(outcome) for outcome in outcomes]
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", "utf-8")


def kept(path: Path) -> dict[str, Outcome]:
    """The page's data by the steps' names; nothing when there is none yet."""
    if not path.exists():
        return {}
    found = [
        Outcome(**value | {"rows": tuple(Row(**row) for row in value["rows"])})
        for value in json.loads(path.read_text("utf-8"))
    ]
    return {outcome.name: outcome for outcome in found}


def main() -> int:
    """Run what was asked for and write the page; 1 when a benchmark failed or is missing."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--yamnet", type=Path, help="yamnet.tflite, for that peer")
    names = [step.name for step in steps(None)]
    parser.add_argument("--only", nargs="+", choices=names, metavar="NAME", help=", ".join(names))
    arguments = parser.parse_args()
    yamnet = arguments.yamnet and arguments.yamnet.resolve()
    outcomes = kept(HERE / "rows.json")
    for step in steps(yamnet):
        if arguments.only is None or step.name in arguments.only:
            print(f"{step.command} …", flush=True)
            outcomes[step.name] = carry_out(step)
            if failure := outcomes[step.name].failure:
                print(f"  failed: {failure}", file=sys.stderr)
    ordered = [outcomes[name] for name in names if name in outcomes]
    keep(HERE / "rows.json", ordered)
    (HERE / "README.md").write_text(page(ordered), "utf-8")
    print(f"wrote {(HERE / 'README.md').relative_to(HERE.parent)}")
    return 0 if len(ordered) == len(names) and not any(one.failure for one in ordered) else 1


HEAD = """\
# Benchmarks

`make benchmarks` fills this page; each row names the command that gives it alone. *Measured* is on
the machine below, which is no Raspberry Pi: compare rows, not digits. *Counted* are instructions or
bytes of a build for another machine, exact, but no time. *Estimated* is what a compiler or a
published rule says; nobody ran it. A *peer* is not Airway but does the same job; peers that are not
installed are left out.

Bundles that ship: {bundles}.
Rows stay until their command runs again, so a row may be of an earlier card with the same model:
its own page names the card.
"""
TABLE = ["| what | figure | | command |", "|---|---|---|---|"]
WHERE = ["## Where", "", "| command | its own page | machine |", "|---|---|---|"]
OTHERS = """\
## Other pages

| what | page | command |
|---|---|---|
| ARM: features and scores to the bit, emulated | printed | `make test-arm64`, `make test-armhf` |
| the C core beside the reference, on recordings | [page](native_equals_reference.md) | \
`AIRWAY_CORPUS=CORPUS python benchmarks/native_equals_reference.py` |
| the resampler's ripple and aliases | [page](resampler.md) | `python benchmarks/resampler.py` |
| the denoisers on coughs and crackles | [page](denoise.md) | \
`AIRWAY_CORPUS=CORPUS python benchmarks/denoise.py` |
| where the segmenter says that coughs begin | [page](segmentation.md) | \
`python benchmarks/segmentation.py CORPUS` |
| ICBHI's official score over five seeds, by device | [page](icbhi.md) | \
`python -m benchmarks.icbhi --corpus CORPUS --pretrained yamnet.tflite` |
| the trend alert in simulated households | [page](trend.md) | \
`python -m benchmarks.trend --out benchmarks/trend.md` |
| the room bundle beside YAMNet on soundscapes | [page](room.md) | \
`python benchmarks/room.py --corpus CORPUS --yamnet F --classes F` |
| CNN, RNN and Transformer at equal data | [page](architectures.md) | \
`airway-train compare --corpus CORPUS --out F.md` |
| what denoisers, feature selection and a teacher buy | [page](ablation.md) | \
`airway-train ablate --corpus CORPUS --teacher yamnet.tflite --out F.md` |
| what the gate misses | [page](gate.md) | `make gate CORPUS=folder` |
| the daemon under faults | [page](faults.md) | `make faults` |
"""

if __name__ == "__main__":
    sys.exit(main())
