"""Performance estimated where there are no labels yet: `inlay.model.CBPE` and `inlay.model.DLE`."""
