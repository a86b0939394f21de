"""How theories are made coarser: one scheme a file, each found by the catalogue."""
