from .citation import citation_text
from .contributions import published_contributions
from .dictionary import Section, data_dictionary, dictionary_json, dictionary_page, table_section
from .doubts import published_doubts
from .html import pages
from .imagery import ArchiveImagery
from .latest import newest_folder, newest_results, read_newest, read_results
from .lonlat import lonlat_of
from .parquet_files import write_parquet
from .portable import one_page, report_folder
from .provenance import published_model, renderings_from
from .publication import Provenance, Publication, SourceItem, UnitCounts
from .queries import fleet_from_lengths, fleet_from_names, port_flows, visit_links, visits_at_berths
from .read import PublishedResult, read_published
from .rendering import fix_rendering, levels_of, visible_of
from .table_files import HISTORIES_KEPT, as_csv
from .write import is_published, name_newest, publish, published_units

__all__ = [
    "HISTORIES_KEPT",
    "ArchiveImagery",
    "Provenance",
    "Publication",
    "PublishedResult",
    "Section",
    "SourceItem",
    "UnitCounts",
    "as_csv",
    "citation_text",
    "data_dictionary",
    "dictionary_json",
    "dictionary_page",
    "fix_rendering",
    "fleet_from_lengths",
    "fleet_from_names",
    "is_published",
    "levels_of",
    "lonlat_of",
    "name_newest",
    "newest_folder",
    "newest_results",
    "one_page",
    "pages",
    "port_flows",
    "publish",
    "published_contributions",
    "published_doubts",
    "published_model",
    "published_units",
    "read_newest",
    "read_published",
    "read_results",
    "renderings_from",
    "report_folder",
    "table_section",
    "visible_of",
    "visit_links",
    "visits_at_berths",
    "write_parquet",
]
