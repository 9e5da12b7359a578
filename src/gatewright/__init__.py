"""Gatewright: a policy-based IPsec gateway for Linux."""
