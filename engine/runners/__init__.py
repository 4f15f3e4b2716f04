"""Runners: what drives an engine over a feed and a venue."""
