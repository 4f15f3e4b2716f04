"""Where an asset stands and why.

Reading order: `stages` (the table of stages and moves), `audit` (the append-only, hash-linked
record of every verdict, approval and transition), `causes` (what justifies a move), `store`
(compare-and-set on the stage), `transaction` (all or nothing).
"""
