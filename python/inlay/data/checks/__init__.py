"""Checks by family, how they are compiled for a schema, and what they report."""
