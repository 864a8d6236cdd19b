"""Data as it comes: profiles of tables, in memory or in files, and what they are compared with."""

from __future__ import annotations

from inlay.data.column_profile import ColumnProfile
from inlay.data.profile import Profile

__all__ = ["ColumnProfile", "Profile"]
