"""Any period in files: tables for spreadsheets and programs, line protocol for InfluxDB."""
