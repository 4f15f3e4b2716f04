"""The process, as Prefect runs it and as a person reads it.

Reading order: `onboard` (one step of one asset), `approve` (the form a person answers), `rehearse`
(the same steps in compressed time), `up` (server, worker and engine host on this machine), `cli`
(the `gangway` command).
"""
