"""Spins and fields on lattices."""
