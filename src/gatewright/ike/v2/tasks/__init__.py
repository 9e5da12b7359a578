"""The exchanges of IKEv2, one file each with both roles in it."""
