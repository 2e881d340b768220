"""Synthetic radar images of the same ports and ships: Sentinel-1 RTC in two polarisations."""
