"""From observed facts to a configuration.

Reading order: `facts` (what was observed), `measure` (how it was measured), `viability` (is it
worth quoting), `depth_profile`, `depth_curve` and `economics` (what its own data promise),
`auto_derive` (sizes from capital), `symbols` (the leading venue's name), `decisions` (everything
else the maker is told), `checklist` (what of the procedure is done).
"""
