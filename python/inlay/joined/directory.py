"""The context of a request from a directory of tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import datetime
    import os

    from inlay.joined.asking import Asked
    from inlay.joined.evidence import Context

__all__ = ["ask_directory", "context"]


def context(
    directory: str | os.PathLike[str],
    *,
    trace_id: str | None = None,
    time: float | datetime.datetime | None = None,
    step: int | None = None,
    end: float | datetime.datetime | None = None,
    rank: int | None = None,
    host: str | None = None,
    gpu: str | None = None,
    margin: float | None = None,
    lookback: float = 60.0,
    history: float = 3600.0,
    most: int = 50,
) -> Context:
    """Tell what was known of a request, a step or a moment: evidence of all layers, ranked.

    Parameters
    ----------
    directory : str or os.PathLike
        What `inlay.sinks.Files` writes; of one process or many.
    trace_id : str, optional
        A request, by its trace id or the first 8 digits of it or more. Its spans tell when and
        where it was, else its exemplars, else its events.
    time : float or datetime, optional
        A moment, in Unix seconds or with a time zone. Beside `step` it says which run of it.
    step : int, optional
        A training step, by the table ``steps``; of all ranks, unless `rank` is given.
    end : float or datetime, optional
        With `time`: from there to here.
    rank : int, optional
        The rank of a distributed job.
    host, gpu : str, optional
        Where it was, if no row tells: the name of a host, the UUID of a GPU.
    margin : float, optional
        By how much clocks may differ, in seconds: 1 unless given, and 5 around a `time`.
    lookback : float
        For how long an instant, such as an Xid or a deploy, may still be a cause, in seconds.
    history : float
        How much is looked at before and after for what is usual, in seconds.
    most : int
        How many pieces of evidence are returned.

    Returns
    -------
    Context
        Undefined with a reason if there are no rows of that time.

    Raises
    ------
    InvalidArgumentError
        If not one of `trace_id`, `time` and `step` is given; there is no row of that id or step;
        it fits several; no row around names the host, GPU or rank, but rows name others; or a
        value is out of range.
    TypeError
        If a value is of the wrong kind.
    FileNotFoundError
        If there is no such directory.
    SerializationError
        If a file is damaged.

    Notes
    -----
    Files lie by the day on which rows were emitted. Those of the day before to two days after are
    opened, and all of them only if these have nothing.

    Examples
    --------
    >>> import inlay, tempfile
    >>> directory = tempfile.mkdtemp()
    >>> with inlay.Observer({"host.name": "a"}, sinks=[inlay.sinks.Files(directory)]) as obs:
    ...     _ = obs.span("answer", trace_id="0af7651916cd43dd8448eb211c80319c",
    ...         span_id="b7ad6b7169203331", start=1_700_000_000.0, end=1_700_000_002.0)
    ...     _ = obs.event("gpu.throttle", layer="infra", severity="warning",
    ...         time=1_700_000_000.5, end_time=1_700_000_001.5, cause="hw_thermal", gpu="GPU-1")
    >>> found = inlay.context(directory, trace_id="0af76519")
    >>> found.evidence[0].text
    'gpu.throttle hw_thermal, GPU GPU-1 on a: 1.00 s, over 50% of it'
    """
    from inlay.joined.asking import Asked

    asked = Asked(
        trace_id=trace_id,
        time=time,
        step=step,
        end=end,
        rank=rank,
        host=host,
        gpu=gpu,
        margin=margin,
        lookback=lookback,
        history=history,
        most=most,
    )
    return ask_directory(directory, asked)


def ask_directory(directory: str | os.PathLike[str], asked: Asked) -> Context:
    """Answer a question that is checked already; as `context`."""
    from inlay.joined.asking import ask
    from inlay.joined.source import FileSource

    root = Path(directory).absolute()
    if not root.is_dir():
        text = "no such directory"
        raise FileNotFoundError(2, text, str(root))
    found = ask(FileSource(root), asked)
    if found.status == "ok":
        return found
    # Rows of the past may have been written later, by a replay for one.
    return ask(FileSource(root, every_day=True), asked)
