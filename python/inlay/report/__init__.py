"""Reports: pages of profiles and checks for a browser, and their tables for a notebook.

Everything here takes the plain dicts that ``Profile.to_dict()`` and ``CheckReport.to_dict()`` give,
so a page can be made elsewhere and later from JSON.
"""

from __future__ import annotations

from inlay.report.charts import chart
from inlay.report.check_page import check_page
from inlay.report.fragments import check_table, profile_table
from inlay.report.profile_page import profile_page

__all__ = ["chart", "check_page", "check_table", "profile_page", "profile_table"]
