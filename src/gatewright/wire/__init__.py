"""Bytes to frozen values and back.  Never decides, never logs, raises only `Malformed`."""
