"""What every room may use and what uses no room: errors, files, random numbers, devices."""
