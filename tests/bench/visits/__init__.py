"""A berth's truth and what looks see of it, simulated without any code of the berth model."""
