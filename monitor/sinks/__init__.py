"""Where entries are written to: sinks follow the journal and never hold it up."""
