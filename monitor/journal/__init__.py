"""The sequence of entries (journal.db) and the small precious state (state.db)."""
