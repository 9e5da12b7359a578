"""Netlink messages to octets and back, for whoever speaks to the kernel."""
