"""The ways from hostA to hostB that are compared: each a world of its own, all up at once.

An idle gateway costs next to nothing, so the worlds stand side by side and are measured in turn:
what the machine does meanwhile hits all of them alike.
"""
