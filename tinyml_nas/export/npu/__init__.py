"""Files for accelerators: what their compilers read, and the programs that these write."""
