"""The payloads of IKEv1, one file each, with the picture of its RFC."""
