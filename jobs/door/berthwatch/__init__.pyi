from .answers import Answer, interval
from .archives import Archive, ArchivedPort, open_archive
from .errors import BerthwatchError, InputError
from .outlines import PortOutline, port, ports
from .pictures import Picture
from .proving import EvidenceFile, evidence
from .results import Result, open_result
from .working import PlannedJob, RunOutcome, plan, run, status

__all__ = [
    "Answer",
    "Archive",
    "ArchivedPort",
    "BerthwatchError",
    "EvidenceFile",
    "InputError",
    "Picture",
    "PlannedJob",
    "PortOutline",
    "Result",
    "RunOutcome",
    "evidence",
    "interval",
    "open_archive",
    "open_result",
    "plan",
    "port",
    "ports",
    "run",
    "status",
]
