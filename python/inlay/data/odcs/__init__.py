"""Contracts as files of the Open Data Contract Standard."""
