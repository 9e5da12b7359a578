"""Hostile input for the parsers and the IKE endpoint, from a seed: ``python -m fuzz --help``."""
