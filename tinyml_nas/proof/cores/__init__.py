"""Real machine code: built by cross compilers, run on emulated cores, measured to the byte."""
