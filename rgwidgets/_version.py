"""The version, written once: the wheel, the CLI and the tests read it here."""

__version__ = "0.1.0"
