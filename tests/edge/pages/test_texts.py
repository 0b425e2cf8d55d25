"""The words: the same in each language, and numbers and times that read well."""

from datetime import UTC, date
from string import Formatter

import pytest

from edge.bundle import load_bundle, shipped_bundles
from edge.pages.texts import LANGUAGES, language, preferred


def places(text: str) -> set[str]:
    """The names of the {places} in a text."""
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_each_language_says_everything():
    """Every text stands in every language, with the same places to fill, and none is empty."""
    english = LANGUAGES["en"].words
    for other in LANGUAGES.values():
        assert other.words.keys() == english.keys()
        assert all(other.words.values())
        assert not [key for key in english if places(other.words[key]) != places(english[key])]


def test_each_language_names_every_sound():
    """No sound that a shipped bundle makes events of is shown as it stands in the model."""
    bundles = [load_bundle(name) for name in shipped_bundles()]
    labels = {rule.label for bundle in bundles for rule in bundle.rules}
    assert {"cough", "crackle", "wheeze"} <= labels
    for spoken in LANGUAGES.values():
        assert labels <= spoken.labels.keys()


def test_it_is_said_to_be_no_diagnosis():
    """The notice on each page says so in each language."""
    assert "not a diagnosis" in language("en")("disclaimer")
    assert "不作诊断" in language("zh")("disclaimer")


@pytest.mark.parametrize(
    ("accept", "code"),
    [
        ("", "en"),
        ("de-DE,de;q=0.9", "en"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,zh;q=0.9", "en"),
        ("fr, zh-TW;q=0.5, en;q=0.3", "zh"),
        ("zh;q=0, en;q=0.1", "en"),
        ("zh;q=much, *", "en"),
    ],
)
def test_the_browsers_wish_is_read(accept: str, code: str):
    """Of the languages that there are, the one with the highest weight is taken."""
    assert preferred(accept) == code


def test_figures_read_well():
    """A figure that is not known is a dash, and one cough is not some."""
    t = language("en")
    assert t.number(None) == t.span(None, 2.0) == "–"
    assert t.span(0.31, 12.0) == "0.3–12.0"
    assert [t.coughs(n) for n in (0, 1, 2)] == ["0 coughs", "1 cough", "2 coughs"]
    assert language("zh").coughs(1) == "1 次咳嗽"
    ago = [t.ago(s) for s in (-5, 20, 300, 3 * 3600, 3 * 86_400)]
    assert ago == ["just now", "just now", "5 min ago", "3 h ago", "3 days ago"]


def test_dates_follow_the_language():
    """Each language writes a date in its own order."""
    day = date(2026, 3, 1)
    assert language("en").day(day) == "Sun 1 Mar 2026"
    assert language("zh").day(day) == "2026年3月1日 周日"
    assert language("zh").day_of_year(day) == "3月1日 周日"
    assert language("en").day_of_year(day) == "Sun 1 Mar"
    assert language("en").moment(1_772_359_201.0, UTC) == "Sun 1 Mar 2026 10:00:01"


def test_a_percentage_has_one_form():
    """A figure in a table is written as those in the sentences of its language."""
    for spoken, percent in ((language("en"), "95\u00a0%"), (language("zh"), "95%")):
        assert spoken.percent(0.952) == percent
        assert percent in spoken("rate")
        assert percent in spoken("how_to_read_text")


def test_nothing_is_said_to_be_recorded():
    """Airway listens and keeps no audio, so no word of the device's page speaks of a recording."""
    for key in ("session_since", "clock_synced", "clock_unsynced"):
        assert "record" not in language("en")(key).lower()
        assert "录音" not in language("zh")(key)
