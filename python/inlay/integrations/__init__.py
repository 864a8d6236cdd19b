"""Observing the frameworks a program already uses; each module loads only its own framework."""

__all__: list[str] = []
