"""Measures Gatewright beside the rivals and beside plain forwarding, in one interleaved run."""
