"""Publish: results of a run as files, tables, pictures and a report; and reading them again."""
