"""Benchmarks: each prints ratios of medians from one run; each runs tiny in the test suite."""
