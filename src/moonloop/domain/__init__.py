"""What the laboratory talks about: frozen values, lifecycles, hashing. No I/O, no clock, no chance."""
