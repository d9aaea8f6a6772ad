"""The daemon: what it reads, keeps, judges, writes and notifies."""
