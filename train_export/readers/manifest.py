"""A folder of folders, each with a `manifest.csv`: the project's own layout."""

from collections.abc import Sequence
from pathlib import Path

from edge.errors import BadInputError
from train_export.readers.rows import Row, read_table, span

COLUMNS = ("path", "source", "subject", "session", "label_event", "start_s", "end_s")
OPTIONAL = ("label_disease", "body_site", "recorder", "split", "extra")


def claims(root: Path, files: Sequence[Path]) -> bool:
    """Whether there is a manifest."""
    return any(path.name == "manifest.csv" for path in files)


def read(root: Path, files: Sequence[Path]) -> list[Row]:
    """The rows of every manifest, in order."""
    present = set(files)
    return [
        row
        for manifest in files
        if manifest.name == "manifest.csv"
        for row in read_manifest(manifest, present)
    ]


def read_manifest(manifest: Path, present: set[Path]) -> list[Row]:
    """The rows of one manifest; `present` are the files that are known to be there.

    Raises:
        BadInputError: a column is missing, a time makes no sense, or a file is not there.
    """
    rows = []
    for where, values in read_table(manifest, COLUMNS):
        path = manifest.parent / values["path"]
        if path not in present and not path.is_file():
            raise BadInputError(f"{where}: no file {path}")
        start_s, end_s = span(values["start_s"], values["end_s"], where)
        disease, body_site, recorder, split, extra = (values.get(name, "") for name in OPTIONAL)
        rows.append(
            Row(
                path=path, source=values["source"], label=values["label_event"].strip(),
                start_s=start_s, end_s=end_s, subject=values["subject"].strip(),
                session=values["session"].strip(), disease=disease, body_site=body_site,
                recorder=recorder, split=split, extra=extra, name=values["path"],
            )
        )  # fmt: skip
    return rows
