"""Helpers of the tests: factories, plans, worlds, servers."""
