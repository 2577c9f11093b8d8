"""The one door through which a lead is contacted: claim, intent, call, record, reconcile.

`rounds.run_batch` reads the protocol top to bottom. Whatever has due work is a `work.WorkSource`; no other module
of the project calls a provider's ``send``.
"""
