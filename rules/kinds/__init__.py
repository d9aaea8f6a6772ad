"""Rule kinds: one module each, named in the table below and nowhere else."""

RULES: dict[str, str] = {
    "threshold": "rules.kinds.threshold:THRESHOLD",
    "range": "rules.kinds.range:RANGE",
    "state": "rules.kinds.state:STATE",
    "stale": "rules.kinds.stale:STALE",
    "offline": "rules.kinds.offline:OFFLINE",
    "event": "rules.kinds.event:EVENT",
    "continuous_flow": "rules.kinds.continuous_flow:CONTINUOUS_FLOW",
    "night_flow": "rules.kinds.night_flow:NIGHT_FLOW",
    "demand": "rules.kinds.demand:DEMAND",
    "balance": "rules.kinds.balance:BALANCE",
    "baseline": "rules.kinds.baseline:BASELINE",
    "unbalance": "rules.kinds.unbalance:UNBALANCE",
}
"""Kind (the key `kind` of a rule in the site file) -> `module:object`, a `rules.kind.Kind`."""
