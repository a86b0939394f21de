"""One preset a system: a lens that is ready to turn."""
