"""How a profile leaves the process and comes back: as JSON, points, bytes and files."""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from inlay._exceptions import InvalidArgumentError
from inlay.data.groups import hidden_key
from inlay.data.profile_core import ProfileCore
from inlay.data.redaction import Hider, Redact

if TYPE_CHECKING:
    from inlay.data.groups import GroupKey
    from inlay.data.profile import Profile
    from inlay.table import Table

__all__ = ["ProfileExchange"]


class ProfileExchange(ProfileCore):
    """Base of `Profile`: all that leaves goes through here, and hides names as declared."""

    __slots__ = ()

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON can hold it.

        Returns
        -------
        dict
            ``rows``, ``reference_id``, ``counted_from``, ``by``, ``columns`` (a list with an entry
            for each of `columns`) and ``groups``. What is None for a reason has it in the column's
            ``undefined``.
        """
        with self._lock:
            columns = [self._column(i).to_dict() for i in range(len(self))]
            hiders = self._hiders()
            groups = self.groups
        return {
            "rows": self.rows,
            "reference_id": self.reference_id,
            "counted_from": self.counted_from,
            "by": list(self.by),
            "columns": columns,
            "groups": [
                {
                    "by": self._attrs(key, hiders),
                    "rows": group.rows,
                    "columns": [group._column(i).to_dict() for i in range(len(group))],
                }
                for key, group in groups.items()
            ],
        }

    def _attrs(self, key: GroupKey, hiders: Mapping[str, Hider | None]) -> dict[str, str]:
        """Return the values of `by` that make a group, as they may leave."""
        shown = {}
        for name, value in zip(self.by, key, strict=True):
            hider = hiders.get(name)
            shown[name] = value if hider is None else hidden_key(value, hider.rename)
        return shown

    def to_arrow(
        self,
        *,
        time: datetime.datetime | None = None,
        start_time: datetime.datetime | None = None,
        origin: int = 0,
        resource: Mapping[str, str] | None = None,
    ) -> Table:
        """Return rows of the table ``points``, for any sink and any query.

        Parameters
        ----------
        time : datetime with a zone, optional
            The end of the time the rows are of; now by default.
        start_time : datetime with a zone, optional
            Its start; `time` by default.
        origin : int, default 0
            What tells rows of one process from another's.
        resource : mapping of str to str, optional
            What the process runs on. ``service.name`` enters ``series_id``.

        Returns
        -------
        Table
            Of layer ``data``: for each column a row of metric ``data.column`` and each kind it has,
            ``moments``, ``histogram``, ``quantiles``, ``cardinality``, ``top_k``, and ``edges`` or
            ``categories`` of a reference; of lengths ``data.column.length``. ``attrs`` hold the
            ``column`` and the values of `by`. One more row, ``data.profile``, holds the state from
            which `from_arrow` makes the profile again.

        Raises
        ------
        InvalidArgumentError
            If a time has no zone, or `start_time` is after `time`.
        """
        from inlay.data.point_rows import column_rows, points_table, state_row
        from inlay.data.profile_state import pack_profile

        time = datetime.datetime.now(datetime.UTC) if time is None else time
        start_time = time if start_time is None else start_time
        for name, moment in (("time", time), ("start_time", start_time)):
            if moment.tzinfo is None:
                message = f"{name} must have a zone: {moment!r}"
                raise InvalidArgumentError(message)
        if start_time > time:
            message = f"start_time must not be after time, {time}: {start_time}"
            raise InvalidArgumentError(message)
        leaving = self._leaving()

        def rows() -> Iterator[dict[str, Any]]:
            yield state_row(leaving.rows, pack_profile(leaving))
            for number in range(len(leaving)):
                yield from column_rows(leaving._column(number), {})
            for key, group in leaving.groups.items():
                attrs = dict(zip(leaving.by, key, strict=True))
                for number in range(len(group)):
                    yield from column_rows(group._column(number), attrs)

        return points_table(
            rows(), time=time, start_time=start_time, origin=origin, resource=resource or {}
        )

    @classmethod
    def from_arrow(cls, points: Any, *, redact: Redact = None) -> Profile:
        """Return the profile that rows of points hold, several merged into one.

        Parameters
        ----------
        points : Table or any Arrow-capable table
            With rows that `to_arrow` gave, perhaps among others; a row delivered twice counts once.
        redact : bool, mapping or None
            As for `load`.

        Returns
        -------
        Profile
            It need not be equal to the one that left: see `load`.

        Raises
        ------
        InvalidArgumentError
            If there is no such row, or several whose profiles do not merge, as references do not.
        SerializationError
            If a state is damaged.
        """
        from inlay.data.point_rows import stored_states

        first, *others = (cls.from_bytes(state, redact=redact) for state in stored_states(points))
        for other in others:
            first.merge(other)
        return first

    def to_bytes(self) -> bytes:
        """Return all of it as a file holds it, compressed; hidden names are hidden in it."""
        from inlay.data.profile_state import pack_profile

        return pack_profile(self._leaving())

    @classmethod
    def from_bytes(cls, data: bytes, *, redact: Redact = None) -> Profile:
        """Return what `to_bytes` wrote.

        Parameters
        ----------
        data : bytes-like
            Any bytes; they are not trusted.
        redact : bool, mapping or None
            As for `load`.

        Returns
        -------
        Profile

        Raises
        ------
        SerializationError
            If they are no profile, cut short, damaged or of a newer version; the message names the
            offset.
        """
        from inlay.data.profile_state import unpack_profile

        return unpack_profile(data, "the bytes", redact)

    def save(self, path: str | Path) -> Path:
        """Write it to a file, which others see whole or not at all.

        Parameters
        ----------
        path : str or Path
            A file; or, of a reference, a directory: it is then kept there under
            ``references/<reference_id>.inlay``, once, and not written again if it is there. Of a
            reference a path without a suffix is a directory, which is made if need be.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        InvalidArgumentError
            If it is a directory and this is no reference.
        OSError
            If the directory of it is not there, or it cannot be written; what was there before is
            still there.
        """
        from inlay._container import write_file
        from inlay.data.profile_state import is_kept, reference_path

        target = Path(path)
        if target.is_dir() or (self._frozen is not None and not target.suffix):
            if self._frozen is None:
                message = f"a directory keeps references, and this is none; give a file: {path!s}"
                raise InvalidArgumentError(message)
            target = reference_path(target, self._frozen.reference_id)
            if is_kept(target, self._frozen.reference_id):
                return target
            for directory in (target.parent.parent, target.parent):
                directory.mkdir(exist_ok=True)
        write_file(target, self.to_bytes())
        return target

    @classmethod
    def load(
        cls, path: str | Path, *, reference_id: str | None = None, redact: Redact = None
    ) -> Profile:
        """Read what `save` wrote.

        Parameters
        ----------
        path : str or Path
            The file; or, with `reference_id`, the directory that keeps references.
        reference_id : str, optional
            Which one.
        redact : bool, mapping or None
            As for the class; None keeps what the profile was made with, but for functions, which
            have no place in a file. Names that are hidden in the file stay hidden.

        Returns
        -------
        Profile
            It need not be equal to the one that was saved: hidden names are gone for good, and a
            `Kll` of more values than it holds is compacted as it is written. What is written once
            comes back the same from then on.

        Raises
        ------
        InvalidArgumentError
            If `reference_id` is none.
        FileNotFoundError
            If there is no such file.
        SerializationError
            If it is no profile, cut short, damaged or of a newer version; the message names it and
            the offset.
        """
        from inlay._container import read_file
        from inlay.data.profile_state import reference_path, unpack_profile

        source = Path(path)
        if reference_id is not None:
            source = reference_path(source, reference_id)
        return unpack_profile(read_file(source), str(source), redact)

    def __reduce__(self) -> tuple[Any, ...]:
        """Return how to make it again from bytes, in which hidden names are hidden."""
        return type(self).from_bytes, (self.to_bytes(),)
