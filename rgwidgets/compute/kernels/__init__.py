"""The inner loops: each module is imported when a system first needs it, none with the package.

`ising_cpu` (numba, 64 spins a word), `ising_cuda` (triton, likewise), `ising_torch` (every device,
the reference that checks them), `cluster_cpu` (Swendsen–Wang, Wolff). `rules` holds the update
rules that they share, `streams` the random numbers, `lanes` the SIMD registers, `parallel` the
threads.
"""
