"""The rules engine: pure functions of entries and time. No I/O, no clock, no asyncio."""
