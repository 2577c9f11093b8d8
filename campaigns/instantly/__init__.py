"""Instantly beside the one door: it sends by campaigns of its own, in hours of its own.

- `scripts`: each script that an e-mail step sends by Instantly has a campaign there, made before its first message.
- `syncing`: one of our campaigns as a campaign there (``instantlySync``), its schedule, its state, its figures.
- `pushing`: that campaign's leads handed over, each once, with our texts rendered for them.
- `withdrawing`: whoever goes off is taken out of all campaigns there.

The provider's adapter (integrations.providers.instantly) knows no row of ours; what it must know comes with a message.
"""
