"""edge.toml and the partner files, read into one frozen `Config`.

`edge.service` and `edge check` come through this door. docs/configuration.md explains every key.
"""

from edge.config.faults import ConfigurationError, Fault
from edge.config.loading import Config, FileSummary, Reading, load, read

__all__ = ["Config", "ConfigurationError", "Fault", "FileSummary", "Reading", "load", "read"]
