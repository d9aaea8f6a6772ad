"""Sparkplug B: what edge nodes publish, read and never answered. protobuf is imported when it is needed."""
