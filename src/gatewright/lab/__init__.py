"""Worlds in network namespaces: two networks, two gateways, an Internet segment between them.

Demo, tests and benchmark build the same worlds with the same tools.  Nothing here is part of the
gateway: it starts gateways as an administrator would and asks them through ``control``.
"""
