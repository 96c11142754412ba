"""How the starter model is made: its corpus, its training, its export and its evaluation.

Nothing here is shipped in the wheel; `training/README.md` says how to run it.
"""
