"""Gatewright: a policy-based IPsec gateway for Linux."""

__version__ = "0.1.0"
