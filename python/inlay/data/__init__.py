"""Data as it comes: profiles, schemas, and the checks that it is put to."""

from __future__ import annotations

from inlay._lazy import loader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from inlay.data.checks.contract import Contract
    from inlay.data.checks.report import CheckReport, CheckResult
    from inlay.data.checks.suggestion import suggest
    from inlay.data.column_profile import ColumnProfile
    from inlay.data.profile import Profile
    from inlay.data.schema import Field, Schema
    from inlay.data.schema_change import SchemaChange
    from inlay.data.tally import Tally

# Profiles and checks each bring a good deal of modules along, and most programs use one of them.
_HOMES = {
    "CheckReport": "inlay.data.checks.report",
    "CheckResult": "inlay.data.checks.report",
    "ColumnProfile": "inlay.data.column_profile",
    "Contract": "inlay.data.checks.contract",
    "Field": "inlay.data.schema",
    "Profile": "inlay.data.profile",
    "Schema": "inlay.data.schema",
    "SchemaChange": "inlay.data.schema_change",
    "Tally": "inlay.data.tally",
    "suggest": "inlay.data.checks.suggestion",
}

__all__ = [
    "CheckReport",
    "CheckResult",
    "ColumnProfile",
    "Contract",
    "Field",
    "Profile",
    "Schema",
    "SchemaChange",
    "Tally",
    "suggest",
]


__getattr__ = loader(__name__, _HOMES)
