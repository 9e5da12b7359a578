"""The cryptography of IKE: pure functions over `cryptography`."""
