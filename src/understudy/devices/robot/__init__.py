"""Robots: simulated here, and real ones through their makers' protocols."""
