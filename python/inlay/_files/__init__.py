"""How tables lie in a directory: names, streams, Parquet, compaction and reading.

Shared by `inlay.sinks.Files`, which writes, by ``inlay compact`` and by `inlay.query`. Loading
this package loads neither numpy nor pyarrow.
"""

__all__: list[str] = []
