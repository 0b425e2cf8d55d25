"""The report for a clinician: one page on screen or on paper, or the nights as data.

`content` gathers what is reported, once; `page`, `pdf`, `table` and `fhir` write it down.
"""

from edge.report.content import MOST_DAYS, Report, report_of
from edge.report.fhir import fhir_bundle
from edge.report.page import html_page
from edge.report.pdf import pdf_page
from edge.report.table import csv_table

__all__ = [
    "MOST_DAYS",
    "Report",
    "csv_table",
    "fhir_bundle",
    "html_page",
    "pdf_page",
    "report_of",
]
