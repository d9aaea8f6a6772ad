"""Where the daemon is put together: the only module that names concrete classes."""
