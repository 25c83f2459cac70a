"""Benchmarks: ratios taken in one run against named rivals; never pass or fail on a time."""
