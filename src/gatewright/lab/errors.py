"""What goes wrong while a world is built or used."""

from __future__ import annotations


class LabError(Exception):
    """The machine refused something; the message says what, why, and what to do."""


class PrivilegeMissingError(LabError):
    """Neither root nor a user namespace: no world can be built here."""
