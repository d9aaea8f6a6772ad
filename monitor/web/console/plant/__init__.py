"""The pages about the plant: devices, doors, meters, equipment, quality, reports."""
