"""The console: pages for people, made on the server; they work without JavaScript and are live with it."""
