"""Rule kinds: one module each, named in the table below and nowhere else."""

RULES: dict[str, str] = {
    "threshold": "rules.kinds.threshold:THRESHOLD",
    "range": "rules.kinds.range:RANGE",
    "state": "rules.kinds.state:STATE",
    "stale": "rules.kinds.stale:STALE",
    "offline": "rules.kinds.offline:OFFLINE",
    "event": "rules.kinds.event:EVENT",
    "composite": "rules.kinds.composite:COMPOSITE",
}
"""Kind (the key `kind` of a rule in the site file) -> `module:object`, a `rules.kind.Kind`."""
