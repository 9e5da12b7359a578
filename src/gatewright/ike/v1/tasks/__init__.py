"""The exchanges of IKEv1, one file a task, both roles in it."""
