"""The nights as HL7 FHIR R4 (4.0.1): a Bundle of Observations, https://hl7.org/fhir/R4/.

No published code is known to mean a cough rate counted by a machine, so the codes are text and
of a system of this project's own. Units are UCUM. Identifiers follow from the content: the same
report gives the same bytes.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from edge.messages import rfc3339
from edge.pages.texts import Language, language
from edge.report.content import Report
from edge.trend import NightView

SYSTEM = "urn:airway:observation"
_UCUM = "http://unitsofmeasure.org"
_ABSENT = "http://terminology.hl7.org/CodeSystem/data-absent-reason"


def fhir_bundle(report: Report, t: Language, version: str) -> dict[str, Any]:
    """The nights of a report as a collection.

    Args:
        report: what to say.
        t: language of its words.
        version: of this software.

    Returns:
        JSON of a Bundle: a Device, then an Observation for each night that is kept. One that was
        not monitored has no value and says why. Of a day without a kept night nothing is known:
        what an earlier report said of it, before it was deleted here, still holds.
    """
    device = _device(report, t, version)
    names = _names([day for day, _ in report.days])
    nights = [
        _observation(report, name, night, t)
        for name, (_, night) in zip(names, report.days, strict=True)
        if night is not None
    ]
    resources = [device, *nights]
    return {
        "resourceType": "Bundle",
        "id": _id(report, f"{report.first}/{report.last}"),
        "language": t.tag,
        "type": "collection",
        "entry": [{"fullUrl": f"urn:uuid:{item['id']}", "resource": item} for item in resources],
    }


def _device(report: Report, t: Language, version: str) -> dict[str, Any]:
    return {
        "resourceType": "Device",
        "id": _id(report, "device"),
        "identifier": [{"system": "urn:airway:node", "value": report.node}],
        "deviceName": [{"name": f"Airway {report.node}", "type": "user-friendly-name"}],
        "version": [{"value": version}],
        "note": [{"text": t("disclaimer")}],
    }


def _names(days: Sequence[date]) -> list[str]:
    """A name for each night: its day, and a number where a day has a second one."""
    earlier = [days[:place].count(day) for place, day in enumerate(days)]
    return [
        f"{day.isoformat()}/{number}" if number else day.isoformat()
        for day, number in zip(days, earlier, strict=True)
    ]


def _observation(report: Report, name: str, night: NightView, t: Language) -> dict[str, Any]:
    observation: dict[str, Any] = {
        "resourceType": "Observation",
        "id": _id(report, name),
        "status": "final",
        "code": _code("cough-rate-night", t),
        "effectivePeriod": {
            "start": rfc3339(night.start_unix_s),
            "end": rfc3339(night.end_unix_s),
        },
        "device": {"reference": f"urn:uuid:{_id(report, 'device')}"},
    }
    if not night.listened:
        return {**observation, "dataAbsentReason": _absent("not-performed", t("not_monitored"))}
    components = [
        _part("coughs-reported", t, valueInteger=night.coughs),
        _part("listened", t, valueQuantity=_quantity(night.covered_s / 3600, "h", "h")),
    ]
    if night.rate_per_h is None:
        why = _absent("unknown", t("no_rate"))
        return {**observation, "dataAbsentReason": why, "component": components}
    interval = {"low": _rate(night.low), "high": _rate(night.high)}
    components.append(_part("interval-95", t, valueRange=interval))
    if night.alert is not None:
        components.append(_part("alert", t, valueBoolean=night.alert))
    if night.baseline_low is not None and night.baseline_high is not None:
        usual = {"low": _rate(night.baseline_low), "high": _rate(night.baseline_high)}
        components.append(_part("usual-range", t, valueRange=usual))
    return {
        **observation,
        "valueQuantity": _rate(night.rate_per_h),
        "note": [{"text": t("corrected") if night.corrected else t("uncorrected")}],
        "component": components,
    }


def _absent(code: str, words: str) -> dict[str, Any]:
    """Why there is no rate."""
    return {"coding": [{"system": _ABSENT, "code": code}], "text": words}


def _part(code: str, t: Language, **value: Any) -> dict[str, Any]:
    return {"code": _code(code, t), **value}


def _code(code: str, t: Language) -> dict[str, Any]:
    """A code of our own system, whose display is English, in the words of the report."""
    display = language("en")(f"fhir_{code}")
    coding = {"system": SYSTEM, "code": code, "display": display}
    return {"coding": [coding], "text": t(f"fhir_{code}")}


def _rate(per_hour: float | None) -> dict[str, Any]:
    assert per_hour is not None  # a night with a rate has its interval
    return _quantity(per_hour, "coughs/h", "/h")


def _quantity(value: float, unit: str, code: str) -> dict[str, Any]:
    return {"value": round(value, 3), "unit": unit, "system": _UCUM, "code": code}


def _id(report: Report, name: str) -> str:
    """Two devices may have the same name, and one may get another: a history has its identity."""
    whose = report.identity or report.node
    return str(uuid5(NAMESPACE_URL, f"urn:airway:{whose}:{name}"))
