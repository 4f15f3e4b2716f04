"""One visible step each, and no logic: what a run shows in the Prefect UI.

Reading order, which is the order of an onboarding: `market`, `derive`, `engines`, `evidence`,
`gates`, `approvals`; then `artifacts` and `notify`, which tell people about it.
"""
