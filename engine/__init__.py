"""The trading engine: everything that decides, and nothing that schedules.

Reading order: `record` (how state is declared), `events` and `actions` (what goes in and out),
`core.maker` (the one state machine), `sim` (a market and a venue on paper), `derive` and `gates`
(what to trade and what the evidence says), `onboarding` (where an asset stands), `store` (how
evidence is kept), `venues` (the wire), `runners` (the shell that lets an engine live).
"""
