"""The errors that a notebook may want to catch."""

from jobs.errors import BerthwatchError as BerthwatchError
from jobs.errors import InputError as InputError
