"""Where an asset stands and why.

Reading order: `stages` (the table of stages and moves), `audit` (the append-only, hash-linked
record of every verdict, question, approval and transition), `causes` (what justifies a move),
`approvals` (what a person is asked, and how long the answer counts), `line` (the switch that stops
every rise of capital), `ledger` (gaps as they were measured), `store` (compare-and-set on the
stage), `transaction` (all or nothing), `proof` (whether the record holds together), `telling` (the
record in plain sentences).
"""
