"""The version of the radar detector, apart from it: every command asks for it."""

RADAR_VERSION = 1
"""Increase it when the same pixels give other ships: stored results then become stale."""
