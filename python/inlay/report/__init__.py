"""Reports: pages of profiles, checks and comparisons for a browser, their tables for a notebook.

Everything here takes the plain dicts that ``Profile.to_dict()``, ``CheckReport.to_dict()``,
``Comparison.to_dict()`` and, of a directory of tables, `stored_report` give, so a page can be made
elsewhere and later from JSON.
"""

from __future__ import annotations

from inlay.report.charts import chart
from inlay.report.check_page import check_page
from inlay.report.comparison_page import comparison_page
from inlay.report.directory import stored_report
from inlay.report.fragments import check_table, comparison_table, profile_table
from inlay.report.page_set import report_pages
from inlay.report.profile_page import profile_page

__all__ = [
    "chart",
    "check_page",
    "check_table",
    "comparison_page",
    "comparison_table",
    "profile_page",
    "profile_table",
    "report_pages",
    "stored_report",
]
