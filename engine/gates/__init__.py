"""Gates: statements with evidence.

Reading order: `verdict` (what a gate says), `criteria` (the one judge every gate uses), `words`
(a verdict in one sentence), `loops` (the three feedback loops of the first half hour), `interpret`
(what paper results mean), `prelive` (nine lines before any capital is at risk).
"""
