"""Whatever reads bytes from outside, fed with bytes nobody meant."""
