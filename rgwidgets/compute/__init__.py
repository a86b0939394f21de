"""Where and how the numbers are made: devices, kernels, one worker, sweeps."""
