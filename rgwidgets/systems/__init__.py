"""What is coarse-grained: lattices, data, networks."""
