"""The kernel's data plane: ``DataPlane`` over XFRM netlink."""
