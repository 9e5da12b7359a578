"""Measures Gatewright beside its rivals and beside plain forwarding, in one interleaved run."""
