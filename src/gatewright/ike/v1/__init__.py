"""IKEv1: main mode and quick mode (RFC 2409)."""
