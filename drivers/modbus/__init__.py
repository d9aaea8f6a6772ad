"""Modbus: planning, decoding and the client."""
