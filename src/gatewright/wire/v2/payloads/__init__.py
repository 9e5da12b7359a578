"""The payloads of IKEv2, one file each, with the RFC's picture of what follows the generic header.

Every payload is a frozen value with ``payload_type`` (the number in the chain), ``parse(body)``,
which raises `Malformed`, and ``body()``, which gives the octets back.
"""
