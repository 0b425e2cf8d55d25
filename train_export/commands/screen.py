"""What `airway-train train` and `evaluate` do for a screening bundle."""

import argparse
from pathlib import Path
from typing import Any

from edge.bundle import Bundle


def train_screen(arguments: argparse.Namespace) -> int:
    """Train the screen of lung sounds and write its bundle."""
    from train_export.screen.chest import train_screen_chest  # scikit-learn takes seconds

    bundle = train_screen_chest(
        arguments.corpus, arguments.out, epochs=arguments.epochs, seed=arguments.seed
    )
    print(f"{arguments.out}: {bundle.name} {bundle.version}, {len(bundle.model)} bytes")
    print(bundle.card["screening"]["evidence"])
    return 0


def evaluate_screen(
    bundle: Bundle, manifest: Path, runtime: str
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The report and the rows of the predictions file."""
    from train_export.screen import evaluate

    return evaluate.evaluate_screen(bundle, manifest, runtime)


def in_words(report: dict[str, Any]) -> str:
    """The report's main figures, a line each."""
    said = [f"{report['recordings']} recordings, positive is {report['positive']}"]
    for name in ("auroc", "auroc_by_person", "ece", "error_100", "error_80"):
        if name in report:
            low, high = report[name]["interval_95"]
            value = report[name]["value"]
            said.append(f"{name.replace('_', ' ')} {value:.3f} [{low:.3f}, {high:.3f}]")
    decisions = report["decisions"]
    said.append(f"decided {decisions['coverage']:.0%}, wrong {decisions['wrong_among_decided']}")
    return "\n".join(said)
