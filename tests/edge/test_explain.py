"""Results in words: every decision and every reason, both languages, both readers."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from edge import phrases, screening
from edge.explain import Source, explain
from edge.occlusion import Grounds, Share
from edge.records import Screening, SoundCount
from edge.screening import ABSTAIN, Measured

SOURCE = Source("screen-chest", "1.2.3", Measured(auroc=0.78, low=0.66, high=0.89, people=67))
GROUNDS = Grounds(
    "obstructive",
    seconds=(Share(0.0, 1.0, -0.4), Share(1.0, 2.0, 0.2), Share(2.0, 3.0, 0.9)),
    bands=(Share(52.0, 128.0, 0.01), Share(203.0, 312.0, 0.75), Share(312.0, 431.0, 0.4)),
)
REASONS = (
    screening.TOO_SHORT,
    screening.TOO_QUIET,
    screening.CLIPPED,
    screening.UNFAMILIAR,
    screening.NO_EVIDENCE,
    screening.UNCERTAIN,
)
CASES = ("obstructive", "other", *REASONS)
GOLDEN = json.loads((Path(__file__).parent / "explanations.json").read_text(encoding="utf-8"))

# A person must never read that an illness was found, or ruled out.
FORBIDDEN = {
    "en": r"you have|you do not have|you don't have|suffer|diagnosed|confirm|healthy lungs|"
    r"no disease|is normal|rules? out (?!nothing)|\bcertain(?!ty)|detected",
    "zh": r"您有|你有|患有|确诊|没有病|排除了|正常|已检测出|肯定",
}
# Latin words that stand in a Chinese text for a clinician; a person reads none.
LATIN = {"person": set(), "clinician": {"screen-chest", "int8", "AUROC", "Hz"}}
ALLOWED = {"en": "not a diagnosis", "zh": "不是诊断"}


def result(case: str) -> Screening:
    """A result that decides for a label, or abstains for one reason."""
    decides = case in ("obstructive", "other")
    p = 0.22 if case == "other" else 0.78
    wheezes = 3 if case == "other" else 5  # no more than chance gives, or more
    return Screening(
        probabilities={"obstructive": p, "other": 1 - p},
        decision=case if decides else ABSTAIN,
        reasons=() if decides else (case,),
        novelty=0.41,
        sounds=(SoundCount("wheeze", wheezes, 12), SoundCount("crackle", 0, 12)),
        duration_s=13.5,
    )


def texts(case: str) -> dict[str, dict[str, str]]:
    """All four texts of a case."""
    found = explain(result(case), GROUNDS, SOURCE)
    return {"person": found.person, "clinician": found.clinician}


@pytest.mark.parametrize("case", CASES)
def test_the_words_are_the_reviewed_ones(case):
    """Each text is the one in explanations.json, which a person has read."""
    assert texts(case) == GOLDEN[case]


def test_no_case_lacks_a_text():
    """Every reason to abstain has words, and the golden file has no other case."""
    assert set(phrases.REASONS) == set(phrases.REASON_NAMES) == set(REASONS)
    assert set(GOLDEN) == set(CASES)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("code", phrases.LANGUAGES)
def test_nothing_reads_as_a_diagnosis(case, code):
    """No text says that an illness was found or ruled out, and each says what it is not."""
    for text in (texts(case)[reader][code] for reader in ("person", "clinician")):
        assert ALLOWED[code] in text
        rest = text.replace(ALLOWED[code], "")
        assert not re.search(FORBIDDEN[code], rest, re.IGNORECASE), text
        assert not re.search("diagnos|诊断", rest, re.IGNORECASE), text


@pytest.mark.parametrize(
    ("heard", "said", "in_chinese"),
    [
        (6, "Possible wheezing was heard in 6 of 18", "18 段相互重叠的两秒片段中，有 6 段可能听到"),
        (5, "No clear wheezing was heard: 5 of 18", "没有明确听出哮鸣音：18 段"),
        (1, "No clear wheezing was heard: 1 of 18", "没有明确听出哮鸣音：18 段"),
        (0, "No wheezing was noticed", "没有听出哮鸣音"),
    ],
)
def test_a_sound_is_heard_beyond_chance_alone(heard, said, in_chinese):
    """What recordings without the sound hold as well is not told as heard, and no count is lost."""
    own = replace(result("obstructive"), sounds=(SoundCount("wheeze", heard, 18),))
    found = explain(own, GROUNDS, SOURCE)
    assert said in found.person["en"]
    assert in_chinese in found.person["zh"]
    assert f"{heard} of 18" in found.clinician["en"]
    assert "beyond chance from 6 on" in found.clinician["en"]
    assert f"有 {heard} 个" in found.clinician["zh"]
    assert "达到 6 个才超出偶然" in found.clinician["zh"]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("reader", LATIN)
def test_chinese_is_chinese(case, reader):
    """A Chinese text holds no English word, no technical name of a reason, no half-width mark."""
    text = texts(case)[reader]["zh"]
    assert set(re.findall(r"[A-Za-z][A-Za-z0-9_-]+", text)) <= LATIN[reader]
    assert not re.search(r"[(),:;]", text)


def test_chinese_lists_several_reasons():
    """Reasons are told in words, between full-width brackets."""
    own = replace(result(screening.UNFAMILIAR), reasons=(screening.CLIPPED, screening.UNFAMILIAR))
    found = explain(own, GROUNDS, SOURCE)
    assert "Decision: abstain (clipped, unfamiliar)." in found.clinician["en"]
    assert "判定：不作结论（削波失真、与参考录音不同）。" in found.clinician["zh"]


@pytest.mark.parametrize("case", CASES)
def test_every_person_learns_what_to_do_next(case):
    """What to do, and when to call for help, stands in every text for a person."""
    person = texts(case)["person"]
    assert "What to do next" in person["en"]
    assert "emergency number" in person["en"]
    assert "下一步" in person["zh"]
    assert "急救电话" in person["zh"]


@pytest.mark.parametrize("case", [*REASONS[:4]])
def test_a_refused_recording_tells_no_finding(case):
    """No probability and no sound of a refused recording reaches the person."""
    person = texts(case)["person"]
    assert "%" not in person["en"] + person["zh"]
    assert "wheez" not in person["en"]


def test_a_label_without_words_of_its_own_is_named():
    """A bundle with other groups is told by their names."""
    own = Screening({"rare": 0.9, "other": 0.1}, "rare", (), 0.1, (), 10.0)
    found = explain(own, Grounds("rare", (), ()), SOURCE)
    assert "“rare”" in found.person["en"]
    assert "“rare”" in found.person["zh"]
    assert "判定：rare。" in found.clinician["zh"]
