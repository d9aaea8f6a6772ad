"""Tests of notification: routing, decisions, messages, channels, and the notifier on real servers."""
