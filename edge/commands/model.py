"""`airway model`: the bundles that ship, what their cards say, and whether they are whole."""

import argparse
from typing import Any

from edge.bundle import load_bundle, shipped_bundles
from edge.classifier import Classifier
from edge.commands.output import in_json
from edge.errors import BadInputError
from edge.pipeline import golden_difference

# Runtimes round alike but for a step or a few (docs/boards.md); more is another model.
_MOST_DIFFERENCE = 16


def add(commands: Any) -> None:
    """Register the command; `commands` are argparse's sub-parsers."""
    model = commands.add_parser("model", help="list, show or verify model bundles")
    model.add_argument("action", choices=("list", "show", "verify"))
    model.add_argument("bundle", nargs="?", default="room", help="name or folder (default: room)")
    model.set_defaults(command=_model)


def _model(arguments: argparse.Namespace) -> int:
    if arguments.action == "list":
        for name in shipped_bundles():
            bundle = load_bundle(name)
            print(f"{name} {bundle.version}  {', '.join(bundle.labels)}  {bundle.digest[:12]}")
        return 0
    bundle = load_bundle(arguments.bundle)
    if arguments.action == "show":
        print(in_json(bundle.card, indent=2))
        return 0
    classifier = Classifier(bundle)
    features_equal, logit_difference = golden_difference(bundle, classifier)
    if not features_equal:
        raise BadInputError(
            f"bundle {bundle.name}: this machine's features differ from the golden ones; "
            "please report it with the output of airway doctor"
        )
    if logit_difference > _MOST_DIFFERENCE:
        raise BadInputError(
            f"bundle {bundle.name}: scores of {classifier.runtime_name} are up to "
            f"{logit_difference} of 255 steps from the golden ones; install the bundle again"
        )
    print(
        f"{bundle.name} {bundle.version}: every byte as its card says, features exact, scores of "
        f"{classifier.runtime_name} within {logit_difference} of the golden ones"
    )
    return 0
