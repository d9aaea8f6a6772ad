"""The demo site and simulated devices: real protocol servers on loopback."""
