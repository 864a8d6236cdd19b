"""Which data and which model a run is about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inlay._arguments import observer_given
from inlay._exceptions import InvalidArgumentError

if TYPE_CHECKING:
    from inlay.observer import Observer

__all__ = ["versions"]


def versions(
    observer: Observer,
    *,
    dataset: str | None = None,
    dataset_version: str | None = None,
    model: str | None = None,
    model_version: str | None = None,
    **attributes: str | int | bool,
) -> None:
    """Say which dataset and model a process works with from now on.

    Parameters
    ----------
    observer : Observer
        Every row that it makes from now on has ``dataset.name``, ``dataset.version``,
        ``model.name`` and ``model.version`` in its resource, as far as they are given, and events
        ``dataset.version`` and ``model.version`` tell of the versions.
    dataset, model : str, optional
        Names.
    dataset_version, model_version : str, optional
        Versions: a tag, a hash, the id of a profile.
    **attributes : str, int or bool
        What else ``model.version`` says, for instance ``base="llama-3"`` of a model that is
        fine-tuned; ``dataset.version`` where no version of the model is given.

    Raises
    ------
    InvalidArgumentError
        If neither version is given.
    TypeError
        If a name or a version is no text.

    Examples
    --------
    >>> import inlay
    >>> from inlay.training import versions
    >>> obs = inlay.Observer()
    >>> versions(
    ...     obs, dataset="clicks", dataset_version="2026-03", model="ranker", model_version="7"
    ... )
    >>> obs.resource["dataset.version"], obs.resource["model.version"]
    ('2026-03', '7')
    >>> for row in obs.collect().events.to_pylist():
    ...     print(row["name"], row["attrs"])
    dataset.version {"dataset":"clicks","version":"2026-03"}
    model.version {"model":"ranker","version":"7"}
    """
    observer_given(observer)
    given: dict[str, object] = {
        "dataset": dataset,
        "dataset_version": dataset_version,
        "model": model,
        "model_version": model_version,
    }
    for argument, value in given.items():
        if value is not None and not isinstance(value, str):
            message = f"{argument} must be a text: {value!r}"
            raise TypeError(message)
    if dataset_version is None and model_version is None:
        names = {argument: value for argument, value in given.items() if value is not None}
        message = f"dataset_version or model_version must be given, beside {names!r}"
        raise InvalidArgumentError(message)
    changed: dict[str, str] = {}
    for what, name, version in (
        ("dataset", dataset, dataset_version),
        ("model", model, model_version),
    ):
        if name is not None:
            changed[f"{what}.name"] = name
        if version is None:
            continue
        changed[f"{what}.version"] = version
        about: dict[str, Any] = (
            {"version": version} if name is None else {what: name, "version": version}
        )
        if what == "model" or model_version is None:
            about = {**attributes, **about}
        observer.event(f"{what}.version", layer="training", **about)
    observer.extend_resource(changed)
