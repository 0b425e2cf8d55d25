"""A screening result in words: for a person and for a clinician, in English and in Chinese.

The words say what a recording resembles, what was heard, how sure that is and what to do next.
They name no disease as found: that is for a clinician.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from edge import phrases
from edge.occlusion import Grounds, Share
from edge.records import Screening, SoundCount
from edge.screening import ABSTAIN, FALSE_SHARE, Measured, least_beyond_chance

# A share smaller than this, of the calibrated log-odds, is noise of the int8 scores.
LEAST_LOGIT = 0.025
# Shares that a clinician is told, the largest first.
TOLD = 3
_SEPARATOR = {"en": " ", "zh": ""}
_LIST = {"en": ", ", "zh": "、"}
_BRACKETS = {"en": " ({})", "zh": "（{}）"}


@dataclass(frozen=True, slots=True)
class Source:
    """The bundle behind a result.

    Attributes:
        name, version: of the bundle.
        measured: its figures.
    """

    name: str
    version: str
    measured: Measured


@dataclass(frozen=True, slots=True)
class Explanation:
    """Texts by language, "en" and "zh".

    Attributes:
        person: for the person who was recorded.
        clinician: for a professional.
    """

    person: dict[str, str]
    clinician: dict[str, str]


def explain(screening: Screening, grounds: Grounds, source: Source) -> Explanation:
    """Put a result into words.

    Args:
        screening: the result.
        grounds: what spoke for its decision, or for the likeliest label when it abstained.
        source: the bundle.
    """
    languages = phrases.LANGUAGES
    return Explanation(
        person={code: _person(screening, grounds, source, code) for code in languages},
        clinician={code: _clinician(screening, grounds, source, code) for code in languages},
    )


def _person(screening: Screening, grounds: Grounds, source: Source, code: str) -> str:
    if screening.decision == ABSTAIN:
        said = [phrases.REASONS[reason][code] for reason in screening.reasons]
        if not _faulty(screening.reasons):
            said += _heard(screening.sounds, code)
    else:
        group = phrases.GROUPS.get(screening.decision, phrases.ANY_GROUP)[code]
        percent = round(100 * screening.probabilities[screening.decision])
        said = [
            phrases.LIKENESS[code].format(group=group.format(label=screening.decision), p=percent),
            *_heard(screening.sounds, code),
            *_spoke(grounds, code),
            phrases.SURE[code].format(
                percent=round(100 * source.measured.auroc),
                low=round(100 * source.measured.low),
                high=round(100 * source.measured.high),
            ),
        ]
        if screening.decision in phrases.PREVALENCE:
            said.append(phrases.PREVALENCE[screening.decision][code])
    following = phrases.NEXT.get(screening.decision, phrases.NEXT[ABSTAIN])[code]
    return _SEPARATOR[code].join([*said, following, phrases.URGENT[code], phrases.AID[code]])


def headline(
    decision: str, probabilities: Mapping[str, float], reasons: Sequence[str], code: str
) -> str:
    """What is decided, in one sentence."""
    phrase = phrases.NO_RESULT if decision == ABSTAIN else phrases.RESEMBLES
    # The probabilities of a refused recording mean nothing, so nobody has to see them.
    odds = "" if _faulty(reasons) else _bracketed(_odds(probabilities, code), code)
    return phrase[code].format(label=_named(phrases.NAMES, decision, code), odds=odds)


def _named(names: Mapping[str, Mapping[str, str]], name: str, code: str) -> str:
    """A technical name in a language; what has no words of its own keeps it."""
    return names.get(name, {}).get(code, name)


def _bracketed(text: str, code: str) -> str:
    return _BRACKETS[code].format(text)


def _odds(probabilities: Mapping[str, float], code: str) -> str:
    return _LIST[code].join(
        f"{_named(phrases.NAMES, label, code)} {p:.2f}" for label, p in probabilities.items()
    )


def _faulty(reasons: Sequence[str]) -> bool:
    """Whether nothing in the recording is worth telling."""
    return bool(set(reasons) & set(phrases.FAULTS))


def _heard(sounds: Sequence[SoundCount], code: str) -> list[str]:
    return [_counted(sound, _sentence(sound), code) for sound in sounds]


def _sentence(sound: SoundCount) -> dict[str, str]:
    """What a person is told of a sound: that it was heard only where that is beyond chance."""
    if sound.heard >= least_beyond_chance(sound.stretches):
        return phrases.HEARD
    return phrases.AS_BY_CHANCE if sound.heard else phrases.NOT_HEARD


def _counted(sound: SoundCount, phrase: dict[str, str], code: str) -> str:
    return phrase[code].format(
        sound=_named(phrases.SOUNDS, sound.label, code),
        heard=sound.heard,
        stretches=sound.stretches,
        least=least_beyond_chance(sound.stretches),
        share=round(100 * FALSE_SHARE),
    )


def _spoke(grounds: Grounds, code: str) -> list[str]:
    seconds, bands = _largest(grounds.seconds), _largest(grounds.bands)
    if not seconds or not bands:
        return []
    return [
        phrases.SPOKE[code].format(
            start=round(seconds[0].start),
            end=round(seconds[0].end),
            low=_tens(bands[0].start),
            high=_tens(bands[0].end),
        )
    ]


def _largest(shares: Sequence[Share]) -> list[Share]:
    """The shares that spoke for the label, the largest first."""
    spoke = [share for share in shares if share.logit >= LEAST_LOGIT]
    return sorted(spoke, key=lambda share: (-share.logit, share.start))


def _tens(hertz: float) -> int:
    return round(hertz / 10) * 10


def _clinician(screening: Screening, grounds: Grounds, source: Source, code: str) -> str:
    reasons = [_named(phrases.REASON_NAMES, reason, code) for reason in screening.reasons]
    about = phrases.CLINICIAN[code].format(
        name=source.name,
        version=source.version,
        seconds=f"{screening.duration_s:.1f}",
        decision=_named(phrases.NAMES, screening.decision, code),
        reasons=_bracketed(_LIST[code].join(reasons), code) if reasons else "",
        novelty=f"{screening.novelty:.2f}",
    )
    # The probabilities of a refused recording mean nothing.
    found = (
        [] if _faulty(screening.reasons) else _findings(screening, grounds, source.measured, code)
    )
    said = [about, *found, phrases.CLINICIAN_NEXT[code], phrases.AID[code]]
    return _SEPARATOR[code].join(said)


def _findings(screening: Screening, grounds: Grounds, measured: Measured, code: str) -> list[str]:
    """Odds, sounds, grounds and figures, for a professional."""
    said = [
        phrases.CLINICIAN_ODDS[code].format(odds=_odds(screening.probabilities, code)),
        *(_counted(sound, phrases.CLINICIAN_SOUND, code) for sound in screening.sounds),
    ]
    if grounds.seconds or grounds.bands:
        said.append(
            phrases.CLINICIAN_GROUNDS[code].format(
                label=_named(phrases.NAMES, grounds.label, code),
                seconds=_told(grounds.seconds, "s", 0, code),
                bands=_told(grounds.bands, "Hz", -1, code),
            )
        )
    said.append(
        phrases.CLINICIAN_MEASURED[code].format(
            auroc=f"{measured.auroc:.2f}",
            low=f"{measured.low:.2f}",
            high=f"{measured.high:.2f}",
            people=measured.people,
        )
    )
    if set(screening.probabilities) & set(phrases.GROUPS):
        said.append(phrases.CLINICIAN_LIMITS[code])
    return said


def _told(shares: Sequence[Share], unit: str, digits: int, code: str) -> str:
    told = [
        f"{round(share.start, digits):.0f}–{round(share.end, digits):.0f} {unit} {share.logit:+.2f}"
        for share in _largest(shares)[:TOLD]
    ]
    return _LIST[code].join(told) or "—"


def as_json(explanation: Explanation) -> Mapping[str, Mapping[str, str]]:
    """The fields of a result's JSON: `explanation` for the person, `clinician` beside it."""
    return {"explanation": explanation.person, "clinician": explanation.clinician}
