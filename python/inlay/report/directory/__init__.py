"""What a directory of tables says, as one plain dict that the pages are made of."""

from __future__ import annotations

from inlay.report.directory.stored_report import stored_report

__all__ = ["stored_report"]
