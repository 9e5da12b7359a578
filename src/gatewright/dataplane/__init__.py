"""What carries packets: the `DataPlane` contract and its implementations."""
