"""MQTT: topics, payloads and the client."""
