"""Words, numbers and times in the languages that Airway speaks."""

from edge.pages.texts.language import LANGUAGES, Language, language, preferred

__all__ = ["LANGUAGES", "Language", "language", "preferred"]
