"""ISAKMP and IKEv1 messages (RFC 2408, RFC 2409, RFC 2407)."""
