"""Fairness: how a binary decision treats groups, each against a reference and all together."""
