"""Recordings others made.

Read `recording` (what a reader yields), `lines`, `clock` and `runs` (files, times, rows), then one
module per source.
"""
