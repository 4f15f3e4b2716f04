"""Gates: statements with evidence.

Reading order: `verdict` (what a gate says), `criteria` (the one judge every gate uses), `bounds`
(how far a ratio of hourly sums can be trusted, however often one looks), `certainty` (what is sure
about each line), `drawdown` (when live edge has been lost), `words` (a verdict in one sentence),
`loops` (the three feedback loops of the first half hour), `interpret` (what paper results mean),
`prelive` (nine lines before any capital is at risk).
"""
