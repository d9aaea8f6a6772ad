"""Builders of the shipped Grafana dashboards."""
