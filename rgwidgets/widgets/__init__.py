"""The lens: a dial on a flow, in a notebook, a page or a file."""
