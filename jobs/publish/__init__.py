"""Publish: a finished run's results as files, tables, pictures and a report; reading them again."""
