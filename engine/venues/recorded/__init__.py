"""Recordings others made: read `recording` (what a reader yields), `runs`, then one per source."""
