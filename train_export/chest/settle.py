"""How common each class of record is, and where "normal" ends then: settled for another time.

The readout of records is fitted with all classes alike, on a training half in which one record
in eleven is too poor to say. In SPRSound's intra-subject test hardly any is, and at the
threshold of the training half every second normal record is called abnormal there. So the
classes' shares come from that test (the correction of Saerens et al., Adjusting the outputs of a
classifier to new a priori probabilities, 2002, with known shares). The threshold is the best one at
these shares on the held-out people of the training half: the network that ships has heard all
children of that test, and would be surer of them than of new ones. The inter-subject test stays
closed.

The figures of its records are cross-fitted: the shares for each person come from others.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import GroupKFold

from edge.bundle import Bundle
from edge.classifier import Classifier
from edge.errors import BadInputError
from edge.readout import Readout, readouts_of
from train_export.chest.evaluate import Reading, icbhi, read_all, reading, tasks, unit_logits
from train_export.chest.golden import chest_pcm
from train_export.chest.inputs import inputs_of
from train_export.chest.readouts import BALANCE, HeldOut, choose_threshold
from train_export.chest.units import Unit
from train_export.export import seal

Floats = NDArray[np.float64]
KIND = "record"
FOLDS = 5
NOTE = (
    "shares of the classes are those of SPRSound's test_intra, whose children all are in training; "
    "its record figures are cross-fitted by person; the threshold is chosen at these shares on "
    "held-out people of the training half"
)
SEE = "; of records, see `records`"


def settle(bundle: Bundle, folder: Path, units: Sequence[Unit], unseen: HeldOut | None) -> Bundle:
    """Write a bundle with its record readout settled, and with the figures of test halves.

    Args:
        bundle: with the readouts that the training half gave.
        folder: where to.
        units: of the whole corpus. Records of `test_intra` give the classes' shares; its events
            and the cycles of ICBHI's test half give figures alone.
        unseen: records of the training half, as readouts judge that take all classes alike; None
            where there are none: the readout stays as it is then.

    Raises:
        BadInputError: the bundle was settled before.
    """
    card = bundle.card
    if "records" in card["protocol"]:
        raise BadInputError(f"{bundle.name} was settled before; train it anew")
    intra = [unit for unit in units if unit.split == "test_intra"]
    records = [unit for unit in intra if unit.kind == KIND]
    classifier = Classifier(bundle)
    figures: dict[str, Any] = {}
    own: dict[str, Any] = {"protocol": dict(card["protocol"]), "readouts": dict(card["readouts"])}
    readings: list[Reading] = []
    if records and unseen:
        heard = [
            (unit, inputs_of(KIND, logits, recording))
            for unit, logits, recording in unit_logits(bundle, classifier, records)
        ]
        readout, readings = settled(readouts_of(card)[KIND], heard, unseen)
        own["readouts"][KIND] = readout.to_dict()
        own["protocol"] |= {"records": NOTE, "chosen_on": f"{card['protocol']['chosen_on']}{SEE}"}
    events = [unit for unit in intra if unit.kind == "event"]
    if events and "event" in own["readouts"]:
        readings += read_all(bundle, classifier, events)
    if readings:
        figures["test_intra"] = tasks(readings)
    # Also the patients of both halves: training left them out, and the official rule does not.
    cycles = [unit for unit in units if unit.kind == "cycle" and unit.split == "test"]
    if cycles:
        figures["icbhi_test"] = icbhi(list(read_all(bundle, classifier, cycles)))
    return seal(bundle, folder, card | own | {"figures": card["figures"] | figures}, chest_pcm())


def settled(
    readout: Readout, heard: Sequence[tuple[Unit, Floats]], unseen: HeldOut
) -> tuple[Readout, list[Reading]]:
    """Settle a readout that took all classes alike.

    Args:
        readout: as the training half gave it.
        heard: units with their inputs, float64 [inputs].
        unseen: what such readouts say of records of the training half.

    Returns:
        The readout, and what those that other people settled say of each unit.
    """
    if BALANCE[KIND] != 1:
        raise BadInputError(f"{BALANCE[KIND]=}: only a readout with all classes alike is settled")
    people = [unit.subject for unit, _ in heard]
    labels = [unit.label for unit, _ in heard]
    readings = []
    for known, held in GroupKFold(min(FOLDS, len(set(people)))).split(people, groups=people):
        fold = _settled(readout, [labels[index] for index in known], unseen)
        readings += [reading(fold, *heard[index]) for index in held]
    return _settled(readout, labels, unseen), readings


def _settled(readout: Readout, there: Sequence[str], unseen: HeldOut) -> Readout:
    """The readout for where the classes are as common as among the labels `there`."""
    # One more of each: a class that nobody showed is rare, and not impossible.
    counts = np.array([there.count(label) + 1 for label in readout.labels])
    shares = counts / counts.sum()
    chances = unseen.chances * shares
    chances /= chances.sum(axis=1, keepdims=True)
    normal_from = choose_threshold(KIND, unseen.truth, chances)
    return replace(readout, bias=readout.bias + np.log(shares), normal_from=normal_from)
