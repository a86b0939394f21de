"""Notebooks for readers: those that are shipped, and how a chapter of the book becomes one."""
