"""Draws dashboards as they would look in Grafana, from what their queries answer."""
