"""Every figure the README states, each printed by a file of its own."""
