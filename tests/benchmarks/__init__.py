"""Speed, as ratios in one run against named peers: `make bench`."""
