"""What a technician asks of Modbus devices by hand: which are there, which model they are, what registers hold."""
