"""Predictions in the tensors of a Triton model, on their way to an observer's quality."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from inlay.integrations._host_failures import HostFailures
    from inlay.integrations.triton import Predictions
    from inlay.observer import Observer

__all__ = ["PredictionFeed"]


class _LeftOutError(Exception):
    """Why the predictions of a request are left out."""


class PredictionFeed:
    """Hands predictions to a quality and counts those that it cannot. Nothing raises in `take`.

    Parameters
    ----------
    observer : Observer
        Where it counts, in ``inference.predictions``.
    predictions : Predictions
        Which tensors they are in.
    model : str
        The model's name.
    failures : HostFailures
        Where what recording raises is counted.
    """

    def __init__(
        self, observer: Observer, predictions: Predictions, model: str, failures: HostFailures
    ) -> None:
        self._predictions = predictions
        self._quality = predictions.quality(observer)
        self._failures = failures
        self._model = model
        self._outcomes = observer.counter(
            "inference.predictions",
            unit="{prediction}",
            description="Predictions by what became of them.",
            attributes=("model", "outcome"),
            layer="model",
        )

    def take(self, requests: Sequence[Any], responses: Sequence[Any]) -> None:
        """Record the predictions of a batch.

        Parameters
        ----------
        requests, responses : sequence
            Of the same length, of Triton.
        """
        with self._failures.guard("predictions"):
            for request, response in zip(requests, responses, strict=True):
                self._take(request, response)

    def _take(self, request: Any, response: Any) -> None:
        rows = 1
        outcome = "recorded"
        try:
            if response.has_error():
                return
            scores = _array_in(response.output_tensors(), self._predictions.score)
            rows = max(1, len(scores))
            ids = self._ids(request, rows)
            attributes = {
                name: _values(_array_in(request.inputs(), tensor), rows)
                for name, tensor in self._predictions.attributes.items()
            }
            self._quality.predicted(ids, scores, **attributes)
        except _LeftOutError as reason:
            outcome = str(reason)
        except Exception as error:
            outcome = "error"
            self._failures.failed("predictions", error)
        self._outcomes.add(rows, model=self._model, outcome=outcome)

    def _ids(self, request: Any, rows: int) -> Any:
        if self._predictions.ids is None:
            name = request.request_id()
            if not name:
                raise _LeftOutError("no_id")  # noqa: EM101
            if rows != 1:
                raise _LeftOutError("rows_differ")  # noqa: EM101
            return [name]
        ids = _array_in(request.inputs(), self._predictions.ids).reshape(-1)
        if len(ids) != rows:
            raise _LeftOutError("rows_differ")  # noqa: EM101
        return _text(ids)


def _array_in(tensors: Sequence[Any], name: str) -> Any:
    """Return a tensor's values with one row for each prediction; a last axis of one is dropped."""
    for tensor in tensors:
        if tensor.name() == name:
            break
    else:
        raise _LeftOutError("no_tensor")  # noqa: EM101
    if not tensor.is_cpu():
        raise _LeftOutError("on_device")  # noqa: EM101
    array = tensor.as_numpy()
    if array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    return array


def _values(array: Any, rows: int) -> Any:
    """Return an attribute's value for each row, or the one for all."""
    array = array.reshape(-1)
    if len(array) == 1 and rows != 1:
        return _text(array)[0] if array.dtype == object else array[0].item()
    if len(array) != rows:
        raise _LeftOutError("rows_differ")  # noqa: EM101
    return _text(array)


def _text(array: Any) -> Any:
    """Return strings, which Triton has as bytes, as such; numbers as a copy.

    The memory of a tensor is used again when the execution is over.
    """
    if array.dtype == object:
        return [one.decode() if isinstance(one, bytes) else str(one) for one in array]
    return array.copy()
