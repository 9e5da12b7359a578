"""The values that policy, IKE and the data plane share: selectors, associations, secrets.

No behaviour, no protocol: what an SA *is*.  Everything else may import this, it imports ``iana``.
"""
