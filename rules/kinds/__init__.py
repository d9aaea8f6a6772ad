"""Rule kinds: one module each, named in the table below and nowhere else."""

RULES: dict[str, str] = {
    "threshold": "rules.kinds.threshold:THRESHOLD",
    "range": "rules.kinds.range:RANGE",
    "state": "rules.kinds.state:STATE",
    "stale": "rules.kinds.stale:STALE",
    "offline": "rules.kinds.offline:OFFLINE",
    "segment": "rules.kinds.segment:SEGMENT",
    "supply": "rules.kinds.supply:SUPPLY",
    "event": "rules.kinds.event:EVENT",
    "rate": "rules.kinds.rate:RATE",
    "delta": "rules.kinds.delta:DELTA",
    "stuck": "rules.kinds.stuck:STUCK",
    "event_count": "rules.kinds.event_count:EVENT_COUNT",
    "sequence": "rules.kinds.sequence:SEQUENCE",
    "absence": "rules.kinds.sequence:ABSENCE",
    "counter_fault": "rules.kinds.counter_fault:COUNTER_FAULT",
    "continuous_flow": "rules.kinds.continuous_flow:CONTINUOUS_FLOW",
    "night_flow": "rules.kinds.night_flow:NIGHT_FLOW",
    "demand": "rules.kinds.demand:DEMAND",
    "balance": "rules.kinds.balance:BALANCE",
    "baseline": "rules.kinds.baseline:BASELINE",
    "unbalance": "rules.kinds.unbalance:UNBALANCE",
    "resident_report": "rules.kinds.resident_report:RESIDENT_REPORT",
    "composite": "rules.kinds.composite:COMPOSITE",
}
"""Kind (the key `kind` of a rule in the site file) -> `module:object`, a `rules.kind.Kind`."""
