"""The two READMEs say the same, and what they name is there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh-CN.md"
BOTH = pytest.mark.parametrize("path", [ENGLISH, CHINESE], ids=["en", "zh"])
SECTIONS = ("code", "commands", "numbers", "links", "rows")


def sections(text: str) -> list[str]:
    """A README's parts: what stands before the first heading of the second level, then each."""
    parts = re.split(r"^## ", text, flags=re.MULTILINE)
    assert len(parts) > 5
    return parts


def code_blocks(text: str) -> list[list[str]]:
    """The lines of each block, less comments: those are translated."""
    blocks = re.findall(r"^```.*?\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)
    return [[re.sub(r"\s+# .*", "", line).rstrip() for line in b.splitlines()] for b in blocks]


def facts(part: str) -> dict[str, list]:
    """What must be equal in both languages: code, commands, numbers, links, rows of tables."""
    prose = re.sub(r"^```.*?^```", "", part, flags=re.MULTILINE | re.DOTALL)
    links = re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", prose)
    bare = re.sub(r"\]\([^)]*\)|<[^>]+>|`[^`]*`", " ", prose)
    return {
        "code": code_blocks(part),
        "commands": sorted(re.sub(r"\s+", " ", code) for code in re.findall(r"`([^`]+)`", prose)),
        "numbers": sorted(re.findall(r"\d+(?:\.\d+)?", bare)),
        "links": sorted(re.sub(r"-(en|zh)\.png|README.*", "", a or b) for a, b in links),
        "rows": [line.count("|") for line in prose.splitlines() if line.startswith("|")],
    }


@pytest.mark.parametrize("fact", SECTIONS)
def test_both_languages_say_the_same(fact: str):
    """Section by section: the same code, commands, numbers, links and tables."""
    english, chinese = (sections(path.read_text()) for path in (ENGLISH, CHINESE))
    assert len(english) == len(chinese)
    for one, other in zip(english, chinese, strict=True):
        assert facts(one)[fact] == facts(other)[fact], one.splitlines()[0]


def test_a_difference_is_found():
    """The check above is one: another number, link, command or code line changes the facts."""
    text = ENGLISH.read_text()
    changes = {
        "numbers": ("0.25 s", "0.52 s"),
        "links": ("docs/web.md", "docs/wep.md"),
        "commands": ("`make bench`", "`make test`"),
        "code": ("airway screen chest.wav", "airway screen cough.wav"),
    }
    for fact, (old, new) in changes.items():
        assert old in text
        assert facts(text)[fact] != facts(text.replace(old, new))[fact]


@BOTH
def test_every_link_leads_somewhere(path: Path):
    """Files, folders, pictures and headings that a README points to are in the repository."""
    text = path.read_text()
    for a, b in re.findall(r"\]\(([^)]+)\)|src=\"([^\"]+)\"", text):
        name, _, heading = (a or b).partition("#")
        assert (ROOT / name).exists(), name
        if heading:
            titles = re.findall(r"^#+ (.+)$", (ROOT / name).read_text(), flags=re.MULTILINE)
            assert heading in [title.lower().replace(" ", "-") for title in titles]


@BOTH
def test_it_opens_with_the_two_commands(path: Path):
    """Whoever opens it sees first what to type."""
    assert [line.split("#")[0].strip() for line in path.read_text().splitlines()[3:5]] == [
        "make run",
        "make test",
    ]


@BOTH
def test_every_document_is_reachable(path: Path):
    """Each page of docs is linked."""
    text = path.read_text()
    assert not [page.name for page in (ROOT / "docs").glob("*.md") if page.name not in text]


@BOTH
def test_it_is_no_diagnosis(path: Path):
    """It says what it is not, in its language."""
    assert ("不作诊断" if path == CHINESE else "not a diagnosis") in path.read_text()
