"""The event record."""
