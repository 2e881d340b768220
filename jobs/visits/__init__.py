"""Visits: looks at berths, stays, and the estimates and series made of them."""
