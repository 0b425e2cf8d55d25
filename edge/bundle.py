"""A model bundle: the int8 model, its card, its frontend's tables and its golden vectors.

Everything that was chosen with the model lives in its card; a device's configuration only
names a bundle. Every byte is checked before anything is believed.
"""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from edge.card import Calibration, EventRule, GateRule, Layout
from edge.errors import BadInputError, InputOutputError
from edge.frontend import FrontendSpec, FrontendTables, digest

FORMAT = 1
FILES = ("model.tflite", "tables.npz", "golden.npz")

# What NumPy's reader raises for a file that is none, or that asks for absurd things.
_NPZ_ERRORS = (
    *(AttributeError, EOFError, KeyError, MemoryError, NotImplementedError, OSError, TypeError),
    *(struct.error, zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True, slots=True, eq=False)
class Bundle:
    """A verified bundle.

    Attributes:
        name: of the model.
        version: of the model.
        digest: SHA-256 of its card, which names those of the other files.
        labels: of the outputs, in order.
        spec, tables: the frontend.
        layout: how patches and scores lie on the stream.
        rules: one for each label that makes events.
        calibration: by label.
        gate: what is too quiet for the model; None when everything is scored.
        model: the flatbuffer's bytes.
        golden: `pcm` int16 [samples], `features` int16 [frames, coefficients] and `logits`
            int8 [steps, labels]; synthetic audio, and what it must give.
        card: everything else that the card says: data, licences, protocol, figures, limits.
    """

    name: str
    version: str
    digest: str
    labels: tuple[str, ...]
    spec: FrontendSpec
    tables: FrontendTables
    layout: Layout
    rules: tuple[EventRule, ...]
    calibration: dict[str, Calibration]
    gate: GateRule | None
    model: bytes
    golden: dict[str, NDArray[Any]]
    card: dict[str, Any]


def canonical_json(value: dict[str, Any]) -> bytes:
    """The one spelling of a card."""
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def shipped_bundles() -> list[str]:
    """Names of the bundles in the package."""
    models = resources.files("edge") / "models"
    if not models.is_dir():
        return []
    return sorted(entry.name for entry in models.iterdir() if (entry / "card.json").is_file())


def bundle_path(name_or_path: str) -> Path:
    """Folder of a bundle: a shipped name, which a folder here can't take, else a path.

    Raises:
        InputOutputError: neither exists.
    """
    shipped = shipped_bundles()
    if name_or_path in shipped:
        return Path(str(resources.files("edge") / "models" / name_or_path))
    path = Path(name_or_path)
    if path.is_dir():
        return path
    raise InputOutputError(
        f"no bundle {name_or_path!r}; give a folder that holds card.json, or one of: "
        + (", ".join(shipped) or "(none shipped)")
    )


def load_bundle(name_or_path: str) -> Bundle:
    """Read and verify a bundle.

    Raises:
        InputOutputError: it, or a file of it, is missing.
        BadInputError: a byte differs from what the card says, or the card makes no sense.
    """
    folder = bundle_path(name_or_path)
    raw_card = _read(folder, "card.json")
    card = _parse_card(folder, raw_card)
    files = {name: _read(folder, name) for name in FILES}
    digests = card.get("files")
    digests = digests if isinstance(digests, dict) else {}
    for name, content in files.items():
        found = hashlib.sha256(content).hexdigest()
        if digests.get(name) != found:
            raise BadInputError(
                f"bundle {folder}: {name} was changed (SHA-256 {found[:12]}… is not the card's); "
                "install the bundle again"
            )
    try:
        return _assemble(card, hashlib.sha256(raw_card).hexdigest(), files)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise BadInputError(
            f"bundle {folder}: card.json lacks or garbles {error}; export the bundle again"
        ) from error


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError as error:
        raise InputOutputError(
            f"bundle {folder}: {name} can't be read ({error.strerror}); install the bundle again"
        ) from error


def _parse_card(folder: Path, raw: bytes) -> dict[str, Any]:
    try:
        card = json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise BadInputError(
            f"bundle {folder}: card.json is not JSON ({error}); install the bundle again"
        ) from error
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise BadInputError(
            f"bundle {folder}: card.json is not of format {FORMAT}; this Airway reads no other"
        )
    own = {key: value for key, value in card.items() if key != "card_sha256"}
    if (
        card.get("card_sha256") != hashlib.sha256(canonical_json(own)).hexdigest()
        or canonical_json(card) != raw
    ):
        raise BadInputError(f"bundle {folder}: card.json was changed; install the bundle again")
    return card


def _assemble(card: dict[str, Any], card_digest: str, files: dict[str, bytes]) -> Bundle:
    spec = FrontendSpec.from_dict(card["frontend"])
    tables = FrontendTables(**_arrays(files, "tables.npz"))
    if digest(spec, tables) != card["frontend_digest"]:
        raise BadInputError(
            f"bundle {card['name']}: its tables do not belong to its frontend spec; export it again"
        )
    for name in ("name", "version"):
        if not isinstance(card[name], str):
            raise TypeError(f"{name} {card[name]!r}, which is no text")
    if not all(isinstance(label, str) for label in card["labels"]):
        raise TypeError(f"labels {card['labels']!r}, which are no texts")
    golden = _golden(files, spec.coefficients, len(card["labels"]))
    rules = tuple(EventRule.from_dict(rule) for rule in card["events"])
    for rule in rules:
        if rule.label not in card["labels"] or rule.label not in card["calibration"]:
            raise ValueError(f"the label or the odds of the event {rule.label!r}")
        if rule.rival and rule.rival not in card["labels"]:
            raise ValueError(f"the label {rule.rival!r}, the rival of the event {rule.label!r}")
    return Bundle(
        name=card["name"],
        version=card["version"],
        digest=card_digest,
        labels=tuple(card["labels"]),
        spec=spec,
        tables=tables,
        layout=Layout(**card["layout"]),
        rules=rules,
        calibration={
            label: Calibration(**numbers) for label, numbers in card["calibration"].items()
        },
        gate=GateRule(**card["gate"]) if "gate" in card else None,
        model=files["model.tflite"],
        golden=golden,
        card=card,
    )


def _golden(files: dict[str, bytes], coefficients: int, labels: int) -> dict[str, NDArray[Any]]:
    """The golden vectors; ValueError where they are none of this model."""
    golden = _arrays(files, "golden.npz")
    wanted = {
        "pcm": (np.int16, ()),
        "features": (np.int16, (coefficients,)),
        "logits": (np.int8, (labels,)),
    }
    for name, (dtype, columns) in wanted.items():
        found = golden[name]
        if found.dtype != dtype or found.ndim != 1 + len(columns) or found.shape[1:] != columns:
            raise ValueError(f"golden.npz ({name} of {found.dtype}, {found.shape})")
    return golden


def _arrays(files: dict[str, bytes], name: str) -> dict[str, NDArray[Any]]:
    """The arrays of an .npz file; ValueError for whatever is wrong with it."""
    try:
        with np.load(io.BytesIO(files[name])) as arrays:
            return {key: arrays[key] for key in arrays.files}
    except _NPZ_ERRORS as error:
        raise ValueError(f"{name} ({error})") from error


def write_bundle(
    folder: Path,
    card: dict[str, Any],
    *,
    model: bytes,
    tables: FrontendTables,
    golden: dict[str, NDArray[Any]],
) -> None:
    """Write a bundle; the card gets its format and the digests of what it stands beside.

    A bundle that stood there is whole until all of the new one is written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = {
        "model.tflite": model,
        "tables.npz": _npz(tables.arrays()),
        "golden.npz": _npz(golden),
    }
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
    own = card | {"format": FORMAT, "files": digests}
    own.pop("card_sha256", None)
    sealed = own | {"card_sha256": hashlib.sha256(canonical_json(own)).hexdigest()}
    files["card.json"] = canonical_json(sealed)
    fresh = {name: folder / f"{name}.new" for name in files}
    try:
        for name, path in fresh.items():
            path.write_bytes(files[name])
        for name, path in fresh.items():
            path.replace(folder / name)
    finally:
        for path in fresh.values():
            path.unlink(missing_ok=True)


def _npz(arrays: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()
