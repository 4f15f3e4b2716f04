"""What a desk reads about a gate: a page with its sentence, table, plots, answers and hashes.

Reading order: `pages` (the audit, gate by gate), `table` (a verdict as rows of text), `plot` (what
each look saw, in the coordinates of a drawing), `html` (all of it as one file that needs nothing).
"""
