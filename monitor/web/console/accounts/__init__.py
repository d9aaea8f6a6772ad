"""Pages about who may use the console: to sign in, one's own account, users, tokens, the audit trail."""
