from .agreement import agreement_json, agreements
from .decision import Decision, What, name_of
from .dispute import disputes
from .labels import labels_json, port_labels
from .ledger import in_force, of_model
from .resolution import Resolved, resolve, with_cargo
from .server import review_app
from .session import ReviewSession
from .store import folder_of, read_decisions
from .use import use_json, use_lines

__all__ = [
    "Decision",
    "Resolved",
    "ReviewSession",
    "What",
    "agreement_json",
    "agreements",
    "disputes",
    "folder_of",
    "in_force",
    "labels_json",
    "name_of",
    "of_model",
    "port_labels",
    "read_decisions",
    "resolve",
    "review_app",
    "use_json",
    "use_lines",
    "with_cargo",
]
