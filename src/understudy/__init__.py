"""Understudy turns people's motion into datasets that train humanoid robots."""

__version__ = "0.1.0"
