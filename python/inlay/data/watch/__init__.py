"""Watching a stream of tables: panes of event time, and what is judged and written of each."""
