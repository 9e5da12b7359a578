"""The machine around the gateway: interfaces, routes, guards."""
