"""What is shipped as data: the annotated sample, the demo's site, device profiles, stock rules, dashboards."""
