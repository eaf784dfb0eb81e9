"""Surveillance of occupational diseases: from raw exports to published district reports."""

__version__ = "0.1.0"
