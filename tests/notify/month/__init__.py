"""A simulated month of notifications: a site, a story of chance, the real parts in virtual time, and an oracle."""
