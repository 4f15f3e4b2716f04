"""Gates: statements with evidence.

Reading order: `verdict` (what a gate says), `criteria` (the one judge every gate uses), `bounds`
(how far a ratio of hourly sums can be trusted, however often one looks), `certainty` (what is sure
about each line), `haircut` (what live takes from a paper edge), `words` (a verdict in one
sentence), `loops` (the three feedback loops of the first half hour), `interpret` (what paper
results mean), `prelive` (nine lines before any capital is at risk), `drawdown` (when live edge has
been lost), `live_hours` and `ramp_lines` (what the ramp is ruled by), `holds` (what keeps capital
from rising), `ramp` (what becomes of a phase), `reviews` (what the week and the month have shown).
"""
