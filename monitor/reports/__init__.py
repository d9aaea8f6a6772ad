"""Reports: what metering knows, as tables, files, pages and pictures for people."""
