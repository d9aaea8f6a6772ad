"""Device models as data: profiles loaded, checked and bound to devices."""
