"""What things cost, measured: each module runs alone and prints one JSON line. `make bench` runs them all.

    python -m benchmarks.due_steps --db sqlite --rows 100000

Every benchmark builds a database of its own and removes it; nothing here touches yours.
"""
