"""Drift: distances between summaries, and what is said of them."""
from inlay.drift._stub import distances, Distance
