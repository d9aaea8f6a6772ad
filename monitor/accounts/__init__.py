"""Who may use the console and the API: people and their passwords, sessions, tokens of programs, and the trail."""
