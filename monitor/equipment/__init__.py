"""Equipment, batteries, services and the supply: what runs, what fails, what is due."""
