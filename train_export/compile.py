"""A bundle -> a bundle whose model was compiled for an accelerator.

The compilers are other people's programs and run in processes of their own. What they made goes
into a new bundle, beside the same tables and golden vectors: the device then checks it as it
checks every bundle, and its card, signed like every other, says for what it was compiled, from
which bundle, and what the compiler estimates. The bundle that it came from stays as it is.
"""

import csv
import os
import re
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edge.bundle import Bundle, load_bundle, write_bundle
from edge.errors import BadInputError, DeviceUnavailableError, UsageError, how_to_install
from train_export.edgetpu import check
from train_export.graph import operators

_TIMEOUT_S = 600.0
_NPU_OPERATOR, _TPU_OPERATOR = "ethos-u", "edgetpu-custom-op"


@dataclass(frozen=True, slots=True)
class _Npu:
    """What Vela has to know of a chip; the names are those of its own configuration file."""

    system: str
    memory: str


# A watch's memory: SRAM for what flows, flash for the weights, no DRAM.
_NPUS = {
    "ethos-u55-128": _Npu("Ethos_U55_High_End_Embedded", "Shared_Sram"),
    "ethos-u65-256": _Npu("Ethos_U65_Embedded", "Shared_Sram"),
}
TARGETS = ("edgetpu", *_NPUS)


def compile_bundle(bundle: Bundle, target: str, folder: Path) -> Bundle:
    """Compile a bundle's model and write a bundle of it.

    Args:
        bundle: not itself a compiled one.
        target: one of TARGETS.
        folder: where the new bundle goes.

    Returns:
        The new bundle. `card["compiled"]` has `target`, `compiler`, `from_digest`,
        `operators_on_cpu` (names) and `estimate`, which for an NPU says milliseconds a patch,
        KiB of SRAM and of flash, and multiplications; none of them was measured.

    Raises:
        DeviceUnavailableError: the compiler is not installed.
        UsageError: there is no such target.
        BadInputError: the bundle is a compiled one, the compiler refused it, or an NPU would
            leave an operator to the CPU.
    """
    if target not in TARGETS:
        raise UsageError(f"target {target!r} is not one of {', '.join(TARGETS)}")
    if "compiled" in bundle.card:
        raise BadInputError(
            f"bundle {bundle.name} was already compiled for {bundle.card['compiled']['target']}; "
            "give the bundle that it was made from"
        )
    with tempfile.TemporaryDirectory(prefix="airway-compile-") as name:
        work = Path(name)
        (work / "model.tflite").write_bytes(bundle.model)
        make = _edgetpu if target == "edgetpu" else _ethos
        model, about = make(bundle, target, work)
    card = bundle.card | {"compiled": {"target": target, "from_digest": bundle.digest, **about}}
    write_bundle(folder, card, model=model, tables=bundle.tables, golden=bundle.golden)
    return load_bundle(str(folder.resolve()))


def _ethos(bundle: Bundle, target: str, work: Path) -> tuple[bytes, dict[str, Any]]:
    chip = _NPUS[target]
    vela = _program("vela", f"Vela; {how_to_install('npu')}")
    _run(
        [
            vela, "model.tflite", "--output-dir", ".", "--accelerator-config", target,
            "--config", "Arm/vela.ini",
            "--system-config", chip.system, "--memory-mode", chip.memory,
        ],
        work,
    )  # fmt: skip
    model = (work / "model_vela.tflite").read_bytes()
    left = _left_to_the_cpu(model, _NPU_OPERATOR)
    if left:
        raise BadInputError(
            f"bundle {bundle.name}: {target} leaves {', '.join(left)} to the CPU; "
            "replace them in the network"
        )
    with (work / f"model_summary_{chip.system}.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    version = _run([vela, "--version"], work).strip()
    return model, {
        "compiler": f"vela {version}, {chip.system}, {chip.memory}",
        "operators_on_cpu": [],
        "estimate": {
            "ms_per_patch": round(1e3 * float(row["inference_time"]), 4),
            "sram_kib": round(float(row["sram_memory_used"]), 1),
            "flash_kib": round(float(row["off_chip_flash_memory_used"]), 1),
            "macs_per_patch": int(row["nn_macs"]),
            "clock_mhz": round(float(row["core_clock"]) / 1e6),
        },
    }


def _edgetpu(bundle: Bundle, target: str, work: Path) -> tuple[bytes, dict[str, Any]]:
    compiler = _program(
        "edgetpu_compiler",
        "the Debian package edgetpu-compiler of Coral's repository coral-edgetpu-stable "
        "(x86-64; coral.ai/docs/edgetpu/compiler)",
    )
    said = _run([compiler, "-s", "-o", ".", "model.tflite"], work)
    model = (work / "model_edgetpu.tflite").read_bytes()
    version = re.search(r"Compiler version (\S+)", said)
    return model, {
        "compiler": f"edgetpu_compiler {version[1] if version else '(of no version)'}",
        "operators_on_cpu": _left_to_the_cpu(model, _TPU_OPERATOR),
        "estimate": {},
    }


def _left_to_the_cpu(model: bytes, accelerator_operator: str) -> list[str]:
    names = {operator.name for operator in operators(model)}
    return sorted(names - {accelerator_operator})


def _program(name: str, install: str) -> str:
    """Where a compiler is: on the path, or beside this Python."""
    folders = (os.environ.get("PATH", os.defpath), str(Path(sys.executable).parent))
    found = shutil.which(name, path=os.pathsep.join(folders))
    if found is None:
        raise DeviceUnavailableError(f"{name} is not installed; install {install}")
    return found


def _run(command: list[str], folder: Path) -> str:
    """What a compiler says; BadInputError with its last words when it fails or hangs."""
    name = Path(command[0]).name
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False, timeout=_TIMEOUT_S
        )
    except subprocess.TimeoutExpired as error:
        raise BadInputError(
            f"{name} did not end within {_TIMEOUT_S:.0f} s; give it a smaller model"
        ) from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout)[-600:].strip()
        raise BadInputError(f"{name} ended with code {done.returncode}: {words}")
    return done.stdout


def edgetpu_report(bundle: Bundle) -> list[str]:
    """The static verdict on each operator, a line each, and one line of summary."""
    verdicts = check(bundle.model)
    mapped = sum(verdict.maps for verdict in verdicts)
    lines = [
        f"{verdict.index:3} {verdict.operator:<18} {'maps' if verdict.maps else 'CPU':<5} "
        f"{verdict.why} [{verdict.source or 'unlisted'}]"
        for verdict in verdicts
    ]
    return [*lines, f"{bundle.name}: {mapped} of {len(verdicts)} operators map, by the rules"]
