"""How well alarms do as alarms: figures of ISA-18.2 and EEMUA 191 over what was raised, and who was told. Pure."""
