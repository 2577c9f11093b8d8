"""A deterministic simulator of the engine: small worlds, seeded by a number, on the real ORM and the real code.

``python -m tests.simulation --seeds N`` runs many histories, ``--seed S`` replays one and tells it.
"""
