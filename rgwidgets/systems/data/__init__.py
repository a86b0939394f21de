"""Data whose structure is known."""
