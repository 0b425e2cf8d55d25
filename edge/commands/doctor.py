"""`airway doctor`: what this installation can do."""

import argparse
import json
import platform
from typing import Any

import numpy as np

from edge import __version__
from edge.bundle import load_bundle, shipped_bundles
from edge.classifier import Classifier, installed_runtimes
from edge.errors import AirwayError
from edge.frontend import Frontend
from edge.pipeline import golden_difference


def add(commands: Any) -> None:
    """Register the command; `commands` are argparse's sub-parsers."""
    doctor = commands.add_parser("doctor", help="say what this installation can do")
    doctor.add_argument("--json", action="store_true", help="one JSON object")
    doctor.set_defaults(command=_doctor)


def _doctor(arguments: argparse.Namespace) -> int:
    bundle = load_bundle("room")
    findings: dict[str, Any] = {
        "version": __version__,
        "python": platform.python_version(),
        "machine": platform.machine(),
        "numpy": np.__version__,
        "frontend_backend": Frontend(bundle.spec, bundle.tables).backend,
        "runtimes": installed_runtimes(),
        "runtime": None,
        "bundles": {name: load_bundle(name).digest for name in shipped_bundles()},
    }
    code = 0
    try:
        classifier = Classifier(bundle)
    except AirwayError as error:  # what was found is wanted most where something is wrong
        findings["problem"] = str(error)
        code = error.exit_code
    else:
        features_equal, logit_difference = golden_difference(bundle, classifier)
        findings |= {
            "runtime": classifier.runtime_name,
            "golden_features_equal": features_equal,
            "golden_logit_difference": logit_difference,
        }
    if arguments.json:
        print(json.dumps(findings))
        return code
    for name, value in findings.items():
        print(f"{name.replace('_', ' '):<24} {value}")
    return code
