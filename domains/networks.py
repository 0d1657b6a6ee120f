"""Who announces an address and where it is registered, from the table that set-up made; nothing without it.

The file is mapped into memory when the first address is asked, so all processes share its pages.
"""

import logging
import mmap
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from domains.network_table import UNKNOWN, BadTable, Network, NetworkTable

log = logging.getLogger(__name__)


def network_of(address: str) -> Network:
    """Return what is known of an address's network."""
    table = _table(settings.NETWORK_TABLE)
    return table.find(address) if table is not None else UNKNOWN


def networks_known() -> bool:
    """True when there is a table."""
    return _table(settings.NETWORK_TABLE) is not None


def networks_edition() -> str:
    """Return the day of the table's data, empty without one."""
    table = _table(settings.NETWORK_TABLE)
    return table.edition if table is not None else ""


@lru_cache(maxsize=4)
def _table(path: Path) -> NetworkTable | None:
    try:
        with path.open("rb") as file:
            return NetworkTable(memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        kind = "is no table of networks" if isinstance(fault, BadTable) else "cannot be read"
        log.warning("%s %s: %s", path, kind, fault)
        return None
