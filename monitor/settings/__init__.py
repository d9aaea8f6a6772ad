"""The site file: loaded, checked, all its errors told at once, and frozen into `monitor.site.Site`."""
